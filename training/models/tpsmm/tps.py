"""Thin-plate splines: the closed-form solve that trains and exports, and their evaluation on a grid.

The spline through N control points p_i with targets q_i (models.md 3) solves

    [[K + r I, P], [P^T, c I]] [w; A^T] = [q; 0],   K_ij = U(|p_i - p_j|^2),   P_i = (1, x_i, y_i),

with the ridge r on the kernel block and c on the affine block (published: both 0.01). No general inverse exports
to ONNX, and elimination without pivoting is not stable, so an orthogonal basis [Q1 Q2] of P (three Householder
reflections) splits the system. With w = Q1 u + Q2 v, B = [Q1 Q2]^T (K + r I) [Q1 Q2] and P = Q1 R:

    B22 v = Q2^T q - B21 u                        (N - 3 unknowns; B22 is positive definite)
    S = B11 - B12 B22^-1 B21,   b = Q1^T q - B12 B22^-1 Q2^T q
    (R R^T - c S) x = b,   u = -c x,   A^T = R^T x   (3 unknowns)

which holds for c = 0 too. Every step is branch-free.
"""

from __future__ import annotations

import torch
from torch import Tensor

from training.models.parts.matrices import exact_product

LOG_EPSILON = 1e-9


def radial(squared_distance: Tensor) -> Tensor:
    """U(s) = s log(s + 1e-9), s the squared distance."""
    return squared_distance * torch.log(squared_distance + LOG_EPSILON)


def solve_tps(
    control: Tensor, target: Tensor, kernel_ridge: float = 0.01, affine_ridge: float = 0.01
) -> tuple[Tensor, Tensor]:
    """Kernel weights (..., N, 2) and affine part (..., 2, 3) of the splines from `control` to `target` (..., N, 2).

    N is 3 or more. `affine` columns multiply x, y and 1.
    """
    count = control.shape[-2]
    ones = torch.ones_like(control[..., :1])
    # The constant goes first: the other two columns of R then hold deviations from the mean, and the 3x3 system is
    # graded instead of ill-conditioned where the points are close together.
    basis, upper = _orthogonal_basis(torch.cat([ones, control], -1))
    kernel = radial((control[..., :, None, :] - control[..., None, :, :]).square().sum(-1))
    kernel = kernel + kernel_ridge * torch.eye(count, dtype=control.dtype, device=control.device)
    turned = basis.transpose(-1, -2)
    blocks = exact_product(exact_product(turned, kernel), basis)
    rotated = exact_product(turned, target)
    b11, b12 = blocks[..., :3, :3], blocks[..., :3, 3:]
    right = rotated[..., :3, :]
    if count > 3:
        # B22^-1 applied to [B21, Q2^T q] at once.
        solved = _solve_positive(blocks[..., 3:, 3:], torch.cat([blocks[..., 3:, :3], rotated[..., 3:, :]], -1))
        b11 = b11 - exact_product(b12, solved[..., :3])
        right = right - exact_product(b12, solved[..., 3:])
    x = _solve_3x3(exact_product(upper, upper.transpose(-1, -2)) - affine_ridge * b11, right)
    weights = -affine_ridge * x
    if count > 3:
        weights = torch.cat([weights, solved[..., 3:] - exact_product(solved[..., :3], weights)], -2)
    constant_first = exact_product(upper.transpose(-1, -2), x).transpose(-1, -2)
    affine = torch.cat([constant_first[..., 1:], constant_first[..., :1]], -1)
    return exact_product(basis, weights), affine


def evaluate_tps(points: Tensor, control: Tensor, weights: Tensor, affine: Tensor) -> Tensor:
    """Splines (..., N, 2), (..., N, 2), (..., 2, 3) at `points` (M, 2): (..., M, 2)."""
    x, y = points[:, 0], points[:, 1]
    squared = (x - control[..., 0:1]).square() + (y - control[..., 1:2]).square()  # (..., N, M)
    bent = exact_product(weights.transpose(-1, -2), radial(squared))  # (..., 2, M)
    homogeneous = torch.stack([x, y, torch.ones_like(x)])  # (3, M)
    return (bent + exact_product(affine, homogeneous)).transpose(-1, -2)


def evaluate_on_grid(
    x: Tensor, y: Tensor, control: Tensor, weights: Tensor, affine: Tensor, residual: bool = False
) -> Tensor:
    """`evaluate_tps` at every crossing of columns `x` (w,) and rows `y` (h,), row by row: (..., h w, 2).

    Squared distances are sums of those along each axis, and so are the affine part and, with `residual`, the places
    themselves: forward and backward touch maps of the whole grid half as often.
    """
    across, down = (x - control[..., 0:1]).square(), (y - control[..., 1:2]).square()  # (..., N, w), (..., N, h)
    squared = (down[..., :, None] + across[..., None, :]).flatten(-2)
    bent = exact_product(weights.transpose(-1, -2), radial(squared)).unflatten(-1, (len(y), len(x)))
    along_x, along_y = affine[..., 0:1] * x, affine[..., 1:2] * y + affine[..., 2:3]  # (..., 2, w), (..., 2, h)
    if residual:
        along_x = along_x + torch.stack([x, torch.zeros_like(x)])
        along_y = along_y + torch.stack([torch.zeros_like(y), y])
    moved = bent + (along_y[..., :, None] + along_x[..., None, :])
    return moved.flatten(-2).transpose(-1, -2)


def spline_motions(
    points: Tensor, control: Tensor, target: Tensor, ridges: tuple[float, float], residual: bool, width: int = 0
) -> Tensor:
    """Where the splines from `control` to `target` (B, K, N, 2) take `points` (M, 2): (B, K, M, 2).

    `width` tells that `points` are the cells of a grid of so many columns, row by row, which saves time; 0: any points.
    `ridges` are those of the kernel and of the affine block. With `residual` the splines are fitted to displacements
    and added to the identity, so that equal points give exactly the identity whatever the ridge.
    """
    weights, affine = solve_tps(control, target - control if residual else target, *ridges)
    if width and not torch.compiler.is_exporting():
        x, y = points[:width, 0], points[::width, 1]
        return evaluate_on_grid(x, y, control, weights, affine, residual)
    moved = evaluate_tps(points, control, weights, affine)
    return moved + points if residual else moved


def _orthogonal_basis(columns: Tensor) -> tuple[Tensor, Tensor]:
    """Householder QR of (..., N, 3): Q (..., N, N) and R (..., 3, 3)."""
    count = columns.shape[-2]
    q = torch.eye(count, dtype=columns.dtype, device=columns.device).expand(*columns.shape[:-2], count, count)
    r = columns
    for k in range(3):
        # A 3x3 matrix needs no third reflection; its last row is triangular already.
        if k == count - 1:
            break
        tail = r[..., k:, k : k + 1]
        norm = tail.square().sum(-2, keepdim=True).add(1e-30).sqrt()
        first = tail[..., :1, :]
        # The sign that avoids cancellation; sign(0) must not be 0.
        sign = torch.where(first < 0, -torch.ones_like(first), torch.ones_like(first))
        vector = torch.cat([first + sign * norm, tail[..., 1:, :]], -2)
        vector = torch.cat([torch.zeros_like(r[..., :k, :1]), vector], -2)
        vector = vector / vector.square().sum(-2, keepdim=True).add(1e-30).sqrt()
        across = vector.transpose(-1, -2)
        r = r - exact_product(2 * vector, exact_product(across, r))
        q = q - exact_product(2 * exact_product(q, vector), across)
    return q, r[..., :3, :].triu()


def _solve_positive(matrix: Tensor, right: Tensor) -> Tensor:
    """Solve for a small symmetric positive definite `matrix` (..., m, m) by an unrolled L D L^T."""
    size = matrix.shape[-1]
    lower: list[list[Tensor]] = [[] for _ in range(size)]
    diagonal: list[Tensor] = []
    for i in range(size):
        for j in range(i):
            entry = matrix[..., i, j]
            for k in range(j):
                entry = entry - lower[i][k] * diagonal[k] * lower[j][k]
            lower[i].append(entry / diagonal[j])
        pivot = matrix[..., i, i]
        for k in range(i):
            pivot = pivot - lower[i][k].square() * diagonal[k]
        diagonal.append(pivot)
    rows: list[Tensor] = []
    for i in range(size):
        row = right[..., i, :]
        for k in range(i):
            row = row - lower[i][k][..., None] * rows[k]
        rows.append(row)
    rows = [row / pivot[..., None] for row, pivot in zip(rows, diagonal, strict=True)]
    for i in reversed(range(size)):
        for k in range(i + 1, size):
            rows[i] = rows[i] - lower[k][i][..., None] * rows[k]
    return torch.stack(rows, -2)


def _solve_3x3(matrix: Tensor, right: Tensor) -> Tensor:
    """Solve for a symmetric (..., 3, 3) by its adjugate: cross products of its rows."""
    a, b, c = matrix[..., 0, :], matrix[..., 1, :], matrix[..., 2, :]
    bc, ca, ab = _cross(b, c), _cross(c, a), _cross(a, b)
    determinant = (a * bc).sum(-1)[..., None, None]
    return exact_product(torch.stack([bc, ca, ab], -1), right) / determinant


def _cross(a: Tensor, b: Tensor) -> Tensor:
    """Cross product over the last axis, written out: `torch.linalg.cross` does not export."""
    return torch.stack(
        [
            a[..., 1] * b[..., 2] - a[..., 2] * b[..., 1],
            a[..., 2] * b[..., 0] - a[..., 0] * b[..., 2],
            a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0],
        ],
        -1,
    )
