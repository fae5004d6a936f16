"""How well a model moves held-out pictures, in chapters that are the same for all families."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from training.config import Data
from training.data.augment import PairAugment
from training.data.pairs import PairDataset, Sample, batches, source_views
from training.data.sources import open_source
from training.data.synth.person.points import POINT_NAMES
from training.data.synth.sets.shards import SynthShards
from training.losses.pixels import pixel_loss
from training.losses.truth import flow_loss
from training.models.base import MotionModel

_BATCH = 8
_CANDIDATES = 4
"""Pairs looked at for each that turns far."""
MOST_VIEWS = 4
"""Pictures of a source that chapters hold: itself and references; a model takes as many as it was trained with."""


@dataclass(frozen=True)
class Measured:
    """One model in one chapter; means over its pairs."""

    chapter: str
    pairs: int
    l1: float
    """Mean absolute difference of result and what it should show, in [0, 1]."""
    unmoved: float
    """The same of the source as it is."""
    flow: float | None
    """Mean end-point error of the flow where the source shows the point, in [-1, 1] units; None where none is known."""

    @property
    def ratio(self) -> float:
        """What is left of the unmoved source's difference: 1 is no better than not to move at all."""
        return self.l1 / self.unmoved


def chapters(test: str, size: int, pairs: int, talkers: str = "") -> dict[str, list[Sample]]:
    """Batches of each chapter, drawn once, so that all models see the same: `held-out` pairs of a person, those of them
    that turn farthest (`turns`; of heads), `cross-identity`: another person's picture drives, and what is wanted is
    known, and `talkers`, real clips, where their folder is given. Raises `InputError` where there are none.
    """
    held_out = list(_drawn(Data("shards", test, views=MOST_VIEWS), size, _CANDIDATES * pairs))
    found = {"held-out": _first(held_out, pairs)}
    if held_out[0]["source_points"].shape[1] == len(POINT_NAMES) and _of_heads(test):
        found["turns"] = _first([_farthest(held_out, pairs)], pairs)
    crossed = _drawn(Data("shards", test, views=MOST_VIEWS), size, pairs, cross=1.0)
    found["cross-identity"] = _first(list(crossed), pairs)
    if talkers:
        found["talkers"] = _first(list(_drawn(Data("clips", talkers, views=MOST_VIEWS), size, pairs)), pairs)
    return found


@torch.no_grad()
def measured(model: MotionModel, held_out: dict[str, list[Sample]], views: int) -> list[Measured]:
    """`model`, given so many `views` of each source, in every chapter."""
    model.eval()
    plain = PairAugment.none()
    found = []
    for chapter, samples in held_out.items():
        l1, unmoved, flow, counts = [], [], [], []
        for sample in samples:
            batch = plain(_with_views(sample, views))
            target = batch.get("target", batch["driving"])
            rendered = model(source_views(batch), batch["driving"])
            counts.append(len(target))
            l1.append(float(pixel_loss(rendered.image, target)))
            unmoved.append(float(pixel_loss(batch["source"], target)))
            if "flow" in batch:
                flow.append(float(flow_loss(rendered.flow, batch["flow"], batch["flow_visible"])))
        count = sum(counts)
        mean = [sum(n * value for n, value in zip(counts, values, strict=True)) / count for values in (l1, unmoved)]
        error = sum(n * value for n, value in zip(counts, flow, strict=True)) / count if flow else None
        found.append(Measured(chapter, count, mean[0], mean[1], error))
    return found


def _drawn(data: Data, size: int, pairs: int, cross: float = 0.0) -> Iterator[Sample]:
    source = open_source(data)
    source.size, source.cross = size, cross
    yield from batches(PairDataset(source, seed=0), min(_BATCH, pairs), 0, -(-pairs // _BATCH))


def _with_views(sample: Sample, views: int) -> Sample:
    rest = {name: value for name, value in sample.items() if name != "references"}
    if views == 1 or "references" not in sample:
        return rest
    return {**rest, "references": sample["references"][:, : views - 1]}


def _first(samples: Sequence[Sample], pairs: int) -> list[Sample]:
    """The first `pairs` of all, in batches."""
    joined = _joined(samples)
    kept = {name: value[:pairs] for name, value in joined.items()}
    return [{name: value[i : i + _BATCH] for name, value in kept.items()} for i in range(0, pairs, _BATCH)]


def _joined(samples: Sequence[Sample]) -> Sample:
    return {name: torch.cat([sample[name] for sample in samples]) for name in samples[0]}


def _farthest(samples: Sequence[Sample], pairs: int) -> Sample:
    """Those `pairs` whose heads turn farthest from one picture to the other."""
    joined = _joined(samples)
    turned = (_aside(joined["source_points"]) - _aside(joined["driving_points"])).abs()
    chosen = turned.argsort(descending=True)[:pairs]
    return {name: value[chosen] for name, value in joined.items()}


def _aside(points: Tensor) -> Tensor:
    """(N,): how far the nose's tip is aside of the skull's middle, in widths of the skull; about the sine of a turn."""
    nose, left, right = (
        points[:, POINT_NAMES.index(name)] for name in ("nose.tip", "skull.side_left", "skull.side_right")
    )
    across = left - right
    length = across.square().sum(-1).clamp(min=1e-6)
    return ((nose - (left + right) / 2) * across).sum(-1) / length


def _of_heads(test: str) -> bool:
    return SynthShards(Path(test)).info[0].kind == "head"
