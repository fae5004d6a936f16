"""One call from a picture and a video to a moving picture."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from checkpoints.errors import OptionError, OutputError
from runtime.engine import DEFAULT_MODEL, Animator, Engine, LayersMode, check_layers, check_mode, source_views
from runtime.framing.framer import Crop, check_crop, check_face
from runtime.graphs.sessions import Device
from runtime.many.pipeline import Sink, prefetch
from runtime.media.fetch import local
from runtime.media.frames_folder import FolderWriter, check_frames_folder, is_folder, read_folder
from runtime.media.limits import DEFAULT_LIMITS, Limits
from runtime.media.picture import Bytes, Fit, Picture, check_background, check_file, check_fit
from runtime.media.signing import signature_for
from runtime.media.video import probe, read_frames
from runtime.media.writer import VideoWriter, check_output
from runtime.motion.driving import (
    Clip,
    Reference,
    check_reference,
    check_span,
    look,
    open_clip,
    read_motion,
    reference_of,
)
from runtime.motion.modes import Mode, Motion, check_strength
from runtime.motion.smoothing import check_smoothing
from runtime.result.compare import Comparison, check_compare
from runtime.result.finish import check_size
from runtime.result.label import Label
from runtime.result.structure import Marker, Show, check_show

Progress = Callable[[int, int | None], object]
"""Called with the number of frames done and, where it is known, of all; an exception from it stops the
work.
"""

_MAX_RATE = 1000
_MAX_LOOP = 10_000


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
        """uint8 (height, width, 3) each, as encoded (videos and GIFs do not keep every bit)."""
        if self._path.is_dir():
            return read_folder(self._path)
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
    reference: Reference = "first",
    fit: Fit = "crop",
    crop: Crop = "auto",
    driving_crop: Crop = "auto",
    face: int | None = None,
    paste_back: bool = False,
    size: int | None = None,
    detail: bool = True,
    layers: LayersMode = "auto",
    fps: float | None = None,
    start: float = 0.0,
    end: float | None = None,
    loop: int = 1,
    compare: bool = False,
    show: Show | None = None,
    background: str = "white",
    urls: bool = False,
    label: bool = False,
    sign: str | os.PathLike[str] | None = None,
    limits: Limits = DEFAULT_LIMITS,
    progress: bool | Progress = True,
) -> Animation:
    """Move the picture `source` as the video `driving` moves.

    `source`: a file, Pillow image or uint8 array (H, W, 3) in RGB; a list of them for models that fuse
    views. `driving`: a video file, a motion file (see `runtime.motion.file`), a folder of frames, or any iterable
    of such pictures (it may be endless as long as `output` is given and something stops it).

    `model`: an embedded name, a folder, `owner/name` on the Hub, or an `Engine` to use again (then `device`
    is the engine's). `mode`, `strength`, `smoothing`, `adapt_scale`: see `Animator`. `reference`: the driving
    frame that the relative mode counts the motion from: "first", a number from 0 on, or "best", the one whose
    pose is most like the source's; but for "first" all frames are looked at before the first one is made.
    `fps`: frames a second, by default the driving video's own, 25 for pictures. `start`, `end`: seconds between
    which it is played, and `loop` how often. `limits`: what inputs are refused as too large (see `Limits`).
    `progress`: a bar on stderr, nothing, or a function.

    With `urls` both may be http(s) addresses. `background`: the colour behind a picture's transparent parts.

    `crop`, `driving_crop`, `face`, `paste_back`, `size`, `detail`, `fit`: what of the pictures is used, and
    whether the result is that square, how large and how sharp, or the whole picture: see `Animator`; a driving
    video's square is found in its first seconds. `layers`: whether people are moved as a whole, likewise.

    With `compare` each result stands beside source and driving frame; `show` "structure" does the same and draws on all
    three what the model finds in them, its points or the tree of anchors that binds them (see
    `runtime.result.structure`).

    Every file that is written carries metadata which says that it is generated; `label` writes so into the pictures,
    too, and `sign`, a PEM file with a key and its certificates, signs the file (C2PA, see `runtime.media.signing`).

    With `output` (.mp4, .mov, .mkv, .webm, .gif, .webp; a name that ends in a slash, or an empty folder, for PNG
    frames) the result is written there when it is complete, with the driving video's sound, and memory does not
    grow with its length; without, all frames are kept and returned. What can be read of a driving video that is
    damaged or breaks off is used, and a `BunrakuWarning` tells.

    Raises a `BunrakuError` when an input cannot be used, an option is wrong, the model or device is not to
    be had, or the output cannot be written; nothing is left at `output` then.
    """
    check_mode(mode)
    check_strength(strength)
    check_smoothing(smoothing)
    check_fit(fit)
    check_crop(crop, "crop")
    check_crop(driving_crop, "driving_crop", follow=True)
    check_face(face)
    check_size(size, paste_back)
    check_show(show, paste_back)
    check_layers(layers)
    check_reference(reference)
    check_span(start, end)
    check_loop(loop)
    check_background(background)
    rate = None if fps is None else exact_rate(fps)
    target = None if output is None else Path(output)
    views = source_views(source)
    if target is not None:
        _check_target(target, is_folder(str(output)), [*views, driving])
    signature = None if sign is None else signature_for(target, sign)
    with ExitStack() as stack:
        views = [stack.enter_context(local(view, urls, limits)) for view in views]
        driving = stack.enter_context(local(driving, urls, limits))
        clip = open_clip(driving, rate, limits, start, end)
        if compare or show:
            check_compare(clip)
        for view in views:
            if isinstance(view, str | os.PathLike):
                check_file(Path(view))  # before the model is opened, which takes its time
        engine = model if isinstance(model, Engine) else Engine(model, device=device)

        animator = Animator(
            engine,
            mode=mode,
            strength=strength,
            smoothing=smoothing,
            adapt_scale=adapt_scale,
            fit=fit,
            crop=crop,
            driving_crop=driving_crop,
            face=face,
            paste_back=paste_back,
            background=background,
            size=size,
            detail=detail,
            layers=layers,
            fps=float(clip.rate),
            limits=limits,
        )
        # Meanwhile: both take about as long. What it raises, the reader of the frames will raise again.
        stack.enter_context(ThreadPoolExecutor(1, "bunraku-look")).submit(look, clip, animator.framer)
        animator.set_source(views)
        total = None if clip.total is None else clip.total * loop
        report = stack.enter_context(progress_bar(progress, total))
        frames: Iterator[Bytes] = stack.enter_context(closing(_render(animator, clip, reference, loop, report, total)))
        extent = animator.size
        if compare or show:
            mark = Marker(engine) if show else None
            sides = Comparison(animator.still, clip, engine.resolution, animator.framer, loop, mark)
            frames, extent = map(stack.enter_context(sides), frames), sides.size
        if label:
            frames = map(Label(extent), frames)
        if target is None:
            return Animation(np.stack(list(frames)), clip.rate, None)
        folder = is_folder(str(output))
        writer = FolderWriter(target) if folder else VideoWriter(target, extent, clip.rate, clip.video, loop, signature)
        with writer, Sink(writer.write, depth=2 * engine.batch) as sink:
            for frame in frames:
                sink.put(frame)
        return Animation(VideoFrames(target, writer.frames, clip.rate), clip.rate, target)


def _render(
    animator: Animator, clip: Clip, reference: Reference, loop: int, report: Progress, total: int | None
) -> Generator[Bytes, None, None]:
    """The animated frames one by one, computed in batches while the next ones are being decoded."""
    done = 0
    # Detected in a thread of its own: while the last frames of one batch are rendered, the next batch is looked at.
    with prefetch(read_motion(clip, animator.engine, animator.framer, eyes=animator.layered), depth=1) as motions:
        batches: Iterable[Motion] = motions
        if loop > 1 or (reference != "first" and animator.mode == "relative"):
            batches = list(motions)
        if reference != "first" and animator.mode == "relative":
            animator.reset(reference_of(animator.source.motion[:1], Motion.concatenate(list(batches)), reference))
        for _ in range(loop):
            for motion in batches:
                yield from animator.poses(motion)
                done += len(motion)
                report(done, total)


def _check_target(target: Path, folder: bool, inputs: Iterable[object]) -> None:
    """Refuse an output that cannot be written, or that would overwrite an input."""
    (check_frames_folder if folder else check_output)(target)
    for path in (Path(each) for each in inputs if isinstance(each, str | os.PathLike)):
        if path.exists() and target.exists() and path.samefile(target):
            raise OutputError(f"{target} is the input itself; give another name.")


def check_loop(loop: int) -> None:
    """Raises `OptionError` unless `loop` is a number of times."""
    if isinstance(loop, bool) or not isinstance(loop, int) or not 1 <= loop <= _MAX_LOOP:
        raise OptionError(f"loop is {loop}; it must be a whole number from 1 to {_MAX_LOOP}.")


def exact_rate(fps: float) -> Fraction:
    """`fps` as the fraction that was meant: 29.97 is 30000/1001."""
    if not 0 < fps <= _MAX_RATE:
        raise OptionError(f"fps is {fps}; it must lie above 0 and not above {_MAX_RATE}.")
    ntsc = Fraction(round(fps * 1.001) * 1000, 1001)
    return ntsc if fps != round(fps) and abs(ntsc - Fraction(fps)) < Fraction(1, 100) else Fraction(str(fps))


@contextmanager
def progress_bar(progress: bool | Progress, total: int | None) -> Iterator[Progress]:
    """The function to report to: the caller's, a bar's on stderr, or one that does nothing."""
    if callable(progress):
        yield progress
        return
    from tqdm import tqdm  # here: only those who watch need it

    with tqdm(total=total, unit=" frames", disable=not progress, leave=True) as bar:
        yield lambda done, _: bar.update(done - bar.n)
