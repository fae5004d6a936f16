"""Synthetic people as test sets: rendered on the spot from held-out seeds, or read from packed shards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from training.evaluation.cases import RECONSTRUCTION, Case, CaseTruth, Clip


class SynthData:
    """Figures that never existed, rendered on the spot from the seeds of the held-out split, with all truth."""

    FRAMES, RATE, FLOW_SIZE = 32, 12.5, 64

    def __init__(
        self, count: int, size: int, frames: int | None, split: str = "test", kind: str = "head", every: int = 1
    ) -> None:
        """`count` identities, each with its own motion and scene; `split` "test" (never trained on) or "train"; `kind`
        of `training.data.synth.core.topology.KINDS`; `every`: frames of the usual rate from one to the next.
        """
        from training.data.synth import TEST_SEEDS
        from training.data.synth.renderers import make_renderer

        self.name = ":".join(["synth", *([] if kind == "head" else [kind]), split, str(count)])
        self.count, self.size, self.frames = count, size, min(frames or self.FRAMES, 4 * self.FRAMES)
        self.start = TEST_SEEDS if split == "test" else 0
        self.kind, self.step = kind, every / self.RATE
        self.renderer = make_renderer(kind)

    def names(self, task: str) -> list[str]:
        """Seeds: of the clip, or of source and driving person."""
        seeds = [self.start + index for index in range(self.count)]
        if task == RECONSTRUCTION:
            return [f"seed {seed}" for seed in seeds]
        return [f"{seed} > {seeds[(i + 1) % self.count]}" for i, seed in enumerate(seeds)] if self.count > 1 else []

    def load(self, task: str, name: str) -> Case:
        """A clip with its truth; or one motion on two people in one scene: the one to move, and the one who moves.

        The scene is shared, so that the true target holds nothing that the driving frames do not show (light, camera).
        """
        from training.data.synth import SceneSpec, true_flow

        if task == RECONSTRUCTION:
            seed = int(name.split()[-1])
            clip = self._render(SceneSpec(seed, seed, seed, self.kind))
            first = clip[torch.zeros(len(clip), dtype=torch.long)]
            flow, visible = true_flow(first, clip, self.FLOW_SIZE)
            images = clip.image.cpu().numpy()
            return Case(name, images[0], images, images, _truth(clip, flow, visible))
        source, driving = (int(part) for part in name.split(" > "))
        target = self._render(SceneSpec(source, driving, driving, self.kind)).image.cpu().numpy()
        other = self._render(SceneSpec(driving, driving, driving, self.kind)).image.cpu().numpy()
        return Case(name, target[0], other, target)

    def _render(self, spec: Any) -> Any:
        times = torch.arange(self.frames, dtype=torch.float64) * self.step
        return self.renderer.render([spec] * self.frames, times, self.size)


class ShardData:
    """Packed synthetic clips (`bunraku synth --format shard`): with truth, and with cross-identity groups."""

    def __init__(self, folder: Path, size: int, frames: int | None, every: int = 1) -> None:
        """Pictures are scaled to `size`. Raises `InputError` for a folder without a readable shard."""
        from training.data.synth.sets.shards import SynthShards

        self.name = str(folder)
        self.size, self.frames, self.every = size, frames, every
        self.shards = SynthShards(folder)

    def names(self, task: str) -> list[str]:
        """Clip numbers; in animation, each clip with the next one of its group."""
        clips = range(len(self.shards))
        if task == RECONSTRUCTION:
            return [f"clip {clip}" for clip in clips]
        return [f"{clip} > {other}" for clip in clips if (other := self._next(clip)) != clip]

    def load(self, task: str, name: str) -> Case:
        """A clip with its truth; or a clip driven by another that shows the same motion, with the true target."""
        if task == RECONSTRUCTION:
            clip = int(name.split()[-1])
            images = self._images(clip)
            return Case(name, images[0], images, images, self._truth(clip))
        clip, other = (int(part) for part in name.split(" > "))
        target, driving = self._images(clip), self._images(other)
        count = min(len(target), len(driving))
        return Case(name, target[0], driving[:count], target[:count])

    def _next(self, clip: int) -> int:
        group = self.shards.group_of(clip)
        return group[(group.index(clip) + 1) % len(group)]

    def _images(self, clip: int) -> Clip:
        return np.stack([_scaled(self.shards.image(clip, frame).numpy(), self.size) for frame in self._chosen(clip)])

    def _chosen(self, clip: int) -> list[int]:
        return list(range(0, self.shards.frames_of(clip), self.every))[: self.frames]

    def _truth(self, clip: int) -> CaseTruth:
        pairs = [self.shards.pair(clip, 0, frame) for frame in self._chosen(clip)]
        columns = [
            [pair.flow for pair in pairs],
            [pair.flow_visible for pair in pairs],
            [pair.points_b for pair in pairs],
            [pair.visible_a & pair.visible_b for pair in pairs],
        ]
        flow, visible, points, seen = (torch.stack(column).numpy() for column in columns)
        return CaseTruth(flow, visible, pairs[0].points_a.numpy(), points, seen)


def _scaled(image: Clip, size: int) -> Clip:
    if image.shape[0] == size:
        return image
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.LANCZOS))


def _truth(clip: Any, flow: torch.Tensor, visible: torch.Tensor) -> CaseTruth:
    seen = clip.points_visible & clip.points_visible[:1]
    arrays = (flow, visible, clip.points[0], clip.points, seen)
    return CaseTruth(*(array.cpu().numpy() for array in arrays))
