"""Pairs with truth rendered as they are drawn: never the same twice, no files; fast enough on a GPU only."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch

from checkpoints.errors import OptionError
from training.data.pairs import Sample
from training.data.synth import KINDS, TEST_SEEDS, Renderer, SceneSpec, make_renderer, true_flow
from training.data.synth.truth import background_between

CLIPS = 1_000_000
"""Identities, motions and scenes of a split; below `TEST_SEEDS`, so that splits share nothing."""
TEST_CLIPS = 1_000
SECONDS = 24.0


class SynthPairs:
    """A new person, motion and scene for every clip number; two moments of it a draw."""

    def __init__(
        self, split: Literal["train", "test"] = "train", size: int = 128, device: str = "cpu", kind: str = "head"
    ) -> None:
        """`kind` as of `SceneSpec`. Raises `OptionError` for an unknown one."""
        if kind not in KINDS:
            raise OptionError(f"kind must be one of {', '.join(KINDS)}, not {kind!r}.")
        self.kind = kind
        self.split = split
        self.size = size
        self.cross = 0.0
        self.views = 1
        self.device = device
        self._renderer: Renderer | None = None

    def __len__(self) -> int:
        return CLIPS if self.split == "train" else TEST_CLIPS

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_renderer": None}  # every worker process makes its own

    def draw(self, clip: int, rng: np.random.Generator) -> Sample:
        """Two moments of one person; across identities, the driving frame shows another person and scene.

        References are further moments of the source's person and motion.
        """
        if self._renderer is None:
            self._renderer = make_renderer(self.kind, self.device)
        first = TEST_SEEDS if self.split == "test" else 0
        spec = SceneSpec(identity=first + clip, motion=first + clip, scene=first + clip, kind=self.kind)
        specs, times = [spec, spec], rng.uniform(0, SECONDS, 2)
        crossed = rng.random() < self.cross
        if crossed:
            stranger = first + int(rng.integers(len(self)))
            specs.append(SceneSpec(identity=stranger, motion=spec.motion, scene=stranger, kind=self.kind))
            times = np.append(times, times[1])
        if self.views > 1:
            specs += [spec] * (self.views - 1)
            times = np.append(times, rng.uniform(0, SECONDS, self.views - 1))
        frames = self._renderer.render(specs, torch.from_numpy(times.astype(np.float32)), size=self.size)
        flow, visible = true_flow(frames[0:1], frames[1:2])
        images = frames.image.permute(0, 3, 1, 2).cpu().contiguous()
        sample = {
            "source": images[0],
            "driving": images[1],
            "source_points": frames.points[0].cpu(),
            "driving_points": frames.points[1].cpu(),
            "source_visible": frames.points_visible[0].cpu(),
            "driving_visible": frames.points_visible[1].cpu(),
            "flow": flow[0].cpu(),
            "flow_visible": visible[0].cpu(),
            "background": background_between(frames[0:1].truth, frames[1:2].truth)[0].cpu(),
        }
        if crossed:
            sample |= {"target": images[1], "driving": images[2]}
        elif self.cross > 0:  # all samples of a batch have the same entries
            sample["target"] = images[1]
        if self.views > 1:
            sample["references"] = images[1 - self.views :]
        return sample
