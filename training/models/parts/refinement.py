"""Refinement of a coarse flow by an ordinary differential equation (DiME, Eq. 6 to 8; models.md 5).

d phi / d eps = f(phi, eps) on [0, 1] with phi(0) the coarse flow of any family; phi(1) is what moves the pixels. f is a
small convolutional network whose last layer starts at zero, so that an untrained one changes nothing.
Fixed explicit steps, differentiated as they are (discretise, then optimise) and unrolled in exported graphs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from checkpoints.errors import OptionError
from training.models.base import DenseMotion
from training.models.parts.sampling import coordinate_grid, full_precision, warp

Method = Literal["euler", "rk4"]
Velocity = Callable[[Tensor, float], Tensor]
"""d phi / d eps as a function of phi and eps."""


@dataclass(frozen=True)
class RefinementConfig:
    """Settings that every family with a dense flow shares."""

    refine: Literal["none", "euler", "rk4"] = "none"
    """How the coarse flow is refined: not at all, or by an ODE integrated with this method."""
    refine_steps: int = 2
    """Steps over [0, 1]; Euler asks f once a step, RK4 four times."""
    refine_width: int = 32
    """Channels of f."""

    def __post_init__(self) -> None:
        """Raises `OptionError` for values that are not allowed."""
        for name in ("refine_steps", "refine_width"):
            if getattr(self, name) < 1:
                raise OptionError(f"{name} is {getattr(self, name)}; it must be 1 or more")


def integrate(velocity: Velocity, start: Tensor, method: Method, steps: int) -> Tensor:
    """phi(1) of d phi / d eps = `velocity`(phi, eps), phi(0) = `start`, by `steps` equal explicit steps.

    Euler's global error is of order 1 in the step, that of the classical Runge-Kutta method of order 4.
    """
    phi, step = start, 1 / steps
    for index in range(steps):
        eps = index * step
        first = velocity(phi, eps)
        if method == "euler":
            phi = phi + step * first
            continue
        second = velocity(phi + step / 2 * first, eps + step / 2)
        third = velocity(phi + step / 2 * second, eps + step / 2)
        fourth = velocity(phi + step * third, eps + step)
        phi = phi + step / 6 * (first + 2 * second + 2 * third + fourth)
    return phi


class VelocityNetwork(nn.Module):
    """f: what a flow should still change, from the flow, eps, the source seen through the flow, the driving pose."""

    def __init__(self, points: int, width: int) -> None:
        """`points` is the number of heat maps of each picture, `width` that of channels."""
        super().__init__()
        # The driving heat maps stay the same over all steps: their share of the first layer is computed once.
        self.driving = nn.Conv2d(points, width, 3, padding=1)
        self.state = nn.Conv2d(2 + 1 + 3 + points, width, 3, padding=1, bias=False)
        # Dilated, so that few layers see far; no normalisation, whose statistics would differ from eps to eps; a
        # smooth activation, as the order of the integration rests on f's derivatives.
        self.hidden = nn.ModuleList(nn.Conv2d(width, width, 3, padding=gap, dilation=gap) for gap in (2, 4))
        self.last = nn.Conv2d(width, 2, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        assert self.last.bias is not None
        nn.init.zeros_(self.last.bias)

    def forward(self, driving: Tensor, displacement: Tensor, seen: Tensor, eps: float) -> Tensor:
        """(B, h, w, 2), the velocity in [-1, 1] units.

        `driving` (B, width, h, w) as the layer of that name gives it, `displacement` (B, 2, h, w) of the flow from the
        identity, `seen` (B, 3 + K, h, w): picture and heat maps of the source looked up at the flow.
        """
        time = torch.full_like(displacement[:, :1], eps)
        x = F.silu(driving + self.state(torch.cat([displacement, time, seen], 1)))
        for layer in self.hidden:
            x = F.silu(layer(x))
        return self.last(x).permute(0, 2, 3, 1)


class Refinement(nn.Module):
    """From a coarse flow to a refined one."""

    def __init__(self, config: RefinementConfig, points: int, align_corners: bool) -> None:
        """`points` is the family's number of heat maps; `config.refine` must not be "none"."""
        super().__init__()
        if config.refine == "none":
            raise ValueError('a model with refine = "none" has no refinement')
        self.method: Method = config.refine
        self.steps = config.refine_steps
        self.align_corners = align_corners
        self.velocity = VelocityNetwork(points, config.refine_width)

    def dynamics(self, small: Tensor, source: Tensor, driving: Tensor) -> Velocity:
        """f as a function of the flow (B, h, w, 2) and eps alone.

        `small` (1 or B, 3, h, w) is the reduced source, `source` (1 or B, K, h, w) and `driving` (B, K, h, w) are the
        heat maps.
        """
        batch, _, height, width = driving.shape
        fixed = self.velocity.driving(driving)
        grid = coordinate_grid(height, width, driving)
        maps = torch.cat([values.expand(batch, -1, -1, -1) for values in (small, source)], 1)

        def velocity(flow: Tensor, eps: float) -> Tensor:
            with full_precision(flow):
                seen = warp(maps, flow, self.align_corners)
            displacement = (flow - grid).permute(0, 3, 1, 2)
            return self.velocity(fixed, displacement, seen, eps).to(flow.dtype)

        return velocity

    def forward(self, motion: DenseMotion, small: Tensor, source: Tensor, driving: Tensor) -> DenseMotion:
        """`motion` with a refined flow; the other arguments are those of `dynamics`.

        `extra` gets the `coarse_flow`, and as `velocities` what f gave at every evaluation (for `smoothness`).
        """
        velocity = self.dynamics(small, source, driving)
        values: list[Tensor] = []

        def recorded(flow: Tensor, eps: float) -> Tensor:
            values.append(velocity(flow, eps))
            return values[-1]

        coarse = motion.flow
        motion.flow = integrate(recorded, coarse, self.method, self.steps)
        motion.extra |= {"coarse_flow": coarse, "velocities": values}
        return motion


def make_refinement(config: RefinementConfig, points: int, align_corners: bool) -> Refinement | None:
    """The refinement that `config` asks for, if any; see `Refinement`."""
    return None if config.refine == "none" else Refinement(config, points, align_corners)
