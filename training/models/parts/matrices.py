"""Small matrices: products that nothing may round, and closed forms where inverses and singular value decompositions
would not export to ONNX."""

from __future__ import annotations

import torch
from torch import Tensor

from training.models.parts.sampling import full_precision

TINY = 1e-12


def exact_product(left: Tensor, right: Tensor) -> Tensor:
    """`left` (..., n, m) @ `right` (..., m, k) for coordinates: neither in the type of mixed precision, whose eight
    bits are a pixel of 256, nor with the ten bits of TF32 where that is allowed (splines make eight pixels of it).

    Its gradient is as exact.
    """
    if torch.compiler.is_exporting():
        return left @ right
    with full_precision(left):
        if not _products_are_rounded():
            return left @ right
        return (left[..., :, :, None] * right[..., None, :, :]).sum(-2)


def whole(values: Tensor) -> Tensor:
    """`values` in float32 where mixed precision made them half."""
    return values.float() if values.dtype in (torch.bfloat16, torch.float16) else values


def _products_are_rounded() -> bool:
    """Whether float32 matrix products may be computed with fewer bits; torch does not tell where it was set by part."""
    try:
        return torch.get_float32_matmul_precision() != "highest"
    except RuntimeError:
        return True


def inverse_2x2(matrix: Tensor) -> Tensor:
    """Inverse of (..., 2, 2). A determinant closer to zero than 1e-12 is held there, so that nothing is infinite."""
    a, b, c, d = matrix[..., 0, 0], matrix[..., 0, 1], matrix[..., 1, 0], matrix[..., 1, 1]
    determinant = a * d - b * c
    held = torch.where(determinant < 0, -torch.full_like(a, TINY), torch.full_like(a, TINY))
    determinant = torch.where(determinant.abs() < TINY, held, determinant)
    return torch.stack([torch.stack([d, -b], -1), torch.stack([-c, a], -1)], -2) / determinant[..., None, None]


def principal_axes(covariance: Tensor) -> Tensor:
    """A = U sqrt(S) of symmetric positive `covariance` (..., 2, 2) = U S U^T, singular values in falling order.

    The signs are those of LAPACK's decomposition, with which the published weights were trained: with the matrix
    [[a, b], [b, d]] and its first axis (c, s), c >= 0, A is [[c, s], [s, -c]] sqrt(S), negated unless b > 0 and
    a (d - a) > 2 b^2. Where b is exactly 0 LAPACK gives a rotation instead; here the rule's limit holds, since
    reflections and rotations must not be mixed between two frames. Values and gradients are finite everywhere, also
    for equal and for vanishing singular values, where the axes are constant.
    """
    a, b, d = covariance[..., 0, 0], covariance[..., 0, 1], covariance[..., 1, 1]
    difference = a - d
    squared = difference.square() + 4 * b.square()
    # Axes of a circle are undefined; below the rounding error of the entries, any constant ones serve.
    circle = squared <= (torch.finfo(a.dtype).eps * (a + d)).square()
    spread = torch.where(circle, torch.ones_like(a), squared).sqrt()
    cosine = torch.where(circle, torch.ones_like(a), difference / spread)  # of the doubled angle
    sine = torch.where(circle, torch.zeros_like(a), 2 * b / spread)
    # Half the angle without cancellation: the longer side by the root, the shorter by division.
    longer = ((1 + cosine.abs()) / 2).sqrt()
    shorter = sine.abs() / (2 * longer)
    wide = difference >= 0
    c = torch.where(wide, longer, shorter)
    s = torch.where(wide, shorter, longer)
    s = torch.where(b < 0, -s, s)
    spread = torch.where(circle, torch.zeros_like(a), spread)
    first = ((a + d + spread) / 2).clamp(min=TINY).sqrt()
    second = ((a + d - spread) / 2).clamp(min=TINY).sqrt()
    positive = (b > 0) & (a * (d - a) > 2 * b.square())
    sign = torch.where(positive, torch.ones_like(a), -torch.ones_like(a))
    rows = [torch.stack([c * first, s * second], -1), torch.stack([s * first, -c * second], -1)]
    return sign[..., None, None] * torch.stack(rows, -2)


def same_side(matrix: Tensor) -> Tensor:
    """1 or -1 (..., 1, 1): the sign that makes the first entry of `matrix` (..., 2, 2) not negative."""
    first = matrix[..., :1, :1]
    return torch.where(first < 0, -torch.ones_like(first), torch.ones_like(first))
