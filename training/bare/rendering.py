"""The data of a run on a bare machine: shards that were brought along, or shards rendered there, on the GPU.

Heads are rendered by several processes: building a person is work for a processor, one core of which could not keep a
GPU busy, and drawing them takes the GPU a fraction of that time. Training begins when there is something to train on,
and takes in what is added (`training.data.resident`).
"""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType

import torch

from checkpoints.errors import InputError
from training.checkpoint import write_atomically
from training.data.synth.sets.plan import SetPlan
from training.data.synth.sets.writers import Job, jobs, write_clips
from training.watch import write_line

CLIPS_A_SHARD = 16
TEST_CLIPS = 64
"""Held-out clips; fewer where there are less than sixteen times as many to train on."""
SPLITS = ("train", "test")
ENOUGH = 4
"""Shards to train on that a run begins with, if there are to be so many."""
_TRUTH = 88 * 1024
"""Bytes of a frame's truth, beside its picture, its matte and its masks, at most."""


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

    def of(self, split: str) -> int:
        """Clips of "train" or "test"."""
        return self.clips if split == "train" else max(2, min(TEST_CLIPS, self.clips // 16))

    def shards(self, split: str) -> int:
        """Files that these are in."""
        return -(-self.of(split) // CLIPS_A_SHARD)

    @property
    def bytes(self) -> int:
        """That the shards of it take, about."""
        return int(1.1 * self.clips * self.frames * (4.25 * self.size**2 + _TRUTH))


def render_all(folder: Path, wanted: Wanted, workers: int, time_is_up: Callable[[], bool]) -> tuple[int, bool]:
    """Render what is missing of `wanted` below `folder`: `test/` and then `train/`, by one pool of processes.

    Returns the frames rendered, and whether all is there now or `time_is_up` came first.
    """
    todo = [job for split in reversed(SPLITS) for job in _jobs(folder / split, wanted, split)]
    frames, left = 0, len(todo)
    if todo and not time_is_up():
        with closing(write_clips(todo, min(workers, left))) as done:
            for count in done:
                frames, left = frames + count, left - 1
                if time_is_up():
                    break
    return frames, not left


def _jobs(folder: Path, wanted: Wanted, split: str) -> list[Job]:
    folder.mkdir(parents=True, exist_ok=True)
    for unfinished in folder.glob(".clips-*.part"):  # of processes that were stopped in the middle
        unfinished.unlink()
    plan = SetPlan(wanted.of(split), wanted.frames, wanted.seed, split, step=0.7, jitter=0.6, kind=wanted.kind)
    todo = jobs(plan, folder, wanted.size, "shard", CLIPS_A_SHARD, plates=False)
    if not torch.cuda.is_available():
        return todo
    # Several processes share the GPU's memory: at most as much at once as 16 frames of 256 pixels take.
    batch = max(1, 16 * 256**2 // wanted.size**2)
    return [replace(job, device="cuda", batch=batch) for job in todo]


class Rendering:
    """Renders beside the training, in a thread that drives the processes; a context that ends with them."""

    def __init__(self, folder: Path, wanted: Wanted, workers: int, stop: float, log: Path) -> None:
        """`folder` gets `train/` and `test/`; nothing begins after `time.monotonic()` shows `stop`.

        What was done goes into `log`, one line of JSON.
        """
        self.folder = folder
        self.wanted = wanted
        self._closed = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(workers, stop, log), daemon=True)
        self._thread.start()

    def _run(self, workers: int, stop: float, log: Path) -> None:
        begin = time.perf_counter()
        try:
            frames, _ = render_all(
                self.folder, self.wanted, workers, lambda: self._closed.is_set() or time.monotonic() > stop
            )
        except Exception as error:  # told by whoever waits, or at the end
            self._error = error
            return
        seconds = time.perf_counter() - begin
        if frames:
            write_line(log, "render", frames=frames, seconds=round(seconds, 1))
            print(f"rendered {frames} frames in {seconds:.0f} s, {frames / seconds:.0f} a second", flush=True)

    def wait(self, time_is_up: Callable[[], bool]) -> bool:
        """Until there is something to train on and all that is held out; False where `time_is_up` came first.

        Raises what the processes raised.
        """
        enough = min(ENOUGH, self.wanted.shards("train"))
        while not time_is_up():
            alive = self._thread.is_alive()
            if self._error is not None:
                raise self._error
            held_out = self._count("test") >= self.wanted.shards("test")
            if held_out and self._count("train") >= (enough if alive else 1):
                return True
            if not alive:
                return False
            time.sleep(0.1)
        return False

    def _count(self, split: str) -> int:
        return len(list((self.folder / split).glob("clips-*.safetensors")))

    def __enter__(self) -> Rendering:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        self._thread.join(30)
        if self._error is not None and error is None:
            print(f"rendering stopped: {self._error}; the run went on with what there was", flush=True)


def remember(work: Path, wanted: Wanted) -> Wanted:
    """What the run in `work` is rendered from: what it began with, or else `wanted`, which is written down."""
    record = work / "clips.json"
    if record.is_file():
        return Wanted(**json.loads(record.read_text(encoding="utf-8"))["wanted"])
    write_atomically(record, lambda path: path.write_text(json.dumps({"wanted": asdict(wanted)})))
    return wanted


def shard_folder(work: Path, wanted: Wanted) -> Path:
    """Where the shards go: shared memory where there is room for all of them and as much again, else `work/data`."""
    shared = Path("/dev/shm")
    try:
        free = shutil.disk_usage(shared).free
    except OSError:
        free = 0
    folder = shared / f"bunraku-{work.resolve().name}" / "data"
    if torch.cuda.is_available() and not (work / "data").is_dir() and free > 2 * wanted.bytes:
        return folder
    return work / "data"


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


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
