"""Picture grids that show what a model does: source, driving, result, keypoints, flow, occlusion, masks."""

from __future__ import annotations

import colorsys

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw
from torch import Tensor

from training.data.pairs import Sample, source_views
from training.models.base import Motion, MotionModel
from training.structure import draw_anchors


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


def draw_points(image: np.ndarray, points: np.ndarray, groups: int) -> np.ndarray:
    """`image` uint8 (H, W, 3) with `points` (P, 2) in [-1, 1] marked, one colour a group."""
    canvas = Image.fromarray(image)
    pen = ImageDraw.Draw(canvas)
    radius = max(1, image.shape[0] // 100)
    per_group = max(1, len(points) // groups)
    for index, (x, y) in enumerate((points + 1) / 2 * (np.array(image.shape[1::-1]) - 1)):
        hue = (index // per_group) / groups
        colour = tuple(int(255 * part) for part in colorsys.hsv_to_rgb(hue, 1, 1))
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour, outline=(0, 0, 0))
    return np.asarray(canvas)


def _marked(model: MotionModel, image: np.ndarray, motion: Motion, index: int) -> np.ndarray:
    """`image` with what moves it: keypoints, or the tree of anchors where there is one."""
    if "anchor_points" in motion.extra:
        return draw_anchors(image, motion, index, model.config.dead_anchors)
    groups = getattr(model.config, "num_tps", motion.points.shape[1])
    return draw_points(image, motion.points[index].float().cpu().numpy(), groups)


def to_uint8(image: Tensor) -> np.ndarray:
    """(3, H, W) in [0, 1] as uint8 (H, W, 3)."""
    return (image.detach().float().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()


@torch.no_grad()
def grid(model: MotionModel, batch: Sample) -> np.ndarray:
    """One row a pair: source, driving, result, warped source, flow, occlusion, strongest mask; uint8 (H, W, 3)."""
    source, driving = batch["source"], batch["driving"]
    source_motion, driving_motion = model.detect(source), model.detect(driving)
    views = source_views(batch)
    every = model.detect(views) if "references" in batch else source_motion
    rendered = model.render(model.encode(views), every, driving_motion)
    size = source.shape[-2:]
    flow = F.interpolate(flow_colours(rendered.flow), size, mode="bilinear", align_corners=True)
    occlusion = F.interpolate(rendered.occlusions[-1], size, mode="bilinear", align_corners=True)
    strongest = rendered.masks.argmax(1)
    count = rendered.masks.shape[1]
    palette = torch.tensor([colorsys.hsv_to_rgb(i / count, 0.8, 0.9) if i else (0, 0, 0) for i in range(count)])
    masks = F.interpolate(palette[strongest.cpu()].permute(0, 3, 1, 2), size, mode="nearest")
    rows = []
    for i in range(len(source)):
        target = batch.get("target", driving)
        cells = [
            _marked(model, to_uint8(source[i]), source_motion, i),
            _marked(model, to_uint8(driving[i]), driving_motion, i),
            to_uint8(target[i]),
            to_uint8(rendered.image[i]),
            to_uint8(flow[i]),
            to_uint8(occlusion[i].expand(3, -1, -1)),
            to_uint8(masks[i]),
        ]
        rows.append(np.concatenate(cells, 1))
    return np.concatenate(rows)
