"""Heads that turn by thirty degrees: held-out drawn people, as the engine moves them, by layers and without.

python -m benchmarks.turns --model faces-lite --people 24 --json turns.json --sheet turns.jpg

Each person is found about frontal in one moment of their motion and turned by 27 to 33 degrees in another, and moved
from the one to the other in absolute mode. "Share" is the result's L1 over the unmoved source's, of the whole square,
and at the head's edge (hair, ears, jaw): there pixels count by 4 a (1 - a), `a` being the true matte blurred by 3
pixels of 256, from the chin upwards.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from checkpoints.errors import BunrakuError
from runtime.layers import LayersMode
from training.data.synth import POINT_NAMES, TEST_SEEDS, SceneSpec
from training.data.synth.person.performance import motion
from training.data.synth.person.scene import has_prop
from training.data.synth.renderers import make_renderer
from training.evaluation.movers import BundleMover, Clip, Mover, Still

LAYERS: tuple[LayersMode, ...] = ("off", "auto")
_ABOUT = (27.0, 33.0)
"""Degrees by which a head turns: yaw, pitch and roll together."""
_FRONTAL = 12.0
"""Degrees that it is turned by at most to begin with."""
_SECONDS, _STEP = 60.0, 0.2
"""How far into a motion such moments are looked for, and how close together."""
_EDGE = 3 / 256
"""Blur of the matte that says where the head's edge is, in sides of the square."""


@dataclass(frozen=True)
class Turn:
    """One person before and after the turn."""

    seed: int
    degrees: float
    frames: Clip
    """(2, H, W, 3)."""
    edge: NDArray[np.float32]
    """(H, W): how much pixels of the second frame count as the head's edge."""


@dataclass(frozen=True)
class Result:
    """Sums over sums, as shares of the unmoved source's L1."""

    model: str
    people: int
    whole: float
    edge: float


def moments(seed: int) -> tuple[float, float, float] | None:
    """Seconds of the first two moments of a motion between which a head about frontal turns by about thirty degrees,
    and by how many degrees; None where there are none.
    """
    times = np.arange(0, _SECONDS, _STEP)
    rotation = np.degrees(motion(seed).at(times).rotation)
    turned = np.linalg.norm(rotation, axis=1)
    for first in np.flatnonzero(turned < _FRONTAL):
        angles = np.linalg.norm(rotation - rotation[first], axis=1)
        found = np.flatnonzero((angles > _ABOUT[0]) & (angles < _ABOUT[1]))
        if len(found):
            return float(times[first]), float(times[found[0]]), float(angles[found[0]])
    return None


def turns(people: int, size: int = 256) -> Iterator[Turn]:
    """So many held-out people, `size` pixels a side, before whose faces nothing passes and who turn so far."""
    renderer, seed = make_renderer("head"), TEST_SEEDS
    while people:
        found = None if has_prop(seed) else moments(seed)
        if found is not None:
            spec = SceneSpec(seed, seed, seed)
            drawn = renderer.render([spec, spec], torch.tensor(found[:2], dtype=torch.float64), size)
            chin = float(drawn.points[1, POINT_NAMES.index("mouth.chin"), 1])
            yield Turn(seed, found[2], drawn.image.numpy(), head_edge(drawn.matte[1].numpy(), chin))
            people -= 1
        seed += 1


def head_edge(matte: NDArray[np.uint8], chin: float) -> NDArray[np.float32]:
    """(H, W): 4 a (1 - a) of the blurred `matte` (H, W), above the height `chin` in [-1, 1]."""
    size = len(matte)
    soft = np.asarray(Image.fromarray(matte).filter(ImageFilter.GaussianBlur(_EDGE * size)), np.float32) / 255
    above = np.linspace(-1, 1, size, dtype=np.float32)[:, None] < chin
    return np.asarray(4 * soft * (1 - soft) * above, np.float32)


def errors(frame: NDArray[np.uint8], turn: Turn) -> NDArray[np.float64]:
    """(2,): summed L1 of `frame` (H, W, 3) to the true one, of the whole square and at the head's edge."""
    difference = np.abs(frame.astype(np.float64) - turn.frames[1]).mean(-1)
    return np.array([difference.mean(), (difference * turn.edge).sum() / max(float(turn.edge.sum()), 1e-6)])


def measure(model: str, people: int) -> tuple[list[Result], list[NDArray[np.uint8]]]:
    """Figures with layers off and on, and for each person a row: source, truth, and the results of both."""
    movers: list[Mover] = [Still(), *(BundleMover(model, device="cpu", layers=layers) for layers in LAYERS)]
    sums, rows = np.zeros((len(movers), 2)), []
    for turn in turns(people):
        made = [mover.reconstruct(turn.frames[0], turn.frames).frames[-1] for mover in movers]
        sums += [errors(frame, turn) for frame in made]
        rows.append(np.concatenate([*turn.frames, *made[1:]], 1))
    names = [f"{model}, layers {layers}" for layers in LAYERS]
    shares = sums[1:] / np.maximum(sums[0], 1e-9)
    return [Result(name, people, *map(float, share)) for name, share in zip(names, shares, strict=True)], rows


def as_table(results: Sequence[Result]) -> str:
    """Markdown."""
    lines = ["| | people | share of the unmoved source's L1 | at the head's edge |", "|---|---|---|---|"]
    lines += [f"| {each.model} | {each.people} | {each.whole:.3f} | {each.edge:.3f} |" for each in results]
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """0 on success, 2 on bad input."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.turns", description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="faces-lite", help="a bundle (default: %(default)s)")
    parser.add_argument("--people", type=int, default=24, help="how many (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument(
        "--sheet", type=Path, help="write a picture here: source, truth, layers off and on; rows of people"
    )
    args = parser.parse_args(argv)
    if args.people < 1:
        parser.error(f"--people must be at least 1, not {args.people}")
    try:
        results, rows = measure(args.model, args.people)
    except BunrakuError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(as_table(results))
    if args.json:
        args.json.write_text(json.dumps([asdict(each) for each in results], indent=1) + "\n", encoding="utf-8")
    if args.sheet:
        Image.fromarray(np.concatenate(rows)).save(args.sheet, quality=88)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
