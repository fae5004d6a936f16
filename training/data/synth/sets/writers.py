"""Clips to files: mp4, folders of PNG, or shards; in parallel processes, nothing half-written under a final name."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Generator
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import torch
from torch import Tensor

from checkpoints.errors import OptionError, OutputError

from ..core.renderer import Frames, Renderer, SceneSpec
from ..person.cuts import PARTS
from ..person.render import HeadRenderer
from ..renderers import make_renderer
from .plan import FPS, ClipPlan, SetPlan
from .shards import write_shard

FORMATS = ("mp4", "frames", "shard")


@dataclass(frozen=True)
class Job:
    """Some clips that become one file or folder."""

    plan: SetPlan
    first: int
    last: int
    size: int
    format: str
    path: Path
    exposure: float = 0.0
    """Seconds that the shutter is open (motion blur)."""
    device: str = "cpu"
    """Where it is drawn."""
    batch: int | None = None
    """Frames drawn at once; None: as `Renderer` has it."""
    plates: bool = True
    """Whether shards hold backdrops without the figures."""
    parts: tuple[str, ...] = ()
    """Of heads, what to draw alone (`cuts.PARTS`), each into a folder of its name beside `path`; empty: whole
    frames."""


_renderers: dict[tuple[str, str, str], Renderer] = {}


def _start_worker() -> None:
    torch.set_num_threads(1)


def _open(job: Job) -> Renderer:
    """The renderer of a job, kept for the jobs that follow."""
    kind, photos = job.plan.kind, job.plan.photos
    key = (kind, job.device, photos.digest if photos else "")
    if key not in _renderers:
        _renderers[key] = make_renderer(kind, job.device, job.batch, photos)
    return _renderers[key]


def _write_mp4(path: Path, frames: Frames, rate: float) -> None:
    import imageio_ffmpeg

    size = frames.image.shape[1]
    aside = path.with_name(f".{os.getpid()}.part.{path.name}")
    writer = imageio_ffmpeg.write_frames(
        str(aside), (size, size), fps=rate, quality=None, output_params=["-crf", "14"], macro_block_size=1
    )
    try:
        writer.send(None)
        for frame in frames.image:
            writer.send(frame.cpu().numpy().tobytes())
        writer.close()
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _write_frames(path: Path, frames: Frames, rate: float) -> None:
    from PIL import Image

    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    aside.mkdir()
    try:
        for index, frame in enumerate(frames.image):
            Image.fromarray(frame.cpu().numpy()).save(aside / f"{index:06d}.png")
        aside.replace(path)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _write_shards(job: Job, renderer: Renderer, clips: list[ClipPlan], specs: list[SceneSpec], times: Tensor) -> None:
    """Whole frames to `job.path`, or each of its parts into a folder beside it."""
    photos, who = job.plan.photos, [clip.spec for clip in clips]
    rests = renderer.rests(who)
    if not job.parts:
        frames = renderer.render(specs, times, job.size, exposure=job.exposure)
        first = torch.tensor([clip.times[0] for clip in clips], dtype=torch.float64)
        plates = renderer.plates(who, first, job.size) if job.plates else None
        write_shard(job.path, clips, frames, photos, plates, rests)
        return
    assert isinstance(renderer, HeadRenderer)  # `jobs` saw to it
    for part, cuts in renderer.cuts(specs, times, job.size, job.parts).items():
        place = _part_path(job.path, part)
        try:
            place.parent.mkdir(exist_ok=True)
        except OSError as error:
            raise OutputError(f"{place.parent}: cannot be made ({error.strerror}); choose another folder.") from error
        write_shard(place, clips, cuts.frames, photos, rests=rests, window=cuts.window)


def run_job(job: Job) -> int:
    """Draws and writes one job; returns the number of frames. Raises `OutputError` when writing fails."""
    renderer = _open(job)
    clips = [job.plan.clip(index) for index in range(job.first, job.last)]
    specs = [clip.spec for clip in clips for _ in clip.times]
    times = torch.tensor([t for clip in clips for t in clip.times], dtype=torch.float64)
    try:
        if job.format == "shard":
            _write_shards(job, renderer, clips, specs, times)
        else:
            write = _write_mp4 if job.format == "mp4" else _write_frames
            write(job.path, renderer.render(specs, times, job.size, exposure=job.exposure), 1 / job.plan.step)
    except OSError as error:
        raise OutputError(
            f"{job.path}: cannot be written ({error.strerror or error}); choose another folder."
        ) from error
    return len(specs)


def _part_path(path: Path, part: str) -> Path:
    """Where one part of the heads of a shard `path` is kept."""
    return path.parent / part / path.name


def _missing(path: Path, parts: tuple[str, ...]) -> tuple[str, ...]:
    """Those of `parts` that have no shard yet."""
    return tuple(part for part in parts if not _part_path(path, part).exists())


def jobs(
    plan: SetPlan, folder: Path, size: int, format: str, clips_per_shard: int = 32, exposure: float = 0.0,
    plates: bool = True, parts: tuple[str, ...] = (),
) -> list[Job]:  # fmt: skip
    """What is to be done; work whose result is already there is left out, so an interrupted run can be repeated.

    mp4 clips and frame folders are named `IDENTITY#CLIP`, the name that training by identity expects. `parts` of
    heads are drawn alone, in shards of one folder each.
    """
    if parts and (format != "shard" or plan.kind != "head" or exposure):
        raise OptionError("parts are cut from heads without motion blur, into shards: --kind head, --format shard.")
    if unknown := set(parts) - set(PARTS):
        raise OptionError(f"parts are {', '.join(PARTS)}, not {', '.join(sorted(unknown))}.")
    if format not in FORMATS:
        raise OptionError(f"format must be one of {', '.join(FORMATS)}, not {format!r}.")
    if size < 16 or size % 8:
        raise OptionError(f"size must be a multiple of 8 and at least 16, not {size}.")
    if not 0 <= exposure <= 1:
        raise OptionError(f"exposure must be between 0 and 1 second, not {exposure}.")
    found = []
    step = clips_per_shard if format == "shard" else 1
    for number, first in enumerate(range(0, plan.clips, step)):
        last = min(first + step, plan.clips)
        name = f"clips-{number:05d}.safetensors"
        if format != "shard":
            name = f"id{plan.clip(first).spec.identity}#{first:06d}" + (".mp4" if format == "mp4" else "")
        path = folder / name
        todo = _missing(path, parts)
        if todo or not (parts or path.exists()):
            found.append(Job(plan, first, last, size, format, path, exposure, plates=plates, parts=todo))
    return found


def write_clips(todo: list[Job], workers: int = 1) -> Generator[int, None, None]:
    """Does the jobs, in `workers` processes when more than one; yields the frames of each finished job."""
    if workers <= 1:
        for job in todo:
            yield run_job(job)
        return
    with get_context("spawn").Pool(workers, initializer=_start_worker) as pool:
        yield from pool.imap_unordered(run_job, todo)


def make_set(todo: list[Job], workers: int, progress: bool = True) -> tuple[int, float]:
    """Writes everything with a progress bar on stderr; returns the frames written and the seconds it took."""
    from tqdm import tqdm

    begin, done = time.perf_counter(), 0
    total = sum((job.last - job.first) * job.plan.frames for job in todo)
    with tqdm(total=total, unit="frame", disable=not progress) as bar:
        for count in write_clips(todo, workers):
            done += count
            bar.update(count)
    return done, time.perf_counter() - begin


__all__ = ["FORMATS", "FPS", "Job", "jobs", "make_set", "run_job", "write_clips"]
