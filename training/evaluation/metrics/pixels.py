"""Differences of pictures: L1, PSNR, SSIM, MS-SSIM, flicker. All compare a result with the true frames."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage.metrics import structural_similarity

Clip = NDArray[np.uint8]
PerFrame = NDArray[np.float64]

PSNR_CAP = 10 * math.log10(255**2 * 12)
"""58.9 dB: the mean squared error of rounding to 8 bits is 1/12; a smaller one cannot be told from none."""

MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the five scales, fine to coarse (Wang et al. 2003, section 3.2)."""

_SIGMA, _RADIUS = 1.5, 5
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def l1(result: Clip, target: Clip) -> PerFrame:
    """Mean absolute difference a frame, of values in [0, 1]: "L1" of the FOMM family's tables."""
    _check(result, target)
    return np.array([np.abs(a.astype(np.int16) - b).mean() / 255 for a, b in zip(result, target, strict=True)])


def psnr(result: Clip, target: Clip) -> PerFrame:
    """Peak signal-to-noise ratio a frame in dB, at most `PSNR_CAP`: 10 log10(255^2 / MSE)."""
    _check(result, target)
    errors = np.array([np.square(a.astype(np.float64) - b).mean() for a, b in zip(result, target, strict=True)])
    return 10 * np.log10(255**2 / np.maximum(errors, 1 / 12))


def ssim(result: Clip, target: Clip) -> PerFrame:
    """Structural similarity a frame, 1 for equal pictures (Wang et al. 2004), by scikit-image.

    With the paper's Gaussian window (sigma 1.5, 11x11), averaged over the colour channels.
    """
    _check(result, target)
    return np.array(
        [
            structural_similarity(
                a, b, channel_axis=-1, data_range=255, gaussian_weights=True, sigma=_SIGMA, use_sample_covariance=False
            )
            for a, b in zip(result, target, strict=True)
        ]
    )


def ms_ssim(result: Clip, target: Clip) -> PerFrame:
    """Multi-scale structural similarity a frame (Wang, Simoncelli, Bovik 2003, Eq. 7), mean over colour channels.

    Contrast and structure at five scales, luminance at the coarsest; between scales, 2x2 means. Pictures under 176
    pixels have no room for five windows of 11: they get as many scales as fit, the weights rescaled to the same sum.
    Negative terms count as zero.
    """
    _check(result, target)
    side = min(result.shape[1:3])
    scales = min(len(MS_SSIM_WEIGHTS), math.floor(math.log2(side / (2 * _RADIUS + 1))) + 1)
    if scales < 1:
        raise ValueError(f"pictures of {side} pixels are too small for MS-SSIM; at least {2 * _RADIUS + 1} are needed")
    weights = np.array(MS_SSIM_WEIGHTS[:scales]) / sum(MS_SSIM_WEIGHTS[:scales])
    return np.array([_ms_ssim(a, b, weights) for a, b in zip(result, target, strict=True)])


def flicker(result: Clip, target: Clip) -> float:
    """How much the error changes from frame to frame: mean |e_t - e_(t-1)| of e = result - target, values in [0, 1].

    Zero for a constant error (a wrong colour), large for one that boils: what the eye calls instability, and what a
    mean over single frames cannot see. 0 for a single frame.
    """
    _check(result, target)
    total, before = 0.0, None
    for a, b in zip(result, target, strict=True):
        error = a.astype(np.int16) - b
        if before is not None:
            total += float(np.abs(error - before).mean()) / 255
        before = error
    return total / max(1, len(result) - 1)


def _ms_ssim(result: NDArray[np.uint8], target: NDArray[np.uint8], weights: NDArray[np.float64]) -> float:
    a, b = result.astype(np.float64), target.astype(np.float64)
    product = np.ones(3)
    for scale, weight in enumerate(weights):
        luminance, contrast = _ssim_terms(a, b)
        term = contrast * luminance if scale == len(weights) - 1 else contrast
        product *= np.maximum(term.mean((0, 1)), 0) ** weight
        a, b = _halve(a), _halve(b)
    return float(product.mean())


def _ssim_terms(a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Luminance and contrast-structure maps (H - 10, W - 10, 3), where the whole window lies in the picture."""

    def blur(x: NDArray[np.float64]) -> NDArray[np.float64]:
        blurred = gaussian_filter(x, (_SIGMA, _SIGMA, 0), radius=(_RADIUS, _RADIUS, 0))
        return blurred[_RADIUS:-_RADIUS, _RADIUS:-_RADIUS]

    mean_a, mean_b = blur(a), blur(b)
    var_a, var_b = blur(a * a) - mean_a**2, blur(b * b) - mean_b**2
    covariance = blur(a * b) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + _C1) / (mean_a**2 + mean_b**2 + _C1)
    return luminance, (2 * covariance + _C2) / (var_a + var_b + _C2)


def _halve(x: NDArray[np.float64]) -> NDArray[np.float64]:
    height, width = x.shape[0] // 2 * 2, x.shape[1] // 2 * 2
    x = x[:height, :width]
    return (x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2]) / 4


def _check(result: Clip, target: Clip) -> None:
    if result.shape != target.shape or result.ndim != 4:
        raise ValueError(
            f"clips of shape {result.shape} and {target.shape} cannot be compared; give equal (T, H, W, 3)"
        )
