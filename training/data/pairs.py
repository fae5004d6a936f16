"""What a training sample is, and the order in which samples are drawn.

A sample is a dict of tensors. Always present: `source` and `driving`, uint8 (3, H, W); `seed`, int64. Data with
truth add `source_points`, `driving_points` (P, 2); `source_visible`, `driving_visible` (P,) bool; `flow` (h, w, 2) with
`flow_visible` (h, w) bool; `background` (3, 3), the backdrop's motion from driving to source; heads that are rendered
on the fly `source_turn`, `driving_turn` (3, 3), for row vectors (x, y, z); cross-identity pairs `target`, the source's
identity in the driving pose. Families that fuse views also get `references`, uint8 (views - 1, 3, H, W): other frames
of the source's clip.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from checkpoints.errors import InputError
from training.config import Stage

Sample = dict[str, Tensor]


class PairSource(Protocol):
    """A data set: random access by clip; which frames of the clip is decided by `rng` alone."""

    size: int
    """Side in pixels of the pictures that `draw` gives; set before a stage begins."""

    cross: float
    """Probability of a cross-identity pair; data without any ignore it."""

    views: int
    """Pictures of the source, itself and references, that a sample has."""

    def __len__(self) -> int:
        """Number of clips."""
        ...

    def draw(self, clip: int, rng: np.random.Generator) -> Sample:
        """One pair of frames of clip number `clip`."""
        ...


def reference_frames(rng: np.random.Generator, frames: int, source: int, driving: int, count: int) -> list[int]:
    """`count` frames of a clip to show with `source`: never the driving frame, nor the source if there are others.

    None is drawn twice unless the clip is too short. Draws nothing from `rng` when `count` is 0.
    """
    if count == 0:
        return []
    others = [frame for frame in range(frames) if frame not in (source, driving)] or [source]
    return [int(frame) for frame in rng.choice(others, count, replace=len(others) < count)]


def source_views(batch: Sample) -> Tensor:
    """The source with its references (B, V, 3, H, W), or alone (B, 3, H, W) where the batch has none."""
    if "references" not in batch:
        return batch["source"]
    return torch.cat([batch["source"][:, None], batch["references"]], 1)


@runtime_checkable
class BatchSource(PairSource, Protocol):
    """A data set that gives a whole batch more cheaply than sample by sample."""

    def draw_batch(self, clips: list[int], rngs: list[np.random.Generator]) -> list[Sample]:
        """What `draw` gives for each clip with its own `rng`."""
        ...


@runtime_checkable
class StepSource(Protocol):
    """A data set that lies on the device that trains, gives the whole batch of a step, and may grow meanwhile.

    `size`, `cross`, `views` and the length are those of `PairSource`.
    """

    size: int
    cross: float
    views: int
    flow: bool
    """Whether samples are to have `flow` and `flow_visible`; set before a stage begins."""

    def __len__(self) -> int: ...

    def draw_step(self, rng: np.random.Generator, count: int) -> Sample:
        """`count` pairs as one batch, decided by `rng` and what there is."""
        ...

    def refresh(self) -> None:
        """Take in what has been added; cheap where there is nothing."""
        ...


class StepSampler(Sampler[int]):
    """Draw numbers of one process, from step `start` to `stop`, in an order that depends on the seed alone.

    Draw number n is clip `order(epoch)[n mod length]` of epoch `n div length`. Process r of w takes the r-th part of
    every global batch, so w processes with batch b see what one process sees with batch w*b.
    """

    def __init__(self, length: int, batch: int, start: int, stop: int, rank: int = 0, world: int = 1) -> None:
        if length < 1:
            raise InputError("the data set is empty: no usable clip was found; check data.path")
        self.length, self.batch, self.start, self.stop = length, batch, start, stop
        self.rank, self.world = rank, world

    def __len__(self) -> int:
        return (self.stop - self.start) * self.batch

    def __iter__(self) -> Iterator[int]:
        for step in range(self.start, self.stop):
            first = (step * self.world + self.rank) * self.batch
            yield from range(first, first + self.batch)


class PairDataset(Dataset[Sample]):
    """Maps a draw number to a sample, deterministically."""

    def __init__(self, source: PairSource | StepSource, seed: int, repeats: int = 1) -> None:
        self.source = source
        self.seed = seed
        self.length = len(source) * repeats
        self._epoch = -1
        self._order = np.empty(0, np.int64)

    def __len__(self) -> int:
        return self.length

    def _place(self, draw: int) -> tuple[int, np.random.Generator]:
        """The clip of a draw number and what decides everything else about it."""
        epoch, place = divmod(draw, self.length)
        if epoch != self._epoch:
            self._order = np.random.default_rng([self.seed, epoch]).permutation(self.length)
            self._epoch = epoch
        rng = np.random.default_rng([self.seed, epoch, place, 1])
        return int(self._order[place]) % len(self.source), rng

    def __getitem__(self, draw: int) -> Sample:
        return self.__getitems__([draw])[0]

    def __getitems__(self, draws: list[int]) -> list[Sample]:
        """The samples of a batch; torch's loader asks for all of them at once."""
        clips, rngs = zip(*(self._place(draw) for draw in draws), strict=True)
        if isinstance(self.source, StepSource):
            raise TypeError("a data set on the device gives whole steps, not single samples; use `batches`")
        if isinstance(self.source, BatchSource):
            samples = self.source.draw_batch(list(clips), list(rngs))
        else:
            samples = [self.source.draw(clip, rng) for clip, rng in zip(clips, rngs, strict=True)]
        for sample, rng in zip(samples, rngs, strict=True):
            sample["seed"] = torch.tensor(int(rng.integers(2**31)))
        return samples


def set_stage(source: PairSource | StepSource, stage: Stage) -> None:
    """Have `source` give what `stage` needs."""
    source.size, source.cross = stage.size, stage.cross
    if isinstance(source, StepSource):
        source.flow = stage.needs_flow


def batches(
    dataset: PairDataset, batch: int, start: int, stop: int, workers: int = 0, rank: int = 0, world: int = 1
) -> Iterator[Sample]:
    """Batches of steps `start` to `stop` for one process."""
    if isinstance(dataset.source, StepSource):
        return _steps(dataset.source, dataset.seed, batch, range(start, stop), rank)
    sampler = StepSampler(len(dataset), batch, start, stop, rank, world)
    # Samples are read by torch workers of one thread each; more would fight with the training thread.
    return iter(DataLoader(dataset, batch_size=batch, sampler=sampler, num_workers=workers, pin_memory=False))


def _steps(source: StepSource, seed: int, batch: int, steps: range, rank: int) -> Iterator[Sample]:
    """The steps of a source that gives them whole; each follows from seed, step, process, and what the source holds."""
    for step in steps:
        source.refresh()
        rng = np.random.default_rng([seed, step, rank, 2])
        sample = source.draw_step(rng, batch)
        yield sample | {"seed": torch.from_numpy(rng.integers(2**31, size=batch))}
