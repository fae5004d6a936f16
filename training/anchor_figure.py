"""Shows what HDAM's anchors have learned: their tree on held-out pairs, and the attention as a table.

    python -m training.anchor_figure MODEL.safetensors SHARDS -o figure.png

Every row of the figure is a pair: source, driving frame, result, each with the tree found in it. Below stands the mean
attention: a row an intermediate anchor, a column a motion anchor, and under each column what it gets in all.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from checkpoints.errors import BunrakuError, OptionError
from training.data.pairs import PairDataset, Sample, batches
from training.draw import marked, to_uint8
from training.losses.anchors import DELTA
from training.models.base import MotionModel

SIDE = 176
"""Pixels along a picture of the figure."""
_CELL = (44, 26)
_INK = (30, 30, 30)


@dataclass(frozen=True)
class Findings:
    """Of I intermediate anchors and K motion anchors on a number of pictures."""

    attention: np.ndarray
    """(I, K), mean over the pictures; 0 where an anchor is dead."""
    living: tuple[int, ...]
    """Numbers of the motion anchors that are not dead."""
    rows_apart: float
    """Mean L1 distance of two rows of one picture's attention: from 0 (all bind the same) to 2 (nothing shared)."""
    attended: float
    """Share of the living anchors, over all pictures, that get at least `DELTA` of attention in all."""
    spread: float
    """Root mean square distance of the living anchors from their mean; a picture reaches from -1 to 1."""
    nearest: float
    """Mean distance of the two living anchors of a picture that are closest to one another."""

    def __str__(self) -> str:
        totals = self.attention[:, list(self.living)].sum(0)
        return "\n".join(
            [
                f"living motion anchors                {len(self.living)} of {self.attention.shape[1]}",
                f"distance of attention rows (0 to 2)  {self.rows_apart:.3f}",
                f"attention an anchor gets in all      {totals.min():.3f} to {totals.max():.3f} (wanted: {DELTA})",
                f"living anchors that get that much    {self.attended:.1%}",
                f"spread of the anchors                {self.spread:.3f}",
                f"distance of the two closest          {self.nearest:.3f}",
            ]
        )


def findings(attention: Tensor, points: Tensor, dead: Sequence[int]) -> Findings:
    """What `attention` (N, I, K) and the motion anchors' `points` (N, K, 2) of N pictures come to."""
    living = tuple(k for k in range(points.shape[1]) if k not in dead)
    pairs = [(attention[:, i] - attention[:, j]).abs().sum(1) for i, j in combinations(range(attention.shape[1]), 2)]
    alive = points[:, list(living)]
    apart = torch.cdist(alive, alive) + torch.diag(torch.full((len(living),), torch.inf))
    return Findings(
        attention=attention.mean(0).numpy(),
        living=living,
        rows_apart=float(torch.stack(pairs).mean()) if pairs else 0.0,
        attended=float((attention[:, :, list(living)].sum(1) >= DELTA).float().mean()),
        spread=float((alive - alive.mean(1, keepdim=True)).square().sum(-1).mean(1).sqrt().mean()),
        nearest=float(apart.flatten(1).min(1).values.mean()),
    )


@torch.no_grad()
def look(model: MotionModel, samples: Iterable[Sample]) -> Findings:
    """`findings` over the driving frames of `samples` (uint8 pictures, as `training.data.pairs.batches` gives them).

    Raises `OptionError` where the model has no attention.
    """
    if not getattr(model.config, "num_intermediate", 0):
        raise OptionError("only models of family dam with intermediate anchors (HDAM) have attention to show")
    found = [model.detect(sample["driving"].float() / 255) for sample in samples]
    attention = torch.cat([motion.extra["attention"] for motion in found])
    return findings(attention, torch.cat([motion.points for motion in found]), model.dead)


@torch.no_grad()
def draw_pairs(model: MotionModel, sample: Sample) -> np.ndarray:
    """Source, driving frame and result of every pair, each with its tree: uint8 (pairs SIDE, 3 SIDE, 3)."""
    source, driving = (sample[name].float() / 255 for name in ("source", "driving"))
    result = model(source, driving).image
    columns = []
    for pictures in (source, driving, result):
        motion = model.detect(pictures)
        large = [_large(to_uint8(picture)) for picture in pictures]
        columns.append(np.concatenate([marked(model, picture, motion, row) for row, picture in enumerate(large)]))
    return np.concatenate(columns, 1)


def draw_attention(found: Findings, width: int) -> np.ndarray:
    """The table of the mean attention, uint8 (height, width, 3): the darker, the more; `-` where an anchor is dead."""
    rows, columns = found.attention.shape
    wide, high = min(_CELL[0], (width - 40) // columns), _CELL[1]
    canvas = Image.new("RGB", (width, high * (rows + 2) + 8), "white")
    pen = ImageDraw.Draw(canvas)
    table = np.vstack([found.attention, found.attention.sum(0)])
    for column in range(columns):
        left = 40 + column * wide
        pen.text((left + wide / 2, high / 2), f"{column}", fill=_INK, anchor="mm")
        for row in range(rows + 1):
            top, value = high * (row + 1) + 4 * (row == rows), float(table[row, column])
            shade = round(255 * (1 - min(1.0, value) * (row < rows)))
            pen.rectangle((left, top, left + wide - 2, top + high - 2), fill=(shade, shade, 255))
            text = f"{value:.2f}" if column in found.living else "-"
            pen.text((left + wide / 2, top + high / 2), text, fill="white" if shade < 110 else _INK, anchor="mm")
    for row, name in enumerate([*map(str, range(rows)), "all"]):
        pen.text((20, high * (row + 1.5) + 4 * (row == rows)), name, fill=_INK, anchor="mm")
    return np.asarray(canvas)


def _large(picture: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what was found and write the figure; raises a `BunrakuError`."""
    from training.checkpoint import load_model
    from training.config import Data
    from training.data.sources import open_source

    parser = argparse.ArgumentParser(prog="python -m training.anchor_figure", description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path, help="model.safetensors of an HDAM run")
    parser.add_argument("data", help="folder of clips, better of some that it was not trained on")
    parser.add_argument("--kind", choices=("clips", "shards"), default="shards", help="what it holds (%(default)s)")
    parser.add_argument("--pairs", type=int, default=64, help="pairs to measure on (%(default)s)")
    parser.add_argument("--rows", type=int, default=2, help="pairs to draw (%(default)s)")
    parser.add_argument("-o", "--output", type=Path, required=True, help="where to write the PNG")
    args = parser.parse_args(arguments)
    if not 1 <= args.rows <= args.pairs:
        raise OptionError(f"--rows is {args.rows}; draw 1 to {args.pairs} pairs")
    model, _ = load_model(args.checkpoint)
    dataset = PairDataset(open_source(Data(kind=args.kind, path=args.data)), seed=0)
    dataset.source.size = model.config.resolution
    samples = list(batches(dataset, args.rows, 0, -(-args.pairs // args.rows)))
    found = look(model, samples)
    pictures = draw_pairs(model, samples[0])
    Image.fromarray(np.concatenate([pictures, draw_attention(found, pictures.shape[1])])).save(args.output)
    print(found)


if __name__ == "__main__":
    try:
        main()
    except BunrakuError as error:
        raise SystemExit(f"error: {error}") from error
