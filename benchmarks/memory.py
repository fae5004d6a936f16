"""`python -m benchmarks.memory`: resident memory over time while a long, large driving video goes through the engine.

By default ten minutes of 1080p, made of the bundled sample. Writes a plot, and the samples beside it as CSV:

python -m benchmarks.memory --seconds 600 --plot benchmarks/memory.png
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
import numpy as np

from benchmarks.subjects import ROOT
from checkpoints.registry import load_model
from runtime.engine import DEFAULT_MODEL

SAMPLE = ROOT / "runtime" / "assets"
EVERY = 0.1
"""Seconds between two samples."""
MB = 1e6


@dataclass(frozen=True)
class Sample:
    """Resident memory at one moment, in bytes."""

    seconds: float
    """Since the start."""
    engine: int
    """Of the process that runs `runtime.animate`."""
    ffmpeg: int
    """Of its decoders and encoders together."""


def make_driving(path: Path, clip: Path, seconds: float, size: tuple[int, int], fps: float | None = None) -> None:
    """`clip` again and again for `seconds`, filling frames of `size` (width, height), at its own rate or at `fps`."""
    width, height = size
    fill = f"scale={width}:{height}:force_original_aspect_ratio=increase,crop={width}:{height},format=yuv420p"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error", "-stream_loop", "-1", "-i", str(clip)]
    rate = [] if fps is None else ["-r", str(fps)]
    subprocess.run([*command, "-t", str(seconds), "-vf", fill, *rate, "-preset", "ultrafast", str(path)], check=True)


def watch(process: subprocess.Popen[str]) -> list[Sample]:
    """Samples of `process` and its children until it ends."""
    begin = time.monotonic()
    samples: list[Sample] = []
    while process.poll() is None:
        engine = _resident(process.pid)
        if engine is not None:
            ffmpeg = sum(_resident(child) or 0 for child in _children(process.pid))
            samples.append(Sample(time.monotonic() - begin, engine, ffmpeg))
        time.sleep(EVERY)
    return samples


def _resident(pid: int) -> int | None:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):  # it has just ended
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") or None


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += map(int, file.read_text().split())
        except OSError:
            continue
    return found


@dataclass(frozen=True)
class Summary:
    """What the samples say; memory in 1e6 bytes."""

    peak: float
    peak_ffmpeg: float
    growth: float
    """Of the engine's process in the second half, a minute: the slope of a line through the samples."""

    @classmethod
    def of(cls, samples: list[Sample]) -> Summary:
        """Of at least four samples."""
        half = samples[len(samples) // 2 :]
        slope = np.polyfit([each.seconds for each in half], [each.engine for each in half], 1)[0]
        peaks = max(each.engine for each in samples), max(each.ffmpeg for each in samples)
        return cls(peaks[0] / MB, peaks[1] / MB, float(slope) * 60 / MB)


def plot(samples: list[Sample], path: Path, title: str) -> None:
    """Memory over time as a picture."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 3.5), layout="constrained")
    minutes = [each.seconds / 60 for each in samples]
    axes.plot(minutes, [each.engine / MB for each in samples], label="engine (Python, ONNX Runtime)")
    axes.plot(minutes, [each.ffmpeg / MB for each in samples], label="ffmpeg (decoder and encoder)")
    axes.set(xlabel="minutes", ylabel="resident memory, MB", title=title, ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> int:
    """Run; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=600.0, help="length of the driving video (%(default)s)")
    parser.add_argument("--size", default="1920x1080", help="of its frames (%(default)s)")
    parser.add_argument("--fps", type=float, help="its frames a second (those of the clip)")
    parser.add_argument("--source", type=Path, default=SAMPLE / "sample.jpg")
    parser.add_argument("--clip", type=Path, default=SAMPLE / "sample.mp4", help="what the driving video is made of")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--plot", type=Path, required=True, metavar="FILE.png")
    args = parser.parse_args(arguments)
    width, height = map(int, args.size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        driving = Path(folder) / "driving.mp4"
        make_driving(driving, args.clip.absolute(), args.seconds, (width, height), args.fps)
        words = [load_model(args.model).folder, args.source.absolute(), driving, Path(folder) / "out.mp4"]
        command = [sys.executable, "-m", "benchmarks.child", *map(str, words)]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        begin = time.monotonic()
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder, env=environment) as child:
            samples = watch(child)
            said = child.stdout.read() if child.stdout else ""
        took = time.monotonic() - begin
    if len(samples) < 4 and not child.returncode:
        print(f"animate took {took:.1f} s, too short to watch; ask for more --seconds", file=sys.stderr)
        return 1
    if child.returncode:
        print(f"animate failed in the child process, with status {child.returncode}: {said}", file=sys.stderr)
        return 1
    summary = Summary.of(samples)
    rate = "" if args.fps is None else f" at {args.fps:g} frames a second"
    plot(samples, args.plot, f"{args.seconds:g} s of {args.size} driving video{rate}, model {args.model}")
    with args.plot.with_suffix(".csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["seconds", "engine_bytes", "ffmpeg_bytes"])
        writer.writerows([round(each.seconds, 1), each.engine, each.ffmpeg] for each in samples)
    print(f"{args.seconds:g} s of {args.size}: {took:.0f} s, {len(samples)} samples; {said.strip().splitlines()[-1]}")
    print(f"engine at most {summary.peak:.0f} MB, growth {summary.growth:+.2f} MB a minute in the second half")
    print(f"ffmpeg processes at most {summary.peak_ffmpeg:.0f} MB together")
    return 0


if __name__ == "__main__":
    sys.exit(main())
