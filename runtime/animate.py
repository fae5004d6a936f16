"""One call from a picture and a video to a moving picture."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence, Sized
from contextlib import closing, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np

from checkpoints.errors import InputError, OptionError, OutputError
from runtime.engine import DEFAULT_MODEL, Animator, Engine, check_mode, source_views
from runtime.motion import Mode, check_strength
from runtime.picture import Bytes, Fit, Picture, check_file, check_fit, read_square
from runtime.pipeline import Sink, prefetch
from runtime.sessions import Device
from runtime.smoothing import check_smoothing
from runtime.video import VideoInfo, probe, read_frames
from runtime.writer import VideoWriter, check_output

Progress = Callable[[int, int | None], object]
"""Called with the number of frames done and, where it is known, of all; an exception from it stops the
work.
"""

_MAX_RATE = 1000


class VideoFrames:
    """The frames of a finished video, read from its file as they are asked for; may be iterated again and
    again.
    """

    def __init__(self, path: Path, count: int, rate: Fraction) -> None:
        self._path = path
        self._count = count
        self._rate = rate

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Bytes]:
        """uint8 (R, R, 3) each, as encoded (videos and GIFs do not keep every bit)."""
        return read_frames(probe(self._path), rate=self._rate)


@dataclass(frozen=True)
class Animation:
    """A moving picture."""

    frames: Bytes | VideoFrames
    """uint8 (T, R, R, 3) in RGB; with an output file, a lazy sequence of (R, R, 3) that reads from it."""
    rate: Fraction
    """Frames a second, exact."""
    path: Path | None
    """The file that was written, if one was asked for."""

    @property
    def fps(self) -> float:
        """Frames a second."""
        return float(self.rate)

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.frames)


def animate(
    source: Picture | Sequence[Picture],
    driving: str | os.PathLike[str] | Iterable[Picture],
    *,
    model: str | os.PathLike[str] | Engine = DEFAULT_MODEL,
    mode: Mode = "relative",
    output: str | os.PathLike[str] | None = None,
    device: Device = "auto",
    strength: float = 1.0,
    smoothing: float = 0.0,
    adapt_scale: bool = True,
    fit: Fit = "crop",
    fps: float | None = None,
    progress: bool | Progress = True,
) -> Animation:
    """Move the picture `source` as the video `driving` moves.

    `source`: a file, Pillow image or uint8 array (H, W, 3) in RGB; a list of them for models that fuse
    views. `driving`: a video file, or any iterable of such pictures (it may be endless as long as `output`
    is given and something stops it). Every input becomes the model's square by `fit`: "crop" (centred) or
    "pad".

    `model`: an embedded name, a folder, `owner/name` on the Hub, or an `Engine` to use again (then `device`
    is the engine's). `mode`, `strength`, `smoothing`, `adapt_scale`: see `Animator`. `fps`: frames a
    second, by default the driving video's own, 25 for an iterable. `progress`: a bar on stderr, nothing, or
    a function.

    With `output` (.mp4, .mov, .mkv, .webm, .gif) the video is written there when it is complete, with the
    driving video's sound, and memory does not grow with its length; without, all frames are kept and
    returned.

    Raises a `BunrakuError` when an input cannot be used, an option is wrong, the model or device is not to
    be had, or the output cannot be written; nothing is left at `output` then.
    """
    check_mode(mode)
    check_strength(strength)
    check_smoothing(smoothing)
    check_fit(fit)
    rate = None if fps is None else _exact(fps)
    target = None if output is None else Path(output)
    views = source_views(source)
    if target is not None:
        _check_target(target, [*views, driving])
    video = probe(Path(driving)) if isinstance(driving, str | os.PathLike) else None
    for view in views:
        if isinstance(view, str | os.PathLike):
            check_file(Path(view))  # before the model is opened, which takes its time
    engine = model if isinstance(model, Engine) else Engine(model, device=device)

    rate = rate or (video.rate if video else Fraction(25))
    animator = Animator(
        engine,
        mode=mode,
        strength=strength,
        smoothing=smoothing,
        adapt_scale=adapt_scale,
        fit=fit,
        fps=float(rate),
    )
    animator.set_source(views)
    squares, total = _squares(driving, video, engine.resolution, fit, rate)
    with _bar(progress, total) as report:
        if target is None:
            kept = np.stack(list(_render(animator, squares, report, total)))
            return Animation(kept, rate, None)
        size = (engine.resolution, engine.resolution)
        with (
            VideoWriter(target, size, rate, video) as writer,
            Sink(writer.write, depth=2 * engine.batch) as sink,
            closing(_render(animator, squares, report, total)) as frames,
        ):
            for frame in frames:
                sink.put(frame)
    return Animation(VideoFrames(target, writer.frames, rate), rate, target)


def _render(
    animator: Animator, squares: Iterable[Bytes], report: Progress, total: int | None
) -> Generator[Bytes, None, None]:
    """The animated frames one by one, computed in batches while the next ones are being decoded."""
    batch = animator.engine.batch
    done = 0
    with prefetch(squares, depth=2 * batch) as ready:
        while frames := list(islice(ready, batch)):
            yield from animator.frames(np.stack(frames))
            done += len(frames)
            report(done, total)
    if not done:
        raise InputError("The driving frames are empty; give at least one.")


def _squares(
    driving: str | os.PathLike[str] | Iterable[Picture],
    video: VideoInfo | None,
    size: int,
    fit: Fit,
    rate: Fraction,
) -> tuple[Iterator[Bytes], int | None]:
    """The driving frames in the model's square, and how many there will be, where that is known."""
    if video is not None:
        total = None if video.duration is None else max(1, round(video.duration * rate))
        return read_frames(video, size, fit, rate), total
    if not isinstance(driving, Iterable):
        raise InputError(f"The driving frames are {type(driving).__name__}; give a video file or many pictures.")
    total = len(driving) if isinstance(driving, Sized) else None
    return (read_square(picture, size, fit) for picture in driving), total


def _check_target(target: Path, inputs: Iterable[object]) -> None:
    """Refuse an output that cannot be written, or that would overwrite an input."""
    check_output(target)
    for path in (Path(each) for each in inputs if isinstance(each, str | os.PathLike)):
        if path.exists() and target.exists() and path.samefile(target):
            raise OutputError(f"{target} is the input itself; give another name.")


def _exact(fps: float) -> Fraction:
    """`fps` as the fraction that was meant: 29.97 is 30000/1001."""
    if not 0 < fps <= _MAX_RATE:
        raise OptionError(f"fps is {fps}; it must lie above 0 and not above {_MAX_RATE}.")
    ntsc = Fraction(round(fps * 1.001) * 1000, 1001)
    return ntsc if fps != round(fps) and abs(ntsc - Fraction(fps)) < Fraction(1, 100) else Fraction(str(fps))


@contextmanager
def _bar(progress: bool | Progress, total: int | None) -> Iterator[Progress]:
    """The function to report to: the caller's, a bar's on stderr, or one that does nothing."""
    if callable(progress):
        yield progress
        return
    from tqdm import tqdm  # here: only those who watch need it

    with tqdm(total=total, unit=" frames", disable=not progress, leave=True) as bar:
        yield lambda done, _: bar.update(done - bar.n)
