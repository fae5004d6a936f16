"""`bunraku synth OUT`: clips of synthetic figures, as video, pictures, or shards with their truth."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from training.data.synth.core.photos import Photos

HELP = "make clips of synthetic talking heads, whole people, cartoons or moved photographs, with exact motion"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("out", type=Path, help="folder to write into (made if missing); repeating a command goes on")
    kinds = ("head", "cartoon", "body", "photo")
    parser.add_argument("--kind", choices=kinds, default="head", help="what to draw, or to move (default: head)")
    parser.add_argument(
        "--photos",
        type=Path,
        metavar="FOLDER",
        help="portraits that --kind photo sets in motion; the first frame of each clip is the photograph itself. Those "
        "that do not fit are left out and counted; a tenth is only in --split test",
    )
    parser.add_argument("--clips", type=int, default=64, help="number of clips (default: 64)")
    parser.add_argument("--frames", type=int, default=64, help="frames a clip (default: 64)")
    parser.add_argument("--size", type=int, help="width and height in pixels (default: 256; 128 of --cuts)")
    parser.add_argument("--format", choices=("mp4", "frames", "shard"), help="default: mp4; shard of --cuts")
    parser.add_argument(
        "--cuts",
        nargs="?",
        const="all",
        metavar="PARTS",
        help="mouths and eyes of heads alone, --size pixels each (as if whole pictures had some four to six times as "
        "many), in shards of a folder each: mouth, eye_left, eye_right; all of them, or those named (--cuts "
        "mouth,eye_left). Nothing passes before them",
    )
    parser.add_argument("--seed", type=int, default=0, help="another seed gives other people and motions")
    parser.add_argument("--split", choices=("train", "test"), default="train", help="test people are never in train")
    parser.add_argument("--group", type=int, help="clips that share one motion (default: 2; 1 of photographs)")
    parser.add_argument("--step", type=float, help="seconds between frames (default: 0.04; 0.7 in shards)")
    parser.add_argument(
        "--exposure", type=float, default=0.0, help="seconds the shutter is open: motion blur (default: 0)"
    )
    parser.add_argument(
        "--backdrops", type=Path, metavar="FOLDER", help="folder of photos to put behind them (default: drawn ones)"
    )
    parser.add_argument("--no-props", action="store_true", help="heads before which nothing passes")
    parser.add_argument(
        "--no-plates", action="store_true", help="shards without the backdrops that would be seen with nobody there"
    )
    parser.add_argument("--workers", type=int, default=1, help="processes (default: 1)")
    parser.add_argument("--clips-per-shard", type=int, default=32, help="clips in one shard file (default: 32)")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def run(args: argparse.Namespace) -> int:
    """Write the clips; prints the throughput on stderr and the folder as the last line."""
    from checkpoints.errors import OptionError, OutputError
    from training.data.synth.core.photos import open_photos
    from training.data.synth.core.topology import PHOTO
    from training.data.synth.sets.plan import FPS, SetPlan
    from training.data.synth.sets.writers import jobs, make_set

    if args.workers < 1 or args.clips_per_shard < 1:
        raise OptionError("--workers and --clips-per-shard must be at least 1.")
    parts = _parts(args)
    packed = parts != () or args.format == "shard"
    size = args.size if args.size is not None else (128 if parts else 256)
    step = args.step if args.step is not None else (0.7 if packed else 1 / FPS)
    moved = args.kind == PHOTO
    if moved == (args.photos is None) or (moved and args.backdrops):
        raise OptionError("--kind photo goes with --photos FOLDER (and without --backdrops), other kinds without it.")
    photos = open_photos(args.backdrops) if args.backdrops else None
    jitter = 0.6 if packed else 0.0
    group = args.group if args.group is not None else (1 if moved else 2)
    try:
        args.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{args.out}: cannot be made ({error.strerror}); choose another folder.") from error
    if moved:
        photos = _usable(args)
    props = not (args.no_props or parts)
    plan = SetPlan(args.clips, args.frames, args.seed, args.split, group, step, jitter, args.kind, photos, props)
    form = args.format or ("shard" if parts else "mp4")
    todo = jobs(plan, args.out, size, form, args.clips_per_shard, args.exposure, not args.no_plates, parts)
    frames, seconds = make_set(todo, args.workers, not args.quiet)
    rate = f"{frames / seconds:.1f} frames/s" if frames else "everything was there already"
    print(f"{frames} frames in {seconds:.0f} s, {rate}", file=sys.stderr)
    print(args.out)
    return 0


def _parts(args: argparse.Namespace) -> tuple[str, ...]:
    """The parts of heads that --cuts asks for."""
    from checkpoints.errors import OptionError
    from training.data.synth.person.cuts import PARTS

    if args.cuts is None:
        return ()
    parts = tuple(PARTS) if args.cuts == "all" else tuple(dict.fromkeys(args.cuts.split(",")))
    if unknown := [part for part in parts if part not in PARTS]:
        raise OptionError(
            f"--cuts: parts are {', '.join(PARTS)}, not {', '.join(map(repr, unknown))}; the folder goes before --cuts."
        )
    if args.kind != "head" or args.format not in (None, "shard") or args.exposure or args.no_plates:
        raise OptionError(
            "--cuts writes parts of --kind head to --format shard, without --exposure, and never plates to leave out."
        )
    return parts


def _usable(args: argparse.Namespace) -> Photos:
    """The photographs of the split that can be set in motion; says on stderr how many."""
    from training.data.synth.core.photos import open_photos
    from training.data.synth.photo.survey import RECORD, survey

    found = survey(open_photos(args.photos), args.out / RECORD, not args.quiet)
    print(found.summary(), file=sys.stderr)
    return found.usable(args.split)
