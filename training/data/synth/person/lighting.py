"""Light on surface samples and in glass. Everything in linear light."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from .head import EYE_LEFT, EYE_RIGHT, SKIN, TEETH, TONGUE
from .shade import Looks, Surface, dot

_WRAP = (0.34, 0.16, 0.10)
"""How far red, green and blue light goes round into skin's own shadow (after d'Eon and Luebke, GPU Gems 3, 14)."""
_SHADE = (0.72, 0.96, 1.05)
"""Exponents of a cast shadow's edge on skin: red light seeps into it."""
_WITHIN = (1.32, 1.08, 0.88)
"""The light in a mouth, which has come through lips and from gums, of that outside."""
_PORES = 0.55
"""How much pores turn the normal, where a sample is as small as one of them."""
_PORE = 0.0004
"""Metres."""


def roughened(surface: Surface, noise: Tensor, samples: list[float]) -> Tensor:
    """(P, 3) normals of skin with pores; `noise` (P, 3) in [0, 1], `samples`: metres between samples of each frame."""
    strength = surface.normal.new_tensor([_PORES * min(1.0, _PORE / sample) for sample in samples])[surface.frame]
    return functional.normalize(surface.normal + strength[:, None] * (noise - 0.5), dim=1)


def light(surface: Surface, albedo: Tensor, gloss: Tensor, exponent: Tensor, looks: Looks, rough: Tensor) -> Tensor:
    """(P, 3) radiance: light of sky and ground, three lamps, their highlights; `rough` (P, 3) normals with pores."""
    normal, frame = surface.normal, surface.frame
    view = functional.normalize(-surface.position, dim=1)
    skin = (surface.part == SKIN).float()[:, None]
    up = (0.5 - 0.5 * normal[:, 1])[:, None]
    ambient = looks.of("ground", frame) * (1 - up) + looks.of("sky", frame) * up
    eye = (surface.part == EYE_LEFT) | (surface.part == EYE_RIGHT)
    wet = eye | (surface.part == TEETH)
    crease = torch.where(wet, surface.open.clamp_min(0.65), surface.open)
    open_ = (surface.occlusion * crease)[:, None]
    # What skin's folds hide from the sky still gets the red light of the skin around.
    tint = 1 + skin * (1 - open_) * normal.new_tensor([0.22, -0.02, -0.06])
    radiance = ambient * albedo * open_ * tint
    soft = looks.of("softness", frame)[:, None]
    wrap = soft + skin * normal.new_tensor(_WRAP)
    fresnel = 0.35 + 1.9 * (1 - dot(normal, view).clamp(0, 1)) ** 4
    near = (0.45 + 0.65 * surface.occlusion).clamp_max(1) * crease
    mouth = (surface.part == TEETH) | (surface.part == TONGUE)  # lips let light through, and teeth hand it on
    shown = torch.where(mouth, surface.lit.clamp_min(0.6), surface.lit)
    lamps, colours = looks.of("lamps", frame), looks.of("lamp_colours", frame)
    seep = torch.lerp(torch.ones(3, device=normal.device), normal.new_tensor(_SHADE), skin)
    for lamp in range(lamps.shape[1]):
        if not bool(colours[:, lamp].any()):
            continue
        towards = lamps[:, lamp]
        facing = dot(normal, towards)
        diffuse = ((facing[:, None] + wrap) / (1 + wrap)).clamp_min(0) * near[:, None]
        shine = (
            near * (facing > 0) * gloss * fresnel * _lobes(rough, functional.normalize(towards + view, dim=1), exponent)
        )
        if lamp == 0:
            diffuse, shine = diffuse * (seep * shown.clamp_min(1e-4).log()[:, None]).exp(), shine * shown
        radiance = radiance + colours[:, lamp] * (albedo * diffuse + shine[:, None])
    inside = normal.new_tensor(_WITHIN) - 1
    radiance = radiance * (1 + mouth.float()[:, None] * inside) + _wet(surface, normal, view, looks)
    return radiance * looks.of("exposure", frame)[:, None]


def _lobes(normal: Tensor, half: Tensor, exponent: Tensor) -> Tensor:
    """(P,) a highlight after Blinn, with a wider and weaker one about it."""
    power = exponent * dot(normal, half).clamp_min(1e-4).log()
    return power.exp() + 0.25 * (0.3 * power).exp()


def _wet(surface: Surface, normal: Tensor, view: Tensor, looks: Looks) -> Tensor:
    """(P, 3): what eyes mirror: the lamps as windows or soft boxes, and the sky."""
    added = torch.zeros_like(normal)
    eye = ((surface.part == EYE_LEFT) | (surface.part == EYE_RIGHT)).nonzero().flatten()
    if not len(eye):
        return added
    wet, frame = surface.at(eye), surface.frame[eye]
    facing = dot(wet.normal, view[eye])
    mirrored = 2 * facing[:, None] * wet.normal - view[eye]
    sky = looks.of("sky", frame) * (0.05 * (0.5 - 0.5 * mirrored[:, 1:2]))
    lamps, colours = looks.of("lamps", frame), looks.of("lamp_colours", frame)
    for lamp in range(lamps.shape[1]):
        # A cornea is rounder than the ball it sits on, and mirrors smaller: a window of 34 degrees takes 20 here.
        seen = torch.sigmoid((dot(mirrored, lamps[:, lamp]) - 0.985) / 0.0025)
        sky = sky + colours[:, lamp] * (0.9 * seen * (wet.lit if lamp == 0 else 0.5))[:, None]
    added[eye] = sky * wet.open.clamp(0.5, 1)[:, None]
    return added


def reflections(normal: Tensor, view: Tensor, frame: Tensor, looks: Looks) -> Tensor:
    """(P, 3) radiance that glass adds: sharp images of the lamps, and the sky where it is seen at a slant.

    `normal` and `view` (P, 3) unit vectors, `view` from the camera to the sample.
    """
    facing = dot(normal, view)
    mirrored = view - 2 * facing[:, None] * normal
    fresnel = 0.04 + 0.96 * (1 - facing.abs()).clamp(0, 1) ** 5
    sky = looks.of("sky", frame) * (0.5 - 0.5 * mirrored[:, 1:2]) * fresnel[:, None]
    lamps, colours = looks.of("lamps", frame), looks.of("lamp_colours", frame)
    for lamp in range(lamps.shape[1]):
        # A window or a soft box, some twenty degrees wide.
        seen = torch.sigmoid((dot(mirrored, lamps[:, lamp]) - 0.94) / 0.008)
        sky = sky + colours[:, lamp] * (seen * 0.45)[:, None]
    return sky * looks.of("glint", frame)[:, :1] * looks.of("exposure", frame)[:, None]
