"""Picture grids that show what a model does: source, driving, result, keypoints, flow, occlusion, masks."""

from __future__ import annotations

import colorsys

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from training.data.pairs import Sample, source_views
from training.models.base import Motion, MotionModel


def flow_colours(flow: Tensor, largest: float = 0.5) -> Tensor:
    """Displacement of a backward flow (B, h, w, 2) as colour (B, 3, h, w) in [0, 1]: hue direction, depth length.

    `largest` is the displacement, in [-1, 1] units, that has full colour.
    """
    h, w = flow.shape[1:3]
    ys, xs = torch.meshgrid(torch.linspace(-1, 1, h), torch.linspace(-1, 1, w), indexing="ij")
    moved = flow.cpu() - torch.stack([xs, ys], -1)
    angle = torch.atan2(moved[..., 1], moved[..., 0])
    length = (moved.norm(dim=-1) / largest).clamp(0, 1)
    channels = [0.5 + 0.5 * torch.cos(angle - shift) for shift in (0.0, 2.0944, 4.1888)]
    return torch.stack([1 - length * (1 - channel) for channel in channels], 1)


def mask_colours(masks: Tensor) -> Tensor:
    """The strongest of `masks` (B, C, h, w) at every place as colour (B, 3, h, w) in [0, 1]; the first is black."""
    count = masks.shape[1]
    palette = torch.tensor([colorsys.hsv_to_rgb(i / count, 0.8, 0.9) if i else (0, 0, 0) for i in range(count)])
    return palette[masks.argmax(1).cpu()].permute(0, 3, 1, 2)


def marked(model: MotionModel, image: np.ndarray, motion: Motion, index: int) -> np.ndarray:
    """`image` uint8 (H, W, 3) with what moves it, of entry `index` of a batch's `motion`: its points, or the tree of
    anchors where there is one. The drawing is the engine's; where Pillow, which it draws with, is missing: dots.
    """
    points = motion.points[index].float().cpu().numpy()
    try:
        from runtime.result.structure import draw_points, draw_tree
    except ModuleNotFoundError:
        return _dotted(image, points)
    if "anchor_points" not in motion.extra:
        return draw_points(image, points, model.groups or len(points))
    anchors = motion.extra["anchor_points"][index].float().cpu().numpy()
    attention = motion.extra.get("attention")
    weights = None if attention is None else attention[index].float().cpu().numpy()
    return draw_tree(image, anchors, len(points), weights, model.dead)


def _dotted(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """`image` uint8 (H, W, 3) with a square of three pixels at every point (K, 2), coloured by its number."""
    height, width = image.shape[:2]
    drawn = image.copy()
    places = ((np.clip(points, -1, 1) + 1) / 2 * [width - 1, height - 1]).round().astype(int)
    for index, (x, y) in enumerate(places):
        colour = np.multiply(colorsys.hsv_to_rgb(index / len(points), 0.9, 1.0), 255).astype(np.uint8)
        drawn[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2] = colour
    return drawn


def to_uint8(image: Tensor) -> np.ndarray:
    """(3, H, W) in [0, 1] as uint8 (H, W, 3)."""
    return (image.detach().float().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()


@torch.no_grad()
def grid(model: MotionModel, batch: Sample) -> np.ndarray:
    """One row a pair: source, driving, target, result, flow, occlusion, strongest mask (the last two where the family
    has them); uint8 (H, W, 3)."""
    source, driving = batch["source"], batch["driving"]
    source_motion, driving_motion = model.detect(source), model.detect(driving)
    views = source_views(batch)
    every = model.detect(views) if "references" in batch else source_motion
    rendered = model.render(model.encode(views), every, driving_motion)
    size = source.shape[-2:]
    flow = F.interpolate(flow_colours(rendered.flow), size, mode="bilinear", align_corners=True)
    seen = [F.interpolate(each, size, mode="bilinear", align_corners=True) for each in rendered.occlusions[-1:]]
    masks = None if rendered.masks is None else F.interpolate(mask_colours(rendered.masks), size, mode="nearest")
    rows = []
    for i in range(len(source)):
        target = batch.get("target", driving)
        cells = [
            marked(model, to_uint8(source[i]), source_motion, i),
            marked(model, to_uint8(driving[i]), driving_motion, i),
            to_uint8(target[i]),
            to_uint8(rendered.image[i]),
            to_uint8(flow[i]),
            *(to_uint8(occlusion[i].expand(3, -1, -1)) for occlusion in seen),
            *([] if masks is None else [to_uint8(masks[i])]),
        ]
        rows.append(np.concatenate(cells, 1))
    return np.concatenate(rows)
