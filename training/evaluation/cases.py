"""What models are judged on: cases of one source and T driving frames, and test sets of them."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from checkpoints.errors import InputError, OptionError
from training.data.clips import PICTURES, ClipFile, read_frame, scan

if TYPE_CHECKING:
    from runtime.framing.framer import Framer
    from runtime.framing.window import Window

Clip = NDArray[np.uint8]
_LOOKS = 8
"""Frames of a clip in which its face is looked for, about."""
RECONSTRUCTION, ANIMATION = "reconstruction", "animation"


@dataclass(frozen=True)
class CaseTruth:
    """What only rendered clips know, of T driving frames against the source. Coordinates are in [-1, 1]."""

    flow: NDArray[np.float32]
    """(T, h, w, 2), backward."""
    visible: NDArray[np.bool_]
    """(T, h, w): the source shows it."""
    source_points: NDArray[np.float32]
    """(P, 2) surface points."""
    driving_points: NDArray[np.float32]
    """(T, P, 2)."""
    points_visible: NDArray[np.bool_]
    """(T, P): seen in both pictures."""


@dataclass(frozen=True)
class Case:
    """One thing to do, and what should come of it where that is known."""

    name: str
    source: Clip
    """(H, W, 3)."""
    driving: Clip
    """(T, H, W, 3)."""
    target: Clip | None
    """(T, H, W, 3): the true result; None when real people are moved by others."""
    truth: CaseTruth | None = None


class Data(Protocol):
    """A test set. Cases are named first and loaded one by one."""

    name: str

    def names(self, task: str) -> list[str]:
        """Names of the cases of a task, in order."""
        ...

    def load(self, task: str, name: str) -> Case:
        """One of them. Raises `InputError` when it cannot be read."""
        ...


@dataclass(frozen=True)
class Drawn:
    """How real clips become cases."""

    pairs: Path | None = None
    """A CSV file with the columns source and driving (FOMM's lists of pairs)."""
    count: int = 0
    """Without one, so many pairs of different identities are drawn, the same every time."""
    to_face: bool = False
    """Squares around the face, found once a clip, as the engine cuts them; else the middle square."""


class ClipData:
    """Clips below a folder, in any layout of `training.data.clips`; pairs from a file, or drawn at random.

    Single pictures beside the clips can be sources of pairs.
    """

    def __init__(
        self,
        folder: Path,
        size: int,
        frames: int | None,
        every: int = 1,
        drawn: Drawn | None = None,
    ) -> None:
        """`frames`: at most so many of each clip, taking every `every`th. Raises `InputError`."""
        self.name = str(folder)
        self.folder, self.size, self.frames, self.every = folder, size, frames, every
        clips, problems = scan(folder)
        if not clips:
            reason = f"; first problem: {problems[0]}" if problems else ""
            raise InputError(f"{folder}: no usable clip was found{reason}; give a folder of videos or frames")
        self.clips = {clip.path.relative_to(folder).as_posix(): clip for clip in clips}
        self.stills = self._find_stills()
        self.drawn = drawn or Drawn()
        self.pairs = self._read_pairs(self.drawn.pairs) if self.drawn.pairs else self._draw_pairs(self.drawn.count)

    def names(self, task: str) -> list[str]:
        """Clips, or pairs as "source > driving"."""
        return list(self.clips) if task == RECONSTRUCTION else list(self.pairs)

    def load(self, task: str, name: str) -> Case:
        """A clip driven by itself, or the first frame of one by another clip."""
        if task == RECONSTRUCTION:
            clip = self._clip(name)
            return Case(name, clip[0], clip, clip)
        source, driving = self.pairs[name]
        return Case(name, self._first_frame(source), self._clip(driving), None)

    def _clip(self, name: str) -> Clip:
        if not self.drawn.to_face:
            return read_clip(self.clips[name], self.size, self.frames, self.every)
        # Twice as large, so that a cut of half the side loses nothing.
        clip = read_clip(self.clips[name], 2 * self.size, self.frames, self.every)
        images = [Image.fromarray(frame) for frame in clip]
        return _cut(images, _framer().driving(images[:: max(1, len(images) // _LOOKS)]), self.size)

    def _find_stills(self) -> dict[str, Path]:
        used = {clip.path for clip in self.clips.values()}
        pictures = (path for path in sorted(self.folder.rglob("*")) if path.suffix.lower() in PICTURES)
        return {
            path.relative_to(self.folder).as_posix(): path
            for path in pictures
            if path not in used and path.parent not in used
        }

    def _first_frame(self, name: str) -> Clip:
        from runtime.media.picture import read_image, read_square

        if not self.drawn.to_face:
            if name in self.clips:
                return read_frame(self.clips[name], 0, self.size).permute(1, 2, 0).numpy()
            return read_square(self.stills[name], self.size)
        if name in self.clips:
            image = Image.fromarray(read_frame(self.clips[name], 0, 2 * self.size).permute(1, 2, 0).numpy())
        else:
            image = read_image(self.stills[name])
        return _cut([image], _framer().source(image), self.size)[0]

    def _read_pairs(self, path: Path) -> dict[str, tuple[str, str]]:
        if not path.is_file():
            raise InputError(f"{path}: no such list of pairs; give a CSV file with the columns source and driving")
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        if not rows or not {"source", "driving"} <= set(rows[0]):
            raise InputError(f"{path}: has no columns source and driving; name them in the first line")
        sources = [*self.clips, *self.stills]
        pairs = [
            (self._find(row["source"], sources, path), self._find(row["driving"], [*self.clips], path)) for row in rows
        ]
        return {f"{source} > {driving}": (source, driving) for source, driving in pairs}

    def _find(self, name: str, known: list[str], path: Path) -> str:
        matches = [key for key in known if key == name or Path(key).stem == Path(name).stem]
        if not matches:
            raise InputError(f"{path}: there is no clip {name!r} below {self.folder}; correct the list")
        return name if name in matches else matches[0]

    def _draw_pairs(self, count: int) -> dict[str, tuple[str, str]]:
        """`count` pairs of a source and a clip of another identity, or all there are; the same every time."""
        sources, clips = [*self.clips, *self.stills], list(self.clips)
        drawn: dict[str, tuple[str, str]] = {}
        for number in np.random.default_rng(0).permutation(len(sources) * len(clips)):
            source, driving = sources[number // len(clips)], clips[number % len(clips)]
            if _identity(source) != _identity(driving):
                drawn[f"{source} > {driving}"] = (source, driving)
            if len(drawn) == count:
                break
        return drawn


def _framer() -> Framer:
    from runtime.framing.framer import Framer, Framing

    return Framer(Framing(), "crop", "auto", "auto", None)


def _cut(images: list[Image.Image], window: Window | None, size: int) -> Clip:
    """The square `window` of all, or their middle where there is none, as (T, size, size, 3)."""
    from runtime.framing.window import Window

    window = window or Window.centered(images[0].size)
    return np.stack([window.cut(image, size) for image in images])


def _identity(name: str) -> str:
    """Who is shown, by the convention of `ClipFile.identity`."""
    return Path(name).stem.split("#")[0]


def open_data(name: str, size: int, frames: int | None, every: int = 1, drawn: Drawn | None = None) -> Data:
    """The test set `name`: a folder of clips or of shards, or `synth:test:N` (`synth:body:test:N` and
    `synth:cartoon:test:N` for other figures than heads). Raises `InputError` or `OptionError`.
    """
    if name.startswith("synth:"):
        known = re.fullmatch(r"synth:(?:(head|body|cartoon):)?(test|train):([1-9]\d*)", name)
        if known is None:
            raise OptionError(f"{name}: write synth:test:N or synth:body:test:N, with N people to render")
        from training.evaluation.synth_cases import SynthData

        return SynthData(int(known[3]), size, frames, known[2], known[1] or "head", every)
    folder = Path(name)
    if not folder.is_dir():
        raise InputError(f"{name}: no such folder; give one of clips, or synth:test:N to render some")
    if any(folder.glob("clips-*.safetensors")):
        from training.evaluation.synth_cases import ShardData

        return ShardData(folder, size, frames, every)
    return ClipData(folder, size, frames, every, drawn)


def read_clip(clip: ClipFile, size: int, limit: int | None = None, every: int = 1) -> Clip:
    """The first `limit` (all when None) of every `every`th frame of a clip as (T, size, size, 3): the middle square,
    scaled.
    """
    count = clip.frames if limit is None else min((limit - 1) * every + 1, clip.frames)
    if not clip.seconds:
        return np.stack([read_frame(clip, index, size).permute(1, 2, 0).numpy() for index in range(0, count, every)])
    crop = r"crop=min(iw\,ih):min(iw\,ih)"
    options = ["-vf", f"{crop},scale={size}:{size}:flags=lanczos", "-frames:v", str(count)]
    reader = imageio_ffmpeg.read_frames(str(clip.path), output_params=options)
    try:
        next(reader)  # the metadata
        kept = (raw for number, raw in enumerate(reader) if number % every == 0)
        frames = [np.frombuffer(raw, np.uint8).reshape(size, size, 3) for raw in kept]
    except (StopIteration, RuntimeError, OSError) as error:
        raise InputError(f"{clip.path}: cannot be decoded; remove the clip or encode it again") from error
    finally:
        reader.close()
    return np.stack(frames)
