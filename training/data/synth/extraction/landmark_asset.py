"""Builds `assets/landmarks.safetensors`: where MediaPipe's 468 face landmarks lie on the drawn head.

    python -m training.data.synth.extraction.landmark_asset

The face mesh looks at drawn people from the front; for every landmark, the place of the surface that is seen there is
averaged (median) over all of them on the mean head, and stored as a triangle's three vertices and their weights, with
how much it varies. Landmarks of the lips are taken from open mouths, where the upper and the lower lip are apart.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from ..core.raster import rasterise, surface_weights
from ..core.truth import Truth, to_samples
from ..person.actor import Actor, build_actor
from ..person.beard import Beard
from ..person.head import SKIN, HeadAsset
from ..person.performance import ACTIONS, Pose
from ..person.pose import pose_vertices, project, to_camera
from ..person.render import HeadRenderer
from ..photo.seen import see

ASSET = Path(__file__).parents[1] / "assets" / "landmarks.safetensors"
PEOPLE = 160
SIZE = 384
LIPS = (
    78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 95, 88, 178, 87, 14, 317, 402, 318, 324, 61, 185, 40, 39, 37,
    0, 267, 269, 270, 409, 291, 146, 91, 181, 84, 17, 314, 405, 321, 375, 76, 184, 74, 73, 72, 11, 302, 303, 304,
    408, 306, 77, 90, 180, 85, 16, 315, 404, 320, 307, 62, 183, 42, 41, 38, 12, 268, 271, 272, 407, 292, 96, 89,
    179, 86, 15, 316, 403, 319, 325,
)  # fmt: skip


def _plain_actor(renderer: HeadRenderer, seed: int) -> Actor:
    """A drawn person without hair, beard and glasses, seen from the front and in the middle."""
    who = renderer.identity(seed)
    who = replace(who, glasses=None, beard=0.0, beard_shape=Beard(0.0, 0.0), hair=replace(who.hair, bald=True))
    scene = renderer.scene(seed)
    camera = replace(scene.camera, distance=1.3, head_width=0.42, offset=np.zeros(2, np.float32), tilt=0.0, roll=0.0)
    return build_actor(renderer.asset, who, replace(scene, camera=camera, prop=None))


def _places(renderer: HeadRenderer, seed: int, jaw: float) -> Tensor | None:
    """(468, 3) on the mean head where the landmarks are seen, NaN beside the skin; None where no face is found."""
    asset, actor = renderer.asset, _plain_actor(renderer, seed)
    actions = np.zeros((1, len(ACTIONS)), np.float32)
    actions[0, ACTIONS.index("jawOpen")] = jaw
    pose = Pose(np.zeros((1, 3), np.float32), np.zeros((1, 3), np.float32), actions, np.zeros((1, 2), np.float32))
    points = to_camera(pose_vertices(asset, [actor], pose), [actor])
    background = torch.eye(3)[None, :2]
    truth_screen = project(points, [actor], background)
    truth = Truth(truth_screen, background)
    linear = renderer._draw(
        [actor], renderer._stand([actor], points, truth, True), truth, torch.full((1, 3, SIZE, SIZE), 0.4)
    )[0][0]
    seen = see((linear.clamp(0, 1) ** (1 / 2.2) * 255).byte().permute(1, 2, 0).contiguous().numpy())
    if seen is None:
        return None
    screen = to_samples(truth_screen, SIZE)
    shown = screen.clone()
    shown[:, asset.mesh_vertices :, 2] = 0
    buffer = rasterise(shown, asset.triangles, asset.two_sided, SIZE, SIZE)[0]
    at = torch.from_numpy(seen.mesh).float() - 0.5
    cell = at.round().long().clamp(0, SIZE - 1)
    triangle = buffer[cell[:, 1], cell[:, 0]]
    corner = asset.triangles[triangle.clamp_min(0)]
    weights = surface_weights(screen[0][corner], at)
    place = (asset.mean[corner] * weights[..., None]).sum(1)
    place[(triangle < 0) | (asset.triangle_part[triangle.clamp_min(0)] != SKIN)] = torch.nan
    return place


def _nearest(asset: HeadAsset, places: Tensor) -> tuple[Tensor, Tensor]:
    """The skin's triangles (N, 3), and weights on them (N, 3), nearest to places (N, 3) on the mean head."""
    skin = asset.triangles[(asset.triangle_part == SKIN)]
    skin = skin[(asset.masks[skin, 3] < 0.3).all(1)]
    corner = asset.mean[skin]
    a, e1, e2 = corner[:, 0], corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
    d11, d12, d22 = (e1 * e1).sum(1), (e1 * e2).sum(1), (e2 * e2).sum(1)
    area = (d11 * d22 - d12 * d12).clamp_min(1e-18)
    index, weights = [], []
    for place in places:
        way = place - a
        p1, p2 = (way * e1).sum(1), (way * e2).sum(1)
        u, v = (d22 * p1 - d12 * p2) / area, (d11 * p2 - d12 * p1) / area
        three = torch.stack([1 - u - v, u, v], 1).clamp(0, 1)
        three = three / three.sum(1, keepdim=True)
        best = int(((corner * three[..., None]).sum(1) - place).norm(dim=1).argmin())
        index.append(skin[best])
        weights.append(three[best])
    return torch.stack(index), torch.stack(weights)


@torch.no_grad()
def main() -> None:
    """Writes the asset."""
    torch.set_num_threads(1)
    renderer = HeadRenderer("cpu")
    shut, opened = (
        [places for seed in range(PEOPLE) if (places := _places(renderer, seed, jaw)) is not None]
        for jaw in (0.0, 0.35)
    )
    mean = torch.stack(shut).nanmedian(0).values
    lips = torch.tensor(LIPS)
    mean[lips] = torch.stack(opened).nanmedian(0).values[lips]
    spread = (torch.stack(shut) - mean).norm(dim=-1).nanmedian(0).values
    spread[lips] = (torch.stack(opened) - mean).norm(dim=-1).nanmedian(0).values[lips]
    print(f"{len(shut)} and {len(opened)} faces; landmarks vary by {spread.nanmean() * 1000:.1f} mm")
    never = mean.isnan().any(1)  # a landmark that lies beside the skin in most people: found nowhere, counts nothing
    corner, weights = _nearest(renderer.asset, mean.nan_to_num())
    spread[never] = 1.0
    save_file({"corner": corner.short(), "weights": weights, "spread": spread}, ASSET)


if __name__ == "__main__":
    main()
