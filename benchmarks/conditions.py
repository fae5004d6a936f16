"""Where a model of heads fails: held-out synthetic people, sorted by what makes them hard.

python -m benchmarks.conditions TEST_SHARDS --model CHECKPOINT --json conditions.json --sheet conditions.jpg

Three pairs a clip, the first frame moved to later ones in absolute mode, the backdrop as the model finds it. "Share" is
the result's L1 over the unmoved source's; "arrived" is how much of the true motion of visible places the flow has: 1 -
its end-point error over that of no motion. Paintings and darkness are made from these pictures.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFilter, ImageOps
from torch import Tensor

from benchmarks.subjects import TRAINED
from checkpoints.errors import BunrakuError
from checkpoints.registry import find_checkpoint
from training.checkpoint import load_model
from training.data.synth.person.head import load_head
from training.data.synth.person.identity import Identity, sample_identity
from training.data.synth.person.performance import motion
from training.data.synth.person.scene import Scene, sample_scene
from training.data.synth.sets.shards import ClipInfo, SynthShards
from training.losses.truth import flow_loss
from training.models.base import MotionModel
from training.models.parts.sampling import coordinate_grid

LATER = (1, 3, 5)
"""Driving frames of a clip."""
GROWN = 0.5
"""Of `Identity.age`, where MakeHuman's adults begin."""
Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Case:
    """A pair of frames and what is known of it."""

    info: ClipInfo
    who: Identity
    scene: Scene
    yaw: tuple[float, float]
    """Of source and driving, degrees."""
    turn: float
    """Angle between both, yaw, pitch and roll together, degrees."""
    brightness: float
    """Mean of the driving person, in [0, 1]."""


CONDITIONS: dict[str, Callable[[Case], bool]] = {
    "all": lambda case: True,
    "nothing passes before the face": lambda case: case.scene.prop is None,
    "plain: none of the following": lambda case: not any(test(case) for test in HARD.values()),
}
HARD: dict[str, Callable[[Case], bool]] = {
    "something passes before the face": lambda case: case.scene.prop is not None,
    "turned by more than 20 degrees": lambda case: case.turn > 20,
    "more than 30 degrees from the front": lambda case: max(abs(angle) for angle in case.yaw) > 30,
    "glasses": lambda case: case.who.glasses is not None,
    "beard": lambda case: case.who.beard > 0.3,
    "child": lambda case: case.who.age < GROWN,
    "dark person or light": lambda case: case.brightness < 0.2,
}
CONDITIONS |= HARD


@dataclass(frozen=True)
class Result:
    """Of one condition."""

    condition: str
    pairs: int
    share: float
    arrived: float


def painted(image: Image.Image) -> Image.Image:
    """Flat strokes of few colours."""
    return ImageOps.posterize(image.filter(ImageFilter.ModeFilter(5)), 4)


def darkened(image: Image.Image) -> Image.Image:
    """An eighth of the light, in 8 bits."""
    linear = (np.asarray(image, np.float32) / 255) ** 2.2 / 8
    return Image.fromarray((255 * linear ** (1 / 2.2)).round().astype(np.uint8))


ALTERED: dict[str, Callable[[Image.Image], Image.Image]] = {
    "plain, as a painting": painted,
    "plain, an eighth of the light": darkened,
}


@dataclass(frozen=True)
class Measured:
    """One pair's figures and pictures (source, result, truth)."""

    case: Case
    l1: float
    unmoved: float
    error: float
    still: float
    pictures: tuple[Picture, ...]


def _angle(rotation: NDArray[np.float32]) -> float:
    return float(np.degrees(np.linalg.norm(rotation[1] - rotation[0])))


@torch.no_grad()
def measure(
    model: MotionModel, shards: SynthShards, clip: int, alter: Callable[[Image.Image], Image.Image] | None = None
) -> list[Measured]:
    """Every pair of a clip, its pictures changed by `alter`."""
    info, head = shards.info[clip], load_head()
    who = sample_identity(info.identity, head.coefficients.numpy(), head.labels.numpy())
    scene, found = sample_scene(info.scene), []
    for later in LATER:
        pair = shards.pair(clip, 0, later)
        bytes_ = [pair.image_a.numpy(), pair.image_b.numpy()]
        if alter is not None:
            bytes_ = [np.asarray(alter(Image.fromarray(each))) for each in bytes_]
        source, driving = (torch.from_numpy(each.copy()).permute(2, 0, 1)[None] / 255 for each in bytes_)
        result = model(source, driving)
        truth, visible = pair.flow[None], pair.flow_visible[None]
        rotation = motion(info.motion).at(np.array([info.times[0], info.times[later]])).rotation
        yaw = np.degrees(rotation[:, 0])
        brightness = float(driving[0, :, pair.mask].mean())
        case = Case(info, who, scene, (float(yaw[0]), float(yaw[1])), _angle(rotation), brightness)
        image = (result.image[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
        found.append(
            Measured(
                case,
                _l1(result.image, driving),
                _l1(source, driving),
                float(flow_loss(result.flow, truth, visible)),
                float(flow_loss(coordinate_grid(truth.shape[1], truth.shape[2], truth)[None], truth, visible)),
                (bytes_[0], image, bytes_[1]),
            )
        )
    return found


def _l1(result: Tensor, wanted: Tensor) -> float:
    return float((result - wanted).abs().mean())


def summary(condition: str, rows: Sequence[Measured]) -> Result:
    """Sums over sums, so that a pair that hardly moves counts little."""
    share = sum(row.l1 for row in rows) / sum(row.unmoved for row in rows)
    arrived = 1 - sum(row.error for row in rows) / sum(row.still for row in rows)
    return Result(condition, len(rows), share, arrived)


def _is_plain(row: Measured) -> bool:
    return CONDITIONS["plain: none of the following"](row.case)


def look(model: MotionModel, shards: SynthShards) -> dict[str, list[Measured]]:
    """All pairs by condition; those that no pair meets are left out."""
    every = [row for clip in range(len(shards.info)) for row in measure(model, shards, clip)]
    sorted_rows = {name: [row for row in every if test(row.case)] for name, test in CONDITIONS.items()}
    for name, alter in ALTERED.items():
        rows = [row for clip in range(len(shards.info)) for row in measure(model, shards, clip, alter)]
        sorted_rows[name] = [after for before, after in zip(every, rows, strict=True) if _is_plain(before)]
    return {name: rows for name, rows in sorted_rows.items() if rows}


def as_table(results: Sequence[Result]) -> str:
    """Markdown."""
    lines = ["| condition | pairs | share of the unmoved source's L1 | motion arrived |", "|---|---|---|---|"]
    lines += [f"| {each.condition} | {each.pairs} | {each.share:.3f} | {each.arrived:.2f} |" for each in results]
    return "\n".join(lines)


def sheet(rows: dict[str, list[Measured]], names: Sequence[str]) -> Image.Image:
    """For each condition its median and its worst pair by share: source, result, truth, a row a condition."""
    lines = []
    for name in names:
        ordered = sorted(rows[name], key=lambda row: row.l1 / row.unmoved)
        chosen = (ordered[len(ordered) // 2], ordered[-1])
        lines.append(np.concatenate([picture for row in chosen for picture in row.pictures], 1))
    return Image.fromarray(np.concatenate(lines))


def main(argv: Sequence[str] | None = None) -> int:
    """0 on success, 2 on bad input."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.conditions", description=__doc__.splitlines()[0])
    parser.add_argument("test", help="folder of held-out shards of heads")
    parser.add_argument("--model", default=TRAINED, help="a checkpoint (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--sheet", type=Path, help="write a picture here: a row a condition, its median and worst pair")
    args = parser.parse_args(argv)
    try:
        model, _ = load_model(find_checkpoint(args.model))
        rows = look(model.eval(), SynthShards(args.test))
    except BunrakuError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    results = [summary(name, found) for name, found in rows.items()]
    print(as_table(results))
    if args.json:
        args.json.write_text(json.dumps([asdict(each) for each in results], indent=1) + "\n", encoding="utf-8")
    if args.sheet:
        sheet(rows, list(rows)[1:]).save(args.sheet, quality=88)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
