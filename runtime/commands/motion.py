"""`bunraku motion extract`: record the motion of a video, to be played on pictures without the video; `bunraku motion
list`: what comes with the engine.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from runtime.animate import Request
from runtime.commands.declaring import declare
from runtime.control.templates import templates
from runtime.media.names import MOST_BYTES, shortened
from runtime.motion.extract import extract_motion
from runtime.motion.file import SUFFIX

HELP = "record the motion of a video in a file, or list those that come with the engine"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; they are those of `runtime.extract_motion`, with the same defaults."""
    parser.epilog = "Play it with: bunraku animate PICTURE FILE" + SUFFIX + ", or PICTURE NAME"
    actions = parser.add_subparsers(dest="action", metavar="extract|list", required=True)
    told = "list the motions that come with the engine, played by name"
    actions.add_parser("list", help=told, description=told)
    told = "record the motion of a video in a file"
    extract = actions.add_parser("extract", help=told, description=told)
    add = extract.add_argument
    add("driving", metavar="DRIVING", help="the video whose motion is recorded")
    add("-o", "--output", metavar="FILE", help=f"where to write ({SUFFIX}); by default DRIVING{SUFFIX} here")
    names = ("model", "device", "driving_crop", "driving_face", "fit", "fps", "limits", "progress")
    declare(extract, Request, only=names)


def run(args: argparse.Namespace) -> int:
    """Extract; the last line on stdout is the file's path. Or list, a name and what it shows in a line. Returns 0, or
    raises a `BunrakuError`.
    """
    if args.action == "list":
        width = max(map(len, templates()))
        for name, shows in templates().items():
            print(f"{name:{width}}  {shows}")
        return 0
    options = {key: value for key, value in vars(args).items() if key not in ("command", "action")}
    driving, output = options.pop("driving"), options.pop("output")
    output = output or Path(shortened(Path(driving).stem, MOST_BYTES - len(SUFFIX)) + SUFFIX)
    extract_motion(driving, output, **options)
    print(output)
    return 0
