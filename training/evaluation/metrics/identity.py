"""Whether it is still the same person: distances of identity embeddings (T, D), one a frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Embeddings = NDArray[np.floating]


def aed(result: Embeddings, target: Embeddings) -> float:
    """Average Euclidean distance of the embeddings of result and true frame (Siarohin et al. 2019).

    `target` may be one embedding (1, D), as of the source picture. Frames whose embedding is NaN (no face was found)
    are left out; NaN when none is left.
    """
    return _mean(np.linalg.norm(result.astype(np.float64) - target, axis=-1))


def csim(result: Embeddings, target: Embeddings) -> float:
    """Mean cosine similarity of the embeddings, in [-1, 1] (Zakharov et al. 2019). `target` and NaN as in `aed`."""
    lengths = np.linalg.norm(result.astype(np.float64), axis=-1) * np.linalg.norm(target.astype(np.float64), axis=-1)
    dots = (result.astype(np.float64) * target).sum(-1)
    return _mean(dots / np.where(lengths > 0, lengths, np.nan))


def _mean(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
