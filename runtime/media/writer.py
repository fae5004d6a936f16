"""Videos out: frames go in one after another, and the finished file appears under its name all at once."""

from __future__ import annotations

import contextlib
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import numpy as np

from checkpoints.errors import BunrakuWarning, OutputError
from runtime.media.ffmpeg import Ffmpeg, resample
from runtime.media.given import called
from runtime.media.names import aside, destination
from runtime.media.provenance import ffmpeg_marks, mark
from runtime.media.video import VideoInfo, sound_arguments, sound_filter
from runtime.values import Bytes


@dataclass(frozen=True)
class _Format:
    video: tuple[str, ...]
    """How frames are encoded."""
    keeps: tuple[str, ...] = ()
    """Audio codecs that the container takes as they are."""
    audio: str | None = None
    """What other audio is encoded to; None where there is no sound."""
    muxer: tuple[str, ...] = ()
    transparent: tuple[str, ...] = ()
    """How frames with alpha are encoded; empty where they cannot be."""
    widest: int = 16_384
    """Most pixels along a side."""
    fastest: Fraction | None = None
    """Most frames a second that are played as such."""


# BT.709 is what players assume; saying so, and converting so, keeps the colours.
_YUV, _YUVA = (
    f"scale=out_color_matrix=bt709:out_range=tv:flags=bicubic+accurate_rnd,format={kind},"
    "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv"
    for kind in ("yuv420p", "yuva420p")
)
_H264 = ("-vf", _YUV, "-c:v", "libx264", "-preset", "veryfast", "-crf", "17")
_VP9 = ("-c:v", "libvpx-vp9", "-crf", "24", "-b:v", "0", "-deadline", "realtime", "-cpu-used", "5")
_GIF = ("-vf", "split[a][b];[a]palettegen=stats_mode=single[p];[b][p]paletteuse=new=1")
_WEBP = ("-c:v", "libwebp_anim", "-quality", "90", "-loop", "0")
_FASTSTART = ("-movflags", "+faststart")

_FORMATS = {
    ".mp4": _Format(_H264, ("aac",), "aac", _FASTSTART),
    ".m4v": _Format(_H264, ("aac",), "aac", ("-f", "mp4", *_FASTSTART)),
    ".mov": _Format(_H264, ("aac",), "aac", _FASTSTART),
    ".mkv": _Format(_H264, ("aac", "mp3", "opus", "flac", "vorbis", "ac3"), "aac"),
    ".webm": _Format(
        ("-vf", _YUV, *_VP9), ("opus", "vorbis"), "libopus", (), ("-vf", _YUVA, *_VP9, "-auto-alt-ref", "0")
    ),
    # Browsers take a hundredth of a second for a tenth; the next time that a GIF knows is two hundredths.
    ".gif": _Format(_GIF, widest=65_535, fastest=Fraction(50)),
    ".webp": _Format(
        ("-vf", "null", *_WEBP),
        transparent=("-vf", "format=yuva420p", *_WEBP),
        widest=16_383,
        fastest=Fraction(90),
    ),
}
EXTENSIONS = tuple(_FORMATS)
FORMATS = (*(extension[1:] for extension in EXTENSIONS), "png")
"""What results can be, by the words of the option `format`; png is a folder of frames."""

_LAYOUTS = {"aac": "mono|stereo|3.0|4.0|5.0|5.1|7.1", "libopus": "mono|stereo|3.0|quad|5.0|5.1|7.1"}
"""Which loudspeakers every player of the codec knows; other layouts become the one that is most like them."""


class VideoWriter:
    """Encodes frames into the file `path`; use as a context manager.

    Until the `with` block is left without an exception, the result lies beside `path` under a hidden
    temporary name; however else it is left, nothing remains. `audio`, a video, gives the sound, which is
    kept as it is where the container allows and cut to the length of the frames.
    """

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        rate: Fraction,
        audio: VideoInfo | None = None,
        loop: int = 1,
        sign: Callable[[Path], object] | None = None,
        *,
        transparent: bool = False,
    ) -> None:
        """`size` is (width, height) of the frames; `rate` frames a second; the sound is heard `loop` times; `sign` is
        called with the complete file before that gets its name; `transparent` frames have alpha. Raises `OutputError`
        if `path` is bad, or its format cannot be transparent.
        """
        check_output(path, transparent)
        self.path = path
        self._given = 0
        self._size = size
        self._rate = rate
        self._format = _FORMATS[path.suffix.lower()]
        self._transparent = transparent
        audible = audio is not None and audio.audio is not None and self._format.audio is not None
        self._sound = audio if audible else None
        self._loop = loop
        self._sign = sign
        self._silent = _temporary(path)
        self._ffmpeg: Ffmpeg | None = None
        if max(self.size) < max(size):
            said = f"{path} is scaled to {self.size[0]}x{self.size[1]} pixels: {path.suffix} holds no larger ones."
            warnings.warn(said, BunrakuWarning, stacklevel=2)

    @property
    def rate(self) -> Fraction:
        """Frames a second of the file: those that are given, or as many as its kind can play."""
        return min(self._rate, self._format.fastest or self._rate)

    @property
    def frames(self) -> int:
        """How many frames the file has so far."""
        return self._given if self.rate == self._rate else max(1, round(self._given / self._rate * self.rate))

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the file: of the frames, or as large as its kind can hold, in pairs of pixels."""
        factor = min(Fraction(1), Fraction(self._format.widest, max(self._size)))
        if factor == 1:
            return self._size
        width, height = (max(2, int(length * factor) // 2 * 2) for length in self._size)
        return width, height

    def __enter__(self) -> VideoWriter:
        raw = (
            "-f",
            "rawvideo",
            "-pix_fmt",
            "rgba" if self._transparent else "rgb24",
            "-s",
            "{}x{}".format(*self._size),
            "-r",
            str(self._rate),
        )
        # The index is moved to the front only when no second pass for the sound will do it.
        muxer = self._format.muxer if self._sound is None else ()
        flag, shape, *video = self._format.transparent if self._transparent else self._format.video
        shape = "".join(self._fitted()) + shape
        arguments = [*raw, "-i", "pipe:0", flag, shape, *video, *ffmpeg_marks(), *muxer, "-y", str(self._silent)]
        self._ffmpeg = Ffmpeg(arguments, stdin=True)
        return self

    def _fitted(self) -> Iterator[str]:
        """Filters, each with its comma, for what the kind of file cannot hold."""
        if self.rate != self._rate:
            yield f"{resample(self._rate, self.rate)},"
        if self.size != self._size:
            yield "scale={}:{}:flags=area,".format(*self.size)

    def write(self, frame: Bytes) -> None:
        """Append one frame, uint8 (height, width, 3) in RGB, or 4 with alpha. Raises `OutputError` when encoding
        fails.
        """
        if self._ffmpeg is None:
            raise RuntimeError("a VideoWriter takes frames inside its with block only")
        width, height = self._size
        shape = (height, width, 4 if self._transparent else 3)
        if frame.shape != shape or frame.dtype != np.uint8:
            raise ValueError(f"frame is {frame.dtype} {frame.shape}, not uint8 {shape}")
        data = memoryview(np.ascontiguousarray(frame).data).cast("B")
        try:
            while data:
                data = data[self._ffmpeg.stdin.write(data) :]
        except OSError as error:  # ffmpeg is gone: a full disk, most of all
            raise self._failed(self._ffmpeg) from error
        self._given += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None and self._ffmpeg is not None:
                self._finish(self._ffmpeg)
        finally:
            if self._ffmpeg is not None:
                self._ffmpeg.close()
            _remove(self._silent)

    def _finish(self, ffmpeg: Ffmpeg) -> None:
        if ffmpeg.finish() != 0:
            raise self._failed(ffmpeg)
        if self._sound is None:
            _publish(self._silent, self.path, self._sign)
            return
        complete, once = _temporary(self.path), _temporary(self.path.with_suffix(".wav"))
        try:
            heard = self._add_sound(self._sound, complete) if self._loop == 1 else self._repeat_sound(once, complete)
            _publish(complete if heard else self._silent, self.path, self._sign)
        finally:
            _remove(complete)
            _remove(once)

    def _add_sound(self, sound: VideoInfo, complete: Path) -> bool:
        """Join the encoded frames and the sound, now that the length is known; False when the sound is broken."""
        trim = sound_filter(sound, self._rate)
        kept = sound.audio in self._format.keeps and trim is None
        return self._join(sound_arguments(sound, self._rate), sound.sound, kept, trim, complete)

    def _repeat_sound(self, once: Path, complete: Path) -> bool:
        """The same with the sound again and again: as long each time as the frames, lest they drift apart."""
        sound = self._sound
        if sound is None:
            return False
        length = f"{self._seconds / self._loop:.6f}"
        filters = ",".join(filter(None, (sound_filter(sound, self._rate), "apad")))
        cut = ["-map", f"0:a:{sound.sound}", "-af", filters, "-t", length, "-c:a", "pcm_s16le", "-y", str(once)]
        if not self._runs([*sound_arguments(sound, self._rate), *cut]):
            return False
        return self._join(["-stream_loop", "-1", "-i", str(once)], 0, False, None, complete)

    @property
    def _seconds(self) -> float:
        """How long the frames play."""
        return float(self._given / self._rate)

    def _join(self, heard: list[str], number: int, kept: bool, trim: str | None, complete: Path) -> bool:
        """Join the frames and stream `number` of the sound that the arguments `heard` read: as it is, or encoded."""
        codec = str(self._format.audio)
        filters = ",".join(filter(None, (trim, f"aformat=channel_layouts={_LAYOUTS[codec]}")))
        coded = ["-c:a", "copy"] if kept else ["-af", filters, "-c:a", codec]
        return self._runs(
            [
                *("-i", str(self._silent), *heard, "-map", "0:v:0", "-map", f"1:a:{number}"),
                *("-c:v", "copy", *coded, "-map_metadata", "-1", "-map_chapters", "-1", *ffmpeg_marks()),
                *("-t", f"{self._seconds:.6f}", *self._format.muxer, "-y", str(complete)),
            ]
        )

    def _runs(self, arguments: list[str]) -> bool:
        """Run ffmpeg over the sound; False, and a warning, when the sound is broken."""
        with Ffmpeg(arguments) as ffmpeg:
            status = ffmpeg.finish()
            if status < 0 or "No space left" in ffmpeg.log():
                raise self._failed(ffmpeg)
            if status != 0 and self._sound is not None:  # the frames may have taken hours
                name = called(self._sound.path)
                said = f"The sound of {name} cannot be used ({ffmpeg.complaint()}); the result is silent."
                warnings.warn(said, BunrakuWarning, stacklevel=2)
        return status == 0

    def _failed(self, ffmpeg: Ffmpeg) -> OutputError:
        ffmpeg.process.wait()
        return OutputError(f"{self.path} cannot be written ({ffmpeg.complaint()}); check the disk and the folder.")


def check_output(path: Path, transparent: bool = False) -> None:
    """Raises `OutputError` unless a video can be written to `path`: known extension, which can be `transparent` where
    that is wanted, existing, writable folder.
    """
    if path.is_dir():
        raise OutputError(f"{path} is a folder; give the name of a file.")
    if path.suffix.lower() not in _FORMATS:
        raise OutputError(f"{path} must end in one of {', '.join(EXTENSIONS)}; give another name.")
    if transparent and not _FORMATS[path.suffix.lower()].transparent:
        known = ", ".join(extension for extension, each in _FORMATS.items() if each.transparent)
        raise OutputError(f"{path} cannot be transparent; let it end in {known}, or write a folder/ of PNG frames.")
    check_folder(destination(path).absolute().parent)


def check_folder(folder: Path) -> None:
    """Raises `OutputError` unless files can be put into `folder`."""
    if not folder.is_dir():
        raise OutputError(f"The folder {folder} does not exist; make it, or give another name.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"The folder {folder} may not be written to; give another one.")


def _temporary(path: Path) -> Path:
    """A new, empty, hidden file beside `path`, so that the final rename stays on one disk."""
    try:
        folder = destination(path).absolute().parent
        handle, name = tempfile.mkstemp(prefix=aside(path), suffix=path.suffix, dir=folder)
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror}); give another name.") from error
    os.close(handle)
    return Path(name)


def _publish(temporary: Path, path: Path, sign: Callable[[Path], object] | None) -> None:
    umask = os.umask(0)
    os.umask(umask)
    try:
        mark(temporary)
        if sign is not None:
            sign(temporary)
        temporary.chmod(0o666 & ~umask)  # mkstemp's files are for their owner only
        os.replace(temporary, destination(path))
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror}); give another name.") from error


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
