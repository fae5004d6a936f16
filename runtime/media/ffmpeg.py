"""Running the ffmpeg that imageio-ffmpeg carries, such that it never outlives us and its words are kept."""

from __future__ import annotations

import contextlib
import math
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from checkpoints.errors import OutputError
from runtime.media.span import early

# Only containers that hold their frames themselves. Playlists (HLS, concat, image2 patterns) could name any
# other file of the machine or the network, which matters where strangers upload videos.
_CONTAINERS = (
    "mov,matroska,avi,gif,apng,webp_anim,webp_pipe,png_pipe,jpeg_pipe,mpegts,mpeg,mpegvideo,h264,hevc,ivf,flv,asf,ogg,"
    "m4v,mjpeg,mxf,nut,yuv4mpegpipe,rm,dv,vob,wtv"
)


@cache
def executable() -> str:
    """Path of the ffmpeg program."""
    import imageio_ffmpeg  # here: unpacking its resources costs time that only videos need

    return imageio_ffmpeg.get_ffmpeg_exe()


def max_pixels(most: float) -> list[str]:
    """Arguments for an input whose frames of more than `most` pixels are not to be unpacked."""
    return ["-max_pixels", str(int(min(most, 2**31 - 1)))]  # ffmpeg's own limit is about that


def read_arguments(path: Path, pixels: float = math.inf) -> list[str]:
    """Arguments that make the file `path` an input; nothing but this one file can be opened through it, and no frame
    of more than that many `pixels` is unpacked.
    """
    return [
        *max_pixels(pixels),
        "-protocol_whitelist",
        "file",
        "-format_whitelist",
        _CONTAINERS,
        "-i",
        f"file:{path.absolute()}",
    ]


def resample(own: Fraction, rate: Fraction) -> str:
    """The filter from frames that come at about their `own` rate to the constant `rate`: frame n is what is shown at
    second n / rate, and the first one always the first.

    What comes a little late (`early`) is forgiven: clocks are rounded. Starting at 0 and not at the
    first frame keeps a video that starts late together with its sound.
    """
    slack = early(own, rate)
    # Some clocks tick once a frame, and know no half of it.
    return f"settb=intb/24,setpts='PTS-{slack.numerator}/{slack.denominator}/TB',fps={rate}:start_time=0:round=up"


class Ffmpeg:
    """One run of ffmpeg. Leaving the `with` block ends it, however it is left.

    It runs in a process group of its own: ctrl-C reaches us alone, and we decide how to end it.
    """

    def __init__(self, arguments: Sequence[str], *, stdin: bool = False, stdout: bool = False) -> None:
        self._log = _log_file()
        command = [executable(), "-hide_banner", "-loglevel", "error", *arguments]
        if not stdin:
            command.insert(1, "-nostdin")
        try:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                stdout=subprocess.PIPE if stdout else subprocess.DEVNULL,
                stderr=self._log,
                bufsize=0,
                **_own_group(),
            )
        except BaseException:
            self._log.close()
            raise

    def __enter__(self) -> Ffmpeg:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def stdin(self) -> IO[bytes]:
        """The open pipe into ffmpeg; only with `stdin=True`."""
        if self.process.stdin is None:
            raise RuntimeError("ffmpeg was started without stdin")
        return self.process.stdin

    @property
    def stdout(self) -> IO[bytes]:
        """The open pipe out of ffmpeg; only with `stdout=True`."""
        if self.process.stdout is None:
            raise RuntimeError("ffmpeg was started without stdout")
        return self.process.stdout

    def log(self) -> str:
        """Everything that ffmpeg has said so far."""
        self._log.seek(0)
        return self._log.read().decode("utf-8", "replace")

    def complaint(self, otherwise: str = "no reason given") -> str:
        """Why it was ended, or else the first thing that it complained about, without the prefix that names its
        component; where there is neither, `otherwise`.
        """
        if (self.process.poll() or 0) < 0:
            return _killed(-self.process.returncode)
        lines = [line for line in self.log().splitlines() if line.strip()]
        return lines[0].rpartition("] ")[2].rstrip(".") if lines else otherwise

    def finish(self) -> int:
        """Close the pipe in, wait for ffmpeg to end by itself, and return its status."""
        if self.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.close()
        return self.process.wait()

    def close(self) -> None:
        """End it at once if it still runs, and let go of pipes and log. May be called again."""
        if self.process.poll() is None:
            self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self.process.wait()
        if not self._log.closed:
            self._log.close()


def _log_file() -> IO[bytes]:
    """A file and not a pipe: nobody has to read it while the frames flow."""
    try:
        return tempfile.TemporaryFile()
    except OSError as error:
        said = error.strerror or str(error)
        raise OutputError(f"There is no room for temporary files ({said}); free some, or set TMPDIR.") from error


def _killed(number: int) -> str:
    """What it means that ffmpeg ended by the signal `number`."""
    name = signal.Signals(number).name if number in signal.valid_signals() else f"signal {number}"
    known = {
        "SIGKILL": "ffmpeg was killed, often because memory has run out",
        "SIGXFSZ": "the limit on the size of files was reached",
    }
    return known.get(name, f"ffmpeg was ended by {name}")


def _own_group() -> dict[str, Any]:
    if hasattr(subprocess, "CREATE_NEW_PROCESS_GROUP"):  # Windows
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"process_group": 0}
