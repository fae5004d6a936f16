"""What is known of a video before its frames are read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from checkpoints.errors import InputError
from runtime.media.ffmpeg import Ffmpeg, read_arguments
from runtime.media.limits import DEFAULT_LIMITS, Limits
from runtime.media.picture import MIN_SIDE, check_file
from runtime.media.span import frames_between, frames_in
from runtime.media.streams import Listing, Stream, list_streams, own_rate

_INDEXED = {"mov", "matroska"}
"""Containers that say where in them a second lies."""


@dataclass(frozen=True)
class VideoInfo:
    """What is known of a video before its frames are read."""

    path: Path
    width: int
    """Of the upright picture (rotation applied), in the file's pixels, as it is in the first frame."""
    height: int
    rate: Fraction
    """Frames a second, exact (30000/1001, not 29.97)."""
    duration: float
    """In seconds, until the last picture is over, however long the sound may be."""
    audio: str | None
    """Codec of its sound, None where there is none."""
    aspect: Fraction = Fraction(1)
    """Width of a pixel as shown, in heights."""
    limits: Limits = DEFAULT_LIMITS
    """Under which it was opened, and is read."""
    hdr: bool = False
    """Whether its brightness reaches beyond that of usual screens (PQ or HLG), to which it is then fitted."""
    matrix: str | None = None
    """ffmpeg's name of the matrix of its first frames, where the range has to be read off each frame: the decoder's
    format says "full" throughout; else None."""
    stream: int = 0
    """Which of the file's streams of pictures it is, covers not counted; ..."""
    sound: int = 0
    """... and which of those of sound."""
    indexed: bool = False
    """Whether the container says where in it a second lies."""
    base: Fraction = Fraction(1, 10**6)
    """Seconds of one tick of its clock."""
    pause: float = 0.0
    """Seconds that a picture stays at most."""
    stated: float = 0.0
    """Seconds that the container promises, of pictures or of sound."""
    start: float = 0.0
    """Second from which on it is read, ..."""
    end: float | None = None
    """... and where reading stops; None at its end."""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the picture as shown, with square pixels."""
        return max(1, int(self.width * self.aspect + Fraction(1, 2))), self.height

    @property
    def span(self) -> float:
        """Seconds that will be read."""
        return max(0.0, (self.duration if self.end is None else min(self.end, self.duration)) - self.start)

    @property
    def frames(self) -> int:
        """Expected number of frames, for progress bars."""
        return self.count(self.rate)

    def part(self, rate: Fraction) -> slice:
        """Which frames will be read, of those that the whole has at that `rate`: at least one."""
        return frames_between(self.start, self.end, rate, self.duration, self.rate)

    def whole(self, rate: Fraction) -> int:
        """Expected number of frames of the whole video at that `rate`."""
        return frames_in(self.duration, self.rate, rate)

    def count(self, rate: Fraction) -> int:
        """Expected number of frames at that `rate`."""
        return max(1, len(range(self.whole(rate))[self.part(rate)]))


def probe(path: Path, limits: Limits = DEFAULT_LIMITS) -> VideoInfo:
    """Facts about the video `path`, by listing its packets and decoding its first frame.

    Raises `InputError` when it is missing, a folder, no video, cut short, has no frames, is too small or too large.
    """
    check_file(path)
    limits.check_bytes(path)
    listing = list_streams(path, limits)
    pictures, sound = listing.best("video"), listing.best("audio")
    number = 0 if pictures is None else pictures.number
    (width, height), aspect, guess = _first_frame(path, limits, number)
    pictures = pictures or Stream(number, "video")
    rate = own_rate(pictures, guess)
    # A still lasts for a frame, whatever is said of how long it is to be looked at.
    still = len(pictures.times) < 2
    duration = float(1 / rate) if still else max(float(pictures.end), float(1 / rate))
    limits.check_seconds(path, duration)
    video = VideoInfo(
        path=path,
        width=width,
        height=height,
        rate=rate,
        duration=duration,
        audio=None if sound is None else sound.codec,
        aspect=aspect,
        limits=limits,
        hdr=pictures.hdr,
        matrix=pictures.matrix,
        stream=number,
        sound=0 if sound is None else sound.number,
        indexed=not _INDEXED.isdisjoint(listing.container.split(",")),
        base=pictures.base,
        pause=float(pictures.pause),
        stated=_stated(listing, sound),
        end=duration if still else None,
    )
    if min(width, height, *video.size) < MIN_SIDE:
        shown = "{}x{}".format(*min((width, height), video.size, key=min))
        raise InputError(f"{path} has {shown} pixels; at least {MIN_SIDE}x{MIN_SIDE} are needed.")
    limits.check_size(path, *video.size)
    return video


def _stated(listing: Listing, sound: Stream | None) -> float:
    """Seconds that the container promises, unless it is its sound that lasts so long."""
    stated = listing.duration or 0.0
    return 0.0 if sound is not None and sound.end >= stated - 1.0 else stated


def _first_frame(path: Path, limits: Limits, number: int) -> tuple[tuple[int, int], Fraction, Fraction]:
    """(width, height) of the first frame of that stream, the width of its pixels in heights, and the rate that ffmpeg
    takes it to have. Raises `InputError`.
    """
    arguments = [*read_arguments(path, limits.pixels), "-map", f"0:V:{number}", "-frames:v", "1"]
    # The frame CRC format states time base and size of what would be decoded, as exact numbers.
    with Ffmpeg([*arguments, "-fps_mode", "cfr", "-f", "framecrc", "pipe:1"], stdout=True) as ffmpeg:
        found = ffmpeg.stdout.read().decode("utf-8", "replace")
        ffmpeg.finish()
        log = ffmpeg.log()
    if "exceeds specified max pixel count" in log:
        raise limits.too_many_pixels(path)
    size = re.search(r"^#dimensions 0: (\d+)x(\d+)", found, re.MULTILINE)
    base = re.search(r"^#tb 0: ([1-9]\d*)/([1-9]\d*)", found, re.MULTILINE)
    if size is None or base is None or not re.search(r"^0,", found, re.MULTILINE):
        raise InputError(f"{path} is not a video that can be read ({_reason(log)}); use another file.")
    aspect = re.search(r"^#sar 0: (\d+)/(\d+)", found, re.MULTILINE)
    shape = (int(aspect[1]), int(aspect[2])) if aspect else (0, 1)  # 0/1 means that nothing is known
    even = Fraction(*shape) if all(shape) else Fraction(1)
    return (int(size[1]), int(size[2])), even, Fraction(int(base[2]), int(base[1]))


def _reason(log: str) -> str:
    """The most telling line of what ffmpeg said about a file that it could not read."""
    known = {
        "moov atom not found": "its index is missing, it was cut short",
        "matches no streams": "it holds no moving picture",
        "Invalid data found": "it is damaged or not a video",
        "not in the whitelist": "this kind of file is not accepted",
        "No JPEG data": "it is damaged or not a video",
    }
    return next((words for sign, words in known.items() if sign in log), "it holds no frames")
