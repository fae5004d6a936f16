"""Pairs with truth from packed synthetic clips (`bunraku synth --format shard`)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from checkpoints.errors import InputError
from training.data.pairs import Sample, reference_frames
from training.data.synth.sets.shards import Pair, SynthShards


class ShardPairs:
    """Random pairs of frames of every clip, across identities with probability `cross`."""

    def __init__(self, folder: Path, size: int | None = None) -> None:
        """`size` defaults to that of the stored pictures. Raises `InputError` when there are none."""
        self.shards = SynthShards(folder)
        self.size = size or self.shards.side
        self.cross = 0.0
        self.views = 1

    def __len__(self) -> int:
        return len(self.shards)

    def draw(self, clip: int, rng: np.random.Generator) -> Sample:
        """Two different frames; across identities, the driving frame is another person's in the same motion.

        References are frames of the source's own clip.
        """
        a, b = (int(index) for index in rng.choice(self.shards.frames_of(clip), 2, replace=False))
        others = [other for other in self.shards.group_of(clip) if other != clip]
        if rng.random() < self.cross and others:
            other = others[int(rng.integers(len(others)))]
            pair, driving, _ = self.shards.cross(clip, other, a, b)
            sample = self._sample(pair)
            sample |= {"target": sample["driving"], "driving": self._picture(driving)}
        else:
            sample = self._sample(self.shards.pair(clip, a, b))
            if self.cross > 0:  # all samples of a batch have the same entries
                sample["target"] = sample["driving"]
        frames = reference_frames(rng, self.shards.frames_of(clip), a, b, self.views - 1)
        if frames:
            sample["references"] = torch.stack([self._picture(self.shards.image(clip, frame)) for frame in frames])
        return sample

    def _sample(self, pair: Pair) -> Sample:
        return {
            "source": self._picture(pair.image_a),
            "driving": self._picture(pair.image_b),
            "source_points": pair.points_a,
            "driving_points": pair.points_b,
            "source_visible": pair.visible_a,
            "driving_visible": pair.visible_b,
            "flow": pair.flow,
            "flow_visible": pair.flow_visible,
            "background": pair.background,
        }

    def _picture(self, image: Tensor) -> Tensor:
        """uint8 (3, size, size) of (S, S, 3)."""
        picture = image.permute(2, 0, 1)
        side = picture.shape[-1]
        if side == self.size:
            return picture.contiguous()
        if side < self.size:
            raise InputError(
                f"{self.shards.folder}: pictures of {side} pixels cannot train at {self.size}; make larger ones"
            )
        return F.interpolate(picture[None].float(), (self.size, self.size), mode="area")[0].round().byte()
