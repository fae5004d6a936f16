"""The body asset in memory: the head's mesh and people continued down to the ankles, and a skeleton that moves them.

Vertices: the head asset's mesh, the body's, then what the head asset appends (hair to props), then two shoes. The
shape coefficients are the head's, so an identity has the same face in both kinds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from checkpoints.errors import ModelError

from ..core.tubes import grid_triangles
from ..person.head import PROP, SKIN, HeadAsset, dress_mesh, read_head
from .skeleton import ARM_DOWN, BONE, BONES, arm_weights, bones_below, turn_arms

ASSET = Path(__file__).parents[1] / "assets" / "body.safetensors"
SHOE = PROP + 1
SHOE_ROWS, SHOE_COLUMNS = 9, 17
_SHOE_VERTICES = SHOE_ROWS * SHOE_COLUMNS


@dataclass(frozen=True)
class Neighbours:
    """Which skin vertices share an edge with each of M mesh vertices, at most D."""

    index: Tensor
    """(M, D) int64, padded with the vertex itself."""
    weights: Tensor
    """(M, D) that average the neighbours; 0 for padding."""


@dataclass(frozen=True)
class BodyAsset:
    """Constant tensors of one device; M mesh vertices, V all of them, J bones, K shapes."""

    figure: HeadAsset
    """Mesh, people and what they wear; its `skin_weights` are those of a head."""
    joints: Tensor
    """(J, 3) of the mean person, arms half raised."""
    joint_basis: Tensor
    """(K, J * 3)."""
    weights: Tensor
    """(M, J) of the bones."""
    arms: Tensor
    """(M, 2), see `skeleton.arm_weights`."""
    way: Tensor
    """(M,) metres down the arm from the shoulder on the mean person; 0 on what is no arm."""
    neighbours: Neighbours

    @property
    def shoes(self) -> slice:
        """The vertices of both shoes, the left one's first."""
        end = len(self.figure.part)
        return slice(end - 2 * _SHOE_VERTICES, end)


def _with_shoes(figure: HeadAsset) -> HeadAsset:
    """Without the triangles of props, which bodies have not: shards number triangles in 16 bits."""
    kept = figure.triangle_part != PROP
    first = len(figure.part)
    one = grid_triangles(SHOE_ROWS, SHOE_COLUMNS, False)
    triangles = torch.cat([one + first, one + first + _SHOE_VERTICES])
    return replace(
        figure,
        part=torch.cat([figure.part, torch.full((2 * _SHOE_VERTICES,), SHOE)]),
        triangles=torch.cat([figure.triangles[kept], triangles]),
        triangle_part=torch.cat([figure.triangle_part[kept], torch.full((len(triangles),), SHOE)]),
        two_sided=torch.cat([figure.two_sided[kept], torch.zeros(len(triangles), dtype=torch.bool)]),
    )


def _merged(head: dict[str, Tensor], raw: dict[str, Tensor]) -> dict[str, Tensor]:
    """The head's tensors (`head.read_head`) with the body's vertices appended to the mesh."""
    mesh, more = len(head["part"]), len(raw["mean"]) - len(BONES)
    shapes = len(head["basis"])
    basis = (raw["basis"].float().flatten(1) * raw["basis_scale"][:, None]).view(shapes, -1, 3)[:, :more]
    known = head["basis"].view(shapes, -1, 3)

    def longer(values: Tensor, fill: float = 0.0) -> Tensor:
        return torch.cat([values, values.new_full((more, *values.shape[1:]), fill)])

    torso = torch.tensor([1.0, 0.0, 0.0]).expand(more, 3)
    seen = raw["ao"].float() / 255
    low = ((head["mean"][:mesh, 1] - 0.12) / 0.06).clamp(0, 1) * (head["part"] == SKIN)
    above = torch.lerp(head["occlusion"], seen[:mesh], low)  # the head's own was seen between hanging arms
    return head | {
        "mean": torch.cat([head["mean"][:mesh], raw["mean"][:more], head["mean"][mesh:]]),
        "basis": torch.cat([known[:, :mesh], basis, known[:, mesh:]], 1).flatten(1),
        "actions": torch.nn.functional.pad(head["actions"], (0, more * 3)),
        "triangles": torch.cat([head["triangles"], raw["triangles"].long() & 0xFFFF]),
        "part": longer(head["part"], SKIN),
        "skin_weights": torch.cat([head["skin_weights"], torso]),
        "masks": longer(head["masks"]),
        "occlusion": torch.cat([above, seen[mesh:]]),
    }


def between_neighbours(around: Neighbours, values: Tensor, share: Tensor, passes: int) -> Tensor:
    """(M, C) values moved `passes` times by `share` (M,) towards the mean of their neighbours."""
    rows = (share > 0).nonzero().flatten()
    index, weights, share = around.index[rows], around.weights[rows][..., None], share[rows, None]
    for _ in range(passes):
        own = values[rows]
        middle = (values[index] * weights).sum(1)
        values = values.index_copy(0, rows, own + share * (middle - own))
    return values


def _neighbours(figure: HeadAsset) -> Neighbours:
    mesh = figure.mesh_vertices
    own = figure.triangles[(figure.triangles < mesh).all(1)]
    own = own[(figure.part[own] == SKIN).all(1)]
    pairs = torch.cat([own[:, [0, 1]], own[:, [1, 2]], own[:, [2, 0]]])
    first, second = torch.cat([pairs, pairs.flip(1)]).unique(dim=0).unbind(1)  # sorted by the first
    degree = torch.bincount(first, minlength=mesh)
    place = torch.arange(len(first)) - (degree.cumsum(0) - degree)[first]
    index = torch.arange(mesh)[:, None].repeat(1, int(degree.max()))
    weights = torch.zeros(index.shape)
    index[first, place] = second
    weights[first, place] = 1 / degree[first]
    return Neighbours(index, weights)


def _way_down_arms(places: Tensor, joints: Tensor, arms: Tensor) -> Tensor:
    way = torch.zeros(len(places))
    for column, side in enumerate(("left", "right")):
        shoulder, elbow, wrist = (joints[BONE[f"{name}_{side}"]] for name in ("upper_arm", "forearm", "hand"))
        upper, lower = elbow - shoulder, wrist - elbow
        first = ((places - shoulder) @ upper / upper.norm()).clamp_max(float(upper.norm()))
        second = ((places - elbow) @ lower / lower.norm()).clamp_min(0)
        way = torch.where(arms[:, column] > 0.02, first + second, way)
    return way


@lru_cache(maxsize=4)
def load_body(device: str = "cpu") -> BodyAsset:
    """The asset on a device, read once. Raises `ModelError` when a file is missing."""
    if not ASSET.is_file():
        raise ModelError(f"{ASSET.name} is missing from the installation; run {__package__}.extract_body.")
    raw, head = load_file(ASSET), read_head()
    more = len(raw["mean"]) - len(BONES)
    figure = _with_shoes(dress_mesh(_merged(head, raw)))
    weights = torch.zeros(figure.mesh_vertices, len(BONES))
    weights.scatter_(1, raw["bones"].long(), raw["bone_weights"].float())
    weights = weights / weights.sum(1, keepdim=True)
    basis = (raw["basis"].float().flatten(1) * raw["basis_scale"][:, None]).view(len(raw["basis"]), -1, 3)[:, more:]
    joints, arms, around = raw["mean"][more:], arm_weights(weights), _neighbours(figure)
    # Clothes span a navel and the folds of an elbow; without this their shadows would show through.
    seen = figure.occlusion[:, None]
    low = (figure.mean[: len(seen), 1] > 0.2).float() * (
        weights[:, bones_below("hand_left", "hand_right")].sum(1) < 0.5
    )
    figure = replace(figure, occlusion=torch.maximum(seen, between_neighbours(around, seen, 0.6 * low, 60))[:, 0])
    shoulders = joints[None, [BONE["upper_arm_left"], BONE["upper_arm_right"]]]
    bound = turn_arms(figure.mean[None, : figure.mesh_vertices], arms, shoulders, -ARM_DOWN)[0]
    tensors = {
        "joints": joints,
        "joint_basis": basis.flatten(1),
        "weights": weights,
        "arms": arms,
        "way": _way_down_arms(bound, joints, arms),
    }
    around = Neighbours(around.index.to(device), around.weights.to(device))
    moved = {name: value.contiguous().to(device) for name, value in tensors.items()}
    return BodyAsset(figure.to(device), neighbours=around, **moved)
