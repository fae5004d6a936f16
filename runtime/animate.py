"""One call from a picture and a video to a moving picture."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from contextvars import copy_context
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np

from checkpoints.bundle import Bundle
from checkpoints.contract import FROM_REFERENCE
from checkpoints.errors import OptionError
from runtime.animator import Animator, source_views
from runtime.engine import DEFAULT_MODEL, Engine
from runtime.graphs.sessions import Device, check_device
from runtime.many.pipeline import prefetch
from runtime.media.background import Background
from runtime.media.fetch import local
from runtime.media.given import Stream
from runtime.media.names import check_path
from runtime.media.picture import Picture, check_file
from runtime.media.signing import signature_for
from runtime.media.video import exact_rate
from runtime.motion.driving import Framed, frame_clip, open_clip, read_motion, reference_of
from runtime.motion.modes import Motion
from runtime.options import Option, Options, called_with
from runtime.progress import Progress, progress_bar
from runtime.result.animation import Animation, Sound, check_target, written
from runtime.result.compare import Comparison, check_compare
from runtime.result.frames import FrameStream
from runtime.result.label import Label
from runtime.result.structure import Marker
from runtime.values import Bytes


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
    views, background = source_views(asked.source), Background.of(asked.background)
    if asked.output is not None:
        check_target(asked.output, background.transparent, [*views, asked.driving, background.file])
    target = None if asked.output is None else Path(asked.output)
    signature = None if asked.sign is None else signature_for(target, asked.sign)
    with ExitStack() as stack:
        animator, framed = _opened(asked, views, stack)
        frames, extent = _results(asked, animator, framed, stack)
        rate, video = framed.clip.rate, framed.clip.video
        sound = None if video is None else Sound(video, asked.loop)
        if asked.output is None:
            if sound is not None and not _is_file(asked.driving, sound.video.path):
                sound = None  # what was fetched, or given as bytes, will be gone
            return Animation(np.stack(list(frames)), rate, sound=sound)
        waiting, transparent = 2 * animator.engine.batch, background.transparent
        return written(frames, asked.output, extent, rate, sound, signature, transparent=transparent, waiting=waiting)


@called_with(Request)
def stream(asked: Request) -> FrameStream:
    """The frames of `animate` one by one as they are made, a few ahead of whoever takes them; nothing is written.

    for frame in stream("photo.jpg", "driving.mp4"):
        show(frame)

    It is called like `animate`, but for `output` and `sign`; `driving` may be endless. `Animator.frame` gives a camera
    each answer sooner. Inputs and options are looked at when it is called, with the errors of `animate`.
    """
    if asked.output is not None or asked.sign is not None:
        raise OptionError("A stream writes no file; leave output and sign out, or call animate.")
    with ExitStack() as stack:
        animator, framed = _opened(asked, source_views(asked.source), stack)
        frames, extent = _results(asked, animator, framed, stack)
        total = None if framed.clip.total is None else framed.clip.total * asked.loop
        return FrameStream(frames, extent, framed.clip.rate, total, stack.pop_all())


def _is_file(driving: object, path: Path) -> bool:
    """Whether what drives was given as the file `path`."""
    return isinstance(driving, str | os.PathLike) and Path(driving) == path


def _opened(asked: Request, views: Sequence[Picture], stack: ExitStack) -> tuple[Animator, Framed]:
    """The source as it was set, and the driving clip as it is framed."""
    views = [stack.enter_context(local(view, asked.urls, asked.limits)) for view in views]
    driving = stack.enter_context(local(asked.driving, asked.urls, asked.limits))
    rate = None if asked.fps is None else exact_rate(asked.fps)
    clip = open_clip(driving, rate, asked.limits, asked.start, asked.end)
    if asked.compare or asked.show:
        check_compare(clip)
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
    total = None if framed.clip.total is None else framed.clip.total * asked.loop
    report = stack.enter_context(progress_bar(asked.progress, total))
    frames: Iterator[Bytes] = stack.enter_context(closing(_render(animator, framed, asked, report, total)))
    extent = animator.size
    if asked.compare or asked.show:
        mark = Marker(animator.engine) if asked.show else None
        sides = Comparison(animator.still, framed, animator.engine.resolution, asked.loop, mark)
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
        if asked.loop > 1 or counted:
            batches = list(motions)
        if counted:
            driving = Motion.concatenate(list(batches))
            animator.reset(reference_of(animator.source.motion[:1], driving, asked.reference))
        for _ in range(asked.loop):
            for motion in batches:
                yield from animator.poses(motion)
                done += len(motion)
                report(done, total)
