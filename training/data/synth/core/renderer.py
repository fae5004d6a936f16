"""What every renderer takes and gives, whatever it draws."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .backdrop import EXTENT
from .photos import Photos
from .plate import wide_grid
from .seeds import Array
from .truth import Truth, flow_between, surface_buffer, without_loose_hair

_T = TypeVar("_T")
TEST_SEEDS = 1_000_000
"""Identity and motion seeds from here on are the test split; training never draws them."""
REST = -1.0
"""The time at which a photograph that is set in motion is as it was taken."""

EXPOSED = (-0.5, -0.25, 0.25, 0.5)
"""Further moments that an exposure is made of, as shares of it."""


@dataclass(frozen=True)
class SceneSpec:
    """What to draw: independent seeds of who, how they move, and where."""

    identity: int
    motion: int
    scene: int
    kind: str = "head"


@dataclass
class Frames:
    """N drawn frames; slicing (`frames[i:j]`, or by an index tensor) gives frames again."""

    image: Tensor
    """(N, H, W, 3) uint8, sRGB."""
    points: Tensor
    """(N, 50, 2) float32 in [-1, 1] where inside the frame, in the order of the kind's point names."""
    points_visible: Tensor
    """(N, 50) bool."""
    mask: Tensor
    """(N, H, W) bool, True where the figure is, or what passes before it."""
    truth: Truth
    matte: Tensor
    """(N, H, W) uint8: how much of a pixel that is, hair by hair; 255: all of it."""
    loose: Tensor
    """(N, H, W) bool, True where hairs stand before the backdrop, which are no surface of the truth."""

    @staticmethod
    def without_hairs(image: Tensor, points: Tensor, points_visible: Tensor, cover: Tensor, truth: Truth) -> Frames:
        """Frames of figures without single hairs; `cover` (N, H, W) in [0, 1]: how much of a pixel they are."""
        loose = torch.zeros_like(cover, dtype=torch.bool)
        return Frames(image, points, points_visible, cover > 0.5, truth, as_bytes(cover), loose)

    def __len__(self) -> int:
        return len(self.image)

    def __getitem__(self, index: slice | Tensor) -> Frames:
        return Frames(
            self.image[index], self.points[index], self.points_visible[index], self.mask[index], self.truth[index],
            self.matte[index], self.loose[index],
        )  # fmt: skip

    @staticmethod
    def join(parts: list[Frames]) -> Frames:
        """Frames of one kind, one after the other."""
        return Frames(
            image=torch.cat([part.image for part in parts]),
            points=torch.cat([part.points for part in parts]),
            points_visible=torch.cat([part.points_visible for part in parts]),
            mask=torch.cat([part.mask for part in parts]),
            truth=Truth(
                torch.cat([part.truth.screen for part in parts]),
                torch.cat([part.truth.background for part in parts]),
                parts[0].truth.kind,
            ),
            matte=torch.cat([part.matte for part in parts]),
            loose=torch.cat([part.loose for part in parts]),
        )


def true_flow(source: Frames, driving: Frames, size: int = 64) -> tuple[Tensor, Tensor]:
    """Backward flow (N, size, size, 2) float32 and visibility (N, size, size) bool, frames paired by index.

    Both frames of a pair must show the same identity in the same scene. The flow says for every pixel of the driving
    frame where in the source the same surface point is; it may leave [-1, 1] (then it is not visible). Nor is
    what shows loose hairs.
    """
    driving_buffer = surface_buffer(driving.truth, size)
    source_buffer = surface_buffer(source.truth, max(size, 128)).triangle
    flow, visible = flow_between(source.truth, source_buffer, driving.truth, driving_buffer)
    return flow, without_loose_hair(flow, visible, source.loose, driving.loose)


def backdrops(pictures: Tensor, background: Tensor, size: int, margin: int = 0) -> Tensor:
    """(N, 3, P, P) linear light behind the figures: pictures (N, 3, E, E) moved by affine maps (N, 2, 3); P is `size`
    and twice the `margin`.
    """
    grid = wide_grid(size, margin, background.device).view(1, -1, 2) - background[:, None, :, 2]
    grid = grid @ torch.linalg.inv(background[:, :, :2]).transpose(1, 2)
    grid = grid.view(len(pictures), size + 2 * margin, size + 2 * margin, 2) / EXTENT
    return functional.grid_sample(pictures, grid, padding_mode="reflection", align_corners=True)


def device_name(device: str | torch.device) -> str:
    """As tensors say it: "cuda" becomes "cuda:0"."""
    return str(torch.empty(0, device=device).device)


def as_picture(light: Tensor) -> Tensor:
    """(N, H, W, 3) uint8, sRGB, of linear light (N, 3, H, W)."""
    return (light.clamp(0, 1) ** (1 / 2.2) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def as_bytes(matte: Tensor) -> Tensor:
    """uint8 of values in [0, 1]; 255 is kept for 1."""
    return torch.where(matte > 1 - 1e-5, 255.0, (matte.clamp(0, 1) * 255).round().clamp_max(254)).to(torch.uint8)


class Cache(OrderedDict[Hashable, _T]):
    """The most recently used values, made on demand."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit

    def get_or_make(self, key: Hashable, make: Callable[[], _T]) -> _T:
        """The value of a key, made by `make()` when it is new."""
        if key not in self:
            self[key] = make()
            if len(self) > self.limit:
                self.popitem(last=False)
        self.move_to_end(key)
        return self[key]


class Renderer(ABC):
    """Draws one kind of scene; the same seeds and times give the same pictures, in whatever company (see `batch`)."""

    kind: str

    def __init__(
        self, device: str | torch.device = "cpu", batch: int | None = None, photos: Photos | None = None
    ) -> None:
        """`batch`: how many frames are drawn at once; by default 64 on a GPU, one on a CPU.

        On a CPU eight are faster at 64 pixels, none at 128. One at a time, a frame has the same bits in whatever call
        it is asked for. Of several, matrix products may add in another order (that is the processor's library's
        choice): points then agree to 1e-5, and pictures to 1/255 but where an edge passes a sample by no more.

        `photos`: what the backdrops are made of, instead of the procedural ones.
        """
        self.device = torch.device(device_name(device))
        self.batch = batch or (1 if self.device.type == "cpu" else 64)

        self.photos = photos
        self._plates: Cache[Tensor] = Cache(128)

    @abstractmethod
    def _backdrop(self, seed: int) -> Array:
        """(3, E, E) the procedural backdrop of a scene's seed."""

    def _behind(self, specs: list[SceneSpec], background: Tensor, size: int, margin: int = 0) -> Tensor:
        """(N, 3, P, P) linear light behind the figures, as of `backdrops`; `background` (N, 2, 3) as of `Truth`."""

        def plate(seed: int) -> Tensor:
            picture = self._backdrop(seed) if self.photos is None else self.photos.plate(seed)
            return torch.from_numpy(picture).to(self.device)

        plates = [self._plates.get_or_make(spec.scene, partial(plate, spec.scene)) for spec in specs]
        return backdrops(torch.stack(plates), background, size, margin)

    @abstractmethod
    def _render(self, specs: list[SceneSpec], times: Array, size: int, shading: bool, exposure: float) -> Frames:
        """At most `batch` frames; arguments as of `render`."""

    def plates(self, specs: list[SceneSpec], times: Tensor, size: int) -> Tensor | None:
        """(N, P, P, 3) uint8: the backdrops of frames of `size` pixels without the figures and with a margin, see
        `plate`; None of kinds that have none.
        """
        return None

    def rests(self, specs: list[SceneSpec]) -> Tensor | None:
        """(N, 52) in [0, 1]: what the faces of `specs` do at rest, in the order of `performance.ACTIONS`; None of kinds
        of which that is not known.
        """
        return None

    def turns(self, specs: list[SceneSpec], times: Tensor) -> Tensor | None:
        """(N, 3, 3): how heads of `specs` are turned at `times` (N,), for row vectors (x, y, z) with y down and z away
        from the camera; None where figures have none that is known.
        """
        return None

    @torch.no_grad()
    def render(
        self, specs: list[SceneSpec], times: Tensor, size: int = 256, shading: bool = True, exposure: float = 0.0
    ) -> Frames:
        """One frame for each spec and time (seconds), `size` x `size` pixels.

        `shading=False` leaves out light, highlights, clear glass and the camera's faults, so that a surface point has
        one colour in all frames. `exposure` in seconds blurs what moves; the truth is that of its middle.
        """
        if unknown := {spec.kind for spec in specs} - {self.kind}:
            raise ValueError(f"this renderer draws {self.kind}s, not {', '.join(sorted(unknown))}")
        if len(specs) != len(times):
            raise ValueError(f"{len(specs)} specs but {len(times)} times")
        parts = []
        for start in range(0, len(specs), self.batch):
            stop = start + self.batch
            moments = np.asarray(times[start:stop], np.float64)
            parts.append(self._render(specs[start:stop], moments, size, shading, exposure))
        return Frames.join(parts)
