"""`bunraku animate`: move a picture as a video moves."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path

from checkpoints.errors import OptionError
from runtime.animate import Request, animate
from runtime.commands.declaring import declare
from runtime.framing.chosen import several_faces
from runtime.graphs.memory import stay_small
from runtime.media.given import spooled
from runtime.media.names import joined
from runtime.media.writer import EXTENSIONS, FORMATS

HELP = "move a picture as a video moves"

ASSETS = Path(__file__).resolve().parent.parent / "assets"
SAMPLE = (ASSETS / "sample.jpg", ASSETS / "sample.mp4")
SAMPLE_OUTPUT = Path("bunraku-sample.mp4")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; they are those of `runtime.animate`, with the same defaults."""
    parser.epilog = "Without SOURCE and DRIVING it moves the bundled sample into ./" + str(SAMPLE_OUTPUT)
    add = parser.add_argument
    add("source", nargs="?", metavar="SOURCE", help="the picture, or video, to move; - for standard input")
    add(
        "driving",
        nargs="?",
        metavar="DRIVING",
        help="the video, motion file or folder of frames whose motion it takes; -",
    )
    views = "another picture of the same subject, for models that fuse views; may be repeated"
    add("--view", action="append", default=[], metavar="FILE", help=views)
    each = "what drives the next face, in place of DRIVING for all; may be repeated (face 1 is the largest: see --face)"
    add("--driving", action="append", default=[], dest="drivings", metavar="FILE", help=each)
    where = (
        f"where to write ({', '.join(EXTENSIONS)}, or a folder/ for PNG frames); by default SOURCE-DRIVING.mp4 in the "
        "current folder"
    )
    add("-o", "--output", metavar="FILE", help=where)
    add("--format", choices=FORMATS, help="what to write when there is no --output; png is a folder of frames")
    declare(parser, Request)
    parser.set_defaults(paste_back=0)  # as good as False, and not the one that --no-paste-back says: see `run`


def _stem(given: str | Path) -> str:
    return "stdin" if given == "-" else Path(given).stem or "folder"


def _output(output: str | Path | None, name: str, form: str | None) -> str | Path:
    """Where to write: `output`, or a file or folder of that name in the current folder."""
    if output is not None and form is not None:
        raise OptionError("The name of the output says its format; leave --format out.")
    return output or (f"{name}/" if form == "png" else f"{name}.{form or 'mp4'}")


def run(args: argparse.Namespace) -> int:
    """Animate; the last line on stdout is the result's path. Returns 0, or raises a `BunrakuError`."""
    stay_small()
    options = {key: value for key, value in vars(args).items() if key != "command"}
    source, driving, output = (options.pop(key) for key in ("source", "driving", "output"))
    together = several_faces(options["face"]) or len(options["drivings"] or ()) + (driving is not None) > 1
    if options["paste_back"] is False and together:
        raise OptionError("Several faces move in the whole picture, so that paste_back cannot be off; choose one face.")
    options["paste_back"] = bool(options["paste_back"])
    if source is None:
        source, driving = SAMPLE
        output = output or (SAMPLE_OUTPUT if options["format"] is None else None)
    elif driving is None and not options["drivings"]:
        raise OptionError("A driving video is needed too: bunraku animate SOURCE DRIVING.")
    output = _output(output, joined(_stem(source), _stem(driving or options["drivings"][0])), options.pop("format"))
    with ExitStack() as stack:
        if source == driving == "-":
            raise OptionError("Standard input can be the picture or the video, not both.")
        if "-" in (source, driving):
            piped = stack.enter_context(spooled(sys.stdin.buffer, "standard input", options["limits"]))
            source, driving = (piped if each == "-" else each for each in (source, driving))
        animation = animate([source, *options.pop("view")], driving, output=output, **options)
    print(animation.path)
    return 0
