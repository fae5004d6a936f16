"""Videos in: their frames as the model's square, one after another."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Literal

import numpy as np

from checkpoints.errors import BunrakuWarning, InputError, OptionError
from runtime.framing.window import Window, fill
from runtime.media.ffmpeg import Ffmpeg, read_arguments, resample
from runtime.media.given import called
from runtime.media.picture import Fit, check_fit
from runtime.media.probe import VideoInfo, probe
from runtime.media.streams import MATRICES
from runtime.values import Bytes, is_number

__all__ = ["VideoInfo", "check_fps", "exact_rate", "probe", "read_frames", "read_whole", "sound_arguments"]

_DAMAGE = re.compile(
    "partial file|prematurely|decode failed|damaged|corrupt|truncated|error while decoding|concealing|"
    "Invalid data|Invalid NAL|Error submitting",
    re.IGNORECASE,
)
"""What ffmpeg says of files that are broken; it also complains about much that does no harm."""

_MAX_RATE = 1000
"""Frames a second."""
_SLACK = 0.2
"""Seconds that a damaged file may promise too much, by rounding, ..."""
_UNSAID = 1.0
"""... and one of which nothing else says so."""
_BEFORE = 1.0
"""Seconds of slack before the first frame that is wanted, where its place is leapt to."""

_TONES = (
    ",format=yuv444p16le,zscale=min=bt2020nc:pin=bt2020:t=linear:npl=203,format=gbrpf32le,zscale=p=bt709,tonemap=mobius:desat=0,"
    "zscale=t=bt709:m=bt709:r=tv,format=yuv444p"
)
"""The filter from HDR to usual brightness: white (203 cd/m2, ITU-R BT.2408) stays white, what shines is held back."""


def read_frames(
    video: VideoInfo,
    size: int | None = None,
    fit: Fit = "crop",
    rate: Fraction | None = None,
    window: Window | None = None,
) -> Iterator[Bytes]:
    """The frames of `video` in order, each uint8 (size, size, 3) in RGB, decoded as they are asked for.

    Rotation and the shape of the pixels are applied. An upright `window`, in whole pixels as shown, is cut out; without
    one, "crop" keeps the largest centred square, "pad" adds bars. `size` None gives whole frames (height,
    width, 3). Frames come at the constant `rate`, by default the video's own: what a phone recorded at an
    uneven rate is evened out, so that it stays with its sound. Of a part (`video.start`, `video.end`) they are the very
    frames that the whole has there. Frames of another size than the first one are fitted into that. Of a video that is
    damaged or breaks off, all that can be decoded is given, and a `BunrakuWarning`. Raises `InputError` when there is
    no frame at all, when there are more than the video's limits allow, and when ffmpeg is killed.
    """
    check_fit(fit)
    rate = rate or video.rate
    if size is None:
        yield from _decode(video, rate, f"scale={video.width}:{video.height}", (video.width, video.height))
    elif window is None:
        yield from _decode(video, rate, _square(size, fit), (size, size))
    else:
        place = window.place(video.size, size)
        left, top, right, bottom = (int(value) for value in place.box)
        way = "bicubic" if not window.manner.area else "area" if window.side > size else "bilinear"
        shape = (
            f"crop={right - left}:{bottom - top}:{left}:{top}:exact=1,"
            f"scale={place.width}:{place.height}:flags={way}+accurate_rnd"
        )
        for part in _decode(video, rate, shape, (place.width, place.height)):
            yield fill(part, place, size, replicate=not window.manner.black)


def read_whole(
    video: VideoInfo,
    longest: int,
    rate: Fraction | None = None,
    seconds: float | None = None,
    *,
    every: int = 1,
    watch: bool = True,
) -> Iterator[Bytes]:
    """Whole frames as shown, uint8 (height, width, 3), with a longer side of at most `longest` pixels; of the
    first `seconds` only where given, and only the first one of `every` so many. Without `watch` nothing is said of
    damage. Raises `InputError` as `read_frames` does.
    """
    factor = min(Fraction(1), Fraction(longest, max(video.size)))
    width, height = (max(1, round(length * factor)) for length in video.size)
    shape = f"scale={width}:{height}:flags=bicubic+accurate_rnd"
    if every > 1:
        shape = f"select='not(mod(n,{every}))',{shape}"
    if seconds is not None:
        end = video.start + seconds
        video = replace(video, end=end if video.end is None else min(end, video.end))
    yield from _decode(video, rate or video.rate, shape, (width, height), watch=watch and seconds is None)


def read_transparent(video: VideoInfo, rate: Fraction | None = None) -> Iterator[Bytes]:
    """Whole frames with alpha, uint8 (height, width, 4), of a video that has it: WebM (VP9) or WebP. Raises
    `InputError` as `read_frames` does.
    """
    size = (video.width, video.height)
    # ffmpeg's own decoder of VP9 leaves alpha out.
    decoder = ("-c:v", "libvpx-vp9") if video.path.suffix.lower() == ".webm" else ()
    yield from _decode(video, rate or video.rate, "format=rgba", size, kind="rgba", decoder=decoder)


def _decode(
    video: VideoInfo,
    rate: Fraction,
    shape: str,
    size: tuple[int, int],
    *,
    watch: bool = True,
    kind: Literal["rgb24", "rgba"] = "rgb24",
    decoder: Sequence[str] = (),
) -> Iterator[Bytes]:
    """Frames after the filter `shape`, which makes them of that `size` (width, height), by that `decoder`; with `watch`
    it is told where the video is damaged.
    """
    width, height = size
    part = video.part(rate)
    seek, skipped = _seek(video, rate, part.start)
    last = "" if part.stop is None else f":end_frame={part.stop - skipped}"
    filters = [
        _steady(video),
        resample(video.rate, rate),
        f"trim=start_frame={part.start - skipped}{last}",
        f"{shape}{_TONES if video.hdr else ''}",
    ]
    arguments = [
        # A graph made anew where the size changes would begin to count at 0 again; the first filter copes with that.
        *("-reinit_filter", "0", *seek, *decoder, *_said(video), *read_arguments(video.path, video.limits.pixels)),
        *("-map", f"0:V:{video.stream}", "-vf", ",".join(filters), "-fps_mode", "passthrough"),
        *("-pix_fmt", kind, "-f", "rawvideo", "pipe:1"),
    ]
    count = 0
    with Ffmpeg(arguments, stdout=True) as ffmpeg:
        while True:
            frame = np.empty((height, width, 4 if kind == "rgba" else 3), np.uint8)
            if not _fill(ffmpeg, memoryview(frame.data).cast("B")):
                break
            video.limits.check_seconds(video.path, float(count / rate))
            count += 1
            yield frame
        status = ffmpeg.finish()
        if status < 0 or count == 0:
            why = ffmpeg.complaint(f"there is no frame from second {video.start:g} on")
            raise InputError(f"{video.path} cannot be decoded ({why}); use another file.")
        if watch:
            _warn_of_damage(video, float(count / rate), ffmpeg, status)


def _warn_of_damage(video: VideoInfo, read: float, ffmpeg: Ffmpeg, status: int) -> None:
    """Tell when only `read` seconds of what the file promises could be read, or ffmpeg had to patch it up."""
    damaged = status != 0 or _DAMAGE.search(ffmpeg.log())
    promised = video.span if video.end is not None else max(video.span, video.stated - video.start)
    said = f" ({ffmpeg.complaint()})" if damaged else ""
    if promised - read > (_SLACK if damaged else _UNSAID):
        words = (
            f"{called(video.path)} ends after {read:.1f} of {promised:.1f} seconds{said}; what could be read is used."
        )
    elif damaged:
        words = f"{called(video.path)} is damaged{said}; what could be read is used."
    else:
        return
    warnings.warn(words, BunrakuWarning, stacklevel=2)


def _steady(video: VideoInfo) -> str:
    """The filter that makes every frame as large as the first one as shown, whatever the size, shape, colours or range
    of its pixels: the same part of the picture is always at the same place. Where all are like the first one, it does
    nothing.
    """
    width, height = video.size
    factor = f"min({width}/(iw*sar),{height}/ih)"
    wide, high = f"min({width},round(iw*sar*{factor}))", f"min({height},round(ih*{factor}))"
    matrix = "" if video.matrix is None else f":out_color_matrix={MATRICES[video.matrix]}"
    parts = [
        f"scale=w='max(1,{wide})':h='max(1,{high})':eval=frame{matrix}",
        f"setsar=1,pad={width}:{height}:(ow-iw)/2:(oh-ih)/2:eval=frame",
        *_ranged(video),
    ]
    return ",".join(parts)


def _said(video: VideoInfo) -> list[str]:
    """Arguments of an input whose parts all have to say which range they are of: else the decoder goes on with that of
    the part before, and not with the limited one (ITU-T H.264, E.2.1).
    """
    return [] if video.matrix is None else [f"-bsf:V:{video.stream}", "h264_metadata=video_format=5"]


def _ranged(video: VideoInfo) -> list[str]:
    """The filter that reads the range off each frame where all other filters take the pixel format's word for it."""
    if video.matrix is None:
        return []
    name = "smpte170m" if video.matrix == "unknown" else video.matrix  # what other filters take it for
    known = f"ispace={name}:space={name}"
    same = ":".join(f"{each}=bt709" for each in ("iprimaries", "primaries", "itrc", "trc"))
    even = "pad=ceil(iw/2)*2:ceil(ih/2)*2"  # it knows no odd sides
    return [
        f"setparams=colorspace={name}",
        even,
        f"colorspace={known}:{same}:range=pc",
        "crop={}:{}:0:0:exact=1".format(*video.size),
    ]


def _seek(video: VideoInfo, rate: Fraction, first: int) -> tuple[list[str], int]:
    """Arguments before those of the input that leap to before frame number `first`, and how many frames they leave out.

    The leap goes to a whole number of frames, of ffmpeg's microseconds and of the stream's ticks, and so far before
    that one more picture comes in between: what follows is what it would be without. Where no index says where that is,
    all is decoded.
    """
    ticks = (rate / 10**6, rate * video.base)
    grid = Fraction(math.lcm(*(tick.numerator for tick in ticks))) / rate
    place = Fraction(first) / rate - Fraction(max(video.pause, 1.0) + _BEFORE)
    leaps = place // grid
    if not video.indexed or leaps < 1:
        return [], 0
    return ["-ss", f"{float(leaps * grid):.6f}"], int(leaps * grid * rate)


def sound_arguments(video: VideoInfo, rate: Fraction) -> list[str]:
    """Arguments for the input whose sound goes with the frames that are read at that `rate`, and no more than is read;
    what precedes them is left out as exactly as the container knows its places.
    """
    part = video.part(rate)
    leap = ["-ss", f"{float(part.start / rate):.6f}"] if video.indexed and part.start else []
    until = [] if part.stop is None else ["-t", f"{float((part.stop - (part.start if leap else 0)) / rate):.6f}"]
    return [*leap, *until, *read_arguments(video.path)]


def sound_filter(video: VideoInfo, rate: Fraction) -> str | None:
    """The filter that leaves out what precedes the frames that are read, where `sound_arguments` cannot."""
    first = video.part(rate).start
    if video.indexed or not first:
        return None
    return f"atrim=start={float(first / rate):.6f},asetpts=PTS-STARTPTS"


def _fill(ffmpeg: Ffmpeg, buffer: memoryview) -> bool:
    """Fill `buffer` from ffmpeg; False at the end of the video."""
    while buffer:
        count = ffmpeg.stdout.readinto(buffer)  # type: ignore[attr-defined]  # a raw pipe has it
        if not count:
            return False
        buffer = buffer[count:]
    return True


def _square(size: int, fit: Fit) -> str:
    """The filter from upright frames of square pixels to the model's square."""
    if fit == "crop":
        return f"crop='min(iw,ih)':'min(iw,ih)':exact=1,scale={size}:{size}:flags=bicubic+accurate_rnd"
    return (
        f"scale={size}:{size}:force_original_aspect_ratio=decrease:flags=bicubic+accurate_rnd,"
        f"pad={size}:{size}:(ow-iw)/2:(oh-ih)/2:black"
    )


def exact_rate(fps: float) -> Fraction:
    """`fps` as the fraction that was meant: 29.97 is 30000/1001. Raises `OptionError` where it can be none."""
    if not (is_number(fps) and 0 < fps <= _MAX_RATE):
        raise OptionError(f"fps is {fps!r}; it must lie above 0 and not above {_MAX_RATE}.")
    ntsc = Fraction(round(fps * 1.001) * 1000, 1001)
    return ntsc if fps != round(fps) and abs(ntsc - Fraction(fps)) < Fraction(1, 100) else Fraction(str(fps))


def check_fps(fps: float) -> None:
    """Raises `OptionError` unless a video can have that many frames a second."""
    exact_rate(fps)
