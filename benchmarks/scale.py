"""Many clips, and how one grows: clips a minute by each way of doing many; processor time by people, size and length.

python -m benchmarks.scale --clips 10

The bundled photos are moved by the bundled clip of four seconds: by one call of `bunraku animate` after another, by
`bunraku batch` in one process and in as many as it chooses itself, and on two nodes of Ray on this machine (with
`--ray`). Growth is told in processor time, all children's included, which other work on the machine changes little, and
as a straight line through the points: what everything takes at first, and what each step more.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.subjects import ROOT
from checkpoints.errors import InputError
from runtime.commands.animate import SAMPLE
from runtime.graphs.cores import available_cores

PHOTOS = sorted((ROOT / "demo" / "assets" / "photos").glob("*.jpg"))
CLIP = SAMPLE[1]
PEOPLE, SIZES, SECONDS = (1, 2, 3), (256, 512, 1024), (0.4, 1, 2)
"""What grows: faces of one picture, all of them moved; pixels along a side of the result; seconds of the clip, which is
one second long for the others."""
_SHORT = ("--end", 1)
HOURLY = 1000
"""Clips an hour that are reckoned for."""


@dataclass(frozen=True)
class Cost:
    """What something took."""

    seconds: float
    """By the clock."""
    cpu: float
    """Of processor time; of Ray's processes, which are nobody's children, not all."""


def run(*words: object) -> Cost:
    """One `bunraku` command in a process of its own. Raises `InputError` with what it said where it fails."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    before, begun = _used(), time.perf_counter()
    command = [sys.executable, "-m", "runtime", *map(str, words), "--no-progress"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(f"{' '.join(command)} failed: {done.stderr[-500:]}")
    return Cost(time.perf_counter() - begun, _used() - before)


def _used() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


def ways(clips: int, folder: Path, ray: bool) -> dict[str, Cost]:
    """What so many clips cost, by every way of doing them."""
    pairs = [(PHOTOS[index % len(PHOTOS)], folder / f"{index}.mp4") for index in range(clips)]
    listed = folder / "pairs.csv"
    with listed.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["source", "driving", "output"])
        rows.writerows([photo, CLIP, output.name] for photo, output in pairs)
    calls = [run("animate", photo, CLIP, "-o", output) for photo, output in pairs]
    found = {"one call after another": Cost(sum(each.seconds for each in calls), sum(each.cpu for each in calls))}
    batch = {"batch in one process": ("--workers", 1), "batch": ()}
    if ray:
        batch["batch on two nodes of Ray"] = ("--ray", "local", "--workers", 2)
    for name, words in batch.items():
        found[name] = run("batch", listed, "-o", folder / name.replace(" ", "-"), *words)
    return found


def growth(folder: Path) -> dict[str, list[tuple[float, float]]]:
    """(what grows, processor time) of each table."""
    output, photo = folder / "grown.mp4", PHOTOS[0]
    people = []
    for count in PEOPLE:
        everybody = folder / f"{count}.png"
        group(PHOTOS[:count]).save(everybody)
        people.append((float(count), run("animate", everybody, CLIP, "-o", output, "--face", "all", *_SHORT).cpu))
    sizes = [(side**2 / 1e6, run("animate", photo, CLIP, "-o", output, "--size", side, *_SHORT).cpu) for side in SIZES]
    lengths = [(25.0 * end, run("animate", photo, CLIP, "-o", output, "--end", end).cpu) for end in SECONDS]
    return {"people": people, "megapixels of the result": sizes, "frames": lengths}


def group(photos: Sequence[Path]) -> Image.Image:
    """The photos side by side, 512 pixels high."""
    pictures = [Image.open(path).convert("RGB") for path in photos]
    pictures = [each.resize((round(512 * each.width / each.height), 512)) for each in pictures]
    whole = Image.new("RGB", (sum(each.width for each in pictures), 512))
    left = 0
    for each in pictures:
        whole.paste(each, (left, 0))
        left += each.width
    return whole


def line(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Height at nothing, and slope, of the straight line through (x, y) by least squares."""
    slope, start = np.polyfit([x for x, _ in points], [y for _, y in points], 1)
    return float(start), float(slope)


def report(clips: int, ray: bool) -> dict[str, Any]:
    """Measure all, and print."""
    cores = available_cores()
    with tempfile.TemporaryDirectory() as name:
        found = ways(clips, Path(name), ray)
        first = next(iter(found.values()))
        print(f"{clips} clips of 4 seconds on {cores} cores")
        for way, cost in found.items():
            rate = 60 * clips / cost.seconds
            used = "" if "Ray" in way else f", processor time {cost.cpu / clips:.1f} s a clip"
            print(
                f"  {way:28} {rate:6.1f} a minute ({first.seconds / cost.seconds:.2f} times the first){used}",
                flush=True,
            )
        needed = HOURLY * found["batch"].cpu / clips / 3600
        print(f"  {HOURLY} clips an hour: {needed:.1f} such cores, kept busy")
        tables = growth(Path(name))
    for what, points in tables.items():
        start, slope = line(points)
        row = ", ".join(f"{x:g}: {y:.1f}" for x, y in points)
        print(f"by {what}, s of processor time: {row}; {start:.2f} and {slope:.3g} for each", flush=True)
    return {"ways": {way: asdict(cost) for way, cost in found.items()}, "growth": tables, "cores": needed}


def main(arguments: list[str] | None = None) -> int:
    """Run; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__.split("\n")[0])
    parser.add_argument("--clips", type=int, default=10, help="how many are made each way (default: %(default)s)")
    parser.add_argument("--ray", action="store_true", help="on Ray, too (the extra cluster)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    args = parser.parse_args(arguments)
    found = report(args.clips, args.ray)
    if args.json:
        args.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
