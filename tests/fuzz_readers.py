"""`python tests/fuzz_readers.py --minutes 10`: damaged files of every kind through every reader, in one process.

Whatever a file holds, a reader must give pictures or a `BunrakuError`: no other exception, no crash, no hang (a
file that takes longer than `SLOW` seconds is one), no descriptor left open, no memory kept. Prints what it finds and
the figures; status 1 when it found anything. The suite runs the same with hypothesis, for a moment.

Memory over ever new files tells little, since each may need more than all before it. `--rounds 40 --files 300` reads
the same damaged files again and again instead: what is resident after round `SETTLED` must be what is resident in the
end.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

import corpus_pictures  # noqa: E402
import corpus_videos  # noqa: E402
import numpy as np  # noqa: E402

from checkpoints.errors import BunrakuError  # noqa: E402
from runtime import Limits, Motion  # noqa: E402
from runtime.framing.framer import Framer, Framing  # noqa: E402
from runtime.media.picture import read_image  # noqa: E402
from runtime.media.video import probe, read_frames, read_whole  # noqa: E402
from runtime.media.writer import VideoWriter  # noqa: E402
from runtime.motion.driving import frame_clip, open_clip, read_shown  # noqa: E402
from runtime.motion.file import MotionFile, load_motion, save_motion  # noqa: E402
from runtime.motion.takes import Takes  # noqa: E402

LIMITS = Limits(pixels=4e6, seconds=20.0, bytes=1e7)
SLOW = 20.0
SETTLED = 5
"""Rounds after which allocators and caches have what they need for these files."""
KEPT = 0.03
"""Growth from then on that would be a leak, as a share; allocators move by about a hundredth."""
PICTURES = (
    *("plain.jpg", "progressive.jpeg", "turned-6.jpg", "cmyk.jpg", "two-in-one.jpg", "plain.png", "palette-hole.png"),
    *("16-bit.png", "hole.png", "moving.png", "lossy.webp", "lossless.webp", "moving.webp", "moving.gif", "plain.bmp"),
    *("lzw.tiff", "16-bit.tif", "float.tif", "plain.ppm", "plain.avif", "plain.jp2"),
    *("p3.jpg", "grey-profile.png", "thumbnail.dng", "alpha.heic"),
)
VIDEOS = (
    "h264.mp4",
    "vp8.webm",
    "mjpeg.avi",
    "mpeg2.ts",
    "pillow.gif",
    "apng.apng",
    "flash.flv",
    "sound.mp4",
    "ffv1.mkv",
)


def read_picture(path: Path) -> None:
    """All of a picture, and again as the engine reads JPEG: at a fraction of its size."""
    for size in (None, 16):
        image = read_image(path, size, LIMITS)
        assert image.mode == "RGB"
        assert image.width * image.height <= LIMITS.pixels
        np.asarray(image)


def read_video(path: Path) -> None:
    """The first frames of a video, some from a place in it that its content chooses, and those with the sound of that
    part as a result.
    """
    video = probe(path, LIMITS)
    for frame in islice(read_frames(video, 32), 30):
        assert frame.shape == (32, 32, 3)
    chance = random.Random(path.read_bytes())
    start = chance.uniform(0, video.duration)
    part = replace(video, start=start, end=chance.choice((None, start + chance.uniform(0.001, 2))))
    rate = chance.choice((video.rate, Fraction(7), Fraction(60)))
    if video.part(rate).start >= video.count(rate):
        part = video
    for frame in islice(read_whole(part, 48, rate), 20):
        assert max(frame.shape) <= 48
    with VideoWriter(path.with_name("result.webm"), (32, 32), Fraction(25), part) as writer:
        writer.write(np.zeros((32, 32, 3), np.uint8))


def drive(path: Path) -> None:
    """What drives, as it is framed, from its first squares to their takes."""
    clip = open_clip(path, limits=LIMITS)
    if clip.motion is not None:
        assert np.isfinite(clip.motion.motion.points).all()
        return
    framed = frame_clip(clip, Framer(Framing(), "crop", "auto", "auto", None))
    takes = Takes(float(clip.rate))
    for square, begins in islice(read_shown(framed, 32), 12):
        assert square.shape == (32, 32, 3)
        assert takes(square, begins) >= 0


def read_motion(path: Path) -> None:
    """A motion file."""
    motion = load_motion(path).motion
    assert np.isfinite(motion.points).all()


DRIVING = ("plain.jpg", "moving.webp", "h264.mp4", "vp8.webm", "mpeg2.ts", "pillow.gif")
"""Of which the fuzzer reads the squares, too."""

Seed = tuple[str, bytes, Callable[[Path], None]]


def seeds(folder: Path) -> list[Seed]:
    """Name, content and reader of the files to damage, made in `folder`."""
    found: list[Seed] = []
    for names, makers, reader in (
        (PICTURES, corpus_pictures.GOOD, read_picture),
        (VIDEOS, {name: video.make for name, video in corpus_videos.GOOD.items()}, read_video),
    ):
        for name in names:
            makers[name](folder / name)
            found.append((name, (folder / name).read_bytes(), reader))
            if name in DRIVING:
                found.append((name, (folder / name).read_bytes(), drive))
    heic = HERE / "runtime" / "sideways.heic"
    found += [(heic.name, heic.read_bytes(), reader) for reader in (read_picture, drive)]
    motion = Motion(np.zeros((3, 4, 2), np.float32), np.ones((3, 4, 2, 2), np.float32))
    recorded = MotionFile(motion, Fraction(25), "toy", "toy", "0" * 64)
    save_motion(folder / "nod.motion", recorded)
    found += [("nod.motion", (folder / "nod.motion").read_bytes(), reader) for reader in (read_motion, drive)]
    return found


def damage(data: bytes, chance: random.Random, others: list[bytes]) -> bytes:
    """`data` with a few faults, most of them where formats keep their numbers: in the beginning."""
    out = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        reach = len(out) if chance.random() < 0.5 else min(len(out), 200)
        at = chance.randrange(reach) if reach else 0
        kind = chance.randrange(9)
        if kind == 0 and out:
            out[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            out[at : at + 4] = chance.choice((b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\1"))
        elif kind == 2:
            out[at : at + chance.randrange(1, 64)] = b""
        elif kind == 3:
            out[at:at] = chance.randbytes(chance.randrange(1, 64))
        elif kind == 4:
            del out[at:]
        elif kind == 5:
            out[at:at] = out[at : at + chance.randrange(1, 512)]
        elif kind == 6:
            other = chance.choice(others)
            start = chance.randrange(max(1, len(other)))
            out[at : at + 32] = other[start : start + 32]
        else:  # another stream goes on in the middle, or some of one stands there
            other = chance.choice(others)
            middle, start = len(out) // 2, chance.randrange(max(1, len(other)))
            out[middle : None if kind == 7 else middle] = other[start:] if kind == 7 else other
    return bytes(out)


def attempt(path: Path, data: bytes, reader: Callable[[Path], None]) -> tuple[str, str]:
    """What comes of a file with that content: "read" or "refused", and the words of the refusal; any other exception
    passes through.
    """
    path.write_bytes(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reader(path)
    except BunrakuError as error:
        if len(str(error).strip().splitlines()) != 1:
            raise AssertionError(f"an error of several lines: {error}") from error
        return "refused", str(error)
    return "read", ""


def resident() -> float:
    """Resident memory of this process in megabytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def damaged(known: list[Seed], count: int, seed: int) -> list[Seed]:
    """`count` files that are always the same for the same `seed`."""
    chance = random.Random(seed)
    others = [data for _, data, _ in known]
    picked = [chance.choice(known) for _ in range(count)]
    return [(name, damage(data, chance, others), reader) for name, data, reader in picked]


def read_again_and_again(folder: Path, files: list[Seed], rounds: int) -> list[float]:
    """Resident memory in megabytes after each of the `rounds` in which all `files` are read."""
    found = []
    for _ in range(rounds):
        for name, data, reader in files:
            attempt(folder / f"bad{Path(name).suffix}", data, reader)
        gc.collect()
        found.append(resident())
    return found


def growth(memory: list[float]) -> float:
    """Of the last round over round `SETTLED`, as a share."""
    return memory[-1] / memory[SETTLED - 1] - 1


def prove(rounds: int, count: int, seed: int, videos: bool) -> int:
    """Read `count` files in so many `rounds` and print what is resident; returns the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        known = [each for each in seeds(Path(folder)) if videos or each[2] in (read_picture, read_motion)]
        memory = read_again_and_again(Path(folder), damaged(known, count, seed), rounds)
    print(f"{count} damaged files, {rounds} rounds; resident after each, MB:", *(f"{value:.1f}" for value in memory))
    print(f"round {SETTLED} to round {rounds}: {100 * growth(memory):+.2f}%")
    return int(growth(memory) > KEPT)


def main() -> int:
    """Run; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()), help="folder for files that fail")
    parser.add_argument("--rounds", type=int, help="read the same files so often, instead of ever new ones")
    parser.add_argument("--files", type=int, default=300, help="how many those are (%(default)s)")
    parser.add_argument("--no-videos", action="store_true", help="leave out those that ffmpeg reads")
    args = parser.parse_args()
    if args.rounds is not None:
        if args.rounds <= SETTLED:
            parser.error(f"--rounds must be more than {SETTLED}")
        return prove(args.rounds, args.files, args.seed, not args.no_videos)
    chance = random.Random(args.seed)
    counts: Counter[str] = Counter()
    faults: dict[str, Path] = {}
    slowest = (0.0, "")
    with tempfile.TemporaryDirectory() as folder:
        known = seeds(Path(folder))
        others = [data for _, data, _ in known]
        begin, memory, open_files = time.monotonic(), [], len(os.listdir("/proc/self/fd"))
        while time.monotonic() - begin < 60 * args.minutes:
            name, data, reader = chance.choice(known)
            bad = damage(data, chance, others)
            start = time.monotonic()
            try:
                outcome, _ = attempt(Path(folder) / f"bad{Path(name).suffix}", bad, reader)
            except Exception as error:  # this is what we look for
                outcome = f"{type(error).__name__} in {name}"
            took = time.monotonic() - start
            slowest = max(slowest, (took, name))
            if took > SLOW:  # once more: other work on the machine may be to blame
                start = time.monotonic()
                outcome, _ = attempt(Path(folder) / f"bad{Path(name).suffix}", bad, reader)
                took = time.monotonic() - start
            if took > SLOW:
                outcome = f"hang in {name}"
            if outcome not in ("read", "refused") and outcome not in faults:
                faults[outcome] = args.keep / f"fuzz-{len(faults)}-{name}"
                faults[outcome].write_bytes(bad)
            counts[outcome] += 1
            if sum(counts.values()) % 250 == 0:
                memory.append(resident())
        left = len(os.listdir("/proc/self/fd")) - open_files
    print(f"{sum(counts.values())} files in {args.minutes:g} minutes: {dict(counts)}")
    print(f"slowest: {slowest[0]:.1f} s ({slowest[1]}); descriptors left open: {left}")
    if memory:
        quarter = max(1, len(memory) // 4)
        print("resident memory, MB, means of four quarters:", end=" ")
        print(*(f"{np.mean(memory[k * quarter : (k + 1) * quarter]):.0f}" for k in range(min(4, len(memory)))))
    for fault, path in faults.items():
        print(f"{fault}: {path}")
    return 1 if faults or left > 0 else 0


if __name__ == "__main__":
    sys.exit(main())
