"""One call from a picture and a video to a moving picture."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import numpy as np

from checkpoints.bundle import Bundle
from checkpoints.errors import OptionError, OutputError
from runtime.animator import source_views
from runtime.engine import DEFAULT_MODEL, Engine
from runtime.framing.framer import several_faces
from runtime.graphs.sessions import Device, check_device
from runtime.many.pipeline import Sink
from runtime.media.background import Background
from runtime.media.frames_folder import FolderWriter, check_frames_folder, is_folder, read_folder
from runtime.media.given import Stream
from runtime.media.names import check_path
from runtime.media.picture import Picture
from runtime.media.signing import signature_for
from runtime.media.video import probe, read_frames, read_transparent
from runtime.media.writer import VideoWriter, check_output
from runtime.motion.seamless import SEAMLESS
from runtime.options import Option, Options, called_with
from runtime.progress import Progress, progress_bar
from runtime.result.compare import Comparison
from runtime.result.label import Label
from runtime.result.structure import Marker
from runtime.sources.playing import play
from runtime.sources.staging import Staging, stage
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


Driving = str | os.PathLike[str] | Stream | Picture | Iterable[Picture]
"""What may drive."""


@dataclass(frozen=True, kw_only=True)
class Request(Options):
    """What `animate` is asked for; the fields are its keywords."""

    source: Picture | Sequence[Picture] = field(kw_only=False)
    driving: Driving | None = field(default=None, kw_only=False)
    drivings: Sequence[Driving] = ()
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
        if self.driving is None and not len(self.drivings):
            raise TypeError("animate() missing a required argument: 'driving'")
        if isinstance(self.drivings, str | os.PathLike | bytes):
            raise OptionError(f"drivings is {self.drivings!r}; it must be a list: what drives each face.")

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
    target = None if asked.output is None else Path(asked.output)
    views, background = source_views(asked.source), Background.of(asked.background)
    if target is not None:
        folder, inputs = is_folder(str(asked.output)), [*views, *asked.all_drivings, background.file]
        _check_target(target, folder, background.transparent, inputs)
    signature = None if asked.sign is None else signature_for(target, asked.sign)
    with ExitStack() as stack:
        staging = stage(asked, views, stack)
        frames, extent = _results(asked, staging, stack)
        rate = staging.rate
        if target is None:
            return Animation(np.stack(list(frames)), rate, None)
        writer: FolderWriter | VideoWriter
        if is_folder(str(asked.output)):
            writer = FolderWriter(target)
        else:
            sound = None if asked.loop == SEAMLESS else staging.sound(asked.sound)
            transparent = background.transparent
            writer = VideoWriter(target, extent, rate, sound, asked.turns, signature, transparent=transparent)
        with writer, Sink(writer.write, depth=2 * staging.animators[0].engine.batch) as sink:
            for frame in frames:
                sink.put(frame)
        rate = writer.rate if isinstance(writer, VideoWriter) else rate
        return Animation(VideoFrames(target, writer.frames, rate, background.transparent), rate, target)


def _results(asked: Request, staging: Staging, stack: ExitStack) -> tuple[Iterator[Bytes], tuple[int, int]]:
    """The frames of the result one by one, and their (width, height)."""
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
    return (map(Label(extent), frames) if asked.label else frames), extent


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
