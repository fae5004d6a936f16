"""Pairs with truth rendered as they are drawn: never the same twice, no files; fast enough on a GPU only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from checkpoints.errors import OptionError
from training.data.pairs import Sample
from training.data.synth import KINDS, TEST_SEEDS, Renderer, SceneSpec, make_renderer, true_flow
from training.data.synth.core.photos import open_photos
from training.data.synth.core.truth import background_between

CLIPS = 1_000_000
"""Identities, motions and scenes of a split; below `TEST_SEEDS`, so that splits share nothing."""
TEST_CLIPS = 1_000
SECONDS = 24.0


@dataclass(frozen=True)
class _Plan:
    """The frames of one draw: source, driving, perhaps a stranger's, then references."""

    specs: list[SceneSpec]
    times: NDArray[np.float64]
    crossed: bool


class SynthPairs:
    """A new person, motion and scene for every clip number; two moments of it a draw."""

    def __init__(
        self,
        split: Literal["train", "test"] = "train",
        size: int = 128,
        device: str = "cpu",
        kind: str = "head",
        backdrops: Path | None = None,
    ) -> None:
        """`kind` as of `SceneSpec`; `backdrops`: a folder of photos to put behind the figures.

        Raises `OptionError` for an unknown kind, `InputError` for a folder without usable photos.
        """
        if kind not in KINDS:
            raise OptionError(f"kind must be one of {', '.join(KINDS)}, not {kind!r}.")
        self.kind = kind
        self.split = split
        self.size = size
        self.cross = 0.0
        self.views = 1
        self.device = device
        self.photos = open_photos(backdrops) if backdrops else None
        self._renderer: Renderer | None = None

    def __len__(self) -> int:
        return CLIPS if self.split == "train" else TEST_CLIPS

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_renderer": None}  # every worker process makes its own

    def draw(self, clip: int, rng: np.random.Generator) -> Sample:
        """Two moments of one person; across identities, the driving frame shows another person and scene.

        References are further moments of the source's person and motion.
        """
        return self.draw_batch([clip], [rng])[0]

    def draw_batch(self, clips: list[int], rngs: list[np.random.Generator]) -> list[Sample]:
        """What `draw` gives for each clip with its own `rng`, all frames rendered in one call, on the device."""
        if self._renderer is None:
            self._renderer = make_renderer(self.kind, self.device, photos=self.photos)
        plans = [self._plan(clip, rng) for clip, rng in zip(clips, rngs, strict=True)]
        specs = [spec for plan in plans for spec in plan.specs]
        times = torch.from_numpy(np.concatenate([plan.times for plan in plans]).astype(np.float32))
        frames = self._renderer.render(specs, times, size=self.size)
        lengths = [len(plan.specs) for plan in plans]
        first = torch.tensor([sum(lengths[:i]) for i in range(len(plans))], device=frames.image.device)
        source, driving = frames[first], frames[first + 1]
        flow, visible = true_flow(source, driving)
        truth = {
            "source_points": source.points,
            "driving_points": driving.points,
            "source_visible": source.points_visible,
            "driving_visible": driving.points_visible,
            "flow": flow,
            "flow_visible": visible,
            "background": background_between(source.truth.background, driving.truth.background),
        }
        turns = self._renderer.turns(specs, times)
        if turns is not None:
            truth |= {"source_turn": turns[first], "driving_turn": turns[first + 1]}
        images = frames.image.permute(0, 3, 1, 2).contiguous().split(lengths)
        rows = zip(plans, images, range(len(plans)), strict=True)
        return [self._sample(plan, own, {k: v[row] for k, v in truth.items()}) for plan, own, row in rows]

    def _plan(self, clip: int, rng: np.random.Generator) -> _Plan:
        first = TEST_SEEDS if self.split == "test" else 0
        spec = SceneSpec(identity=first + clip, motion=first + clip, scene=first + clip, kind=self.kind)
        specs, times = [spec, spec], rng.uniform(0, SECONDS, 2)
        crossed = bool(rng.random() < self.cross)
        if crossed:
            stranger = first + int(rng.integers(len(self)))
            specs.append(SceneSpec(identity=stranger, motion=spec.motion, scene=stranger, kind=self.kind))
            times = np.append(times, times[1])
        if self.views > 1:
            specs += [spec] * (self.views - 1)
            times = np.append(times, rng.uniform(0, SECONDS, self.views - 1))
        return _Plan(specs, times, crossed)

    def _sample(self, plan: _Plan, images: Tensor, truth: dict[str, Tensor]) -> Sample:
        sample = {"source": images[0], "driving": images[1], **truth}
        if plan.crossed:
            sample |= {"target": images[1], "driving": images[2]}
        elif self.cross > 0:  # all samples of a batch have the same entries
            sample["target"] = images[1]
        if self.views > 1:
            sample["references"] = images[1 - self.views :]
        return sample
