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


def motion_error(result: Points, driving: Points, result_found: Found, driving_found: Found) -> float:
    """How far keypoints moved otherwise than the driving ones: needs no true frames, and the two may be two people.

    Mean over frames and keypoints of |m_result - m_driving|, m = (p_t - p_0) / s: what a keypoint moved since the
    clip's first frame, as a share of the size s of what is shown there (root mean square distance of the keypoints
    from their middle). 0 where the motion is the same; the unmoved source has the mean length of the driving motion.
    Heads of different proportions that turn alike do not score 0: not even the true result would. NaN where one
    of the first frames shows nothing, or nothing is found in both later.
    """
    pair = [(p, _each(f, p)) for p, f in ((result, result_found), (driving, driving_found))]
    both = pair[0][1] & pair[1][1] & pair[0][1][0] & pair[1][1][0]
    if both[0].sum() < 2 or not both[1:].any():
        return float("nan")
    moved = []
    for points, _ in pair:
        first = points[0].astype(np.float64)
        known = first[both[0]]
        moved.append((points - first) / _size(known))
    return float(np.linalg.norm(moved[0] - moved[1], axis=-1)[1:][both[1:]].mean())


def transfer_score(result_akd: float, unmoved_akd: float) -> float:
    """The share of the motion that was transferred: 1 - AKD(result) / AKD(unmoved source).

    1: the keypoints are where the true frames have them; 0: no nearer than if nothing had moved; negative: worse than
    that. Free of units, so comparable across data sets and sizes. NaN where nothing moves. Where the true frames are
    not known, `motion_error` takes the place of AKD.
    """
    return 1 - result_akd / unmoved_akd if unmoved_akd > 0 else float("nan")


def _size(points: Points) -> Points:
    """(...): root mean square distance of keypoints (..., K, 2) from their middle, never quite 0."""
    return np.maximum(np.sqrt(np.square(points - points.mean(-2, keepdims=True)).sum(-1).mean(-1)), 1e-9)


def _each(found: Found, points: Points) -> Found:
    return np.broadcast_to(found[:, None] if found.ndim == 1 else found, points.shape[:2])
