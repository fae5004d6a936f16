"""The data of a run on a bare machine: shards that were brought along, or shards rendered there, on the GPU.

Heads are rendered by several processes: building a person is work for a processor, one core of which could not keep a
GPU busy, and drawing them takes the GPU a fraction of that time. The trainer then reads pairs with several processes,
so that neither waits for the other while it trains.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from checkpoints.errors import InputError
from training.checkpoint import write_atomically
from training.data.synth.sets.plan import SetPlan
from training.data.synth.sets.writers import Job, jobs, write_clips

CLIPS_A_SHARD = 16
TEST_CLIPS = 64
"""Held-out clips; fewer where there are less than sixteen times as many to train on."""
SPLITS = ("train", "test")


@dataclass(frozen=True)
class Wanted:
    """A set of clips to render."""

    clips: int
    frames: int
    """Of each clip."""
    size: int
    """Side in pixels."""
    seed: int = 0
    kind: str = "head"


def render_all(
    folder: Path, wanted: Wanted, workers: int, time_is_up: Callable[[], bool], only: dict[str, list[str]] | None = None
) -> tuple[int, bool]:
    """Render what is missing of `wanted` below `folder`: `test/` first, then `train/`, until done or `time_is_up`.

    `only`: names of the shards of each split, to make once more what another machine had. Returns frames rendered and
    whether all is there now.
    """
    frames = 0
    for split in reversed(SPLITS):
        todo = _jobs(folder / split, wanted, split)
        if only is not None:
            todo = [job for job in todo if job.path.name in only[split]]
        left = len(todo)
        if todo and not time_is_up():
            with closing(write_clips(todo, min(workers, left))) as done:
                for count in done:
                    frames, left = frames + count, left - 1
                    if time_is_up():
                        break
        if left:
            return frames, False
    return frames, True


def _jobs(folder: Path, wanted: Wanted, split: str) -> list[Job]:
    folder.mkdir(parents=True, exist_ok=True)
    for unfinished in folder.glob(".clips-*.part"):  # of processes that were stopped in the middle
        unfinished.unlink()
    clips = wanted.clips if split == "train" else max(2, min(TEST_CLIPS, wanted.clips // 16))
    plan = SetPlan(clips, wanted.frames, wanted.seed, split, step=0.7, jitter=0.6, kind=wanted.kind)
    todo = jobs(plan, folder, wanted.size, "shard", CLIPS_A_SHARD)
    if not torch.cuda.is_available():
        return todo
    # Several processes share the GPU's memory: at most as much at once as 16 frames of 256 pixels take.
    batch = max(1, 16 * 256**2 // wanted.size**2)
    return [replace(job, device="cuda", batch=batch) for job in todo]


def prepare(work: Path, wanted: Wanted, workers: int, time_is_up: Callable[[], bool]) -> dict[str, Any] | None:
    """Render the clips of the run in `work` once; returns what was rendered, or None while that is not finished.

    When the time for it is over, the run goes on with what is there, and stays with it. A run that came from another
    machine (`work/clips.json` is there, its shards are not) gets the same clips once more, however long that takes.
    """
    record, folder = work / "clips.json", work / "data"
    known = json.loads(record.read_text()) if record.is_file() else None
    if known is not None:
        wanted = Wanted(**known["wanted"])
    begin = time.perf_counter()
    frames, whole = render_all(folder, wanted, workers, time_is_up, known and known["shards"])
    seconds = time.perf_counter() - begin
    if frames:
        line = {"kind": "render", "frames": frames, "seconds": round(seconds, 1), "time": round(time.time(), 1)}
        with (work / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
        print(f"rendered {frames} frames in {seconds:.0f} s, {frames / seconds:.0f} a second", flush=True)
    if known is not None:
        return known if whole else None
    shards = {split: sorted(path.name for path in (folder / split).glob("clips-*.safetensors")) for split in SPLITS}
    if not all(shards.values()):
        return None
    known = {"wanted": asdict(wanted), "shards": shards}
    write_atomically(record, lambda path: path.write_text(json.dumps(known)))
    return known


def unpack(given: Path, work: Path) -> Path:
    """The folder of shards in `given`: itself, or where the archives (zip, tar) in it were unpacked.

    Raises `InputError` where there is neither.
    """
    if any(given.glob("clips-*.safetensors")):
        return given
    folder = work / "data" / given.name
    if not (folder / "unpacked").is_file():
        endings = tuple(ending for _, endings, _ in shutil.get_unpack_formats() for ending in endings)
        archives = sorted(path for path in given.glob("*") if path.name.endswith(endings))
        for archive in archives:
            try:
                if archive.suffix == ".zip":
                    shutil.unpack_archive(archive, folder)
                else:
                    shutil.unpack_archive(archive, folder, filter="data")
            except (OSError, ValueError, EOFError, shutil.ReadError) as error:
                raise InputError(f"{archive}: cannot be unpacked ({error}); pack it once more") from error
        if not any(folder.glob("clips-*.safetensors")):
            raise InputError(f"{given}: holds neither shards (clips-*.safetensors) nor archives of them")
        (folder / "unpacked").touch()
    return folder


def reading_workers(cores: int, batch: int, size: int) -> int:
    """Processes that read pairs beside the trainer: as many as cores and shared memory allow."""
    try:
        shared = shutil.disk_usage("/dev/shm").free
    except OSError:
        shared = 0
    # Every process keeps two batches ready: two pictures of a pair, the truth beside them, and some slack.
    each = 2 * batch * (2 * 3 * size**2 + 64 * 64 * 9 + 4096)
    return max(0, min(cores - 2, 12, int(shared * 0.5 / each)))


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
