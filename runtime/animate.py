"""One call from a picture and a video to a moving picture."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from contextvars import copy_context
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import numpy as np

from checkpoints.bundle import Bundle
from checkpoints.contract import FROM_REFERENCE
from checkpoints.errors import OutputError
from runtime.animator import Animator, source_views
from runtime.control.pose import POSE
from runtime.engine import DEFAULT_MODEL, Engine
from runtime.graphs.sessions import Device, check_device
from runtime.many.pipeline import Sink, prefetch
from runtime.media.background import Background
from runtime.media.fetch import local
from runtime.media.frames_folder import FolderWriter, check_frames_folder, is_folder, read_folder
from runtime.media.given import Stream
from runtime.media.names import check_path
from runtime.media.picture import Picture, check_file
from runtime.media.signing import signature_for
from runtime.media.video import exact_rate, probe, read_frames, read_transparent
from runtime.media.writer import VideoWriter, check_output
from runtime.motion.driving import Framed, frame_clip, open_clip, read_motion, reference_of
from runtime.motion.modes import Motion
from runtime.motion.seamless import SEAMLESS, has_cuts, seamless
from runtime.options import Option, Options, called_with
from runtime.progress import Progress, progress_bar
from runtime.result.compare import Comparison, check_compare
from runtime.result.label import Label
from runtime.result.structure import Marker
from runtime.values import Bytes


class VideoFrames:
    """The frames of a finished video, read from its file as they are asked for; may be iterated again and
    again.
    """

    def __init__(self, path: Path, count: int, rate: Fraction, transparent: bool = False) -> None:
        self._path = path
        self._count = count
        self._rate = rate
        self._transparent = transparent

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Bytes]:
        """uint8 (height, width, 3) each, or 4 with alpha, as encoded (videos and GIFs do not keep every bit)."""
        if self._path.is_dir():
            return read_folder(self._path)
        read = read_transparent if self._transparent else read_frames
        return read(probe(self._path), rate=self._rate)


@dataclass(frozen=True)
class Animation:
    """A moving picture."""

    frames: Bytes | VideoFrames
    """uint8 (T, R, R, 3) in RGB, or 4 with alpha; with an output file, a lazy sequence of (R, R, 3) that reads from it.
    """
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


@dataclass(frozen=True, kw_only=True)
class Request(Options):
    """What `animate` is asked for; the fields are its keywords."""

    source: Picture | Sequence[Picture] = field(kw_only=False)
    driving: str | os.PathLike[str] | Stream | Picture | Iterable[Picture] = field(kw_only=False)
    model: Annotated[str | os.PathLike[str] | Engine | Bundle, Option("machine")] = DEFAULT_MODEL
    """The model: an embedded one, a folder, or owner/name on the Hub."""
    output: str | os.PathLike[str] | None = None
    device: Annotated[Device, Option("machine", check_device)] = "auto"
    """Where to compute."""
    progress: Annotated[bool | Progress, Option("machine")] = True
    """Show a bar on stderr."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_path(self.output, "output")


@called_with(Request)
def animate(asked: Request) -> Animation:
    """Move the picture `source` as the video `driving` moves.

    `source`: a picture, that is a file (its name, its bytes, or open in binary mode), a Pillow image or a uint8 array
    (H, W, 3) in RGB; a list of them, or an array (V, H, W, 3), for models that fuse views. `driving`: a video file, a
    motion file (see `runtime.motion.file`; both by name, as bytes, or open), a folder of frames, one picture, an array
    (T, H, W, 3), or any iterable of pictures (it may be endless as long as `output` is given and something stops it).

    `model`: an embedded name, a folder, `owner/name` on the Hub, or an `Engine` to use again (then `device`
    is the engine's). `progress`: a bar on stderr, nothing, or a function. With `output` (.mp4, .mov, .mkv, .webm, .gif,
    .webp; a name that ends in a slash, or an empty folder, for PNG frames) the result is written there when it is
    complete, with the driving video's sound, and memory does not grow with its length; without, all frames are kept and
    returned. All other keywords are the fields of `runtime.options.Options`.

    A driving video's square is found in its first seconds. Every file that is written carries metadata which says that
    it is generated. What can be read of a driving video that is damaged or breaks off is used, and a `BunrakuWarning`
    tells.

    Raises a `BunrakuError` when an input cannot be used, an option is wrong, the model or device is not to
    be had, or the output cannot be written; nothing is left at `output` then.
    """
    target = None if asked.output is None else Path(asked.output)
    views, background = source_views(asked.source), Background.of(asked.background)
    if target is not None:
        folder, inputs = is_folder(str(asked.output)), [*views, asked.driving, background.file]
        _check_target(target, folder, background.transparent, inputs)
    signature = None if asked.sign is None else signature_for(target, asked.sign)
    with ExitStack() as stack:
        animator, framed = _opened(asked, views, stack)
        frames, extent = _results(asked, animator, framed, stack)
        rate = framed.clip.rate
        if target is None:
            return Animation(np.stack(list(frames)), rate, None)
        writer: FolderWriter | VideoWriter
        if is_folder(str(asked.output)):
            writer = FolderWriter(target)
        else:
            sound, transparent = None if asked.loop == SEAMLESS else framed.clip.video, background.transparent
            writer = VideoWriter(target, extent, rate, sound, asked.turns, signature, transparent=transparent)
        with writer, Sink(writer.write, depth=2 * animator.engine.batch) as sink:
            for frame in frames:
                sink.put(frame)
        rate = writer.rate if isinstance(writer, VideoWriter) else rate
        return Animation(VideoFrames(target, writer.frames, rate, background.transparent), rate, target)


def _opened(asked: Request, views: Sequence[Picture], stack: ExitStack) -> tuple[Animator, Framed]:
    """The source as it was set, and the driving clip as it is framed."""
    views = [stack.enter_context(local(view, asked.urls, asked.limits)) for view in views]
    driving = stack.enter_context(local(asked.driving, asked.urls, asked.limits))
    rate = None if asked.fps is None else exact_rate(asked.fps)
    clip = open_clip(driving, rate, asked.limits, asked.start, asked.end)
    if asked.compare or asked.show:
        check_compare(clip, asked.loop)
    for view in views:
        if isinstance(view, str | os.PathLike):
            check_file(Path(view))  # before the model is opened, which takes its time
    engine = asked.model if isinstance(asked.model, Engine) else Engine(asked.model, device=asked.device)
    animator = Animator(engine, fps=float(clip.rate), **asked.common())
    with ThreadPoolExecutor(1, "bunraku-frame") as team:  # both take about as long
        # With our context, so that what is warned of in there reaches whoever listens out here.
        framed = team.submit(copy_context().run, frame_clip, clip, animator.framer)
        animator.set_source(views)
        return animator, framed.result()


def _results(
    asked: Request, animator: Animator, framed: Framed, stack: ExitStack
) -> tuple[Iterator[Bytes], tuple[int, int]]:
    """The frames of the result one by one, and their (width, height)."""
    known = framed.clip.total is not None and asked.loop != SEAMLESS
    total = (framed.clip.total or 0) * asked.turns if known else None
    report = stack.enter_context(progress_bar(asked.progress, total))
    frames: Iterator[Bytes] = stack.enter_context(closing(_render(animator, framed, asked, report, total)))
    extent = animator.size
    if asked.compare or asked.show:
        mark = Marker(animator.engine) if asked.show else None
        sides = Comparison(animator.still, framed, animator.engine.resolution, asked.turns, mark)
        frames, extent = map(stack.enter_context(sides), frames), sides.size
    return (map(Label(extent), frames) if asked.label else frames), extent


def _render(
    animator: Animator, framed: Framed, asked: Request, report: Progress, total: int | None
) -> Generator[Bytes, None, None]:
    """The animated frames one by one, computed in batches while the next ones are being decoded."""
    done = 0
    # Detected in a thread of its own: while the last frames of one batch are rendered, the next batch is looked at.
    with prefetch(read_motion(framed, animator.engine, eyes=animator.layered), depth=1) as motions:
        batches: Iterable[Motion] = motions
        counted = asked.reference != "first" and asked.mode in FROM_REFERENCE
        if counted or asked.neutral or asked.loop == SEAMLESS:
            batches = _looked_through(animator, Motion.concatenate(list(motions)), asked, float(framed.clip.rate))
        elif asked.turns > 1:
            batches = list(motions)
        for _ in range(asked.turns):
            for motion in batches:
                yield from animator.poses(motion)
                done += len(motion)
                report(done, total)


def _looked_through(animator: Animator, driving: Motion, asked: Request, rate: float) -> list[Motion]:
    """The batches of a stream of which all frames are known before the first one is made."""
    reference = None
    if asked.mode in FROM_REFERENCE and POSE not in driving.parameters:
        if asked.reference != "first":
            reference = reference_of(animator.source.motion[:1], driving, asked.reference)
        elif asked.loop == SEAMLESS and not has_cuts(driving):
            reference = driving[:1]  # which need not be the first one in the circle
    animator.reset(reference)
    animator.learn(driving)
    if asked.loop == SEAMLESS:
        driving = seamless(driving, rate)
    batch = animator.engine.batch
    return [driving[start : start + batch] for start in range(0, len(driving), batch)]


def _check_target(target: Path, folder: bool, transparent: bool, inputs: Iterable[object]) -> None:
    """Refuse an output that cannot be written, or that would overwrite an input."""
    try:
        if folder:
            check_frames_folder(target)
        else:
            check_output(target, transparent)
    except OSError as error:  # a name that is too long, a link that leads to itself
        raise OutputError(f"{target} cannot be written ({error.strerror}); give another name.") from error
    for path in (Path(each) for each in inputs if isinstance(each, str | os.PathLike)):
        if path.exists() and target.exists() and path.samefile(target):
            raise OutputError(f"{target} is the input itself; give another name.")
