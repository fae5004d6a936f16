"""The four graphs of the contract as modules: bytes in, bytes out, any family behind them.

A wrapper knows a model only through `training.models.base.MotionModel`. What a family does not have
(jacobians, occlusion) is absent from the names and from the tensors, never a dummy. Scaling, the order of
axes, rounding and clamping happen here, so that the engine moves bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from checkpoints.contract import STRUCTURE, SWITCHES, is_per_frame
from training.models.base import Motion, MotionModel

_EXTRA = dict(zip(STRUCTURE, ("anchor_points", "attention"), strict=True))
"""Names under which `motion` gives what binds the points, for drawings, and under which a motion's `extra` has it."""


def to_float(image: Tensor) -> Tensor:
    """uint8 (B, H, W, 3) to float (B, 3, H, W) in [0, 1]."""
    return image.to(torch.float32).permute(0, 3, 1, 2) / 255


def to_bytes(image: Tensor) -> Tensor:
    """Float (B, 3, H, W), clamped to [0, 1] and rounded to the nearest, as uint8 (B, H, W, 3)."""
    return (image.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1)


def pack(motion: Motion) -> dict[str, Tensor]:
    """The parameters that a motion has, by name."""
    return dict(motion.arrays)


def unpack(values: dict[str, Tensor], prefix: str = "") -> Motion:
    """The inverse of `pack`; names may carry a prefix such as `source_`: then it is made of those."""
    found = {name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)}
    if not found:
        raise ValueError(f"there is no motion among {sorted(values)}")
    return Motion.of(found)


def told(values: dict[str, Tensor], motion: Motion) -> Motion:
    """`motion`, with what `render` may be told beside it among `values`."""
    return Motion.of(motion.arrays, {name: values[name] for name in SWITCHES if name in values})


def switches(model: MotionModel, count: int) -> dict[str, Tensor]:
    """What `render` of `model` is told in `count` frames where nobody asks, by name."""
    usual = {name: torch.tensor([SWITCHES[name]]) for name in model.switches}
    return {name: value.repeat(count, 1) if is_per_frame(name) else value[0] for name, value in usual.items()}


def structure(motion: Motion) -> dict[str, Tensor]:
    """What binds the points of a motion, by the names that graphs give it; empty in most families."""
    return {name: motion.extra[key] for name, key in _EXTRA.items() if key in motion.extra}


def as_views(motion: Motion) -> Motion:
    """The parameters (V, ...) of the views of one source, as those of a batch of one: (1, V, ...)."""
    return unpack({name: value[None] for name, value in pack(motion).items()})


@dataclass(frozen=True)
class Example:
    """Tensors of a source and two driving frames: what the graphs are traced with."""

    resolution: int
    """Height and width of pictures in pixels."""
    features: tuple[Tensor, ...]
    """What `encode` gives for the source: batch size 1, or for families that fuse views one for each of three."""
    source: dict[str, Tensor]
    """The source's parameters by name, batch size as that of the features."""
    driving: dict[str, Tensor]
    """The driving frames' parameters by name, batch size 2: a batch of one would be traced as a constant."""
    output_resolution: int
    """Height and width in pixels of the pictures that `render` gives for such ones."""
    structure: tuple[str, ...] = ()
    """Names of what binds the points (`contract.STRUCTURE`), where the family has it."""


@torch.no_grad()
def example(model: MotionModel, resolution: int) -> Example:
    """Run the model on smooth pictures of the given size, for the names and shapes of everything between
    graphs."""
    ramp = torch.linspace(0, 1, resolution)
    picture = torch.stack([ramp[None, :].expand(resolution, -1), ramp[:, None].expand(-1, resolution)])
    source = torch.cat([picture, picture.mean(0, keepdim=True)])[None]
    driving = torch.cat([source.flip(2), source.flip(3)])
    if model.views == "many":
        # As many as nothing else: a number of views that is some other size would be traced as that.
        source = torch.cat([source, driving])
    found = model.detect(driving)
    motion, features = model.prepare(source)
    side = model.output_resolution(resolution)
    return Example(resolution, features, pack(motion), pack(found), side, tuple(structure(found)))


class SourceGraph(nn.Module):
    """`image` -> parameters and features of the source, or of each of its views."""

    def __init__(self, model: MotionModel, parameters: tuple[str, ...]) -> None:
        super().__init__()
        self.model, self.parameters_given = model, parameters

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        picture = to_float(image)
        motion, features = self.model.prepare(picture)
        found = pack(motion)
        return (*(found[name] for name in self.parameters_given), *features)


class MotionGraph(nn.Module):
    """`frame` -> parameters of driving frames, and what binds their points."""

    def __init__(self, model: MotionModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, frame: Tensor) -> tuple[Tensor, ...]:
        found = self.model.detect(to_float(frame))
        return tuple((pack(found) | structure(found)).values())


class RenderGraph(nn.Module):
    """Features, source and driving parameters, and what else it may be told (`MotionModel.switches`) -> those of
    `image`, `flow`, `occlusion` (the finest of its maps) and `masks` that the family has (`MotionModel.outputs`)."""

    def __init__(self, model: MotionModel, features: int, parameters: tuple[str, ...]) -> None:
        super().__init__()
        self.model, self.features = model, features
        self.names = [f"source_{name}" for name in parameters] + [f"driving_{name}" for name in parameters]
        self.names += model.switches

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        values = dict(zip(self.names, tensors[self.features :], strict=True))
        source, driving = unpack(values, "source_"), told(values, unpack(values, "driving_"))
        features = tensors[: self.features]
        if self.model.views == "many":
            features, source = tuple(each[None] for each in features), as_views(source)
        rendered = self.model.render(features, source, driving)
        found = {"image": to_bytes(rendered.image), "flow": rendered.flow}
        if rendered.occlusions:
            found["occlusion"] = rendered.occlusions[-1]
        if rendered.masks is not None:
            found["masks"] = rendered.masks
        return tuple(found[name] for name in self.model.outputs)


class DisentangleGraph(nn.Module):
    """Source and driving parameters -> the driving pose in the source's shape."""

    def __init__(self, model: MotionModel, parameters: tuple[str, ...]) -> None:
        super().__init__()
        self.model = model
        self.names = [f"source_{name}" for name in parameters] + [f"driving_{name}" for name in parameters]

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        values = dict(zip(self.names, tensors, strict=True))
        result = pack(self.model.disentangle(unpack(values, "source_"), unpack(values, "driving_")))
        return tuple(result.values())
