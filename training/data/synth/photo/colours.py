"""The colours of a photograph's surface: what it shows of each vertex, and what stands in where it shows nothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from PIL import Image
from scipy import ndimage, sparse
from torch import Tensor
from torch.nn import functional

from runtime.framing.window import Window
from runtime.layers import canvas as layers
from runtime.layers.backdrop import backdrop
from runtime.layers.eyes import Eye
from runtime.layers.matte import find_person, matte
from runtime.values import Bytes

from ..core.backdrop import EXTENT
from ..core.raster import hits, rasterise, vertex_normals
from ..core.seeds import Array, linear
from ..person.actor import Actor
from ..person.head import EYE_LEFT, EYE_RIGHT, LASHES, SKIN, TEETH, TONGUE, HeadAsset
from .portrait import Crop, face_vertices
from .study import Unfit

_SIDES = 192, 576
"""Pixels of a canvas' side, which covers [-EXTENT, EXTENT] of the frame: as many as the photograph's, within these."""
_STEP = 16
_LOOK = 192
"""Samples a side in which visibility at rest is found."""
_SLACK = 0.003
_CHIN = 0.1
"""Height on the mean head, metres, below which skin belongs to the chin's underside."""
_DEEPEST, _TONGUE = 0.04, 0.12
"""Least light in a mouth, and on its tongue."""
_OPENING, _LASHES = (0.02, 0.05), (0.08, 0.07)
"""How far from the opening of an eye on skin has a colour of its own, and over how much more it comes to have one, in
widths of the eye: always, and where no lashes of the open eye may lie.
"""
_WITHIN = (0.015, 0.03)
"""How far within the opening of an eye the eyeball is seen, and over how much more it comes to be, in eyes' widths."""
_LASH = 0.5
"""How dark the row of lashes of a shut eye is, for the skin beside it; an open one has the photograph's."""
_UNDER_LIDS, _WHITE = 0.75, 0.6
"""Share of the light that falls on eyes under their lids, where whites are not seen, and a white's albedo."""
_BEYOND, _WHITES = 1.2, 6
"""From how many radii of the iris on an eye is white, and of how many places its colour is taken at least."""
_UPPER_LIP, _LOWER_LIP = (81, 82, 13, 312, 311), (178, 87, 14, 317, 402)
"""Landmarks of the lips' inner edges."""
_OPEN = 0.04
"""Distance of these, in distances of the eyes' outer corners, from which on teeth are looked for."""
_JAW = 0.085
"""Height on the mean head, metres, from which on skin may lie over a collar, where the fit is off ...
"""
_STRANGE, _LIGHTER, _DARKER = 0.35, 0.3, 2.0
"""... which is told by its colour: how far its logarithms may be from those of the face's skin, in hue, and as a whole.
"""
_BELOW, _BESIDE = 0.015, 0.04
"""Where the neck is looked at: so far below the lowest skin of the face this near to the side, in the frame's units."""
_EASED = 0.5
"""How much the face's border takes on the colours of the neck below it."""
_SPREADING = 60
"""Steps by which colours are carried over the mesh to where the photograph shows nothing."""
_HALO = 1 / 55
"""Share of the side by which the person is widened before the backdrop is completed: sharpened photos have a rim."""


@dataclass(frozen=True)
class Canvas:
    """A photograph around the frame, in linear light; C pixels a side."""

    picture: Tensor
    """(3, C, C)."""
    own: Tensor
    """(4, C, C): the person's colours times alpha, and alpha."""
    plate: Tensor
    """(3, C, C): the backdrop, completed behind the person."""

    @property
    def alpha(self) -> Array:
        """(C, C)."""
        found: Array = self.own[3].numpy()
        return found


def open_canvas(picture: Bytes, crop: Crop, face: Array) -> Canvas:
    """The surroundings of the frame of `crop` in `picture`, uint8 (H, W, 3), whose face is at `face` (2,).

    Raises `Unfit` when no person is found there.
    """
    side = int(np.clip(2 * EXTENT * crop.half // _STEP * _STEP, *_SIDES))
    wide = 2 * EXTENT * crop.half * side / (side - 1)
    window = Window.around(float(crop.middle[0]), float(crop.middle[1]), wide)
    image = Image.fromarray(picture)
    canvas, shown = window.cut(image, side), window.place(image.size, side)
    photo = slice(shown.row, shown.row + shown.height), slice(shown.column, shown.column + shown.width)
    person = find_person(layers.Canvas(canvas, side // 6, photo), (crop(face) / EXTENT + 1) * ((side - 1) / 2))
    if person is None:
        raise Unfit("no person")
    colours = canvas.astype(np.float32)
    alpha = matte(colours, person)
    seen = np.zeros((side, side), np.float32)
    seen[photo] = 1
    wider = ndimage.grey_dilation(alpha, round(side * _HALO) | 1)
    plate = linear(backdrop(colours, wider, seen).clip(0, 255) / 255)
    light = linear(colours / 255)
    cover = alpha[..., None]
    # Bounded: where the plate does not say what is behind, a remainder would be carried about as dark and light specks.
    own = np.concatenate([(light - (1 - cover) * plate).clip(0, cover), cover], -1)
    tensors = (torch.from_numpy(np.ascontiguousarray(value.transpose(2, 0, 1))) for value in (light, own, plate))
    return Canvas(*tensors)


@dataclass(frozen=True)
class Coat:
    """What covers the V vertices of an actor; colours are linear light."""

    place: Tensor
    """(V, 2) in the photograph's frame."""
    sure: Tensor
    """(V,) in [0, 1]: how much the photograph's own colour there counts."""
    lashes: Tensor
    """(V, 2) in [0, 1]: how much of that goes where the left and the right eye are shut."""
    instead: Tensor
    """(V, 3): what counts otherwise."""
    light: Tensor
    """(3,): what a white surface would have."""
    eyes: Tensor
    """(3,): the same between the lids, as of `eye_light`."""
    grey: bool
    """Whether the photograph has no colours."""


def look_up(texture: Tensor, places: Tensor) -> Tensor:
    """(P, C) of a canvas' texture (C, S, S) at places (P, 2) of the frame."""
    grid = (places / EXTENT)[None, None]
    return functional.grid_sample(texture[None], grid, padding_mode="border", align_corners=True)[0, :, 0].T


def _seen(asset: HeadAsset, points: Tensor, screen: Tensor) -> Tensor:
    """(M,) in [0, 1]: how well the vertices of the mesh are seen at rest: in front, and facing the camera."""
    mesh = asset.mesh_vertices
    at = screen[None, :mesh].clone()
    at[..., :2] = (at[..., :2] + 1) * ((_LOOK - 1) / 2)
    inner = asset.triangles[(asset.triangles < mesh).all(1)]
    both = torch.ones(len(inner), dtype=torch.bool)
    found = hits(rasterise(at, inner, both, _LOOK, _LOOK), at, inner)
    depth = torch.full((_LOOK * _LOOK,), 1e3)
    depth[found.sample] = (points[:mesh, 2][inner[found.triangle]] * found.weights).sum(1)
    window = functional.unfold(depth.view(1, 1, _LOOK, _LOOK), 3, padding=1)[0]
    cell = at[0, :, :2].round().long()
    within = ((cell >= 0) & (cell < _LOOK)).all(1)
    cell = cell.clamp(0, _LOOK - 1)
    around = window[:, cell[:, 1] * _LOOK + cell[:, 0]]
    own = points[:mesh, 2]
    # Teeth and eyeballs: no lip or lid anywhere near. The rest: nothing in front of it, give or take a sample.
    deep = asset.part[:mesh] != SKIN
    front = torch.where(deep, (own < around + 0.004).all(0), (own < around + _SLACK).sum(0) >= 6)
    normals = vertex_normals(points[None, :mesh], inner)[0]
    facing = -(normals * functional.normalize(points[:mesh], dim=1)).sum(1)
    # Below the chin the fitted head is least sure.
    least = torch.where(asset.mean[:mesh, 1] > _CHIN, 0.55, 0.15)
    return front * within * ((facing - least) / 0.3).clamp(0, 1)


def _from_eye(places: Tensor, eye: Array) -> Tensor:
    """(P,): how far places (P, 2) lie from the opening of an eye, in its widths; negative within. Its outline (E, 2)
    begins at a corner and has the other opposite.
    """
    at, first, step = places.numpy()[:, None], eye, np.roll(eye, -1, 0) - eye
    way = ((at - first) * step).sum(-1) / (step**2).sum(-1).clip(1e-12)
    away = np.linalg.norm(at - first - way.clip(0, 1)[..., None] * step, axis=-1).min(1)
    crosses = (first[:, 1] > at[..., 1]) != ((first + step)[:, 1] > at[..., 1])
    level = np.where(step[:, 1] == 0, 1e-12, step[:, 1])
    before = at[..., 0] < first[:, 0] + (at[..., 1] - first[:, 1]) * step[:, 0] / level
    inside = (crosses & before).sum(1) % 2 == 1
    width = np.linalg.norm(eye[len(eye) // 2] - eye[0])
    return torch.from_numpy(np.where(inside, -away, away) / width).float()


def _open_eyes(places: Tensor, eyes: list[Array]) -> tuple[Tensor, Tensor]:
    """(P,) and (P, 2) in [0, 1]: how much places (P, 2) lie beside the openings of both eyes, as of `_from_eye`, and
    how much on the lashes of each.

    What lies within is no skin, though the head that was fitted has some there: a lid that closes would show an iris.
    Nor do lashes stay where they are on a lid that closes.
    """
    away = torch.stack([_from_eye(places, eye) for eye in eyes], 1)
    beside, clear = (((away - first) / over).clamp(0, 1) for first, over in (_OPENING, _LASHES))
    return beside.prod(1), 1 - clear


@cache
def _edges(asset: HeadAsset) -> sparse.csr_array:
    """(M, M): every row the mean over a skin vertex' neighbours."""
    skin = asset.triangles[asset.triangle_part == SKIN].numpy()
    pairs = np.concatenate([skin[:, [0, 1]], skin[:, [1, 2]], skin[:, [2, 0]]])
    rows, columns = np.concatenate([pairs, pairs[:, ::-1]]).T
    graph = sparse.csr_array((np.ones(len(rows), np.float32), (rows, columns)), (asset.mesh_vertices,) * 2)
    graph.data[:] = 1
    degree = np.maximum(graph.sum(1), 1).astype(np.float32)
    return (sparse.diags_array(1 / degree) @ graph).tocsr()


def _spread(asset: HeadAsset, colour: Tensor, sure: Tensor) -> Tensor:
    """(M, 3): colours (M, 3) carried over the skin's edges from where they are `sure` (M,) to where they are not."""
    held = torch.cat([colour * sure[:, None], sure[:, None]], 1).numpy()
    free, graph = 1 - sure[:, None].numpy(), _edges(asset)
    value = held
    for _ in range(_SPREADING):
        value = held + free * (graph @ value)
    spread = torch.from_numpy(value)
    return spread[:, :3] / spread[:, 3:].clamp_min(1e-6)


def _is_skin(colour: Tensor, skin: Tensor) -> Tensor:
    """(N,) in [0, 1]: how much colours (N, 3) may be skin, lit or shaded, of a face with colours `skin` (K, 3)."""
    level = colour.clamp_min(1e-3).log()
    level = level - skin.clamp_min(1e-3).log().median(0).values
    light = level.mean(1)
    hue = (level - light[:, None]).abs().amax(1)
    off = torch.stack([hue / _STRANGE, light / _LIGHTER, -light / _DARKER], 1).amax(1)
    return ((1.3 - off) / 0.3).clamp(0, 1)


def _neck(asset: HeadAsset, canvas: Canvas, place: Tensor, skin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The vertices (B,) of the face's border below the chin, the colours (B, 3) of the neck below each, and how surely
    (B,) it is a neck, no collar. `place` (M, 2) in the frame, `skin` (K, 3) colours of the face.
    """
    face = face_vertices(asset) & (asset.part[: asset.mesh_vertices] == SKIN) & (asset.masks[:, 3] < 0.3)
    rim = torch.from_numpy(_edges(asset) @ (~face).numpy().astype(np.float32)) > 0
    border = (face & rim & (asset.mean[: asset.mesh_vertices, 1] > _CHIN)).nonzero().flatten()
    own, all_ = place[border], place[face]
    near = (own[:, None, 0] - all_[None, :, 0]).abs() < _BESIDE
    lowest = torch.where(near, all_[None, :, 1], -torch.inf).amax(1)
    below = torch.stack([own[:, 0], lowest + _BELOW], 1)
    colour, alpha = look_up(canvas.picture, below), look_up(canvas.own[3:], below)[:, 0]
    return border, colour, _is_skin(colour, skin) * (alpha > 0.9)


def _balls(asset: HeadAsset, points: Tensor, place: Tensor, eyes: list[Array], sure: Tensor) -> None:
    """How `sure` (M,) the eyeballs' own colours are, in place: in front, and well within the openings of the eyes."""
    first, over = _WITHIN
    for which, eye in zip((EYE_LEFT, EYE_RIGHT), eyes, strict=True):
        ball = (asset.part[: asset.mesh_vertices] == which).nonzero().flatten()
        front = points[ball, 2] < points[ball, 2].mean()
        sure[ball] = (((-_from_eye(place[ball], eye) - first) / over).clamp(0, 1) * front).clamp_min(1e-4)


def iris_colour(canvas: Canvas, crop: Crop, eyes: tuple[Eye, Eye]) -> Tensor:
    """(3,): the colour of both irises, linear light, from the lower part of their rings."""
    angle = np.linspace(0.15, 0.85, 9) * np.pi
    ring = np.stack([np.cos(angle), np.sin(angle)], 1)
    places = np.concatenate([eye.iris + eye.radius * share * ring for eye in eyes for share in (0.5, 0.65, 0.8)])
    return look_up(canvas.picture, torch.from_numpy(crop(places)).float()).median(0).values


def eye_light(canvas: Canvas, crop: Crop, eyes: tuple[Eye, Eye], light: Tensor) -> Tensor:
    """(3,): what a white surface would have between the lids, from the whites that a photograph shows; `light` (3,) is
    what it would have in the open.
    """
    usual, share = light * _UNDER_LIDS, torch.linspace(0.3, 0.7, 5)[:, None, None]
    found = []
    for eye in eyes:
        between = (
            torch.from_numpy(crop(eye.upper[1:-1])) * (1 - share) + torch.from_numpy(crop(eye.lower[1:-1])) * share
        )
        off = (between - torch.from_numpy(crop(eye.iris))).norm(dim=-1) > _BEYOND * eye.radius / (crop.half)
        found.append(between[off])
    places = torch.cat(found).float()
    if len(places) < _WHITES:
        return usual
    colours = look_up(canvas.picture, places)
    lightest = colours[colours.sum(1).argsort()[len(places) * 2 // 3 :]].mean(0) / _WHITE
    return torch.minimum(torch.maximum(lightest, 0.45 * usual), 1.5 * usual)


def tooth_colour(canvas: Canvas, crop: Crop, mesh: Array) -> Tensor | None:
    """(3,): the colour of the teeth between the lips of a face with the landmarks `mesh` (468, 2); None: lips shut."""
    upper, lower = (crop(mesh[list(line)]) for line in (_UPPER_LIP, _LOWER_LIP))
    eyes = np.linalg.norm(crop(mesh[263]) - crop(mesh[33]))
    if np.linalg.norm(upper - lower, axis=1).max() < _OPEN * eyes:
        return None
    places = np.concatenate([upper + share * (lower - upper) for share in (0.25, 0.4, 0.55, 0.7)])
    colours = look_up(canvas.picture, torch.from_numpy(places).float())
    return colours[colours.sum(1).argsort()[-len(places) // 3 :]].mean(0)


def _grey(colour: Tensor) -> bool:
    """Whether colours (N, 3) are those of a photograph in black and white."""
    return bool((colour.amax(1) - colour.amin(1)).mean() < 0.03 * float(colour.mean()))


def dress(
    asset: HeadAsset, actor: Actor, canvas: Canvas, points: Tensor, screen: Tensor, shades: Tensor,
    teeth: Tensor | None, eyes: list[Array],
) -> Coat:  # fmt: skip
    """The coat of an actor that lies over the photograph: `points` (V, 3) before the camera, `screen` (V, 3) projected.

    `shades` (V,) is how much of the sky a vertex sees, `teeth` (3,) the colour of teeth, where it is known, `eyes`
    the outlines of their openings as of `_from_eye`.
    """
    mesh, part, bag = asset.mesh_vertices, asset.part[: asset.mesh_vertices], asset.masks[:, 3] > 0.3
    place = screen[:, :2].clone()
    colour = look_up(canvas.picture, place)
    solid = ((look_up(canvas.own[3:], place[:mesh])[:, 0] - 0.6) / 0.3).clamp(0, 1)
    sure = torch.ones(len(place))
    outer = (part == SKIN) & ~bag
    beside, on_lashes = _open_eyes(place[:mesh], eyes)
    bare, lashes = torch.where(outer, beside, 1.0), torch.zeros(len(place), 2)
    row = part == LASHES
    lashes[:mesh] = on_lashes * (outer | row)[:, None]
    sure[:mesh] = (_seen(asset, points, screen) * solid * bare * ~((part == SKIN) & bag)).clamp_min(1e-4)
    _balls(asset, points, place, eyes, sure)
    sure[:mesh][row] = 1.0
    face = colour[:mesh][outer & (sure[:mesh] > 0.8)]
    grey = _grey(face)
    jaw = outer & (asset.mean[:mesh, 1] > _JAW)
    sure[:mesh][jaw] = (sure[:mesh][jaw] * _is_skin(colour[:mesh][jaw], face)).clamp_min(1e-4)
    level = 0.5 * float((face @ torch.tensor([0.2126, 0.7152, 0.0722])).quantile(0.9)) + 0.22
    light = torch.full((3,), level / 0.62)
    bright = torch.ones(len(place))
    bright[:mesh] = torch.where(part == TEETH, 1.9, torch.where(part == TONGUE, 1.6, torch.where(bag, 1.6, 1.0)))
    shade = shades * bright
    shade[:mesh][bag] = shade[:mesh][bag].clamp_min(_DEEPEST)
    shade[:mesh][part == TONGUE] = shade[:mesh][part == TONGUE].clamp_min(_TONGUE)
    instead = actor.paint[:, :3] * shade[:, None] * light
    if grey:
        instead = instead.mean(1, keepdim=True).expand(-1, 3).clone()
    if teeth is not None:  # as light as the teeth that the photograph shows
        own = (part == TEETH).nonzero().flatten()
        instead[own] *= teeth / instead[own].quantile(0.95, 0).clamp_min(1e-3)
    skin = (sure * (1 - lashes).prod(1)).clamp_min(1e-4)
    known, held = colour[:mesh].clone(), skin[:mesh].clone()
    border, neck, is_neck = _neck(asset, canvas, place[:mesh], face)
    known[border], held[border] = neck, torch.maximum(_EASED * is_neck, held[border] * (1 - is_neck))
    instead[:mesh][outer] = _spread(asset, known, held)[outer]
    lids = outer.nonzero().flatten()
    beside_row = lids[torch.cdist(points[:mesh][row], points[:mesh][lids]).argmin(1)]
    instead[:mesh][row] = _LASH * instead[:mesh][beside_row]
    return Coat(place, sure, lashes, instead, light, light * _UNDER_LIDS, grey)
