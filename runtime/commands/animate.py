"""`bunraku animate`: move a picture as a video moves."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path

from checkpoints.errors import OptionError
from runtime.animate import animate
from runtime.engine import DEFAULT_MODEL, LAYERS
from runtime.graphs.sessions import DEVICES
from runtime.media.fetch import spooled
from runtime.media.limits import DEFAULT_LIMITS, Limits
from runtime.media.picture import FITS
from runtime.media.writer import EXTENSIONS
from runtime.motion.modes import MODES
from runtime.result.label import TEXT
from runtime.result.structure import SHOWS

FORMATS = (*(extension[1:] for extension in EXTENSIONS), "png")
HELP = "move a picture as a video moves"

ASSETS = Path(__file__).resolve().parent.parent / "assets"
SAMPLE = (ASSETS / "sample.jpg", ASSETS / "sample.mp4")
SAMPLE_OUTPUT = Path("bunraku-sample.mp4")
REFERENCE = (
    "relative mode: the driving frame to count the motion from: first, best (most like the picture) or a number "
    "(%(default)s)"
)
LAYERED = (
    "move a person as a whole before a backdrop that stays, where one is seen, or leave all to the model (%(default)s)"
)
CROP = (
    "square of the picture: auto (around the face), points (around the model's own), center, off (see --fit), or "
    "x,y,w,h in pixels (%(default)s)"
)
DRIVING_CROP = "square of the video: the same, or follow (the face, wherever it goes) (%(default)s)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; they are those of `runtime.animate`, with the same defaults."""
    parser.epilog = "Without SOURCE and DRIVING it moves the bundled sample into ./" + str(SAMPLE_OUTPUT)
    add = parser.add_argument
    add("source", nargs="?", metavar="SOURCE", help="the picture to move; - for standard input")
    add(
        "driving",
        nargs="?",
        metavar="DRIVING",
        help="the video, motion file or folder of frames whose motion it takes; -",
    )
    views = "another picture of the same subject, for models that fuse views; may be repeated"
    add("--view", action="append", default=[], metavar="FILE", help=views)
    where = (
        f"where to write ({', '.join(EXTENSIONS)}, or a folder/ for PNG frames); by default SOURCE-DRIVING.mp4 in the "
        "current folder"
    )
    add("-o", "--output", metavar="FILE", help=where)
    add("--format", choices=FORMATS, help="what to write when there is no --output; png is a folder of frames")
    add_options(parser)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare what does not say which picture moves and where the result goes."""
    add = parser.add_argument
    add("--model", default=DEFAULT_MODEL, help="embedded model, folder, or owner/name on the Hub (%(default)s)")
    modes = (
        "relative: move as the video moves from its first frame on; absolute: take its poses as they are; "
        "disentangled: its poses in the picture's own proportions (%(default)s)"
    )
    add("--mode", choices=MODES, default="relative", help=modes)
    add("--device", choices=DEVICES, default="auto", help="where to compute (%(default)s)")
    add("--strength", type=float, default=1.0, help="motion: 0 none, 1 all of it, 2 twice (%(default)s)")
    add("--smoothing", type=float, default=0.0, help="against jitter, from 0 (off) to 1 (%(default)s)")
    switch = argparse.BooleanOptionalAction
    scale = "relative mode: fit the motion to the size of what is moved (on)"
    add("--adapt-scale", action=switch, default=True, help=scale)
    add("--reference", type=_frame, default="first", help=REFERENCE)
    add("--crop", default="auto", metavar="HOW", help=CROP)
    add("--driving-crop", default="auto", metavar="HOW", help=DRIVING_CROP)
    add("--face", type=int, metavar="N", help="which face of the picture, 1 is the largest")
    add("--paste-back", action=switch, default=False, help="put the moving square back into the whole picture (off)")
    add("--size", type=int, metavar="PIXELS", help="side of the moving square; by default the model's")
    add("--detail", action=switch, default=True, help="larger than the model's: with the picture's own detail (on)")
    add("--layers", choices=LAYERS, default="auto", help=LAYERED)
    add("--fit", choices=FITS, default="crop", help="squares without framing: by cropping or with bars (%(default)s)")
    add("--fps", type=float, help="frames a second; by default the video's own")
    add("--start", type=float, default=0.0, metavar="SECONDS", help="where in the video to begin (%(default)s)")
    add("--end", type=float, metavar="SECONDS", help="where in it to stop; by default at its end")
    add("--loop", type=int, default=1, metavar="N", help="play it N times (%(default)s)")
    add("--compare", action=switch, default=False, help="show source and driving frame beside the result (off)")
    shown = f"the same, and draw on all three what the model finds in them: {', '.join(SHOWS)} (its points, or anchors)"
    add("--show", metavar="WHAT", help=shown)
    colour = "behind transparent parts of the picture: a name, or #rrggbb (%(default)s)"
    add("--background", default="white", metavar="COLOUR", help=colour)
    add("--urls", action=switch, default=False, help="fetch SOURCE and DRIVING where they are http(s) addresses (off)")
    add("--label", action=switch, default=False, help=f'write "{TEXT}" into the pictures (off)')
    add("--sign", metavar="FILE.pem", help="sign the result (C2PA) with this key and its certificates")
    add_limits(parser)
    add("--progress", action=switch, default=True, help="show a bar on stderr (on)")


def add_limits(parser: argparse.ArgumentParser) -> None:
    """Declare `--limits`."""
    about = "refuse larger inputs: pixels of a picture, seconds, bytes of a file; inf for no limit (%(default)s)"
    parser.add_argument("--limits", type=_limits, default=DEFAULT_LIMITS, metavar="NAME=N,...", help=about)


def _limits(word: str) -> Limits:
    try:
        return Limits.parse(word)
    except OptionError as error:  # argparse would hide what it says
        raise argparse.ArgumentTypeError(str(error)) from error


def _frame(word: str) -> str | int:
    """`word`, or the number it is; what it may be, `animate` knows."""
    return int(word) if word.isdecimal() else word


def _stem(given: str | Path) -> str:
    return "stdin" if given == "-" else Path(given).stem or "folder"


def _output(output: str | Path | None, name: str, form: str | None) -> str | Path:
    """Where to write: `output`, or a file or folder of that name in the current folder."""
    if output is not None and form is not None:
        raise OptionError("The name of the output says its format; leave --format out.")
    return output or (f"{name}/" if form == "png" else f"{name}.{form or 'mp4'}")


def run(args: argparse.Namespace) -> int:
    """Animate; the last line on stdout is the result's path. Returns 0, or raises a `BunrakuError`."""
    options = {key: value for key, value in vars(args).items() if key != "command"}
    source, driving, output = (options.pop(key) for key in ("source", "driving", "output"))
    if source is None:
        source, driving = SAMPLE
        output = output or (SAMPLE_OUTPUT if options["format"] is None else None)
    elif driving is None:
        raise OptionError("A driving video is needed too: bunraku animate SOURCE DRIVING.")
    output = _output(output, f"{_stem(source)}-{_stem(driving)}", options.pop("format"))
    with ExitStack() as stack:
        if source == driving == "-":
            raise OptionError("Standard input can be the picture or the video, not both.")
        if "-" in (source, driving):
            piped = stack.enter_context(spooled(sys.stdin.buffer, "standard input", options["limits"]))
            source, driving = (piped if each == "-" else each for each in (source, driving))
        animation = animate([source, *options.pop("view")], driving, output=output, **options)
    print(animation.path)
    return 0
