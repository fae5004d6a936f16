"""Colour of surface samples: procedural textures of each part, then light. Everything in linear light."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..core.backdrop import smooth_noise
from ..core.seeds import Array, Draw
from .actor import Actor, cloth_height
from .eyes import eye_colours
from .head import BEARD, EYE_LEFT, EYE_RIGHT, FRAME, HAIR, LENS, PROP, SKIN, TEETH, TONGUE
from .mouth import teeth
from .skin import brows, complexion

_NOISE_SIZE = 256
_SPOTS = 1500
_CONTACT, _NEAR = 0.45, 0.006
"""How dark skin is right above a garment's edge, and over how many metres."""
_DEEP = 0.75
"""Share of the light that reaches the hair under the outermost hairs."""


def noise_texture() -> Tensor:
    """(256, 256, 5) in [0, 1]: coarse, middle, fine and finest noise, and spots; constant for all people."""
    draw = Draw(0x401E, 0)
    layers = []
    for cells in (10, 40, 90):
        layers.append(smooth_noise(draw, _NOISE_SIZE, cells)[..., 0])
    layers.append(draw.generator.random((_NOISE_SIZE, _NOISE_SIZE), dtype=np.float32))
    return torch.from_numpy(np.stack([*layers, _spots(draw)], -1))


def _spots(draw: Draw) -> Array:
    """(256, 256) in [0, 1]: soft round dots of all sizes, as freckles are."""
    offset = np.arange(-4, 5)
    spots = np.zeros((_NOISE_SIZE, _NOISE_SIZE), np.float32)
    for _ in range(_SPOTS):
        y, x = draw.generator.uniform(0, _NOISE_SIZE, 2)
        radius, strength = 0.5 + 0.9 * draw.generator.random() ** 2, draw.between(0.15, 1)
        rows, columns = int(y) + offset, int(x) + offset
        away = ((rows - y) ** 2)[:, None] + ((columns - x) ** 2)[None]
        place = np.ix_(rows % _NOISE_SIZE, columns % _NOISE_SIZE)
        spots[place] = np.maximum(spots[place], strength * np.exp(-0.5 * away / radius**2))
    return spots


@dataclass
class Surface:
    """P samples to be shaded."""

    frame: Tensor
    """(P,) in [0, N)."""
    part: Tensor
    """(P,)"""
    normal: Tensor
    """(P, 3), camera's frame."""
    place: Tensor
    """(P, 3) canonical, see `actor.canonical`."""
    occlusion: Tensor
    """(P,)"""
    paint: Tensor
    """(P, 6 or more), see `Actor.paint`."""
    position: Tensor
    """(P, 3), metres, camera's frame."""
    lit: Tensor
    """(P,) in [0, 1]: how much of the first lamp is not hidden by something."""
    open: Tensor
    """(P,) in [0, 1]: how much other light creases let in."""

    def at(self, index: Tensor) -> Surface:
        """Some of the samples."""
        return Surface(*(value.index_select(0, index) for value in vars(self).values()))


class Looks:
    """The actors' numbers as tensors (N, ...), gathered by frame while shading.

    A single actor's stay (1, ...) and broadcast: on a CPU drawing frame by frame saves all those gathers.
    """

    def __init__(self, actors: list[Actor], device: torch.device) -> None:
        who = [actor.identity for actor in actors]
        clothes = [actor.scene.clothes for actor in actors]
        light = [actor.scene.light for actor in actors]

        def stack(values: list[object]) -> Tensor:
            return torch.from_numpy(np.stack([np.asarray(v, np.float32) for v in values])).to(device)

        self.hair = stack([w.hair_colour for w in who])
        self.brow_colour = stack([w.brow_colour for w in who])
        self.skin = stack([w.skin for w in who])
        self.brow = stack([w.brow for w in who])
        self.iris = stack([w.iris for w in who])
        self.scalars = stack(
            [[w.blotches, w.freckles, w.wrinkles, w.gloss, w.streaks, w.strands, w.iris_size, w.pupil_size,
              w.noise_offset[0], w.noise_offset[1]] for w in who]
        )  # fmt: skip
        self.moles = stack([w.moles for w in who])
        self.makeup = stack([[*w.blush, w.liner] for w in who])
        glint: list[object] = [[w.glasses.glint, *w.glasses.lens] if w.glasses else [0, 1, 1, 1] for w in who]
        self.glint = stack(glint)
        props = [actor.scene.prop for actor in actors]
        self.prop = stack([[*p.colours[1], p.pattern, p.scale, p.kind] if p else np.zeros(6) for p in props])
        self.cloth_colours = stack([c.colours for c in clothes])
        self.cloth = stack([[*c.neckline, c.pattern, c.scale, c.shine] for c in clothes])
        self.sky, self.ground = stack([x.sky for x in light]), stack([x.ground for x in light])
        self.lamps, self.lamp_colours = stack([x.directions for x in light]), stack([x.colours for x in light])
        self.softness = stack([x.softness for x in light])
        self.exposure = stack([x.metered(w.skin) for x, w in zip(light, who, strict=True)])

    def of(self, name: str, frame: Tensor) -> Tensor:
        """(P, ...), or (1, ...) when there is one actor only."""
        values: Tensor = getattr(self, name)
        return values if len(values) == 1 else values[frame]


def mix(a: Tensor, b: Tensor, share: Tensor) -> Tensor:
    """(P, C) from `a` to `b` (P, C) by `share` (P,)."""
    return a + (b - a) * share[:, None]


def dot(a: Tensor, b: Tensor) -> Tensor:
    """(P,) scalar products of rows; faster on a CPU than a product and a sum."""
    return a[:, 0] * b[:, 0] + a[:, 1] * b[:, 1] + a[:, 2] * b[:, 2]


def noise_at(texture: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """(P, 5) nearest texels at u, v in turns of the texture."""
    column = (u * _NOISE_SIZE).long() & (_NOISE_SIZE - 1)
    row = (v * _NOISE_SIZE).long() & (_NOISE_SIZE - 1)
    return texture.view(-1, 5)[row * _NOISE_SIZE + column]


def _smooth_noise(texture: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """(P, 5) between the texels at u, v in turns of the texture."""
    u, v = u * _NOISE_SIZE, v * _NOISE_SIZE
    column, row = u.floor(), v.floor()
    right, down = (u - column)[:, None], (v - row)[:, None]
    left, top = column.long() & (_NOISE_SIZE - 1), row.long() & (_NOISE_SIZE - 1)
    next_column, next_row = (left + 1) & (_NOISE_SIZE - 1), (top + 1) & (_NOISE_SIZE - 1)
    flat = texture.view(-1, 5)
    above = torch.lerp(flat[top * _NOISE_SIZE + left], flat[top * _NOISE_SIZE + next_column], right)
    below = torch.lerp(flat[next_row * _NOISE_SIZE + left], flat[next_row * _NOISE_SIZE + next_column], right)
    return torch.lerp(above, below, down)


def cloth(surface: Surface, looks: Looks, texture: Tensor, below: Tensor) -> tuple[Tensor, Tensor]:
    """Albedo (P, 3) and gloss (P,) of the garment; `below` (P,) metres from its edge."""
    place, frame = surface.place, surface.frame
    _, pattern, scale, shine = looks.of("cloth", frame).split([3, 1, 1, 1], 1)
    colours = looks.of("cloth_colours", frame)
    noise = noise_at(texture, (place[:, 0] + place[:, 2]) * 4 + looks.of("scalars", frame)[:, 8], place[:, 1] * 4)
    kind, x, y = pattern[:, 0], place[:, 0] / scale[:, 0], place[:, 1] / scale[:, 0]
    across, down = (y % 1 < 0.45).float(), ((x % 1) < 0.4).float()
    second = (kind == 1) * across + (kind == 2) * down + (kind == 3) * (0.5 * across + 0.5 * down)
    second = second + (kind == 4) * torch.sigmoid((noise[:, 0] - 0.55) / 0.04)
    second = second + (kind == 5) * (place[:, 0].abs() < 0.03 + 0.16 * (place[:, 1] - 0.17)) * (place[:, 2] < 0.07)
    albedo = mix(colours[:, 0], colours[:, 1], second.clamp(0, 1))
    albedo = mix(albedo, colours[:, 2], (below < 0.012).float() * (kind != 2))
    albedo = albedo * (0.82 + 0.2 * noise[:, :1] + 0.12 * noise[:, 3:4])
    return albedo, shine[:, 0] * 0.5


def dress_torso(skin: Surface, looks: Looks, texture: Tensor, colour: Tensor, shine: Tensor) -> None:
    """Puts the garment of a head's scene on skin of `colour` (P, 3) and `shine` (P,), in place."""
    worn = (skin.place[:, 1] > 0.12).nonzero().flatten()
    if not len(worn):
        return
    dressed = skin.at(worn)
    below = cloth_height(dressed.place, looks.of("cloth", dressed.frame)[:, :3])
    albedo, gloss = cloth(dressed, looks, texture, below)
    cover = (below > 0).float()
    contact = 1 - _CONTACT * torch.exp(-((below / _NEAR) ** 2)) * (below <= 0)
    colour[worn] = colour[worn] * contact[:, None]
    colour[worn] = mix(colour[worn], albedo, cover)
    shine[worn] = torch.lerp(shine[worn], gloss, cover)


def _hair(surface: Surface, looks: Looks, texture: Tensor) -> tuple[Tensor, Tensor]:
    """Albedo (P, 3) and gloss (P,) of what lies in the shade of the outermost hairs: strands along the meridians."""
    place, frame = surface.place, surface.frame
    scalars = looks.of("scalars", frame)
    strand = place[:, 0] * 2.0 * scalars[:, 5] + scalars[:, 8] + 0.02 * torch.sin(place[:, 1] * 9 + place[:, 0] * 40)
    noise = noise_at(texture, strand, place[:, 1] * 0.09 + scalars[:, 9])
    shade = 1 + scalars[:, 4] * (0.9 * (noise[:, 1] - 0.5) + 1.1 * (noise[:, 2] - 0.5) + 0.7 * (noise[:, 3] - 0.5))
    albedo = _DEEP * surface.paint[:, :3] * shade.clamp_min(0.25)[:, None]
    # A hairline is no edge: skin is seen between the outermost hairs.
    bare = torch.sigmoid((surface.paint[:, 3] - 0.25 - 0.5 * noise[:, 3]) / 0.08)
    return mix(albedo, looks.of("skin", frame).expand_as(albedo), bare), 0.4 * noise[:, 2] * (1 - bare)


def _skin(surface: Surface, looks: Looks, texture: Tensor) -> tuple[Tensor, Tensor]:
    """Albedo (P, 3) and gloss (P,) of skin, with brows, make-up, and hair painted on it."""
    place, frame = surface.place, surface.frame
    scalars = looks.of("scalars", frame)
    u = (place[:, 0] + 0.8 * place[:, 2]) * 3.2 + scalars[:, 8]
    v = (place[:, 1] + 0.3 * place[:, 2]) * 3.2 + scalars[:, 9]
    noise = _smooth_noise(texture, u, v)
    look = scalars[:, :3], looks.of("makeup", frame), looks.of("moles", frame)
    albedo = complexion(surface.paint[:, :3], place, noise, *look)
    bristle = 0.55 + 0.9 * (noise[:, 3] - 0.35)
    hair = looks.of("hair", frame)
    albedo = mix(albedo, hair * 0.8, (surface.paint[:, 4] * bristle * 0.9).clamp(0, 0.95))
    albedo = mix(albedo, hair, (surface.paint[:, 3] * (0.6 + 0.5 * noise[:, 3])).clamp(0, 0.92))
    albedo = mix(albedo, looks.of("brow_colour", frame), 0.5 * brows(place, looks.of("brow", frame), noise).clamp(0, 1))
    lips = surface.paint[:, 5]
    creases = noise_at(texture, place[:, 0] * 9, place[:, 1] * 0.6)[:, 2] - 0.5
    albedo = albedo * (1 + 0.28 * lips * creases)[:, None]
    gloss = scalars[:, 3] * (0.5 + 1.0 * noise[:, 1])
    return albedo, gloss + lips * (0.9 + creases)


def _prop(surface: Surface, looks: Looks, texture: Tensor) -> Tensor:
    """Albedo (P, 3) of what passes before the face: a second colour in a pattern, mottled skin on hands."""
    turn, way, tube = surface.place.unbind(1)
    second, (kind, scale, thing) = (
        looks.of("prop", surface.frame)[:, :3],
        looks.of("prop", surface.frame)[:, 3:].unbind(1),
    )
    noise = noise_at(texture, turn * 0.5 + 0.13 * tube, way * 0.5)
    rings, stripes = ((way * scale) % 1 < 0.45).float(), ((turn * scale.round()) % 1 < 0.4).float()
    share = (kind == 1) * rings + (kind == 2) * stripes + (kind == 3) * (rings + stripes - 2 * rings * stripes).abs()
    share = share + (kind == 4) * torch.sigmoid((noise[:, 0] - 0.55) / 0.04)
    nail = (thing == 0) * (tube > 0.5) * (tube < 5.5) * (way > 0.8) * ((turn - 0.75).abs() < 0.14)
    knuckle = (thing == 0) * (tube > 0.5) * (tube < 5.5) * torch.sin(way * 9).abs().lt(0.12)
    albedo = mix(surface.paint[:, :3], second, share * (tube < 0.5))
    albedo = albedo * (0.85 + 0.2 * noise[:, :1] + 0.1 * noise[:, 3:4]) * (1 - 0.15 * knuckle[:, None])
    return mix(albedo, albedo * torch.tensor([1.1, 1.02, 1.0], device=albedo.device) + 0.04, nail.float())


Dress = Callable[[Surface, Looks, Tensor, Tensor, Tensor], None]
"""Puts clothes on skin: samples, looks, noise texture; the skin's colour (P, 3) and shine (P,) change in place."""


def albedo_and_gloss(
    surface: Surface, looks: Looks, texture: Tensor, dress: Dress = dress_torso
) -> tuple[Tensor, Tensor, Tensor]:
    """Albedo (P, 3), specular strength (P,) and specular exponent (P,) of every sample."""
    part = surface.part
    albedo = surface.paint[:, :3].clone()
    gloss = torch.full_like(surface.occlusion, 0.05)
    exponent = torch.full_like(gloss, 18.0)

    index = (part == SKIN).nonzero().flatten()
    skin = surface.at(index)
    colour, shine = _skin(skin, looks, texture)
    dress(skin, looks, texture, colour, shine)
    albedo[index], gloss[index] = colour, shine * 0.18
    index = ((part == EYE_LEFT) | (part == EYE_RIGHT)).nonzero().flatten()
    if len(index):
        eye = surface.at(index)
        scalars = looks.of("scalars", eye.frame)
        albedo[index] = eye_colours(
            eye.place, eye.paint[:, :3], looks.of("iris", eye.frame), scalars[:, 6], scalars[:, 7]
        )
        gloss[index] = 0.0
    index = ((part == HAIR) | (part == BEARD)).nonzero().flatten()
    if len(index):
        albedo[index], shine = _hair(surface.at(index), looks, texture)
        gloss[index], exponent[index] = shine * 0.10, 9.0
    index = (part == PROP).nonzero().flatten()
    if len(index):
        albedo[index], gloss[index] = _prop(surface.at(index), looks, texture), 0.12
    gloss[part == FRAME], exponent[part == FRAME] = 0.35, 40.0
    gloss[part == LENS], exponent[part == LENS] = 0.6, 120.0
    wet = ((part == TEETH) | (part == TONGUE)).nonzero().flatten()
    gloss[wet], exponent[wet] = 0.25, 60.0
    index = (part == TEETH).nonzero().flatten()
    if len(index):
        albedo[index], shine = teeth(surface.place[index], surface.paint[index, :3])
        gloss[index] = 0.3 * shine
    return albedo, gloss, exponent
