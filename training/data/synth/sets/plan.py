"""Which clips a data set holds: seeds and times from a few numbers, so that every set can be made again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from checkpoints.errors import OptionError

from ..core.photos import Photos
from ..core.renderer import REST, TEST_SEEDS, SceneSpec
from ..core.topology import KINDS, PHOTO
from ..person.scene import has_prop

FPS = 25.0
_AWAY = 50_021
"""From a scene's seed to the one tried instead, far from those of the clips beside it."""


@dataclass(frozen=True)
class ClipPlan:
    """One clip; clips of a group share motion and times and differ in identity and scene."""

    index: int
    group: int
    spec: SceneSpec
    times: tuple[float, ...]
    """Seconds of every frame."""


@dataclass(frozen=True)
class SetPlan:
    """A data set. Identity and motion seeds of `test` start at TEST_SEEDS, those of `train` stay below."""

    clips: int
    frames: int
    seed: int = 0
    split: str = "train"
    group: int = 2
    """Clips that share one motion."""
    step: float = 1 / FPS
    """Seconds from frame to frame."""
    jitter: float = 0.0
    """Random share of `step` by which frames are moved."""
    kind: str = "head"
    photos: Photos | None = None
    """What the backdrops are made of (None: procedural); of kind "photo", what is set in motion."""
    props: bool = True
    """Whether something passes before some faces; else other scenes take the place of those."""

    def __post_init__(self) -> None:
        if self.split not in ("train", "test"):
            raise OptionError(f"split must be train or test, not {self.split!r}.")
        if self.kind not in (*KINDS, PHOTO):
            raise OptionError(f"kind must be one of {', '.join((*KINDS, PHOTO))}, not {self.kind!r}.")
        if self.kind == PHOTO and (self.photos is None or self.group != 1):
            raise OptionError("photographs need a folder of them, and a motion each: --photos FOLDER, --group 1.")
        for name in ("clips", "frames", "group"):
            if getattr(self, name) < 1:
                raise OptionError(f"{name} must be at least 1, not {getattr(self, name)}.")
        if not self.props and self.kind != "head":
            raise OptionError(
                f"only heads have things that pass before them; leave props as it is for kind {self.kind}."
            )
        if not 0 < self.step <= 60:
            raise OptionError(f"step must be more than 0 and at most 60 seconds, not {self.step}.")

    def clip(self, index: int) -> ClipPlan:
        """Clip number `index`."""
        group = index // self.group
        first = TEST_SEEDS if self.split == "test" else 0

        def place(number: int) -> int:
            return first + (self.seed * 100_003 + number) % TEST_SEEDS

        scene = place(index)
        while not self.props and has_prop(scene):
            scene = first + (scene + _AWAY) % TEST_SEEDS
        random = np.random.default_rng([0xC11, self.seed, group])
        start = random.uniform(0, 60)
        shift = random.uniform(-0.5, 0.5, self.frames) * self.jitter
        times = tuple(float(start + (i + shift[i]) * self.step) for i in range(self.frames))
        if self.kind == PHOTO:
            times = (REST, *times[1:])
        return ClipPlan(index, group, SceneSpec(place(index), place(group), scene, self.kind), times)
