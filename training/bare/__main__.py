"""`python -m training.bare CONFIG [key=value ...] --output OUT`: one slice of a training run on a bare GPU machine."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from checkpoints.errors import BunrakuError, OptionError
from training.bare.carried import MIB, Limits, hand_out, pack, unpack_state
from training.bare.rendering import Wanted, cores, prepare, reading_workers, unpack
from training.config import RunConfig, load_config
from training.trainer import Trainer


def arguments() -> argparse.ArgumentParser:
    """Options of the command."""
    parser = argparse.ArgumentParser(prog="python -m training.bare", description=__doc__)
    add = parser.add_argument
    add("config", help="a TOML file, or the name of a ready configuration (faces, faces-lite, ...)")
    add("override", nargs="*", help="settings to change, as key=value with dotted keys")
    add("-o", "--output", type=Path, required=True, help="folder for what is to be brought home")
    add("--work", type=Path, help="folder of the run, kept between slices (default: runs/bare-NAME)")
    add("--minutes", type=float, default=9.0, help="length of the slice; 0: only hand out files (default: 9)")
    add("--reserve", type=float, default=40.0, help="seconds of it kept for saving and packing (default: 40)")
    add("--stop-after", type=int, metavar="STEPS", help="stop after so many steps even if there is time left")
    add("--resume", type=Path, metavar="FOLDER", help="what an earlier slice left; used where --work has no state")
    add("--data", type=Path, metavar="FOLDER", help="train on these shards, or archives of them, and render nothing")
    add("--test-data", type=Path, metavar="FOLDER", help="held-out shards to go with --data")
    add("--clips", type=int, default=8192, help="clips to render at most (default: 8192)")
    add("--frames", type=int, default=8, help="frames of a clip (default: 8)")
    add("--render-minutes", type=float, default=3.0, help="then training begins with what is there (default: 3)")
    add("--render-workers", type=int, help="processes that render (default: all cores but two)")
    add("--state-mib", type=int, default=26, help="most MiB of the state to bring home (default: 26)")
    add("--chunk", type=int, default=1, help="which lot of files to hand out when they are too many (default: 1)")
    add("--device", choices=("auto", "cpu"), default="auto", help="where to train (default: auto)")
    return parser


def with_data(config: RunConfig, args: argparse.Namespace, work: Path, stop: float) -> RunConfig | None:
    """`config` reading what was rendered or brought along; None where the slice ended before there was any.

    Raises `OptionError` for a configuration of videos.
    """
    if config.data.kind == "clips" and args.data is None:
        raise OptionError(f"{config.name} trains on videos, which a bare machine cannot read; give shards with --data")
    size = max(stage.size for stage in config.stages)
    if args.data is not None:
        train, test = unpack(args.data, work), unpack(args.test_data, work) if args.test_data else None
    else:
        kind = config.data.path if config.data.kind == "synth" and config.data.path else "head"
        wanted = Wanted(args.clips, args.frames, size, config.seed, kind)
        enough = min(stop, time.monotonic() + 60 * args.render_minutes)
        workers = args.render_workers or max(1, cores() - 2)
        if prepare(work, wanted, workers, lambda: time.monotonic() > enough) is None:
            return None
        train, test = work / "data" / "train", work / "data" / "test"
    readers = (
        reading_workers(cores(), max(stage.batch for stage in config.stages), size) if args.device == "auto" else 0
    )
    data = replace(
        config.data, kind="shards", path=str(train), test_path=str(test) if test else "", backdrops="", workers=readers
    )
    return replace(config, data=data)


def train(config: RunConfig, args: argparse.Namespace, work: Path, stop: float) -> None:
    """Go on with the run in `work` until it is done or the clock shows `stop`."""
    if torch.cuda.is_available() and args.device == "auto":
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision("high")
    trainer = Trainer(config, work, device=None if args.device == "auto" else args.device, progress=False)
    first, begin = trainer.position.total, time.monotonic()
    trainer.run(args.stop_after, lambda: time.monotonic() > stop)
    position, seconds = trainer.position, time.monotonic() - begin
    where = "all stages are done"
    if position.stage < len(config.stages):
        where = f"step {position.step} of stage {config.stages[position.stage].name!r}"
    print(f"{position.total - first} steps in {seconds:.0f} s; {position.total} in all: {where}", flush=True)


def run_slice(args: argparse.Namespace) -> None:
    """Render, train and pack as `arguments` say. Raises `BunrakuError` for what is wrong with them."""
    stop = time.monotonic() + 60 * args.minutes - args.reserve
    config = load_config(args.config, args.override)
    work: Path = args.work or Path("runs") / f"bare-{config.name}"
    work.mkdir(parents=True, exist_ok=True)
    record = work / "clips.json"
    if args.resume is not None and not (work / "state.safetensors").is_file():
        clips = unpack_state(args.resume, work)
        if clips:
            record.write_text(json.dumps(clips), encoding="utf-8")
        if (args.resume / "log.jsonl").is_file():
            shutil.copy(args.resume / "log.jsonl", work)
    if args.minutes > 0:
        ready = with_data(config, args, work, stop)
        if ready is None:
            print("the data are not finished; the next slice goes on rendering", flush=True)
        else:
            train(ready, args, work, stop)
    known: dict[str, Any] = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else {}
    limits = Limits(state=args.state_mib * MIB)
    files, how = pack(work, known, limits)
    lots = hand_out(files, args.output, args.chunk, limits)
    print(f"state: {how}; lot {args.chunk} of {lots} is in {args.output}", flush=True)


def main() -> int:
    """Exit status: 0, or 2 with one line on stderr when the input is at fault."""
    try:
        run_slice(arguments().parse_intermixed_args())
    except BunrakuError as error:
        print(f"bunraku: error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
