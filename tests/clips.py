"""Videos and pictures for tests: a bright square on dark ground, at places that the test knows."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]


def spot(x: float, y: float, *, size: int = 64, side: int = 16, height: int | None = None) -> Bytes:
    """A picture (height or size, size, 3) with a bright square of `side` pixels centred on (x, y)."""
    picture = np.full((height or size, size, 3), 20, np.uint8)
    left, top = round(x - side / 2), round(y - side / 2)
    picture[max(0, top) : top + side, max(0, left) : left + side] = (250, 240, 230)
    return picture


def center(picture: Bytes) -> NDArray[np.float64]:
    """(x, y) in pixels of the centroid of what is brighter than mid-grey, in the convention of `spot`."""
    weight = np.maximum(picture.astype(np.float64).mean(axis=2) - 128, 0)
    rows, columns = np.indices(weight.shape)
    return np.array([(weight * columns).sum(), (weight * rows).sum()]) / weight.sum() + 0.5


def extent(picture: Bytes) -> float:
    """Square root of the area, in pixels, of what is brighter than mid-grey."""
    return float(np.sqrt((picture.mean(axis=2) > 128).sum()))


def encode(
    path: Path, frames: Sequence[Bytes], *, rate: str = "25", sound: float | None = None, options: Sequence[str] = ()
) -> Path:
    """Write `frames` as a video, with a tone of `sound` seconds where given; `options` are ffmpeg's, for
    output.
    """
    height, width = frames[0].shape[:2]
    tone = [] if sound is None else ["-f", "lavfi", "-i", f"sine=frequency=440:duration={sound}"]
    ffmpeg(
        *("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", rate, "-i", "pipe:0", *tone),
        *("-pix_fmt", "yuv420p", *options, str(path)),
        stdin=b"".join(frame.tobytes() for frame in frames),
    )
    return path


def moving(path: Path, count: int = 10, *, size: int = 64, **options: object) -> Path:
    """A video of `count` frames of a square that walks to the right, two pixels a frame, from (20, 30) on."""
    return encode(path, [spot(20 + 2 * (t % 10), 30, size=size) for t in range(count)], **options)  # type: ignore[arg-type]


def ffmpeg(*arguments: str, stdin: bytes = b"") -> None:
    """Run ffmpeg; fails the test when it fails."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error", *arguments]
    subprocess.run(command, input=stdin, check=True, timeout=60)


def describe(path: Path) -> str:
    """What ffmpeg prints about a file."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-i", str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60).stderr


def lengths(path: Path) -> tuple[int, float]:
    """Number of frames and length of the sound in seconds, by decoding all of the file (0 for silence)."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-i", str(path), "-fps_mode", "passthrough"]
    listing = subprocess.run([*command, "-f", "framecrc", "-"], capture_output=True, text=True, timeout=60).stdout
    kinds = dict(re.findall(r"^#media_type (\d): (\w+)", listing, re.MULTILINE))
    bases = {index: int(a) / int(b) for index, a, b in re.findall(r"^#tb (\d): (\d+)/(\d+)", listing, re.MULTILINE)}
    frames, sound = 0, 0.0
    for index, duration in re.findall(r"^(\d),\s*-?\d+,\s*-?\d+,\s*(\d+),", listing, re.MULTILINE):
        if kinds[index] == "video":
            frames += 1
        else:
            sound += int(duration) * bases[index]
    return frames, sound
