"""`bunraku evaluate MODEL DATA`: how good a model is, in the papers' numbers and against synthetic truth."""

from __future__ import annotations

import argparse
from pathlib import Path

from checkpoints.contract import MODES

HELP = "measure how good models are, on clips or on rendered people"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.epilog = "Stopped with --report, it goes on where it was when it is run again."
    add = parser.add_argument
    add("model", metavar="MODEL", help="a .safetensors checkpoint, or a bundle: folder, embedded name, owner/name")
    sets = "folder of clips; or synth:test:N, to render N people that no training saw; several make a chapter each"
    add("data", nargs="+", metavar="DATA", help=sets)
    add("--compare", nargs="+", default=[], metavar="MODEL", help="more models for the same table")
    add("--json", type=Path, metavar="FILE", help="write the numbers there, for machines")
    add("--report", type=Path, metavar="FOLDER", help="write a page there: table, plots, best and worst cases")
    add("--tasks", nargs="+", choices=("reconstruction", "animation"), help="only these (default: both)")
    add("--mode", choices=MODES, default="relative", help="of the animation")
    add("--pairs", type=Path, metavar="CSV", help="pairs for the animation, with the columns source and driving")
    add("--random-pairs", type=int, default=200, metavar="N", help="without --pairs: draw so many (%(default)s)")
    add("--limit", type=int, metavar="N", help="at most so many cases of each task")
    add("--frames", type=int, metavar="N", help="at most so many frames of each clip")
    add("--every", type=int, default=1, metavar="N", help="take every Nth frame (%(default)s)")
    crops = "squares of clips and pictures: their middle, or around the face as `bunraku animate` does (%(default)s)"
    add("--crop", choices=("middle", "face"), default="middle", help=crops)
    layers = "whether bundles move people in layers, as `bunraku animate` does (%(default)s)"
    add("--layers", choices=("auto", "off"), default="auto", help=layers)
    add("--size", type=int, metavar="PIXELS", help="compare at this size (default: the first model's resolution)")
    detectors = ("face-mesh", "pose", "face-alignment", "dlib", "none")
    add("--keypoints", choices=detectors, default="face-mesh", help="what AKD, jitter and motion transfer go by")
    extra = "lpips, fid, identity (AED, CSIM): need a download once; identity-dlib and fd-lite0 do not"
    networks = ("lpips", "fid", "identity", "identity-dlib", "fd-lite0")
    add("--also", nargs="+", default=[], choices=networks, help=extra)
    add("--batch", type=int, default=8, metavar="N", help="driving frames at a time in PyTorch (%(default)s)")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where to compute (%(default)s)")
    add("--quiet", action="store_true", help="no progress bar")


def run(args: argparse.Namespace) -> int:
    """Measure, print a table, write what was asked for; the last line is the report's or JSON file's path."""
    import json
    import logging

    from checkpoints.errors import OptionError
    from checkpoints.installation import installing

    try:
        import skimage  # noqa: F401 (the metrics need it: better to say so before the models are opened)
        import torch  # noqa: F401
    except ModuleNotFoundError as error:
        raise OptionError(f"evaluation needs {error.name}; install it with: {installing('eval')}") from error

    from training.checkpoint import write_atomically
    from training.evaluation.run import run as run_plan
    from training.evaluation.setup import make_plans
    from training.evaluation.store import Store
    from training.evaluation.summary import summarise, to_json
    from training.evaluation.table import markdown

    # It warns whenever frames are scaled while they are read, which is what we ask it for.
    logging.getLogger("imageio_ffmpeg").setLevel(logging.ERROR)
    plans = make_plans(args)
    store = Store(args.report)
    chapters = []
    for plan in plans:
        run_plan(plan, store, progress=not args.quiet)
        chapters.append((plan, summarise(plan, store)))
        print(markdown(chapters[-1][1]), flush=True)
    if args.json:
        text = json.dumps(to_json([summary for _, summary in chapters]), indent=2) + "\n"
        write_atomically(args.json, lambda path: path.write_text(text, encoding="utf-8"))
        print(args.json)
    if args.report:
        from training.evaluation.report import write_report

        print(write_report(args.report, chapters))
    return 0
