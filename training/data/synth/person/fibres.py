"""Hair by hair over the finished samples: where strands are seen, and how light runs along them.

Light on hair after Kajiya and Kay ("Rendering fur with three dimensional textures", 1989), with the two highlights, one
of the light's colour and one of the hair's, of Marschner et al. ("Light scattering from human hair fibers", 2003) as
Scheuermann simplified them.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ..core.shadow import ShadowMap
from ..core.strands import Strands, draw, place
from ..core.truth import Truth, to_samples
from .actor import Actor
from .pose import project_points
from .shade import Looks

_SHIFTS = (0.07, -0.10)
"""By how much scales turn both highlights, the first towards the root."""
_EXPONENTS = (90.0, 14.0)
_NEAR = 1.5
"""Frame units from the middle beyond which vertices lead no hair into the frame."""
_CROWD = 8
"""Hairs of one sample that count: more hide no more."""
_PENUMBRA = 0.01
"""Metres over which a shadow's edge is spread on hair."""


def sample_width(actor: Actor, side: int, background: Tensor) -> float:
    """Metres of a sample at an actor's face, `side` of them to what the backdrop's map (2, 3) makes of the frame."""
    zoom = float(torch.linalg.det(background[:, :2].double()).abs().sqrt())
    return actor.size / (actor.scene.camera.head_width * side * zoom)


def _within(strands: Strands, screen: Tensor) -> Strands:
    """Those of which some point is bound to a vertex in the frame, or near it; `screen` (V, 3) as of `Truth`."""
    near = (screen[:, :2].abs() < _NEAR).all(1)
    return strands.at(near[strands.index[..., 0]].any(1).nonzero().flatten())


def hair_over(
    layer: Tensor,
    actors: list[Actor],
    mesh: tuple[Tensor, Tensor],
    truth: Truth,
    below: Tensor,
    looks: Looks,
    shadows: ShadowMap | None,
) -> None:
    """Changes samples `layer` (N * S * S, 4), in linear light with coverage, in place.

    `mesh`: points and normals (N, V, 3) in the camera's frame, projected as `truth` has them; `below` (N * S * S,)
    inverse depth of what is drawn already. Without `shadows` hairs have one colour in any light.
    """
    side = int((len(layer) // len(actors)) ** 0.5)
    screens, places, ways, frames, wide, faint, chosen = [], [], [], [], [], [], []
    for row, actor in enumerate(actors):
        sample = sample_width(actor, side, truth.background[row])
        strands = _within(actor.strands.thinned(sample), truth.screen[row])
        if not len(strands):
            continue
        curve, normal = place(strands, mesh[0][row], mesh[1][row])
        flat = project_points(curve.flatten(0, 1)[None], [actor], truth.background[row : row + 1])[0]
        screens.append(to_samples(flat, side // 2, 2).view(curve.shape))
        places.append(curve)
        ways.append(normal)
        frames.append(torch.full((len(strands),), row, device=layer.device))
        faint.append((strands.width / sample).sqrt().clamp_max(1))
        wide.append((strands.width / sample).round().clamp(1, 3).long())
        chosen.append(strands)
    if not chosen:
        return
    seen = draw(torch.cat(screens), torch.cat(wide), torch.cat(frames), below, side)
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
    if shadows is None:
        lit = albedo * shade[:, None]
    else:
        reach = shadows.lit(start, normal, frame, _PENUMBRA)
        lit = light_hair(functional.normalize(end - start, dim=1), normal, start, albedo, shade, frame, looks, reach)
    # Tips are thinner than a sample; hairs that lie one behind the other hide together what is behind them all.
    each = torch.cat(faint)[strand] * (1 - 0.25 * ((piece + seen.way) / pieces) ** 3)
    cover = (1 - (1 - each) ** seen.crowd.clamp_max(_CROWD))[:, None]
    layer[seen.sample] = torch.lerp(layer[seen.sample], functional.pad(lit, (0, 1), value=1.0), cover)


def light_hair(
    tangent: Tensor, normal: Tensor, place: Tensor, albedo: Tensor, shade: Tensor, frame: Tensor, looks: Looks,
    reach: Tensor,
) -> Tensor:  # fmt: skip
    """(P, 3) radiance of hairs with unit tangents (P, 3) on a head whose normal there is `normal` (P, 3); `reach` (P,):
    how much of the first lamp does.
    """
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
        open_ = ((facing + 0.4) / 1.4).clamp(0, 1) * shade * (0.25 + 0.75 * reach if lamp == 0 else 1)
        half = functional.normalize(towards + view, dim=1)
        slant = (tangent * half).sum(1)
        lobes = [(1 - (slant + shift) ** 2).clamp_min(0) ** exponent
                 for shift, exponent in zip(_SHIFTS, _EXPONENTS, strict=True)]  # fmt: skip
        lit = albedo * (0.85 * across * open_)[:, None]
        lit = lit + (gloss * open_ * open_)[:, None] * (0.09 * lobes[0][:, None] + 0.3 * lobes[1][:, None] * tint)
        radiance = radiance + colours[:, lamp] * lit
    return radiance * looks.of("exposure", frame)[:, None]
