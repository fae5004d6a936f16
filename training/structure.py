"""Draws the tree of anchors of DAM and HDAM: root, intermediate anchors, motion anchors; line width is attention."""

from __future__ import annotations

import colorsys

import numpy as np
from PIL import Image, ImageDraw

from training.models.base import Motion

ROOT = (255, 255, 255)
Colour = tuple[int, int, int]


def branch_colour(index: int, count: int) -> Colour:
    """Colour of the intermediate (or motion) anchor number `index` of `count`."""
    red, green, blue = colorsys.hsv_to_rgb(index / max(1, count), 1, 1)
    return int(255 * red), int(255 * green), int(255 * blue)


def draw_structure(
    image: np.ndarray,
    points: np.ndarray,
    leaves: int,
    attention: np.ndarray | None = None,
    dead: tuple[int, ...] = (),
) -> np.ndarray:
    """`image` uint8 (H, W, 3) with anchors drawn on it.

    `points` (A, 2) in [-1, 1]: `leaves` motion anchors, then intermediate ones, then the root. `attention` (I, leaves)
    gives the width of the lines from intermediate to motion anchors (DAM has neither: its root binds all evenly). A
    motion anchor has the colour of the anchor that binds it most. Anchors in `dead` are left out.
    """
    canvas = Image.fromarray(image)
    pen = ImageDraw.Draw(canvas)
    unit = max(1.0, image.shape[0] / 100)
    places = [tuple(place) for place in ((points + 1) / 2 * (np.array(image.shape[1::-1]) - 1)).tolist()]
    root, middle = places[-1], places[leaves:-1]
    living = [leaf for leaf in range(leaves) if leaf not in dead]
    colours = {leaf: branch_colour(leaf, leaves) for leaf in living}
    if attention is None:
        for leaf in living:
            pen.line((*root, *places[leaf]), fill=ROOT, width=max(1, round(unit / 2)))
    else:
        for index, place in enumerate(middle):
            pen.line((*root, *place), fill=ROOT, width=max(1, round(unit)))
            for leaf in living:
                width = round(4 * unit * float(attention[index, leaf]))
                if width:
                    pen.line((*place, *places[leaf]), fill=branch_colour(index, len(middle)), width=width)
        colours = {leaf: branch_colour(int(attention[:, leaf].argmax()), len(middle)) for leaf in living}
    for leaf in living:
        _dot(pen, places[leaf], unit, colours[leaf])
    for index, place in enumerate(middle):
        _dot(pen, place, 1.8 * unit, branch_colour(index, len(middle)))
    _dot(pen, root, 2.4 * unit, ROOT)
    return np.asarray(canvas)


def draw_anchors(image: np.ndarray, motion: Motion, index: int, dead: tuple[int, ...] = ()) -> np.ndarray:
    """`draw_structure` for entry `index` of a batch's `motion`, which must hold all anchors in `extra`."""
    attention = motion.extra.get("attention")
    return draw_structure(
        image,
        motion.extra["anchor_points"][index].float().cpu().numpy(),
        motion.points.shape[1],
        None if attention is None else attention[index].float().cpu().numpy(),
        dead,
    )


def _dot(pen: ImageDraw.ImageDraw, place: tuple[float, ...], radius: float, colour: Colour) -> None:
    x, y = place
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour, outline=(0, 0, 0))
