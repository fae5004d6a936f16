"""One call from a picture and a video to a moving picture."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np

from checkpoints.bundle import Bundle
from checkpoints.errors import InputError, OptionError
from runtime.auto import AutoModel
from runtime.engine import DEFAULT_MODEL, Engine
from runtime.framing.chosen import several_faces
from runtime.graphs.sessions import Device, check_device
from runtime.media.background import Background
from runtime.media.given import Stream
from runtime.media.names import check_path
from runtime.media.picture import Picture, source_views
from runtime.media.signing import signature_for
from runtime.motion.seamless import SEAMLESS
from runtime.options import Option, Options, called_with
from runtime.progress import Progress, progress_bar
from runtime.result.animation import Animation, Sound, check_target, written
from runtime.result.compare import Comparison
from runtime.result.frames import FrameStream
from runtime.result.label import Label
from runtime.result.structure import Marker
from runtime.sources.playing import play
from runtime.sources.staging import Staging, stage
from runtime.values import Bytes

Driving = str | os.PathLike[str] | Stream | Picture | Iterable[Picture]
"""What may drive."""


@dataclass(frozen=True, kw_only=True)
class Request(Options):
    """What `animate` is asked for; the fields are its keywords."""

    source: Picture | Sequence[Picture] = field(kw_only=False)
    driving: Driving | None = field(default=None, kw_only=False)
    drivings: Sequence[Driving] = ()
    model: Annotated[str | os.PathLike[str] | Engine | Bundle | AutoModel, Option("machine")] = DEFAULT_MODEL
    """The model: an embedded one, a folder, or owner/name on the Hub; auto: of those here, one that suits what picture
    and driver show, a face, a whole person or neither.
    """
    output: str | os.PathLike[str] | None = None
    device: Annotated[Device, Option("machine", check_device)] = "auto"
    """Where to compute."""
    progress: Annotated[bool | Progress, Option("machine")] = True
    """Show a bar on stderr."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_path(self.output, "output")
        if not isinstance(self.drivings, list | tuple):
            raise OptionError(f"drivings is {self.drivings!r}; it must be a list: what drives each face.")
        if self.driving is None and not self.drivings:
            raise InputError("driving is NoneType: it is missing; give a video file or many pictures, or drivings.")

    @property
    def all_drivings(self) -> list[Driving]:
        """What drives: one for everybody, or one for each face."""
        return [*([] if self.driving is None else [self.driving]), *self.drivings]

    @property
    def moves_several(self) -> bool:
        """Whether several faces may be moved."""
        return several_faces(self.face) or len(self.all_drivings) > 1


@called_with(Request)
def animate(asked: Request) -> Animation:
    """Move the picture, or the video, `source` as the video `driving` moves.

    `source`: a picture, that is a file (its name, its bytes, or open in binary mode), a Pillow image or a uint8 array
    (H, W, 3) in RGB; a list of them, or an array (V, H, W, 3), for models that fuse views. What moves already (a video
    file, an animated picture, a folder of frames) is moved frame by frame: the driving motion is added to its own (see
    the options `timing`, `sound` and `source_frame`). `driving`: a video file, a
    motion file (see `runtime.motion.file`; both by name, as bytes, or open), a folder of frames, one picture, an array
    (T, H, W, 3), or any iterable of pictures (it may be endless as long as `output` is given and something stops it).

    `drivings`: what drives further faces, in place of one for all: `animate(group, a, drivings=[b])` moves face 1 as
    `a` moves and face 2 as `b` does, or those that `face` lists. Who ends earlier keeps their last pose. Several faces
    are pasted back into the whole picture.

    `model`: an embedded name, a folder, `owner/name` on the Hub, or an `Engine` to use again (then `device`
    is the engine's). `progress`: a bar on stderr, nothing, or a function. With `output` (.mp4, .mov, .mkv, .webm, .gif,
    .webp; a name that ends in a slash, or an empty folder, for PNG frames) the result is written there when it is
    complete, with the sound that the option `sound` says, and memory does not grow with its length; without, all frames
    are kept and returned. All other keywords are the fields of `runtime.options.Options`.

    A driving video's square is found in its first seconds. Every file that is written carries metadata which says that
    it is generated. What can be read of a driving video that is damaged or breaks off is used, and a `BunrakuWarning`
    tells.

    Raises a `BunrakuError` when an input cannot be used, an option is wrong, the model or device is not to
    be had, or the output cannot be written; nothing is left at `output` then.
    """
    views, background = source_views(asked.source), Background.of(asked.background)
    if asked.output is not None:
        check_target(asked.output, background.transparent, [*views, *asked.all_drivings, background.file])
    target = None if asked.output is None else Path(asked.output)
    signature = None if asked.sign is None else signature_for(target, asked.sign)
    with ExitStack() as stack:
        staging = stage(asked, views, stack)
        frames, extent, _ = _results(asked, staging, stack)
        rate, video = staging.rate, None if asked.loop == SEAMLESS else staging.sound(asked.sound)
        sound = None if video is None else Sound(video, asked.turns)
        if asked.output is None:
            if sound is not None and not _is_file([*views, *asked.all_drivings], sound.video.path):
                sound = None  # what was fetched, or given as bytes, will be gone
            return Animation(np.stack(list(frames)), rate, sound=sound)
        waiting, transparent = 2 * staging.animators[0].engine.batch, background.transparent
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
        staging = stage(asked, source_views(asked.source), stack)
        frames, extent, total = _results(asked, staging, stack)
        return FrameStream(frames, extent, staging.rate, total, stack.pop_all())


def _is_file(given: Iterable[object], path: Path) -> bool:
    """Whether one of the things `given` was the file `path`."""
    return any(isinstance(each, str | os.PathLike) and Path(each) == path for each in given)


def _results(asked: Request, staging: Staging, stack: ExitStack) -> tuple[Iterator[Bytes], tuple[int, int], int | None]:
    """The frames of the result one by one, their (width, height), and how many there will be, where that is known."""
    known = staging.total is not None and asked.loop != SEAMLESS
    total = (staging.total or 0) * asked.turns if known else None
    report = stack.enter_context(progress_bar(asked.progress, total))
    first, extent = staging.animators[0], staging.animators[0].size
    sides = None
    if asked.compare or asked.show:
        mark = Marker(first.engine) if asked.show else None
        sides = stack.enter_context(
            Comparison(lambda: first.still, staging.drivers[0], first.engine.resolution, staging.rate, mark)
        )
    begin = (lambda: None) if sides is None else sides.begin
    frames: Iterator[Bytes] = stack.enter_context(closing(play(staging, asked, report, total, begin)))
    if sides is not None:
        frames, extent = map(sides, frames), sides.size
    return (map(Label(extent), frames) if asked.label else frames), extent, total
