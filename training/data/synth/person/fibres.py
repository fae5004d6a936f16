"""Hair by hair over the finished samples: where strands are seen, and how light runs along them.

Light on hair after Kajiya and Kay ("Rendering fur with three dimensional textures", 1989), with the two highlights, one
of the light's colour and one of the hair's, of Marschner et al. ("Light scattering from human hair fibers", 2003) as
Scheuermann simplified them.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ..core.raster import Hits
from ..core.strands import draw, place
from ..core.truth import to_samples
from .actor import Actor
from .head import HeadAsset
from .pose import project_points
from .shade import Looks

_SHIFTS = (0.07, -0.10)
"""By how much scales turn both highlights, the first towards the root."""
_EXPONENTS = (90.0, 14.0)


def inverse_depth_below(layer: Tensor, points: Tensor, below: Hits, asset: HeadAsset) -> Tensor:
    """(N * S * S,) 1/m of what is drawn, 0 where nothing is."""
    corner = asset.triangles[below.triangle] + (below.frame * points.shape[1])[:, None]
    depth = (points[..., 2].flatten()[corner] * below.weights).sum(1)
    found = torch.zeros(len(layer), device=layer.device)
    found[below.sample] = 1 / depth.clamp_min(1e-3)
    return found


def hair_over(
    layer: Tensor, actors: list[Actor], points: Tensor, normals: Tensor, background: Tensor, below: Hits,
    asset: HeadAsset, looks: Looks | None,
) -> None:  # fmt: skip
    """Changes samples `layer` (N * S * S, 4), in linear light with coverage, in place.

    `points` and `normals` (N, V, 3) in the camera's frame, `background` (N, 2, 3) as of `Truth`, `below` what is drawn
    already; without `looks` hairs have one colour in any light.
    """
    if not any(len(actor.strands) for actor in actors):
        return
    side = int((len(layer) // len(actors)) ** 0.5)
    screens, places, ways, frames, wide, chosen = [], [], [], [], [], []
    for row, actor in enumerate(actors):
        sample = actor.size / (actor.scene.camera.head_width * side)
        strands = actor.strands.thinned(sample)
        curve, normal = place(strands, points[row], normals[row])
        flat = project_points(curve.flatten(0, 1)[None], [actor], background[row : row + 1])[0]
        screens.append(to_samples(flat, side // 2, 2).view(curve.shape))
        places.append(curve)
        ways.append(normal)
        frames.append(torch.full((len(strands),), row, device=layer.device))
        wide.append((strands.width / sample).round().clamp(1, 3).long())
        chosen.append(strands)
    under = inverse_depth_below(layer, points, below, asset)
    seen = draw(torch.cat(screens), torch.cat(wide), torch.cat(frames), under, side)
    if not len(seen.sample):
        return
    pieces = screens[0].shape[1] - 1
    strand, piece = seen.segment // pieces, seen.segment % pieces
    index = strand * (pieces + 1) + piece
    curve = torch.cat(places).flatten(0, 1)
    start, end = curve[index], curve[index + 1]
    normal = torch.cat(ways).flatten(0, 1)[index]
    shades = torch.cat([s.shade for s in chosen]).flatten()
    shade = torch.lerp(shades[index], shades[index + 1], seen.way)
    albedo = torch.cat([s.colour for s in chosen])[strand]
    frame = torch.cat(frames)[strand]
    if looks is None:
        lit = albedo * shade[:, None]
    else:
        lit = light_hair(functional.normalize(end - start, dim=1), normal, start, albedo, shade, frame, looks)
    layer[seen.sample, :3] = lit
    layer[seen.sample, 3] = 1


def light_hair(
    tangent: Tensor, normal: Tensor, place: Tensor, albedo: Tensor, shade: Tensor, frame: Tensor, looks: Looks
) -> Tensor:
    """(P, 3) radiance of hairs with unit tangents (P, 3) on a head whose normal there is `normal` (P, 3)."""
    view = -functional.normalize(place, dim=1)
    up = (0.5 - 0.5 * normal[:, 1])[:, None]
    ambient = looks.of("ground", frame) * (1 - up) + looks.of("sky", frame) * up
    radiance = 0.75 * ambient * albedo * shade[:, None]
    lamps, colours = looks.of("lamps", frame), looks.of("lamp_colours", frame)
    gloss = 0.25 + 0.5 * looks.of("scalars", frame)[:, 3]
    tint = albedo.clamp_min(0.004) ** 0.6
    for lamp in range(lamps.shape[1]):
        towards = lamps[:, lamp].expand_as(tangent)
        along = (tangent * towards).sum(1)
        across = (1 - along * along).clamp_min(0).sqrt()
        facing = (normal * towards).sum(1)
        open_ = ((facing + 0.4) / 1.4).clamp(0, 1) * shade
        half = functional.normalize(towards + view, dim=1)
        slant = (tangent * half).sum(1)
        lobes = [(1 - (slant + shift) ** 2).clamp_min(0) ** exponent
                 for shift, exponent in zip(_SHIFTS, _EXPONENTS, strict=True)]  # fmt: skip
        lit = albedo * (0.85 * across * open_)[:, None]
        lit = lit + (gloss * open_ * open_)[:, None] * (0.10 * lobes[0][:, None] + 0.22 * lobes[1][:, None] * tint)
        radiance = radiance + colours[:, lamp] * lit
    return radiance * looks.of("exposure", frame)[:, None]
