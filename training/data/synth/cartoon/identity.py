"""Who a cartoon is: what creature, how long and wide its parts are, its colours; all from the identity seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.seeds import Array, Draw, linear
from .figure import AXIS, INDEX, PARTS

CREATURES = ("person", "quadruped", "bird", "blob")
_SKINS = np.array([(0.98, 0.84, 0.72), (0.91, 0.70, 0.54), (0.72, 0.48, 0.32), (0.45, 0.28, 0.18)])


@dataclass(frozen=True)
class Toon:
    """One figure; lengths in heights of the figure, colours in linear light."""

    creature: str
    lengths: dict[str, float]
    """Of `body`, `neck`, `arm`, `leg`, `tail`, `hand`, `foot`, `ear`, `snout`, `head` and others of PARTS."""
    widths: Array
    """(P, AXIS) half widths along every part."""
    shown: Array
    """(P,) bool."""
    colours: Array
    """(P, 2, 3): at the root of a part and at its end."""
    split: Array
    """(P,) share of a part's axis where the second colour begins; 2: never."""
    pattern: int
    """On body, tail, head and limbs: 0 none, 1 stripes across, 2 spots, 3 a pale belly, 4 stripes along."""
    second: Array
    """(3,) the pattern's colour."""
    pattern_scale: float
    outline: Array
    """(3,) the lines' colour."""
    line: float
    """Width of the lines, 0: none."""
    upright: float
    """Angle of the body in the world at rest: 0 stands upright, towards pi/2 lies along the ground."""
    bounce: float
    """How much of the motion's squash this body shows."""


def _profile(*values: float) -> Array:
    """(AXIS,) half widths through evenly spread values, smooth."""
    place = np.linspace(0, len(values) - 1, AXIS)
    low = np.minimum(place.astype(int), max(len(values) - 2, 0))
    f = place - low
    f = f * f * (3 - 2 * f)
    table = np.array([*values, values[-1]])
    return table[low] * (1 - f) + table[low + 1] * f


def _bright(draw: Draw) -> Array:
    """A clear sRGB colour, as cartoons have them."""
    hue = draw.between(0, 6.28) + np.array([0, 2.09, 4.19])
    return np.clip(draw.between(0.45, 0.75) + draw.between(0.12, 0.35) * np.cos(hue), 0.03, 1)


_Shape = tuple[dict[str, float], dict[str, Array], float]
"""Lengths, half widths and the body's angle."""


def _person(draw: Draw) -> _Shape:
    """Two legs, arms, a large head."""
    b = draw.between
    head, wide, slim = b(0.13, 0.22), b(0.09, 0.17), b(0.03, 0.052)
    lengths = {
        "body": b(0.22, 0.32),
        "arm": b(0.28, 0.36),
        "leg": b(0.30, 0.46),
        "neck": 0.04,
        "tail": 0.02,
        "head": head * b(0.3, 0.9),
        "snout": b(0.015, 0.04),
        "ear": 0.02,
        "hand": 0.03,
        "foot": b(0.05, 0.1),
    }
    widths = {
        "body": _profile(wide * b(0.8, 1.2), wide, wide * b(0.75, 1.1)),
        "head": _profile(head, head * b(0.85, 1.1)),
        "arm": _profile(slim, slim * 0.85),
        "leg": _profile(slim * 1.3, slim),
        "snout": _profile(0.018, 0.022),
        "ear": _profile(0.022, 0.02),
        "hand": _profile(slim * 1.1),
        "foot": _profile(slim * 1.1, slim * 0.9),
    }
    return lengths, widths, 0.0


def _quadruped(draw: Draw) -> _Shape:
    """Four legs; arms are the front ones."""
    b = draw.between
    head, wide, slim = b(0.10, 0.17), b(0.09, 0.16), b(0.022, 0.045)
    lengths = {
        "body": b(0.30, 0.5),
        "arm": b(0.2, 0.36),
        "leg": 0.0,
        "neck": b(0.04, 0.2),
        "tail": b(0.12, 0.4),
        "head": b(0.02, 0.08),
        "snout": b(0.04, 0.12),
        "ear": b(0.05, 0.16),
        "hand": 0.02,
        "foot": 0.02,
    }
    lengths["leg"] = lengths["arm"] * b(0.95, 1.05)
    widths = {
        "body": _profile(wide, wide * b(0.75, 1.0), wide * b(0.9, 1.15)),
        "head": _profile(head, head * 0.9),
        "arm": _profile(slim * 1.3, slim),
        "leg": _profile(slim * 1.6, slim),
        "tail": _profile(0.035, b(0.012, 0.05)),
        "snout": _profile(b(0.04, 0.07), b(0.03, 0.06)),
        "ear": _profile(b(0.025, 0.045), b(0.006, 0.035)),
        "hand": _profile(slim * 1.15),
        "foot": _profile(slim * 1.15),
        "neck": _profile(wide * 0.7, head * 0.7),
    }
    return lengths, widths, b(1.25, 1.5)


def _bird(draw: Draw) -> _Shape:
    """Wings for arms, thin legs, a beak for a snout."""
    b = draw.between
    head, wide = b(0.10, 0.16), b(0.14, 0.22)
    lengths = {
        "body": b(0.14, 0.26),
        "arm": b(0.2, 0.32),
        "leg": b(0.14, 0.34),
        "neck": b(0.02, 0.14),
        "tail": b(0.1, 0.2),
        "head": 0.02,
        "snout": b(0.06, 0.14),
        "ear": 0.02,
        "hand": 0.03,
        "foot": b(0.05, 0.08),
    }
    widths = {
        "body": _profile(wide, wide, wide * 0.7),
        "head": _profile(head),
        "arm": _profile(0.07, 0.09, 0.03),
        "leg": _profile(0.016),
        "tail": _profile(0.05, 0.06),
        "snout": _profile(0.05, 0.008),
        "hand": _profile(0.03, 0.02),
        "foot": _profile(0.018),
        "neck": _profile(wide * 0.5, head * 0.6),
    }
    return lengths, widths, b(0.3, 0.9)


def _blob(draw: Draw) -> _Shape:
    """One body that is also the head, with short limbs."""
    b = draw.between
    wide = b(0.2, 0.3)
    lengths = {
        "body": b(0.1, 0.25),
        "arm": b(0.16, 0.26),
        "leg": b(0.12, 0.24),
        "neck": 0.0,
        "tail": b(0.05, 0.2),
        "head": b(0.02, 0.1),
        "snout": 0.02,
        "ear": b(0.06, 0.14),
        "hand": 0.03,
        "foot": b(0.05, 0.09),
    }
    widths = {"body": _profile(wide, wide * b(0.9, 1.0)), "head": _profile(wide * 0.98, wide * b(0.7, 0.95)),
              "arm": _profile(0.026), "leg": _profile(0.034, 0.03), "tail": _profile(0.03, 0.008),
              "snout": _profile(0.02), "ear": _profile(b(0.02, 0.05), 0.012), "hand": _profile(0.035),
              "foot": _profile(0.036)}  # fmt: skip
    return lengths, widths, 0.0


_SHAPES = {"person": _person, "quadruped": _quadruped, "bird": _bird, "blob": _blob}


def _clothed(draw: Draw, creature: str, base: Array) -> tuple[dict[str, Array], dict[str, float]]:
    """sRGB of parts that differ from the base colour ("part+": from the split on), and the splits."""
    white, black = np.array([0.97, 0.97, 0.95]), np.array([0.05, 0.04, 0.05])
    found: dict[str, Array] = {"eye": white, "pupil": black, "nose": black, "mouth": np.array([0.62, 0.12, 0.14])}
    split: dict[str, float] = {}
    if creature == "person":
        shirt, trousers, shoes, hair = (
            _bright(draw),
            _bright(draw) * 0.7,
            _bright(draw) * 0.45,
            draw.colour(0.8, 0.05, 0.6),
        )
        found |= {
            "body": shirt,
            "arm": shirt,
            "arm+": base,
            "leg": trousers,
            "leg+": base,
            "foot": shoes,
            "hair": hair,
            "hair_back": hair,
            "nose": base * 0.9,
            "snout": base * [0.97, 0.9, 0.9],
            "hat": _bright(draw),
            "body-": trousers,
        }
        split = {"arm": (0.3, 0.55, 0.95)[draw.pick(3)], "leg": (2.0, 0.6)[draw.pick(2, (3, 1))]}
    elif creature == "bird":
        beak = np.array([0.95, 0.62, 0.12]) * draw.between(0.8, 1.05)
        found |= {"snout": beak, "leg": beak, "foot": beak, "nose": beak, "hat": _bright(draw), "hair": _bright(draw)}
    else:
        paw = base * draw.between(0.55, 1.0) if draw.chance(0.6) else white
        found |= {
            "hand": paw,
            "foot": paw,
            "snout": np.clip(base * 1.25, 0, 1),
            "hat": _bright(draw),
            "hair": base * 0.6,
        }
        if draw.chance(0.4):
            found |= {"arm+": paw, "leg+": paw, "tail+": paw}
            split = {"arm": 0.75, "leg": 0.75, "tail": 0.75}
    return found, split


def _details(draw: Draw, head: float) -> tuple[dict[str, float], dict[str, Array]]:
    """Lengths and half widths of what every head may have; `head` is its half width."""
    b = draw.between
    eye = head * b(0.16, 0.34)
    widths = {
        "eye": _profile(eye),
        "pupil": _profile(eye * b(0.35, 0.65)),
        "mouth": _profile(head * b(0.05, 0.09)),
        "nose": _profile(head * b(0.06, 0.16)),
        "hat": _profile(head * 0.55, head * b(0.35, 0.6)),
        "hair": _profile(head * 0.45, head * b(0.4, 0.62), head * 0.4),
        "hair_back": _profile(head * 0.5, head * 0.7),
        "ear": _profile(0.02),
        "neck": _profile(head * 0.3),
        "tail": _profile(0.02),
    }
    lengths = {
        "eye": eye * b(0.0, 0.9),
        "mouth": head * b(0.25, 0.6),
        "hat": head * b(0.2, 0.9),
        "hair": head * b(0.9, 1.4),
        "hair_back": head * b(0.2, 1.8),
        "nose": 0.004,
    }
    return lengths, widths


def _hidden(draw: Draw, creature: str) -> set[str]:
    """Parts that a figure has not."""
    hat, bald, maned, short, bare = (draw.chance(share) for share in (0.7, 0.12, 0.2, 0.5, 0.3))
    hidden = {"hat"} if hat else set()
    if creature == "person":
        hidden |= {"tail", "ear_far", "nose"} | ({"hair", "hair_back"} if bald else {"hair_back"} if short else set())
    else:
        hidden |= {"hair_back"} if maned else {"hair", "hair_back"}
    if creature == "bird":
        hidden |= {"ear_near", "ear_far", "nose", "hand_near", "hand_far"}
    if creature == "blob":
        hidden |= {"neck", "snout"} | ({"ear_near", "ear_far"} if bare else set())
    return hidden


def sample_toon(seed: int) -> Toon:
    """The figure of an identity seed."""
    draw = Draw(0x7009, seed)
    creature = CREATURES[draw.pick(4, (4, 2.5, 1.2, 1.3))]
    lengths, shapes, upright = _SHAPES[creature](draw)
    more_lengths, more_shapes = _details(draw, float(shapes["head"].max()))
    lengths, shapes = more_lengths | lengths, more_shapes | shapes
    person, base = creature == "person", _bright(draw)
    if person and draw.chance(0.9):
        base = _SKINS[draw.pick(4)] * draw.between(0.9, 1.05)
    found, splits = _clothed(draw, creature, base)
    hidden = _hidden(draw, creature)
    widths, colours, split = np.zeros((len(PARTS), AXIS)), np.zeros((len(PARTS), 2, 3)), np.full(len(PARTS), 2.0)
    for name, index in INDEX.items():
        plain = name.removesuffix("_near").removesuffix("_far")
        widths[index] = shapes[plain]
        colours[index] = found.get(plain, base), found.get(plain + "+", found.get(plain, base))
        split[index] = splits.get(plain, 2.0)
        if name.endswith("_far") and plain not in ("eye", "pupil"):
            colours[index] *= 0.86
    if "body-" in found:  # trousers come up to the waist
        colours[INDEX["body"]], split[INDEX["body"]] = (found["body-"], found["body"]), draw.between(0.05, 0.3)
    dark = draw.chance(0.7)
    return Toon(
        creature=creature,
        lengths=lengths,
        widths=widths,
        shown=np.array([name not in hidden for name in PARTS]),
        colours=linear(np.clip(colours, 0.01, 1)),
        split=split,
        pattern=draw.pick(5, (5, 1.5, 1.5, 2 * (not person), 1)),
        second=linear(np.clip(_bright(draw), 0.01, 1)),
        pattern_scale=draw.between(0.04, 0.10),
        outline=linear(np.array([0.06, 0.05, 0.06]) if dark else np.clip(base * 0.35, 0.01, 1)),
        line=draw.between(0.006, 0.014) if draw.chance(0.82) else 0.0,
        upright=upright,
        bounce=draw.between(0.4, 1.6),
    )
