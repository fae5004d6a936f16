"""The distance of two sets of pictures by the statistics of their features."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.floating]


def frechet_distance(first: Features, second: Features) -> float:
    """Frechet distance of two Gaussians fitted to features (N, D) and (M, D) (Heusel et al. 2017, "FID").

    |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)). The trace of the root is the sum of the singular values of A B^T for
    C1 = A^T A and C2 = B^T B, A and B being the centred, scaled features: no matrix root, no complex numbers, and exact
    where there are fewer pictures than dimensions. Raises `ValueError` for under two pictures.
    """
    if min(len(first), len(second)) < 2:
        raise ValueError("the Frechet distance needs at least two pictures on either side")
    first, second = first.astype(np.float64), second.astype(np.float64)
    a = (first - first.mean(0)) / np.sqrt(len(first) - 1)
    b = (second - second.mean(0)) / np.sqrt(len(second) - 1)
    if min(len(a), len(b)) > a.shape[1]:  # the factors of the covariances are smaller than the features
        a, b = np.linalg.qr(a, mode="r"), np.linalg.qr(b, mode="r")
    cross = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    means = np.square(first.mean(0) - second.mean(0)).sum()
    return float(max(0.0, means + np.square(a).sum() + np.square(b).sum() - 2 * cross))
