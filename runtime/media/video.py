"""Videos in: what a file holds, and its frames as the model's square, one after another."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from checkpoints.errors import BunrakuWarning, InputError, OptionError
from runtime.framing.window import Window, fill
from runtime.media.ffmpeg import Ffmpeg, read_arguments
from runtime.media.limits import DEFAULT_LIMITS, Limits
from runtime.media.picture import MIN_SIDE, Fit, check_file, check_fit
from runtime.values import Bytes, is_number

_DAMAGE = re.compile(
    "partial file|prematurely|decode failed|damaged|corrupt|truncated|error while decoding|concealing|"
    "Invalid data|Invalid NAL|Error submitting",
    re.IGNORECASE,
)
"""What ffmpeg says of files that are broken; it also complains about much that does no harm."""

_MAX_RATE = 1000
"""Frames a second."""
_SLACK = 0.2
"""Seconds that a file may promise too much, by rounding and by the length of its sound."""

_LONGER_SOUND = 1.0
"""The same where nothing else speaks for damage."""


_HDR = re.compile(r"Video: .*(smpte2084|arib-std-b67)")
"""How ffmpeg names the two curves of HDR."""

_TONES = (
    ",format=yuv444p16le,zscale=min=bt2020nc:pin=bt2020:t=linear:npl=203,format=gbrpf32le,zscale=p=bt709,tonemap=mobius:desat=0,"
    "zscale=t=bt709:m=bt709:r=tv,format=yuv444p"
)
"""The filter from HDR to usual brightness: white (203 cd/m2, ITU-R BT.2408) stays white, what shines is held back."""


@dataclass(frozen=True)
class VideoInfo:
    """What is known of a video before its frames are read."""

    path: Path
    width: int
    """Of the upright picture (rotation applied), in the file's pixels."""
    height: int
    rate: Fraction
    """Frames a second, exact (30000/1001, not 29.97)."""
    duration: float | None
    """In seconds, of the whole file; None where the container does not say."""
    audio: str | None
    """Codec of the first audio stream, None where there is no sound."""
    aspect: Fraction = Fraction(1)
    """Width of a pixel as shown, in heights."""
    limits: Limits = DEFAULT_LIMITS
    """Under which it was opened, and is read."""
    hdr: bool = False
    """Whether its brightness reaches beyond that of usual screens (PQ or HLG), to which it is then fitted."""
    start: float = 0.0
    """Seconds of its beginning that are left out when it is read, ..."""
    length: float | None = None
    """... and how many are read from there on; None for all."""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the picture as shown, with square pixels."""
        return max(1, int(self.width * self.aspect + Fraction(1, 2))), self.height

    @property
    def span(self) -> float | None:
        """Seconds that will be read; None where that is unknown."""
        if self.duration is None:
            return self.length
        rest = max(0.0, self.duration - self.start)
        return rest if self.length is None else min(rest, self.length)

    @property
    def frames(self) -> int | None:
        """Expected number of frames, for progress bars; None where the duration is unknown."""
        return None if self.span is None else max(1, round(self.span * self.rate))


def probe(path: Path, limits: Limits = DEFAULT_LIMITS) -> VideoInfo:
    """Facts about the video `path`, by decoding its first frame.

    Raises `InputError` when it is missing, a folder, no video, cut short, has no frames, is too small or too large.
    """
    check_file(path)
    limits.check_bytes(path)
    arguments = ["-loglevel", "info", *read_arguments(path, limits.pixels), "-map", "0:v:0", "-frames:v", "1"]
    # The frame CRC format states time base and size of what would be decoded, as exact numbers.
    with Ffmpeg([*arguments, "-fps_mode", "cfr", "-f", "framecrc", "pipe:1"], stdout=True) as ffmpeg:
        listing = ffmpeg.stdout.read().decode("utf-8", "replace")
        ffmpeg.finish()
        log = ffmpeg.log()
    size = re.search(r"^#dimensions 0: (\d+)x(\d+)", listing, re.MULTILINE)
    if "exceeds specified max pixel count" in log:
        raise limits.too_many_pixels(path)
    base = re.search(r"^#tb 0: (\d+)/(\d+)", listing, re.MULTILINE)
    if size is None or base is None or not re.search(r"^0,", listing, re.MULTILINE):
        raise InputError(f"{path} is not a video that can be read ({_reason(log)}); use another file.")
    width, height = int(size[1]), int(size[2])
    aspect = re.search(r"^#sar 0: (\d+)/(\d+)", listing, re.MULTILINE)
    shape = (int(aspect[1]), int(aspect[2])) if aspect else (0, 1)  # 0/1 means that nothing is known
    header = log.partition("Output #0")[0]
    duration = _duration(header)
    limits.check_seconds(path, duration or 0)
    audio = re.search(r"Stream #0:\d+.*: Audio: (\w+)", header)
    video = VideoInfo(
        path=path,
        width=width,
        height=height,
        rate=_rate(Fraction(int(base[2]), int(base[1])), header),
        duration=duration,
        audio=audio[1] if audio else None,
        aspect=Fraction(*shape) if all(shape) else Fraction(1),
        limits=limits,
        hdr=_HDR.search(header) is not None,
    )
    if min(width, height, *video.size) < MIN_SIDE:
        shown = "{}x{}".format(*min((width, height), video.size, key=min))
        raise InputError(f"{path} has {shown} pixels; at least {MIN_SIDE}x{MIN_SIDE} are needed.")
    limits.check_size(path, *video.size)
    return video


def read_frames(
    video: VideoInfo,
    size: int | None = None,
    fit: Fit = "crop",
    rate: Fraction | None = None,
    window: Window | None = None,
) -> Iterator[Bytes]:
    """The frames of `video` in order, each uint8 (size, size, 3) in RGB, decoded as they are asked for.

    Rotation and the shape of the pixels are applied. A `window`, in whole pixels as shown, is cut out; without
    one, "crop" keeps the largest centred square, "pad" adds bars. `size` None gives whole frames (height,
    width, 3). Frames come at the constant `rate`, by default the video's own: what a phone recorded at an
    uneven rate is evened out, so that it stays with its sound. Of a video that is damaged or breaks off, all that
    can be decoded is given, and a `BunrakuWarning`. Raises `InputError` when there is no frame at all, when there
    are more than the video's limits allow, and when ffmpeg is killed.
    """
    check_fit(fit)
    rate = rate or video.rate
    if size is None:
        yield from _decode(video, rate, f"scale={video.width}:{video.height}", (video.width, video.height))
    elif window is None:
        yield from _decode(video, rate, _square(video, size, fit), (size, size))
    else:
        place = window.place(video.size, size)
        left, top, right, bottom = (int(value) for value in place.box)
        shape = (
            f"{_even(video)},crop={right - left}:{bottom - top}:{left}:{top}:exact=1,"
            f"scale={place.width}:{place.height}:flags=bicubic+accurate_rnd"
        )
        for part in _decode(video, rate, shape, (place.width, place.height)):
            yield fill(part, place, size)


def read_whole(
    video: VideoInfo, longest: int, rate: Fraction | None = None, seconds: float | None = None
) -> Iterator[Bytes]:
    """Whole frames as shown, uint8 (height, width, 3), with a longer side of at most `longest` pixels; of the
    first `seconds` only where given. Raises `InputError` as `read_frames` does.
    """
    factor = min(Fraction(1), Fraction(longest, max(video.size)))
    width, height = (max(1, round(length * factor)) for length in video.size)
    shape = f"{_even(video)},scale={width}:{height}:flags=bicubic+accurate_rnd"
    yield from _decode(video, rate or video.rate, shape, (width, height), seconds)


def _decode(
    video: VideoInfo, rate: Fraction, shape: str, size: tuple[int, int], seconds: float | None = None
) -> Iterator[Bytes]:
    """Frames after the filter `shape`, which makes them of that `size` (width, height)."""
    width, height = size
    arguments = [
        *trim_arguments(video),
        *read_arguments(video.path, video.limits.pixels),
        # Starting at 0 and not at the first frame keeps a video that starts late together with its sound.
        *(
            "-map",
            "0:v:0",
            "-vf",
            f"fps={rate}:start_time=0,{shape}{_TONES if video.hdr else ''}",
            "-fps_mode",
            "passthrough",
        ),
        *(() if seconds is None else ("-t", str(seconds))),
        *("-pix_fmt", "rgb24", "-f", "rawvideo", "pipe:1"),
    ]
    count = 0
    with Ffmpeg(arguments, stdout=True) as ffmpeg:
        while True:
            frame = np.empty((height, width, 3), np.uint8)
            if not _fill(ffmpeg, memoryview(frame.data).cast("B")):
                break
            video.limits.check_seconds(video.path, float(count / rate))
            count += 1
            yield frame
        status = ffmpeg.finish()
        if status < 0 or count == 0:
            raise InputError(f"{video.path} cannot be decoded ({ffmpeg.complaint()}); use another file.")
        if seconds is None:
            _warn_of_damage(video, float(count / rate), ffmpeg, status)


def _warn_of_damage(video: VideoInfo, read: float, ffmpeg: Ffmpeg, status: int) -> None:
    """Tell when only `read` seconds of what the file promises could be read, or ffmpeg had to patch it up."""
    damaged = status != 0 or _DAMAGE.search(ffmpeg.log())
    missing = (video.span or 0) - read
    said = f" ({ffmpeg.complaint()})" if damaged else ""
    if missing > (_SLACK if damaged else _LONGER_SOUND):
        words = f"{video.path} ends after {read:.1f} of {video.span:.1f} seconds{said}; what could be read is used."
    elif damaged:
        words = f"{video.path} is damaged{said}; what could be read is used."
    else:
        return
    warnings.warn(words, BunrakuWarning, stacklevel=2)


def trim_arguments(video: VideoInfo) -> list[str]:
    """Arguments before those of the input that leave out what is not to be read."""
    after = [] if video.length is None else ["-t", f"{video.length:.6f}"]
    return [*(["-ss", f"{video.start:.6f}"] if video.start else []), *after]


def _fill(ffmpeg: Ffmpeg, buffer: memoryview) -> bool:
    """Fill `buffer` from ffmpeg; False at the end of the video."""
    while buffer:
        count = ffmpeg.stdout.readinto(buffer)  # type: ignore[attr-defined]  # a raw pipe has it
        if not count:
            return False
        buffer = buffer[count:]
    return True


def _even(video: VideoInfo) -> str:
    """The filter for pixels that are not square; it does nothing where they are. Their shape may change half way, and
    what is within the limits must stay so.
    """
    most = int(min(video.limits.pixels, 2**31 - 1))
    return f"scale='min(trunc(iw*sar+0.5),max(1,trunc({most}/ih)))':ih,setsar=1"


def _square(video: VideoInfo, size: int, fit: Fit) -> str:
    """The filter from upright frames to the model's square."""
    even = _even(video)
    if fit == "crop":
        return f"{even},crop='min(iw,ih)':'min(iw,ih)':exact=1,scale={size}:{size}:flags=bicubic+accurate_rnd"
    return (
        f"{even},scale={size}:{size}:force_original_aspect_ratio=decrease:flags=bicubic+accurate_rnd,"
        f"pad={size}:{size}:(ow-iw)/2:(oh-ih)/2:black"
    )


def _rate(constant: Fraction, header: str) -> Fraction:
    """The rate to read at: `constant` as ffmpeg guesses it, unless the frames are far fewer than that.

    A screen recording may tick at 1000 or 90000 a second and hold 30 frames; repeating frames up to the
    tick would render each of them many times.
    """
    stated = re.search(r"Video: .*?([\d.]+)(k?) fps", header)
    if stated is None:
        return constant
    mean = Fraction(stated[1]) * (1000 if stated[2] else 1)
    if not mean or constant <= mean * Fraction(3, 2):
        return constant
    ntsc = Fraction(round(mean * 1001 / 1000) * 1000, 1001)
    return ntsc if mean.denominator != 1 and abs(mean - ntsc) < Fraction(1, 100) else mean


def _duration(header: str) -> float | None:
    stated = re.search(r"Duration: (\d+):(\d\d):(\d\d(?:\.\d+)?)", header)
    if stated is None:
        return None
    return int(stated[1]) * 3600 + int(stated[2]) * 60 + float(stated[3])


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


def exact_rate(fps: float) -> Fraction:
    """`fps` as the fraction that was meant: 29.97 is 30000/1001. Raises `OptionError` where it can be none."""
    if not (is_number(fps) and 0 < fps <= _MAX_RATE):
        raise OptionError(f"fps is {fps!r}; it must lie above 0 and not above {_MAX_RATE}.")
    ntsc = Fraction(round(fps * 1.001) * 1000, 1001)
    return ntsc if fps != round(fps) and abs(ntsc - Fraction(fps)) < Fraction(1, 100) else Fraction(str(fps))


def check_fps(fps: float) -> None:
    """Raises `OptionError` unless a video can have that many frames a second."""
    exact_rate(fps)
