"""Against the truth that synthetic data have: flow, visibility, surface points.

Flows are (T, h, w, 2), backward maps in [-1, 1] as in `training.models.base`, -1 and 1 at the centres of the outer
pixels. Errors are in pixels of a picture of `size`, so that maps of any resolution can be compared.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

Floats = NDArray[np.floating]
Mask = NDArray[np.bool_]


def flow_epe(flow: Floats, truth: Floats, visible: Mask, size: int) -> float:
    """End-point error: mean Euclidean distance in pixels of flow and true flow where the source shows the point.

    Baker et al. (Middlebury, 2011). `truth` (T, H, W, 2) and `visible` (T, H, W) may be finer than `flow`, which is
    then interpolated bilinearly. NaN where nothing is visible.
    """
    rows, columns = _grid(truth.shape[1:3], flow.shape[1:3])
    fine = np.stack([_sample(frame, rows, columns) for frame in flow])
    distances = np.linalg.norm(fine - truth, axis=-1) * (size - 1) / 2
    return float(distances[visible].mean()) if visible.any() else float("nan")


def occlusion_iou(occlusion: Floats, visible: Mask, threshold: float = 0.5) -> float:
    """Intersection over union of the pixels called hidden (occlusion below `threshold`) and those truly hidden.

    `occlusion` (T, h, w) in [0, 1], 1 where the source shows what the driving pose shows; `visible` (T, H, W). 1 when
    nothing is hidden and nothing is called so.
    """
    rows, columns = _grid(visible.shape[1:3], occlusion.shape[1:3])
    called = np.stack([_sample(frame[..., None], rows, columns)[..., 0] for frame in occlusion]) < threshold
    union = (called | ~visible).sum()
    return float((called & ~visible).sum() / union) if union else 1.0


def surface_point_error(flow: Floats, driving: Floats, source: Floats, visible: Mask, size: int) -> float:
    """Where the flow sends true surface points of the driving pose, against where they are in the source, in pixels.

    `driving` (T, P, 2), `source` (P, 2) in [-1, 1]; `visible` (T, P): seen in both pictures. Unlike the mean over
    pixels, lids and lips count as much as a wide background. Works for every family, whatever its keypoints are. NaN
    where nothing is visible.
    """
    height, width = flow.shape[1:3]
    x, y = (driving[..., 0] + 1) / 2 * (width - 1), (driving[..., 1] + 1) / 2 * (height - 1)
    sent = np.stack([_sample(frame, r, c) for frame, r, c in zip(flow, y, x, strict=True)])
    distances = np.linalg.norm(sent - source, axis=-1) * (size - 1) / 2
    return float(distances[visible].mean()) if visible.any() else float("nan")


def _grid(shape: tuple[int, ...], coarse: tuple[int, ...]) -> tuple[Floats, Floats]:
    """Row and column in a map of `coarse` of every pixel of a map of `shape`; the outer centres coincide."""
    axes = [np.linspace(0, small - 1, large) for large, small in zip(shape, coarse, strict=True)]
    rows, columns = np.meshgrid(*axes, indexing="ij")
    return rows, columns


def _sample(values: Floats, rows: Floats, columns: Floats) -> Floats:
    """Bilinear values (..., C) of a map (h, w, C) at fractional places; beyond the edge, the edge's."""
    channels = [
        map_coordinates(values[..., c], [rows, columns], order=1, mode="nearest") for c in range(values.shape[-1])
    ]
    return np.stack(channels, -1)
