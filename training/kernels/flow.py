"""The true flow of pairs of stored frames, and its placing: pixel by pixel, without the forty maps of torch's way."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from training.data.synth.core.topology import load_topology
from training.data.synth.core.truth import DEPTH_SLACK, ROUNDING, background_between, flow_between
from training.data.synth.sets.shards import STEP, unpack_truth
from training.kernels.build import call, usable

_TRUTH = ("screen", "background", "triangle", "weights")


def stored_flow(stores: Mapping[str, Tensor], source: Tensor, driving: Tensor, kind: str) -> tuple[Tensor, Tensor]:
    """Backward flow (N, S, S, 2) and visibility (N, S, S) from rows `driving` (N,) of `stores` to rows `source`.

    `stores` hold frames as shards of scenes of `kind` do; see `training.data.synth.core.truth.flow_between`.
    """
    screen, triangle, weights = (stores[name] for name in ("screen", "triangle", "weights"))
    if usable(screen, triangle) and screen.dtype == torch.int16 and weights.dtype == torch.uint8:
        motion = background_between(stores["background"][source], stores["background"][driving])
        shape = (len(source), *triangle.shape[1:])
        flow, visible = torch.empty(*shape, 2), torch.empty(shape, dtype=torch.bool)
        given = (load_topology(kind, "cpu").triangles, source, driving, motion.contiguous(), flow, visible)
        sizes = (len(source), screen.shape[1], shape[-1])
        call("stored_flow", screen.dtype, screen, triangle, weights, *given, *sizes, 1 / STEP, DEPTH_SLACK, ROUNDING)
        return flow, visible
    at_source, at_driving = ({name: stores[name][rows] for name in _TRUTH} for rows in (source, driving))
    (here, buffer), (there, other) = unpack_truth(**at_source, kind=kind), unpack_truth(**at_driving, kind=kind)
    return flow_between(here, buffer.triangle, there, other)


def placed_flow(flow: Tensor, visible: Tensor, maps: Tensor, back: Tensor) -> tuple[Tensor, Tensor] | None:
    """`flow` (B, h, w, 2) and `visible` (B, h, w) by `maps` (B, 3, 3), whose inverse is `back`; None without kernels.

    See `training.data.placement.place`.
    """
    if not usable(flow, maps, back) or flow.dtype != torch.float32 or min(flow.shape[1:3]) < 2:
        return None
    flow, visible, maps, back = (each.contiguous() for each in (flow, visible, maps, back))
    placed, seen = torch.empty_like(flow), torch.empty_like(visible)
    call("place_flow", flow.dtype, flow, visible, maps, back, placed, seen, *visible.shape)
    return placed, seen
