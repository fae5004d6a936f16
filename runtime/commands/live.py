"""`bunraku live`: move a picture as the person in front of the camera moves."""

from __future__ import annotations

import argparse
import sys

from runtime.commands.animate import CROP, DRIVING_CROP, add_limits
from runtime.engine import DEFAULT_MODEL, Animator
from runtime.graphs.sessions import DEVICES
from runtime.many.live import live
from runtime.many.live_devices import TARGETS, camera, screen
from runtime.media.picture import FITS
from runtime.motion.modes import MODES

HELP = "move a picture as a camera sees you move"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; those that `runtime.Animator` has are its own, with the same defaults but for smoothing."""
    parser.epilog = "In the window, q ends and r takes the present pose as the one to count from."
    add = parser.add_argument
    switch = argparse.BooleanOptionalAction
    add("source", metavar="SOURCE", help="the picture to move")
    add("--camera", default="0", metavar="NUMBER", help="camera, from 0 on, or a video that plays camera (%(default)s)")
    add("--to", choices=TARGETS, default="window", help="a window, or a camera for other programs (%(default)s)")
    add("--mirror", action=switch, default=True, help="swap left and right, as in a mirror (on)")
    add("--seconds", type=float, metavar="S", help="stop after that long")
    add("--model", default=DEFAULT_MODEL, help="embedded model, folder, or owner/name on the Hub (%(default)s)")
    add("--mode", choices=MODES, default="relative", help="see bunraku animate (%(default)s)")
    add("--device", choices=DEVICES, default="auto", help="where to compute (%(default)s)")
    add("--strength", type=float, default=1.0, help="motion: 0 none, 1 all of it, 2 twice (%(default)s)")
    add("--smoothing", type=float, default=0.3, help="against jitter, from 0 (off) to 1 (%(default)s)")
    add(
        "--crop",
        default="auto",
        metavar="HOW",
        help=CROP,
    )
    add("--driving-crop", default="auto", metavar="HOW", help=DRIVING_CROP.replace("video", "camera"))
    add("--face", type=int, metavar="N", help="which face of the picture, 1 is the largest")
    add("--paste-back", action=switch, default=False, help="put the moving square back into the whole picture (off)")
    add("--fit", choices=FITS, default="crop", help="squares without framing: by cropping or with bars (%(default)s)")
    add("--fps", type=float, default=25.0, help="frames a second to expect, for smoothing (%(default)s)")
    add_limits(parser)


def run(args: argparse.Namespace) -> int:
    """Show until the window is closed, the frames end, or ctrl-C; says on stderr how fast it was."""
    options = {key: value for key, value in vars(args).items() if key != "command"}
    source, name, target, mirror, seconds = (
        options.pop(key) for key in ("source", "camera", "to", "mirror", "seconds")
    )
    animator = Animator(options.pop("model"), **options)
    animator.set_source(source)
    frames = camera(name, mirror=mirror, limits=args.limits)
    with screen(target, animator.size, args.fps) as show:
        session = live(animator, frames, show, seconds=seconds)
    print(
        f"{session.shown} of {session.read} frames shown, {session.fps:.1f} a second; latency {session.latency:.3f} s, "
        f"at most {session.worst:.3f} s",
        file=sys.stderr,
    )
    return 0
