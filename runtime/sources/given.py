"""What a source is: a still picture, or one that moves already."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageOps

from checkpoints.errors import InputError, OptionError
from runtime.media.limits import Limits
from runtime.media.picture import count_frames, read_cut_out
from runtime.media.probe import VideoInfo
from runtime.media.video import read_frames, read_transparent
from runtime.motion.driving import Clip, open_clip
from runtime.motion.file import is_motion
from runtime.values import is_whole

Timing = Literal["source", "driving"]
"""Whose rate and length the result has, where the source is a video."""
Sound = Literal["auto", "source", "driving", "none"]
"""Whose sound the result has."""

_VIDEOS = {".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".wmv", ".flv", ".3gp"}
"""Whoever gives a file of such a name means a video, also where it is damaged."""


def open_source(path: Path, limits: Limits, rate: Fraction | None = None) -> Clip | None:
    """The source in the file `path`, where it moves: a video, a GIF, WebP, PNG or AVIF file of several pictures, or a
    folder of frames, to be read at `rate` (by default its own; 25 for folders). None for a still picture.

    Raises `InputError` where it is a video that cannot be read, or recorded motion.
    """
    if os.path.isdir(path):
        return open_clip(path, rate, limits)
    pictures = count_frames(path)
    if pictures == 1:
        return None
    if is_motion(path):
        raise InputError(f"{path} is recorded motion, which can drive but not be moved; give a picture or a video.")
    is_meant = pictures is not None or path.suffix.lower() in _VIDEOS
    try:
        clip = open_clip(path, rate, limits)
    except InputError:
        if not is_meant:
            return None  # no video either: whoever reads the picture says so
        raise
    # ffmpeg finds a picture in documents and sketches that are refused as pictures.
    return clip if is_meant or (clip.total or 0) > 1 else None


def is_video(path: Path) -> bool:
    """Whether the file `path` is a video that can be read."""
    try:
        return open_clip(path).video is not None
    except InputError:
        return False


def read_source(
    clip: Clip, rate: Fraction, filling: str = "white", start: int = 0
) -> Iterator[tuple[Image.Image, bool]]:
    """Whole frames of a source that moves, from number `start` on: each an RGB picture, all of one size, and whether
    parts of it were transparent, which have the colour `filling`.
    """
    if clip.video is None:
        size: tuple[int, int] | None = None
        for picture in islice(clip.pictures or (), start, None):
            image, cut_out = read_cut_out(picture, None, clip.limits, filling)
            size = size or image.size
            yield (image if image.size == size else _fitted(image, size)), cut_out
        return
    video = clip.video if not start else replace(clip.video, start=float(start / rate))
    if _may_be_transparent(video):
        colour = Image.new("RGB", (1, 1), filling).getpixel((0, 0))
        for frame in read_transparent(video, rate):
            yield _laid(frame, np.array(colour, np.float32))
        return
    for frame in read_frames(video, None, rate=rate):
        image = Image.fromarray(frame)
        yield (image if image.size == video.size else image.resize(video.size, Image.Resampling.BICUBIC)), False


def source_frame(clip: Clip, number: int, name: str, filling: str) -> Image.Image:
    """Frame `number` of a source that moves, as a still picture. Raises `OptionError` where there are not so many."""
    if clip.total is None or number < clip.total:
        for image, _ in read_source(clip, clip.rate, filling, number):
            return image
    raise OptionError(f"source_frame is {number}, but {name} has {clip.total} frames; choose another.")


def check_source_frame(number: int | None) -> None:
    """Raises `OptionError` unless `number` counts from 0 on, or is None."""
    if number is not None and not (is_whole(number) and number >= 0):
        raise OptionError(f"source_frame is {number!r}; it must be a whole number: 0 is the first frame.")


def _may_be_transparent(video: VideoInfo) -> bool:
    """Whether the file may say of pixels that nothing is there: pictures that move do, films do not."""
    return count_frames(video.path) is not None


def _laid(frame: np.ndarray, colour: np.ndarray) -> tuple[Image.Image, bool]:
    """`frame`, uint8 (height, width, 4), over a colour (3,)."""
    alpha = frame[..., 3:]
    if alpha.min() == 255:
        return Image.fromarray(np.ascontiguousarray(frame[..., :3])), False
    share = alpha.astype(np.float32) / 255
    laid = frame[..., :3] * share + colour * (1 - share)
    return Image.fromarray(np.rint(laid).astype(np.uint8)), True


def _fitted(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """As much of `image` as is seen in pictures of `size` (width, height), none of it stretched."""
    return ImageOps.pad(image, size, Image.Resampling.BICUBIC, color="black")
