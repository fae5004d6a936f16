"""Pictures to measure parity on: the user's own, or synthetic heads."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from checkpoints.errors import InputError
from export.parts import Bytes

_MOST_FRAMES = 250
_PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".bmp"}


def _square(image: Image.Image, size: int) -> Bytes:
    """Centre crop, (size, size, 3)."""
    return np.asarray(ImageOps.fit(image.convert("RGB"), (size, size), Image.Resampling.BICUBIC))


def _from_picture(path: Path, size: int) -> Bytes:
    try:
        with Image.open(path) as image:
            return _square(ImageOps.exif_transpose(image), size)
    except (UnidentifiedImageError, OSError) as error:
        raise InputError(f"{path} is not a picture that can be read ({error}); use another file.") from error


def _from_video(path: Path, size: int, count: int) -> list[Bytes]:
    """Up to `count` frames, evenly spread over the first 250."""
    try:
        reader = imageio_ffmpeg.read_frames(str(path))
        width, height = next(reader)["size"]
        # Ten seconds are plenty to compare on, and a long video would fill the memory.
        frames = [Image.frombytes("RGB", (width, height), data) for data in islice(reader, _MOST_FRAMES)]
        reader.close()
    except (OSError, RuntimeError, StopIteration) as error:
        raise InputError(f"{path} is not a video that can be read; use another file.") from error
    if not frames:
        raise InputError(f"{path} holds no frames; use another file.")
    chosen = np.unique(np.linspace(0, len(frames) - 1, count).round().astype(int))
    return [_square(frames[index], size) for index in chosen]


def synthetic(size: int, count: int = 8) -> list[Bytes]:
    """A source and `count` driving frames (size, size, 3): two held-out synthetic people, always the same."""
    import torch

    from training.data.synth import TEST_SEEDS, HeadRenderer, SceneSpec

    source, other = (SceneSpec(TEST_SEEDS + seed, TEST_SEEDS + seed, TEST_SEEDS + seed) for seed in (0, 1))
    times = torch.cat([torch.zeros(1), torch.arange(count) * 0.5])
    frames = HeadRenderer().render([source] + [other] * count, times, size)
    return list(frames.image.numpy())


def read(paths: Sequence[str | Path], size: int, count: int = 8) -> list[Bytes]:
    """At least two frames (size, size, 3) from pictures and videos, in the order given.

    A video gives up to `count` frames. Raises `InputError` for a file that is missing or unreadable, and
    where all files together hold fewer than two frames.
    """
    frames: list[Bytes] = []
    for path in map(Path, paths):
        if not path.is_file():
            raise InputError(f"{path}: no such file; give pictures or videos to compare on.")
        if path.suffix.lower() in _PICTURES:
            frames.append(_from_picture(path, size))
        else:
            frames += _from_video(path, size, count)
    if len(frames) < 2:
        raise InputError("Parity needs a source and at least one driving frame; give two pictures or a video.")
    return frames
