"""From a video to a motion file."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from checkpoints.errors import OutputError
from runtime.engine import DEFAULT_MODEL, Engine
from runtime.framing.framer import Crop
from runtime.graphs.sessions import Device
from runtime.media.given import Stream, as_file
from runtime.media.limits import DEFAULT_LIMITS, Limits
from runtime.media.names import check_path, destination
from runtime.media.picture import Fit, Picture
from runtime.media.video import exact_rate
from runtime.motion.driving import Clip, frame_clip, open_clip, read_motion
from runtime.motion.file import SUFFIX, MotionFile, save_motion
from runtime.motion.modes import Motion
from runtime.options import Options
from runtime.progress import Progress, progress_bar


def extract_motion(
    driving: str | os.PathLike[str] | Stream | Picture | Iterable[Picture],
    output: str | os.PathLike[str] | None = None,
    *,
    model: str | os.PathLike[str] | Engine = DEFAULT_MODEL,
    device: Device = "auto",
    fit: Fit = "crop",
    driving_crop: Crop = "auto",
    driving_face: int | None = None,
    fps: float | None = None,
    limits: Limits = DEFAULT_LIMITS,
    progress: bool | Progress = True,
) -> MotionFile:
    """Find the motion of `driving` and write it to `output` (.motion), if given; `animate` plays it.

    Playing the file gives, on the CPU, the very frames that playing the video would give. The options are those
    of `runtime.animate`. Raises a `BunrakuError` when the video, an option, the model or the output is at fault.
    """
    options = Options(fit=fit, driving_crop=driving_crop, driving_face=driving_face, fps=fps, limits=limits)
    check_path(output, "output")
    target = None if output is None else Path(output)
    if target is not None:
        _check_target(target)
    with as_file(driving, options.limits) as here:
        clip = open_clip(here, None if options.fps is None else exact_rate(options.fps), options.limits)
        recorded = _recorded(clip, model, device, options, progress)
    if target is not None:
        save_motion(target, recorded)
    return recorded


def _recorded(
    clip: Clip, model: str | os.PathLike[str] | Engine, device: Device, options: Options, progress: bool | Progress
) -> MotionFile:
    """The motion of `clip`, by a model, as a file holds it."""
    engine = model if isinstance(model, Engine) else Engine(model, device=device)
    framed = frame_clip(clip, engine.framer(options))
    batches: list[Motion] = []
    done = 0
    with progress_bar(progress, clip.total) as report, closing(read_motion(framed, engine, expression=True)) as motions:
        for motion in motions:
            batches.append(motion)
            done += len(motion)
            report(done, clip.total)
    return MotionFile.of(Motion.concatenate(batches), clip.rate, engine.bundle)


def _check_target(target: Path) -> None:
    if target.suffix.lower() != SUFFIX:
        raise OutputError(f"{target} must end in {SUFFIX}; give another name.")
    folder = destination(target).absolute().parent
    if not folder.is_dir():
        raise OutputError(f"The folder {folder} does not exist; make it, or give another name.")
