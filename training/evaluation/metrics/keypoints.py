"""Motion as a keypoint detector sees it: AKD, MKR, jitter, and the share of the motion that was transferred.

Tracks are float (T, K, 2) in pixels with `found` bool (T, K) or (T,): what the detector was sure of.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.floating]
Found = NDArray[np.bool_]


def akd(result: Points, target: Points, result_found: Found, target_found: Found) -> float:
    """Average keypoint distance: mean Euclidean distance in pixels of the keypoints found in both.

    Siarohin et al., Monkey-Net (2019) and FOMM (2019): the detector sees result and true frame. NaN when no keypoint
    was found in both. Pixels are those of the pictures: compare models at one size only.
    """
    both = _each(result_found, result) & _each(target_found, target)
    distances = np.linalg.norm(result.astype(np.float64) - target, axis=-1)
    return float(distances[both].mean()) if both.any() else float("nan")


def mkr(result_found: Found, target_found: Found) -> float:
    """Missing keypoint rate: the share of keypoints found in the true frame that are not found in the result.

    Siarohin et al. (2019). NaN when nothing was found in the true frames.
    """
    return float(1 - result_found[target_found].mean()) if target_found.any() else float("nan")


def jitter(points: Points, found: Found) -> float:
    """Mean acceleration |p_(t+1) - 2 p_t + p_(t-1)| of the keypoints, in pixels a frame squared.

    The smoothness measure of Kanazawa et al. (2019, "acceleration error") without a reference. Motion itself
    accelerates: judge it against the driving video's own, a row of every table. NaN for under three frames in a row.
    """
    if len(points) < 3:
        return float("nan")
    found = _each(found, points)
    three = found[2:] & found[1:-1] & found[:-2]
    acceleration = np.linalg.norm(points[2:] - 2.0 * points[1:-1] + points[:-2], axis=-1)
    return float(acceleration[three].mean()) if three.any() else float("nan")


def transfer_score(result_akd: float, unmoved_akd: float) -> float:
    """The share of the motion that was transferred: 1 - AKD(result) / AKD(unmoved source).

    1: the keypoints are where the true frames have them; 0: no nearer than if nothing had moved; negative: worse than
    that. Free of units, so comparable across data sets and sizes. NaN where nothing moves.
    """
    return 1 - result_akd / unmoved_akd if unmoved_akd > 0 else float("nan")


def _each(found: Found, points: Points) -> Found:
    return np.broadcast_to(found[:, None] if found.ndim == 1 else found, points.shape[:2])
