"""One slice of a run on a bare machine: train by the clock, render beside it, bring home what was learned.

The slice ends by itself `reserve` seconds before its minutes are over. An error, a signal that ends the process, and a
training that hangs find the files packed all the same: every two minutes, on the way out, and by a watchdog.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import time
import traceback
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path

import torch

from checkpoints.errors import BunrakuError, OptionError
from training.bare.carried import MIB, Limits, unpack_state
from training.bare.courier import Courier
from training.bare.rendering import Rendering, Wanted, cores, remember, shard_folder, unpack
from training.config import RunConfig, load_config
from training.losses.backbones import open_backbone
from training.trainer import Trainer
from training.watch import write_line

LAST = 0.3
"""Share of the reserve that is left when the watchdog packs: that takes some seconds, and the machine goes then."""


def run_slice(args: argparse.Namespace, begin: float) -> None:
    """Render, train and pack as the options say; `begin`: when the slice began, by `time.monotonic()`.

    Raises `BunrakuError` for what is wrong with them.
    """
    config = load_config(args.config, args.override)
    work: Path = args.work or Path("runs") / f"bare-{config.name}"
    work.mkdir(parents=True, exist_ok=True)
    clips = _resumed(args.resume, work)
    wanted = None if args.data is not None else _wanted(config, args, work)
    limits = Limits(state=args.state_mib * MIB)
    courier = Courier(work, args.output, limits, clips if wanted is None else {"wanted": asdict(wanted)}, args.chunk)
    if args.minutes > 0:
        end = begin + 60 * args.minutes
        _check(config)
        courier.watch(end - LAST * args.reserve)
        time_is_up = Deadline(end - args.reserve)
        try:
            _train(config, args, work, wanted, courier, time_is_up)
        except BaseException as error:
            _note(work, error)
            raise
        finally:
            print(courier.send(), flush=True)
            courier.close()
        if time_is_up.told:
            raise SystemExit(128 + time_is_up.told)
    else:
        print(courier.send(), flush=True)


class Deadline:
    """Whether a slice has to end: its time is over, or it was told to by SIGTERM.

    The signal only leaves word: an exception in the middle of what another library does may come out as anything.
    """

    def __init__(self, stop: float) -> None:
        """`stop`: by `time.monotonic()`. From now on the process does not end at the signal by itself."""
        self.stop = stop
        self.told = 0
        signal.signal(signal.SIGTERM, self._tell)

    def _tell(self, number: int, frame: object) -> None:
        self.told = number

    def __call__(self) -> bool:
        return self.told != 0 or time.monotonic() > self.stop


def _note(work: Path, error: BaseException) -> None:
    """Into the log, which goes home, what ended the run."""
    text = "".join(traceback.format_exception(error))[-4000:]
    write_line(work / "log.jsonl", "error", text=text)


def _resumed(folder: Path | None, work: Path) -> dict[str, object]:
    """Unpack what an earlier slice left in `folder`, where `work` has no state of its own; its clips."""
    record = work / "clips.json"
    if folder is not None and not (work / "state.safetensors").is_file():
        clips = unpack_state(folder, work)
        if clips:
            record.write_text(json.dumps(clips), encoding="utf-8")
        if (folder / "log.jsonl").is_file():
            shutil.copy(folder / "log.jsonl", work)
    known: dict[str, object] = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else {}
    return known


def _wanted(config: RunConfig, args: argparse.Namespace, work: Path) -> Wanted:
    if config.data.kind == "clips":
        raise OptionError(f"{config.name} trains on videos, which a bare machine cannot read; give shards with --data")
    size = max(stage.size for stage in config.stages)
    kind = config.data.path if config.data.kind == "synth" and config.data.path else "head"
    return remember(work, Wanted(args.clips, args.frames, size, config.seed, kind))


def _check(config: RunConfig) -> None:
    """Whether the perceptual network can be had, before time is spent. Raises `BunrakuError`."""
    weighed = {name for stage in config.stages for name, weight in stage.losses.items() if weight > 0}
    if any(name.startswith("perceptual") for name in weighed):
        try:
            open_backbone(config.perceptual, config.perceptual_weights)
        except BunrakuError as error:
            raise OptionError(
                f"{error}. A bare machine has no package of weights: write them to a file where there is one (python "
                "-m training.bare.backbone FILE), bring it along and set perceptual_weights=FILE"
            ) from error


def with_shards(config: RunConfig, train: Path, test: Path | None) -> RunConfig:
    """`config` reading the shards of these folders, in the memory of the device that trains."""
    data = replace(
        config.data,
        kind="shards",
        path=str(train),
        test_path=str(test) if test else "",
        backdrops="",
        workers=0,
        resident=True,
    )
    return replace(config, data=data)


def _train(
    config: RunConfig,
    args: argparse.Namespace,
    work: Path,
    wanted: Wanted | None,
    courier: Courier,
    time_is_up: Deadline,
) -> None:
    """Go on with the run in `work` until it is done or `time_is_up`."""
    with ExitStack() as stack:
        if wanted is None:
            train, test = unpack(args.data, work), unpack(args.test_data, work) if args.test_data else None
        else:
            folder = shard_folder(work, wanted)
            workers = args.render_workers or max(1, cores() - 2)
            enough = min(time_is_up.stop, time.monotonic() + 60 * args.render_minutes)
            rendering = stack.enter_context(Rendering(folder, wanted, workers, enough, work / "log.jsonl"))
            if not rendering.wait(time_is_up):
                print("the data are not finished; the next slice goes on rendering", flush=True)
                return
            train, test = folder / "train", folder / "test"
        if torch.cuda.is_available() and args.device == "auto":
            torch.backends.cudnn.benchmark = True
        device = None if args.device == "auto" else args.device
        ready = with_shards(config, train, test)
        trainer = Trainer(ready, work, device, False, args.every, lambda: print(courier.send(), flush=True))
        try:
            _by_the_clock(trainer, args, time_is_up)
        except BunrakuError:  # the last good state is on disk
            raise
        except BaseException:
            trainer.save()  # what was learned since it was saved
            raise


def _by_the_clock(trainer: Trainer, args: argparse.Namespace, time_is_up: Deadline) -> None:
    first, begin = trainer.position.total, time.monotonic()
    timetable = trainer.plan(time_is_up.stop, 60 * args.total, args.timed_steps)
    stages = trainer.config.stages
    shares = ", ".join(f"{stage.name} {share:.0%}" for stage, share in zip(stages, timetable.shares, strict=True))
    print(f"shares of the time: {shares}", flush=True)
    trainer.run(args.stop_after, time_is_up, timetable)
    position, seconds = trainer.position, time.monotonic() - begin
    where = "all stages are done"
    if position.stage < len(stages):
        where = f"step {position.step} of stage {stages[position.stage].name!r}, {position.fraction:.0%} of it"
    print(f"{position.total - first} steps in {seconds:.0f} s; {position.total} in all: {where}", flush=True)
