"""`bunraku live`: move a picture as the person in front of the camera moves."""

from __future__ import annotations

import argparse
import sys

from checkpoints.errors import OptionError
from runtime.animator import Animator, AnimatorOptions
from runtime.commands.declaring import declare
from runtime.engine import DEFAULT_MODEL
from runtime.graphs.memory import stay_small
from runtime.many.live import CALM, live
from runtime.many.live_devices import TARGETS, camera, screen
from runtime.media.background import Background

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
    declare(parser, AnimatorOptions, other={"smoothing": CALM})


def run(args: argparse.Namespace) -> int:
    """Show until the window is closed, the frames end, or ctrl-C; says on stderr how fast it was."""
    stay_small()
    options = {key: value for key, value in vars(args).items() if key != "command"}
    source, name, target, mirror, seconds = (
        options.pop(key) for key in ("source", "camera", "to", "mirror", "seconds")
    )
    if Background.of(options["background"]).transparent:
        raise OptionError("A window or a camera shows nothing that is transparent; choose a colour as the background.")
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
