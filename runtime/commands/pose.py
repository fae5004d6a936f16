"""`bunraku pose`: a picture in a pose set by hand."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import ExitStack
from pathlib import Path

from checkpoints.errors import InputError, OutputError
from runtime.animate import Request
from runtime.animator import Animator
from runtime.commands.declaring import declare
from runtime.control.hand import OPENS, TURNS
from runtime.control.pose import CONTROLS, check_pose
from runtime.graphs.memory import stay_small
from runtime.media.fetch import local
from runtime.media.given import spooled
from runtime.media.names import MOST_BYTES, shortened
from runtime.media.still import STILLS, check_still, write_still
from runtime.result.label import Label
from runtime.sources.given import is_video

HELP = "set the pose of a face in a picture by hand"

_HELP = {
    "yaw": "degrees to the picture's right",
    "pitch": "degrees up",
    "roll": "degrees clockwise",
    "mouth": "1 open, -1 shut",
    "smile": "corners of the mouth up (1), down (-1)",
    "pucker": "rounded lips",
    "eyes": "1 wide, -1 shut",
    "wink": "the eye on the picture's right (1), left (-1)",
    "brows": "1 up, -1 down",
    "gaze_x": "to the picture's right",
    "gaze_y": "up",
}
_OPTIONS = ("crop", "face", "fit", "paste_back", "size", "detail", "layers", "background", "limits", "stitching")
"""Of `runtime.Animator`."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare a pose's controls, and those of the options of `runtime.Animator` that a single picture has."""
    parser.epilog = "A model shows turns of about 30 degrees well. What is not given stays as it is in the picture."
    add = parser.add_argument
    add("source", metavar="SOURCE", help="the picture; - for standard input")
    add("-o", "--output", metavar="FILE", help=f"where to write ({', '.join(STILLS)}); by default SOURCE-pose.png here")
    whose = {True: "pose", False: "pose, of models whose points have names (faces-lite)"}
    groups = {few: parser.add_argument_group(title) for few, title in whose.items()}
    for name, (low, high) in CONTROLS.items():
        told = f"{_HELP[name]} ({low:g} to {high:g}; 0)"
        add = groups[name in (*TURNS, *OPENS.values())].add_argument
        add(f"--{name.replace('_', '-')}", type=float, default=0.0, metavar="N", help=told)
    declare(parser, Request, only=(*_OPTIONS, "model", "device", "urls", "label"))


def run(args: argparse.Namespace) -> int:
    """Write the picture; the last line on stdout is its path. Returns 0, or raises a `BunrakuError`."""
    stay_small()
    pose = {name: value for name in CONTROLS if (value := getattr(args, name))}
    check_pose(pose)
    stem = "stdin" if args.source == "-" else Path(args.source).stem
    output = Path(args.output or shortened(stem, MOST_BYTES - len("-pose.png")) + "-pose.png")
    check_still(output)
    with ExitStack() as stack:
        given = args.source
        if given == "-":
            given = stack.enter_context(spooled(sys.stdin.buffer, "standard input", args.limits))
        source = stack.enter_context(local(given, args.urls, args.limits))
        if output.exists() and Path(str(source)).exists() and output.samefile(str(source)):
            raise OutputError(f"{output} is the input itself; give another name.")
        animator = Animator(args.model, device=args.device, **{name: getattr(args, name) for name in _OPTIONS})
        try:
            animator.set_source(source)
        except InputError as error:
            if not isinstance(source, str | os.PathLike) or not is_video(Path(source)):
                raise
            moved = 'move all of it with "bunraku animate VIDEO DRIVING --pose NAME=N,..."'
            raise InputError(f"{given} is a video; give one picture of it, or {moved}.") from error
    picture = animator.pose(**pose)
    write_still(output, Label(animator.size)(picture) if args.label else picture)
    print(output)
    return 0
