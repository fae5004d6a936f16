"""The head asset in memory: one fixed topology for everybody, so that surface coordinates mean the same everywhere.

Vertices: first the extracted mesh (skin, eyes, teeth, tongue, lashes), then the hair grid, the beard, the glasses and
what passes before the face. Coordinates in metres, x to the person's left, y down, z away from the camera, origin
between the eyes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from checkpoints.errors import ModelError

from .bake import AZIMUTHS
from .beard import beard_region, beard_triangles
from .glasses import FRAME_VERTICES, GLASSES_VERTICES, glasses_triangles
from .prop import PROP_VERTICES, prop_triangles

ASSET = Path(__file__).parents[1] / "assets" / "head.safetensors"
SKIN, EYE_LEFT, EYE_RIGHT, TEETH, TONGUE, LASHES, HAIR, BEARD, FRAME, LENS, PROP = range(11)
HAIR_COLUMNS = AZIMUTHS + 1
"""One more than azimuths: the seam's column is there twice, so that strand coordinates do not wrap."""
SCALP_ROWS, LOCK_ROWS = 20, 12
HAIR_ROWS = SCALP_ROWS + LOCK_ROWS
JOINTS = ("neck", "head", "eye_left", "eye_right")


@dataclass(frozen=True)
class HeadAsset:
    """Constant tensors of one device. M mesh vertices, V = M + hair vertices, T triangles, K shapes, A actions."""

    mean: Tensor
    """(M + 4, 3), with the four JOINTS last."""
    basis: Tensor
    """(K, (M + 4) * 3), one standard deviation each."""
    coefficients: Tensor
    """(S, K) of the people sampled at extraction, in standard deviations."""
    labels: Tensor
    """(S, 5): age (1/3 child, 2/3 young, 1 old), gender (1 male), african, asian, caucasian."""
    actions: Tensor
    """(A, M * 3) offsets of the facial actions."""
    triangles: Tensor
    """(T, 3) int64, clockwise on the screen when facing the camera."""
    two_sided: Tensor
    """(T,) bool."""
    triangle_part: Tensor
    """(T,) int64, SKIN ... PROP."""
    part: Tensor
    """(V,) int64."""
    skin_weights: Tensor
    """(M, 3) of torso, neck and head."""
    masks: Tensor
    """(M, 4) in [0, 1]: lips, lids, ears, inside of the mouth."""
    occlusion: Tensor
    """(M,) share of the sky that a vertex sees on the mean head."""
    skull_index: Tensor
    """(AZIMUTHS, POLARS, 3) int64: the skull as a radial map (`bake.radial_map`)."""
    skull_weights: Tensor
    """(AZIMUTHS, POLARS, 3)."""
    beard_region: Tensor
    """(B,) int64, the skin vertices under the beard's."""

    @property
    def mesh_vertices(self) -> int:
        """M, the number of vertices before the hair."""
        return len(self.skin_weights)

    def to(self, device: str) -> HeadAsset:
        """The same on a device."""
        return replace(self, **{name: value.to(device) for name, value in vars(self).items()})

    def span(self, part: int) -> slice:
        """The vertices of HAIR, BEARD, FRAME, LENS or PROP."""
        hair, beard = HAIR_ROWS * HAIR_COLUMNS, len(self.beard_region)
        lengths = (hair, beard, FRAME_VERTICES, GLASSES_VERTICES - FRAME_VERTICES, PROP_VERTICES)
        first = self.mesh_vertices + sum(lengths[: part - HAIR])
        return slice(first, first + lengths[part - HAIR])


def _hair_triangles(first: int) -> Tensor:
    """The hair grid (rows from the crown down, columns around), and a fan that closes the crown."""
    row, column = torch.meshgrid(torch.arange(HAIR_ROWS - 1), torch.arange(HAIR_COLUMNS - 1), indexing="ij")
    a = (row * HAIR_COLUMNS + column).flatten()
    b, c = a + 1, a + HAIR_COLUMNS
    fan = torch.arange(1, HAIR_COLUMNS - 1)
    cap = torch.stack([torch.zeros_like(fan), fan + 1, fan], 1)
    return torch.cat([torch.stack([a, b, c], 1), torch.stack([b, c + 1, c], 1), cap]) + first


def read_head() -> dict[str, Tensor]:
    """The asset file's tensors as floats and int64, M mesh vertices. Raises `ModelError` when the file is missing."""
    if not ASSET.is_file():
        raise ModelError(
            f"{ASSET.name} is missing from the installation; run python -m training.data.synth.extraction.head_asset."
        )
    raw = load_file(ASSET)

    def scaled(name: str) -> Tensor:
        return raw[name].float().flatten(1) * raw[name + "_scale"][:, None]

    # The eyes turn with the gaze (pose.py), exactly; the face units' linear version of it is left out.
    eyes = (raw["part"] == EYE_LEFT) | (raw["part"] == EYE_RIGHT)
    return {
        "mean": raw["mean"].float(),
        "basis": scaled("basis"),
        "coefficients": raw["coefficients"].float(),
        "labels": raw["labels"].float(),
        "actions": (scaled("actions").view(-1, len(eyes), 3) * ~eyes[:, None]).flatten(1),
        "triangles": raw["triangles"].long() & 0xFFFF,
        "extra_triangles": raw["extra_triangles"].long() & 0xFFFF,
        "part": raw["part"].long(),
        "skin_weights": raw["skin_weights"].float(),
        "masks": raw["masks"].float() / 255,
        "occlusion": raw["ao"].float() / 255,
        "skull_index": raw["skull_index"].long() & 0xFFFF,
        "skull_weights": raw["skull_weights"].float(),
    }


def dress_mesh(raw: dict[str, Tensor]) -> HeadAsset:
    """The asset of a mesh, as of `read_head`, with hair, beard, glasses and props appended."""
    mesh = len(raw["part"])
    hair = _hair_triangles(mesh)
    region = beard_region(raw["mean"][:mesh], (raw["part"] == SKIN) & (raw["masks"][:, 3] < 77 / 255))
    counts = (HAIR_ROWS * HAIR_COLUMNS, len(region), FRAME_VERTICES, GLASSES_VERTICES - FRAME_VERTICES, PROP_VERTICES)
    part = torch.cat([raw["part"], *(torch.full((n,), HAIR + i) for i, n in enumerate(counts))])
    first = [mesh + sum(counts[:i]) for i in range(len(counts))]
    frame, lens = glasses_triangles()
    # New things come last: triangle numbers in shards stay what they were.
    triangles = torch.cat([
        raw["triangles"], hair, raw["extra_triangles"],
        beard_triangles(region, raw["triangles"], first[1]), frame + first[2], lens + first[2],
        prop_triangles() + first[4],
    ])  # fmt: skip
    triangle_part = part[triangles[:, 0]]
    kept = {name: value for name, value in raw.items() if name not in ("triangles", "extra_triangles", "part")}
    two_sided = torch.isin(triangle_part, torch.tensor([HAIR, LASHES, TEETH, FRAME, LENS, PROP]))
    return HeadAsset(
        **kept, triangles=triangles, two_sided=two_sided, triangle_part=triangle_part, part=part, beard_region=region
    )


@lru_cache(maxsize=4)
def load_head(device: str = "cpu") -> HeadAsset:
    """The asset on a device, read once. Raises `ModelError` when the file is missing."""
    return dress_mesh(read_head()).to(device)
