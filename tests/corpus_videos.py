"""Awkward videos, each made by a function from its name's path; what becomes of it stands beside it.

All good ones show the same when upright: a bright square that walks to the right, two 64ths of the side a frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from clips import Bytes, encode, ffmpeg, spot
from corpus_pictures import Make, content, cut, pipe, png, saved, under_another_name
from PIL import Image

COUNT = 8
WAY = 2.0 * (COUNT - 1)


@dataclass(frozen=True)
class Video:
    """A video that can be used."""

    make: Make
    frames: Sequence[int] = (COUNT,)
    """How many frames may come of it."""
    rate: float = 25.0
    way: tuple[float, float] = (WAY, 0.0)
    """From the first frame's square to the last one's, in 64ths of the side."""


def walk(width: int = 64, height: int = 64, count: int = COUNT) -> list[Bytes]:
    """The frames that all of them show."""
    side = min(width, height)
    left, top, unit = (width - side) / 2, (height - side) / 2, side / 64
    return [
        spot(left + (20 + 2 * t) * unit, top + 30 * unit, size=width, height=height, side=side // 4)
        for t in range(count)
    ]


def coded(*options: str, size: tuple[int, int] = (64, 64), count: int = COUNT, **more: object) -> Make:
    """Encodes the walk with options of ffmpeg's."""
    return lambda path: encode(path, walk(*size, count), options=options, **more)  # type: ignore[arg-type]


def remade(make: Make, suffix: str, *options: str, before: Sequence[str] = ()) -> Make:
    """What `make` makes under a name of that `suffix`, passed through ffmpeg once more."""

    def made(path: Path) -> None:
        first = path.with_name("first" + suffix)
        make(first)
        ffmpeg(*before, "-i", str(first), *options, str(path))
        first.unlink()

    return made


def on_its_side(angle: int) -> Make:
    """Pixels turned by `angle`, and a display matrix that turns them back."""
    turn = {90: "transpose=1", 180: "hflip,vflip", 270: "transpose=2"}[angle]

    def made(path: Path) -> None:
        lying = path.with_name("lying.mp4")
        encode(lying, walk(96, 64), options=["-vf", turn])
        ffmpeg("-display_rotation", str(angle), "-i", str(lying), "-c", "copy", str(path))
        lying.unlink()

    return made


def by_pillow(path: Path, **options: object) -> None:
    """As programs for pictures write animations: each frame with a duration of its own."""
    first, *rest = [Image.fromarray(frame) for frame in walk()]
    first.save(path, save_all=True, append_images=rest, duration=40, loop=0, **options)


def silent_start(path: Path) -> None:
    """Three streams, of which the picture is the last."""
    first = path.with_name("first.mp4")
    encode(first, walk())
    tone = ["-f", "lavfi", "-i", "sine=frequency=440:duration=0.32"]
    ffmpeg(*tone, *tone, "-i", str(first), *("-map", "0", "-map", "1", "-map", "2", "-c:v", "copy", str(path)))
    first.unlink()


def uneven(path: Path) -> None:
    """The second half comes at half the speed, as phones record in the dark."""
    encode(path, walk(), options=["-vf", "setpts='if(lt(N,4),N,4+2*(N-4))/25/TB'", "-fps_mode", "vfr"])


def sound_only(path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "sine=frequency=440:duration=0.3", str(path))


def playlist(path: Path) -> None:
    """A text that names another file of the machine."""
    encode(path.with_name("other.ts"), walk())
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.4,\nother.ts\n#EXT-X-ENDLIST\n")


def script(path: Path) -> None:
    encode(path.with_name("other.mp4"), walk())
    path.write_text("ffconcat version 1.0\nfile other.mp4\n")


def slow_gif(path: Path) -> None:
    """Each of its frames is to be seen for eleven minutes."""
    first, *rest = [Image.fromarray(frame) for frame in walk()]
    first.save(path, save_all=True, append_images=rest, duration=655_350)


def noise(path: Path) -> None:
    path.write_bytes(np.random.default_rng(0).bytes(20_000))


FAST = ("-deadline", "realtime", "-cpu-used", "8")
GOOD: dict[str, Video] = {
    "h264.mp4": Video(coded()),
    "h264-10-bit.mp4": Video(coded("-pix_fmt", "yuv420p10le")),
    "h264-444.mp4": Video(coded("-pix_fmt", "yuv444p")),
    "h264-rgb.mkv": Video(coded("-c:v", "libx264rgb", "-pix_fmt", "rgb24")),
    "hevc.mp4": Video(coded("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error")),
    "hevc-hdr.mov": Video(
        coded(
            *("-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le", "-tag:v", "hvc1"),
            *("-x265-params", "log-level=error:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"),
        )
    ),
    "vp8.webm": Video(coded("-c:v", "libvpx", *FAST)),
    "vp9.webm": Video(coded("-c:v", "libvpx-vp9", *FAST)),
    "av1.mkv": Video(coded("-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime")),
    "mpeg4.avi": Video(coded("-c:v", "mpeg4")),
    "mjpeg.avi": Video(coded("-c:v", "mjpeg", "-pix_fmt", "yuvj420p")),
    "mpeg2.ts": Video(coded("-c:v", "mpeg2video"), frames=range(COUNT - 1, COUNT + 1), way=(WAY - 1, 0)),
    "wmv2.wmv": Video(coded("-c:v", "wmv2")),
    "flash.flv": Video(coded("-c:v", "flv", "-s", "64x64")),
    "theora.ogv": Video(coded("-c:v", "libtheora", "-q:v", "8")),
    "prores.mov": Video(coded("-c:v", "prores_ks", "-pix_fmt", "yuv422p10le")),
    "animation.mov": Video(coded("-c:v", "qtrle", "-pix_fmt", "rgb24")),
    "ffv1.mkv": Video(coded("-c:v", "ffv1")),
    "bare.h264": Video(coded("-bf", "0", "-f", "h264")),
    "y4m.y4m": Video(coded()),
    "ffmpeg.gif": Video(coded("-pix_fmt", "rgb8")),
    "pillow.gif": Video(by_pillow),
    "apng.apng": Video(coded("-pix_fmt", "rgb24", "-plays", "0")),
    "full-range.mp4": Video(coded("-pix_fmt", "yuvj420p")),
    "interlaced.mp4": Video(coded("-flags", "+ilme+ildct", "-x264opts", "tff=1")),
    "wide-pixels.mp4": Video(coded("-vf", "scale=32:64,setsar=2")),
    "odd.mkv": Video(coded("-c:v", "ffv1", "-pix_fmt", "yuv444p", size=(97, 65))),
    "portrait.mp4": Video(coded(size=(54, 96))),
    "landscape.mp4": Video(coded(size=(320, 64))),
    "smallest.mkv": Video(coded("-c:v", "ffv1", "-pix_fmt", "rgb24", size=(16, 16)), way=(WAY, 0)),
    "4k.mp4": Video(coded("-preset", "ultrafast", "-vf", "scale=3840:2160", size=(96, 54), count=2), (2,), way=(2, 0)),
    "turned-90.mp4": Video(on_its_side(90)),
    "turned-180.mp4": Video(on_its_side(180)),
    "turned-270.mov": Video(on_its_side(270)),
    "one-frame.mp4": Video(coded(count=1), frames=(1,), way=(0, 0)),
    "a-picture.jpg": Video(saved(64, 64), frames=(1,), way=(0, 0)),
    "ntsc.mp4": Video(coded(rate="30000/1001"), rate=30000 / 1001),
    "cinema.mp4": Video(coded(rate="24"), rate=24),
    "slow.mp4": Video(coded(rate="2"), rate=2),
    "fast.mp4": Video(coded(rate="240"), rate=240),
    "fine-clock.mp4": Video(coded("-video_track_timescale", "90000")),
    "uneven.mp4": Video(uneven, frames=range(10, 14)),
    "late.mkv": Video(
        remade(coded(), ".mp4", "-c", "copy", "-copyts", before=("-itsoffset", "0.4")), frames=range(COUNT, COUNT + 11)
    ),
    "sound.mp4": Video(coded(sound=0.32)),
    "long-sound.mp4": Video(coded(sound=2.0)),
    "picture-last.mkv": Video(silent_start),
    "webm-named.mp4": Video(under_another_name(coded("-c:v", "libvpx", *FAST), ".webm")),
    "mp4-named.jpg": Video(under_another_name(coded(), ".mp4")),
    "no-extension": Video(under_another_name(coded(), ".mkv")),
    "ünï cödé 日本 %03d.mp4": Video(coded()),
    "file:odd,name;[x].mp4": Video(under_another_name(coded(), ".mp4")),
    "trailing.mp4": Video(lambda path: (coded()(path), path.write_bytes(path.read_bytes() + bytes(1000)))),
}

BAD: dict[str, tuple[Make, str]] = {
    "empty.mp4": (content(b""), "not a video"),
    "text.mp4": (content(b"hello\n" * 100), "not a video"),
    "noise.mp4": (noise, "not a video"),
    "zeros.avi": (content(bytes(5000)), "not a video"),
    "sound.wav": (sound_only, "not a video"),
    "sound.m4a": (sound_only, "not a video"),
    "list.m3u8": (playlist, "not a video"),
    "list-named.mp4": (under_another_name(playlist, ".m3u8"), "not a video"),
    "script.txt": (script, "not a video"),
    "subtitles.srt": (content(b"1\n00:00:00,000 --> 00:00:01,000\nHello\n"), "not a video"),
    "cut.mp4": (cut(coded(count=40), 0.4, ".mp4"), "cut short"),
    "head.mkv": (cut(coded(), 0.02, ".mkv"), "not a video"),
    "tiny.mp4": (coded(size=(8, 8)), "8x8 pixels"),
    "long.gif": (slow_gif, "longer than 3600 seconds"),
    "bomb.png": (content(png(60_000, 60_000)), "more than 120M pixels|not a video"),
    "folder.mp4": (lambda path: path.mkdir(), "is a folder|holds no pictures"),
    "pipe.mp4": (pipe, "not a regular file"),
    "absent.mp4": (lambda path: None, "does not exist"),
    "text.motion": (content(b"hello"), "not a motion file"),
    "empty.motion": (content(b""), "not a motion file"),
}
