"""Test vectors of `runtime/layers`, which `web/src/layers` must meet."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from checkpoints.parameters import HEAD
from runtime.control.neutral import LOWER, UPPER
from runtime.control.parts import Strengths
from runtime.control.reference import References
from runtime.layers import lips
from runtime.layers.anatomy import NEEDED, _hull, _plain_eye
from runtime.layers.backdrop import backdrop
from runtime.layers.border import complete
from runtime.layers.canvas import Canvas
from runtime.layers.expression import Expression, Named, Seen, expression
from runtime.layers.frames import TEMPLATE, Affine, Array, Pixels, head_frame
from runtime.layers.matte import SIDE, _connected, box_blur, matte, resized
from runtime.layers.mended import SHARES, as_array, averaged, mended, see_head
from runtime.layers.mesh import Look
from runtime.layers.mouth import Lips, MouthShutter
from runtime.layers.shutters import EyeShutter
from runtime.layers.silhouette import completed
from runtime.layers.teeth import FINER
from runtime.motion.modes import Motion
from runtime.result.detail import blurring, enlarging, spreading

_FACE = TEMPLATE | {
    "eye_left.upper_lid": (0.33, -0.06),
    "eye_left.lower_lid": (0.33, 0.08),
    "eye_left.brow": (0.34, -0.26),
    "eye_right.upper_lid": (-0.33, -0.06),
    "eye_right.lower_lid": (-0.33, 0.08),
    "eye_right.brow": (-0.34, -0.26),
    "mouth.corner_left": (0.26, 0.86),
    "mouth.corner_right": (-0.26, 0.86),
    "mouth.upper_lip": (0.0, 0.82),
    "mouth.lower_lip": (0.0, 0.95),
    "mouth.chin": (0.0, 1.25),
}
"""A face in the head's own frame."""
_SIDE = 40
"""Pixels along a side of the pictures here."""


def _random(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def _numbers(values: Any) -> list[float]:
    return [float(value) for value in np.asarray(values).ravel()]


def _pairs(points: Array) -> list[list[float]]:
    return np.asarray(points, np.float64).tolist()


def _affine(found: Affine) -> dict[str, list[float]]:
    return {"linear": _numbers(found.linear), "offset": _numbers(found.offset)}


def waves(size: int, channels: int = 4) -> NDArray[np.float32]:
    """A picture without edges, f32 (size, size, channels), the fourth alpha; the tests in TypeScript draw it too."""
    y, x, channel = np.meshgrid(np.arange(size), np.arange(size), np.arange(channels), indexing="ij")
    colours = 128 + 50 * np.sin(x / 4 + channel) + 60 * np.cos(y / 5 - channel)
    return np.where(channel < 3, colours, 0.75 + 0.25 * np.sin((x + y) / 6)).astype(np.float32)


def disc(size: int, x: float, y: float, radius: float) -> NDArray[np.float32]:
    """1 within a circle, falling to 0 over eight pixels, f32 (size, size); likewise drawn by the tests."""
    row, column = np.mgrid[:size, :size]
    return np.clip((radius - np.sqrt((column - x) ** 2 + (row - y) ** 2)) / 8 + 0.5, 0, 1).astype(np.float32)


def _head(random: np.random.Generator, jitter: float, unit: float = 11.0) -> Named:
    """A face of that size in the middle of a picture, a little turned."""
    turned = Affine(unit * np.array([[1.0, 0.1], [-0.1, 1.05]]), np.array([_SIDE * 0.5, _SIDE * 0.3]))
    return {name: turned(np.array(place) + random.normal(0, jitter, 2)) for name, place in _FACE.items()}


def frame_vectors() -> dict[str, Any]:
    """Maps between points, heads' own frames, and pictures turned, to the byte."""
    from web.tools.share import drawn

    random, cases = _random(50), []
    for stiffness in (0.0, 0.1):
        before, after = random.normal(size=(2, 7, 2))
        fitted, similar = Affine.fit(before, after, stiffness), Affine.similarity(before, after)
        cases.append(
            {
                "before": _pairs(before),
                "after": _pairs(after),
                "stiffness": stiffness,
                "fit": _affine(fitted),
                "similarity": _affine(similar),
                "inverse": _affine(fitted.inverse()),
            }
        )
    face = _head(random, 0.03)
    turned = []
    for linear, offset in (((0.9, -0.3, 0.3, 0.9), (3.2, 1.7)), ((-2.1, 0.4, 0.4, 2.3), (17.0, -4.5))):
        view = Affine(np.array(linear).reshape(2, 2), np.array(offset))
        found = view.cut(Image.fromarray(drawn(19, 14)), 9).ravel().tolist()
        turned.append({**_affine(view), "picture": [19, 14], "side": 9, "bytes": found})
    heads = {"loose": _affine(head_frame(face)), "rigid": _affine(head_frame(face, rigid=True))}
    return {"maps": cases, "turned": turned, "face": {name: _numbers(at) for name, at in face.items()}, **heads}


def expression_vectors() -> list[dict[str, Any]]:
    """What faces do since they were at rest: by their points, and by their lips, once seen in another head."""
    random, cases = _random(60), []
    for strength, counted, looked in (
        *((1.0, True, False), (0.5, True, False), (1.6, False, False)),
        *((1.0, True, True), (0.5, True, True), (1.6, False, True), (2.5, True, True)),
    ):
        now, rest = _head(random, 0.05), _head(random, 0.02)
        eyes = random.uniform(0.02, 0.4, (2, 2, 3))
        seen = [_lips(random) if looked else None for _ in range(2)]
        # In modes without a reference the points have the strength already.
        weak = Strengths(eyes=strength, gaze=strength, mouth=strength if looked else 1.0)
        strengths = Strengths.of(strength=strength) if counted else weak
        heads = (_head(random, 0.05) if looked and not counted else None, None)
        moments = [Seen(*moment) for moment in zip((now, rest), eyes, seen, heads, strict=True)]
        found = expression(moments[0], moments[1], strengths, counted)
        case: dict[str, Any] = {name: _moment(moment) for name, moment in zip(("now", "rest"), moments, strict=True)}
        case["strengths"] = {name: getattr(strengths, name) for name in ("mouth", "eyes", "brows")}
        cases.append(case | {"counted": counted, "expression": _expression(found)})
    return cases


def _moment(seen: Seen) -> dict[str, Any]:
    points = {name: _numbers(at) for name, at in seen.points.items()}
    moment = {"points": points, "eyes": _numbers(seen.eyes)}
    if seen.head is not None:
        moment["head"] = {name: _numbers(at) for name, at in seen.head.items()}
    return moment if seen.lips is None else moment | {"lips": _numbers(seen.lips)}


def _lips(random: np.random.Generator, gap: float | None = None) -> Array:
    """(7, 2): somebody's, in the head's own frame, their inner edges `gap` apart, else anything up to a quarter."""
    gap = random.uniform(0, 0.25) if gap is None else gap
    upper, lower, rim = 0.8 + np.cumsum([random.uniform(0.04, 0.08), gap, random.uniform(0.05, 0.09)])
    places = [(0.26, 0.86), (-0.26, 0.86), (0, upper), (0, lower), (0, 0.8), (0, rim), (0, rim + 0.3)]
    return np.array(places) + random.normal(0, 0.01, (7, 2)) * (1, 0)


def lip_vectors() -> list[dict[str, Any]]:
    """How far lips are apart, how much farther than others, and what they are when shut by so much."""
    random, cases = _random(66), []
    for gap, gap_rest, by in ((0.0, 0.2, 0.1), (0.012, 0.015, 0.01), (0.03, 0.0, 0.02), (0.3, 0.1, 0.4)):
        now, rest = _lips(random, gap), _lips(random, gap_rest)
        moments = {"now": _numbers(now), "rest": _numbers(rest), "by": by}
        found = {"apart": lips.apart(now), "opened": lips.opened(now, rest), "shut": _numbers(lips.shut(now, by))}
        cases.append(moments | found)
    return cases


def look_vectors() -> dict[str, Any]:
    """Lips by the face mesh, and by a model's points alone."""
    face, mesh = _head(_random(67), 0.02), _random(68).normal(0, 0.3, (468, 2))
    points = {name: _numbers(at) for name, at in face.items()}
    alone = lips._plain(face, head_frame(face).inverse())
    return {"face": points, "plain": _numbers(alone), "mesh": _pairs(mesh), "of": _numbers(lips._of(mesh))}


def head_vectors() -> dict[str, Any]:
    """Where the mesh sees heads, and how sure that is; points averaged with it, of faces and of motions."""
    random, cases = _random(72), []
    names = {name: at for at, name in enumerate({**_FACE, **SHARES})}
    for score, astray in ((None, 0.0), (0.6, 0.02), (0.95, 0.16), (0.95, 0.02), (1.0, 0.5)):
        places = random.uniform(8, 32, (len(names), 2))
        places[[names["eye_left.outer"], names["eye_right.outer"]]] = (26, 14), (14, 15)
        face = {name: places[at] for name, at in names.items()}
        told = np.array([face[name] for name in SHARES]) + random.normal(0, 12 * astray, (len(SHARES), 2))
        head = see_head(face, None if score is None else Look(np.zeros((468, 2)), told, score))
        array = as_array([head], _SIDE)
        points = (places / (_SIDE - 1) * 2 - 1).astype(np.float32)[None]
        moved = mended(Motion(points).with_arrays({HEAD: array}), names)
        case = {"places": _pairs(places), "score": score, "told": _pairs(told), "head": _numbers(head)}
        averages = np.array(list(averaged(face, head).values()))
        cases.append(case | {"averaged": _numbers(averages), "mended": _numbers(moved.places)})
    return {"size": _SIDE, "names": names, "cases": cases}


def looked_reference_vectors() -> list[dict[str, Any]]:
    """What those count from whose lips are seen: their lips, and the heights of the points of lower lip and chin."""
    random, names, cases = _random(69), {name: at for at, name in enumerate(_FACE)}, []
    points = np.array(list(_FACE.values()))[None].astype(np.float32) * 0.4
    for opening, gap in ((0.0, 0.1), (0.08, 0.2), (0.2, 0.05)):
        motion = Motion(points=points, lips=_lips(random, gap)[None].astype(np.float32))
        ((_, counted),) = References(names, "relative")(1, motion, opening)
        assert counted is not None
        heights = _numbers(counted.places[0, [names[LOWER], names["mouth.chin"]], 1])
        given = {"points": _numbers(points), "lips": _numbers(motion.arrays["lips"])}
        case = {"names": names, "opening": opening, **given}
        cases.append(case | {"heights": heights, "counted": _numbers(counted.arrays["lips"])})
    return cases


def shut_reference_vectors() -> dict[str, Any]:
    """What the eyes of a driver who begins with shut ones count from, frame by frame."""
    random, names = _random(70), {name: at for at, name in enumerate(_FACE)}
    openings = np.concatenate([np.full(4, 0.06), np.linspace(0.05, 0.3, 6), random.uniform(0.25, 0.35, 30)])
    eyes = random.normal(0, 0.05, (len(openings), 2, 3))
    eyes[..., 0] = openings[:, None] + random.normal(0, 0.01, (len(openings), 2))
    points = np.repeat(np.array(list(_FACE.values()))[None], len(openings), 0).astype(np.float32)
    motion = Motion(points=points, eyes=eyes.astype(np.float32), lips=np.zeros((len(openings), 7, 2), np.float32))
    counted = [
        reference.arrays["eyes"]
        for part, reference in References(names, "relative")(1, motion, 1.0)
        for _ in range(len(part))
        if reference is not None
    ]
    return {"frames": [_numbers(one) for one in motion.arrays["eyes"]], "counted": [_numbers(one) for one in counted]}


def reference_vectors() -> list[dict[str, Any]]:
    """What the frames of drivers who begin with an open mouth count from: heights of their lower lip and chin."""
    random, names, cases = _random(65), {name: at for at, name in enumerate(_FACE)}, []
    for opening, gaps in ((0.0, random.uniform(0.0, 0.2, 60)), (0.08, np.full(90, 0.12))):
        points = np.repeat(np.array(list(_FACE.values()))[None] * 0.4, len(gaps), 0)
        points[:, names[LOWER], 1] = points[:, names[UPPER], 1] + 0.4 * (0.05 + np.concatenate([[0.25], gaps[1:]]))
        motion = Motion(points=(points + random.normal(0, 0.002, points.shape)).astype(np.float32))
        parts = References(names, "relative")(1, motion, opening)
        counted = [reference for part, reference in parts for _ in range(len(part)) if reference is not None]
        heights = [one.places[0, [names[LOWER], names["mouth.chin"]], 1].tolist() for one in counted]
        frames = [_numbers(places) for places in motion.places]
        cases.append({"names": names, "opening": opening, "frames": frames, "heights": heights})
    return cases


def _expression(face: Expression) -> dict[str, Any]:
    mouth = {"upperLip": face.upper_lip, "lowerLip": face.lower_lip, "chin": face.chin, "corners": _pairs(face.corners)}
    mouth |= {"parted": face.parted, "thickness": _numbers(face.thickness)}
    return mouth | {"lids": _numbers(face.lids), "brows": _numbers(face.brows), "gaze": _pairs(face.gaze)}


def plain_painter(mouth: Pixels, own: Pixels) -> Pixels:
    """In place of the painter of teeth: the mouth as it is, half of it where lips are closed; so do the tests."""
    layer = np.concatenate([255 * mouth, 0.5 + 0.5 * own]).transpose(1, 2, 0)
    return np.repeat(np.repeat(layer, FINER, 0), FINER, 1)


def shutter_vectors() -> dict[str, Any]:
    """Eyes and a mouth that open and shut."""
    picture, face = waves(_SIDE), _head(_random(80), 0.0, 17.0)
    frame = head_frame(face, rigid=True)
    own = frame.inverse()
    eyes, mouths = [], []
    for side in ("left", "right"):
        for lids, brow, gaze, looks in (
            *((0.0, 0.0, (0.0, 0.0), 0.0), (0.6, -0.2, (0.1, -0.05), 0.0), (1.15, 0.1, (-0.12, 0.06), 0.0)),
            *((1.0, 0.0, (0.3, 0.0), -0.15), (0.9, 0.0, (-0.4, 0.02), 0.16)),
        ):
            eye = _plain_eye(face, side)
            eye = replace(eye, iris=eye.iris + looks * (eye.upper[-1] - eye.upper[0]))
            shutter = EyeShutter(eye, face[f"eye_{side}.brow"], picture)
            patch = shutter(picture, lids, brow, np.array(gaze))[::3, ::3]
            case = {"side": side, "lids": lids, "brow": brow, "gaze": gaze, "looks": looks}
            eyes.append({**case, "place": _place(shutter.patch.place), "patch": _numbers(patch)})
    corners = [own(face[f"mouth.corner_{side}"]) for side in ("right", "left")]
    for lower, open_already, driver, thickness in (
        *((0.35, 0.0, None, (1.0, 1.0)), (0.1, 0.06, 0.02, (0.7, 1.2))),
        *((-0.05, 0.0, None, (1.4, 0.65)), (-0.07, 0.09, 0.05, (1.0, 1.0))),
    ):
        mouth = Lips.between(*corners, *(own(face[f"mouth.{name}"]) for name in ("upper_lip", "lower_lip")))
        parted = mouth.inner_lower + np.array([0, open_already])
        mouth = Lips(mouth.inner_upper, parted, mouth.outer_upper, mouth.outer_lower)
        shutter = MouthShutter(frame, mouth, float(own(face["nose.base"])[1]), 1.25, picture, plain_painter)
        corner_ways, nothing = np.array([[0.05, 0.02], [-0.03, -0.14]]), (np.ones(2), np.zeros(2), np.zeros((2, 2)))
        does = Expression(
            *(-0.04, lower, 0.8 * lower, corner_ways, *nothing, driver),
            thickness=np.array(thickness),
        )
        case = {
            "lowerLip": lower,
            "open": open_already,
            "expression": _expression(does),
            "place": _place(shutter.patch.place),
        }
        mouths.append({**case, "patch": _numbers(shutter(picture, does)[::3, ::3])})
    return {"size": _SIDE, "face": {name: _numbers(at) for name, at in face.items()}, "eyes": eyes, "mouths": mouths}


def _place(place: tuple[slice, slice]) -> dict[str, int]:
    rows, columns = place
    edges = {"top": rows.start, "bottom": rows.stop, "left": columns.start, "right": columns.stop}
    return {name: int(value) for name, value in edges.items()}


def matte_vectors() -> dict[str, Any]:
    """Blurs, resized floats, hulls, mattes and backdrops."""
    small = waves(9, 3)
    person = np.maximum(disc(SIDE, 120, 110, 60), disc(SIDE, 220, 220, 16))
    kept, elsewhere = (_connected(person, np.array(face)) for face in ((0.45, 0.45), (0.02, 0.02)))
    assert kept is not None
    assert elsewhere is None
    colours = waves(_SIDE, 3)
    alpha = matte(colours, kept)
    points = _random(90).uniform(6, 34, (12, 2))
    return {
        "blurred": {"size": 9, "radius": 2, "values": _numbers(box_blur(small, 2))},
        "resized": [{"from": 9, "to": to, "values": _numbers(resized(small, to))} for to in (4, 13)],
        "hull": {"points": _pairs(points), "size": _SIDE, "values": _numbers(_hull(points, _SIDE).astype(int))},
        "discs": [[120, 110, 60], [220, 220, 16]],
        "connected": {"face": [0.45, 0.45], "elsewhere": [0.02, 0.02], "sum": float(kept.sum(dtype=np.float64))},
        "matte": {"size": _SIDE, "values": _numbers(alpha)},
        "silhouette": silhouette_vectors(),
        "backdrop": _numbers(backdrop(colours, alpha, np.ones_like(alpha))[::2, ::2]),
        "enlarging": {"sizes": [5, 9], "values": _numbers(enlarging(5, 9))},
        "spreading": {"sizes": [4, 16, 12], "values": _numbers(spreading(4, 16, 12))},
        "blurring": {"length": 5, "deviation": 0.7, "values": _numbers(blurring(5, 0.7))},
    }


def silhouette_vectors() -> dict[str, Any]:
    """A face of whom nothing was seen."""
    head = head_frame(_head(_random(72), 0.0, 5.0), rigid=True)
    return {
        "size": _SIDE,
        "disc": [4, 4, 3],
        "head": _affine(head),
        "values": _numbers(completed(disc(_SIDE, 4, 4, 3), head)),
    }


def border_vectors() -> dict[str, Any]:
    """A person whom all borders of a photo cut, gone on beyond them."""
    colours = waves(_SIDE, 3).astype(np.uint8)
    alpha = np.maximum(disc(_SIDE, 20, 33, 17), disc(_SIDE, 18, 10, 7))
    head = head_frame(_head(_random(71), 0.0, 5.0), rigid=True)
    canvas = Canvas(colours, 8, (slice(5, 31), slice(7, 34)))
    scene = complete(canvas, alpha, head)
    return {
        "size": _SIDE,
        "photo": [[5, 31], [7, 34]],
        "discs": [[20, 33, 17], [18, 10, 7]],
        "head": _affine(head),
        "picture": _numbers(scene.picture[::2, ::2]),
        "alpha": _numbers(scene.alpha),
        "plate": _numbers(scene.plate[::2, ::2]),
    }


def layer_vectors() -> dict[str, Any]:
    """All of these."""
    assert set(_FACE) >= {name for name in NEEDED if not name.startswith("neck.")}
    return {
        "frames": frame_vectors(),
        "expressions": expression_vectors(),
        "lips": lip_vectors(),
        "looks": look_vectors(),
        "heads": head_vectors(),
        "references": reference_vectors(),
        "lookedReferences": looked_reference_vectors(),
        "shutReferences": shut_reference_vectors(),
        "shutters": shutter_vectors(),
        "matte": matte_vectors(),
        "border": border_vectors(),
    }
