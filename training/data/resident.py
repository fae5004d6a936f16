"""Shards in the memory of the device that trains: pairs are picked, and their flow computed, there, a batch at a time.

Reading a pair from a mapped shard takes a processor some 4 ms, most of it for the flow; a graphics card waits for that,
and a processor that trains has better to do. 48,000 frames of 256 pixels are 14 GB.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from checkpoints.errors import InputError
from training.data.pairs import Sample, reference_frames
from training.data.synth.core.truth import background_between, without_loose_hair
from training.data.synth.sets.shards import SynthShards
from training.kernels.flow import stored_flow

STORED = ("image", "points", "points_visible", "screen", "background", "triangle", "weights", "loose")
"""Tensors of a shard that pairs are made of."""
LOOK_EVERY = 2.0
"""Seconds between two looks for new shards."""


class ResidentShards:
    """Random pairs of frames of every clip, across identities with probability `cross`; see `StepSource`."""

    def __init__(self, folder: Path, device: torch.device | str = "cpu") -> None:
        """Reads all shards of `folder` onto `device`. Raises `InputError` when there are none, or of several sizes."""
        self.shards = SynthShards(folder)
        self.device = torch.device(device)
        self.size = self.shards.side
        self.cross = 0.0
        self.views = 1
        self.flow = True
        self._stores: dict[str, Tensor] = {}
        self._used = 0
        self._first: list[int] = []
        self._looked = 0.0
        self._take_in()

    def __len__(self) -> int:
        return len(self._first)

    def refresh(self) -> None:
        """Take in shards that were written since, if it is time to look for them."""
        if time.monotonic() - self._looked >= LOOK_EVERY:
            self.shards.refresh()
            self._take_in()

    def _take_in(self) -> None:
        self._looked = time.monotonic()
        while len(self._first) < len(self.shards):
            path, row = self.shards.place(len(self._first))
            if row != 0:
                raise InputError(f"{path}: its clips are not in order; make the shard again")
            self._append(path)

    def _append(self, path: Path) -> None:
        """The clips of one shard, at the end of the stores; these double where they are full."""
        tensors = {name: value for name, value in load_file(path).items() if name in STORED}
        clips, frames, side = tensors["image"].shape[:3]
        if "loose" not in tensors:  # a shard from before there were any
            tensors["loose"] = torch.zeros(clips, frames, -(-side * side // 8), dtype=torch.uint8)
        for name, value in tensors.items():
            rows = value.flatten(0, 1)
            store = self._stores.get(name)
            if store is not None and store.shape[1:] != rows.shape[1:]:
                raise InputError(
                    f"{path}: {name} is of another size than in the shards beside it; keep one size in a folder"
                )
            if store is None or len(store) < self._used + len(rows):
                space = rows.new_empty((2 * self._used + len(rows), *rows.shape[1:]), device=self.device)
                if store is not None:
                    space[: self._used] = store[: self._used]
                self._stores[name] = store = space
            store[self._used : self._used + len(rows)] = rows.to(self.device)
        self._first += [self._used + clip * frames for clip in range(clips)]
        self._used += clips * frames

    def draw_step(self, rng: np.random.Generator, count: int) -> Sample:
        """`count` pairs of two different frames, on the device; clips are drawn with replacement.

        Across identities, the driving frame is another person's in the same motion. References are frames of the
        source's own clip. Flow and its visibility are left out unless `flow` is set.
        """
        clips = [int(clip) for clip in rng.integers(len(self), size=count)]
        a, b = np.array([rng.choice(self.shards.frames_of(clip), 2, replace=False) for clip in clips]).T
        first = np.array([self._first[clip] for clip in clips])
        source, driving = self._index(first + a), self._index(first + b)
        sample = self._pair(source, driving)
        if self.cross > 0:
            others = np.array([self._first[self._other(clip, rng)] for clip in clips])
            sample |= {"target": sample["driving"], "driving": self._pictures(self._index(others + b))}
        if self.views > 1:
            frames = zip(clips, a, b, strict=True)
            chosen = np.array(
                [reference_frames(rng, self.shards.frames_of(c), int(x), int(y), self.views - 1) for c, x, y in frames]
            )
            views = self._pictures(self._index((first[:, None] + chosen).ravel()))
            sample["references"] = views.unflatten(0, (count, self.views - 1))
        return sample

    def _other(self, clip: int, rng: np.random.Generator) -> int:
        """A clip of the same motion with probability `cross`, else `clip`."""
        others = [each for each in self.shards.group_of(clip) if each != clip and each < len(self)]
        return others[int(rng.integers(len(others)))] if others and rng.random() < self.cross else clip

    def _index(self, rows: np.ndarray) -> Tensor:
        return torch.from_numpy(rows.astype(np.int64)).to(self.device, non_blocking=True)

    def _pair(self, source: Tensor, driving: Tensor) -> Sample:
        sample = {
            "source": self._pictures(source),
            "driving": self._pictures(driving),
            "source_points": self._stores["points"][source],
            "driving_points": self._stores["points"][driving],
            "source_visible": self._stores["points_visible"][source],
            "driving_visible": self._stores["points_visible"][driving],
        }
        backgrounds = (self._stores["background"][rows] for rows in (source, driving))
        sample["background"] = background_between(*backgrounds)
        if self.flow:
            kind = self.shards.info[0].kind
            flow, visible = stored_flow(self._stores, source, driving, kind)
            loose = [self._loose(rows) for rows in (source, driving)]
            sample["flow"], sample["flow_visible"] = flow, without_loose_hair(flow, visible, *loose)
        return sample

    def _loose(self, rows: Tensor) -> Tensor:
        """(N, S, S) bool, see `Frames.loose`."""
        side = self._stores["image"].shape[2]
        bits = torch.arange(7, -1, -1, device=self.device, dtype=torch.uint8)
        packed = self._stores["loose"][rows]
        return ((packed[..., None] >> bits) & 1).flatten(1)[:, : side * side].view(-1, side, side).bool()

    def _pictures(self, rows: Tensor) -> Tensor:
        """uint8 (N, 3, size, size), channels last."""
        pictures = self._stores["image"][rows].permute(0, 3, 1, 2)
        side = pictures.shape[-1]
        if side == self.size:
            return pictures
        if side < self.size:
            raise InputError(
                f"{self.shards.folder}: pictures of {side} pixels cannot train at {self.size}; make larger ones"
            )
        return F.interpolate(pictures.float(), (self.size, self.size), mode="area").round().byte()
