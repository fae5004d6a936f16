"""Test vectors of what moves a person in layers, which `web/src/layers` must meet: flows, maps, residuals."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.framing.faces import Face
from runtime.layers.anatomy import SeenFace
from runtime.layers.canvas import Canvas
from runtime.layers.exact import through
from runtime.layers.frames import Affine, head_frame
from runtime.layers.person import Anatomy, Person
from runtime.layers.residual import CELLS, Driver, added, handed_on
from runtime.layers.spline import ThinPlate
from web.tools.layer_vectors import _FACE, _SIDE, _affine, _head, _numbers, _pairs, _random, disc

_SHOULDERS = ((-1.4, 2.0), (-0.5, 1.5), (0.0, 1.9), (0.5, 1.5), (1.4, 2.0))


def exact_vectors() -> list[dict[str, Any]]:
    """Flows led through points: in the middle, far apart, on cells, beyond the border."""
    random, cases = _random(73), []
    for count, reach, low, high in ((1, 1.0, 3.0, 5.0), (6, 1.3, 0.0, 8.0), (12, 2.5, -2.0, 11.0)):
        flow, at = random.normal(0, 1, (9, 9, 2)), random.uniform(low, high, (count, 2))
        at[0] = np.round(at[0])
        wanted = random.normal(0, 2, (count, 2))
        found = through(flow, at, wanted, reach)
        case = {"flow": _numbers(flow), "at": _pairs(at), "wanted": _pairs(wanted), "reach": reach}
        cases.append(case | {"through": _numbers(found)})
    return cases


def spline_vectors() -> list[dict[str, Any]]:
    """Maps bent through points: many of them, three, which bend nothing, on one line, and all on one spot."""
    random, cases = _random(76), []
    line = np.stack([np.arange(5.0), 2 * np.arange(5.0)], 1)
    knots = (random.uniform(5, 30, (12, 2)), random.uniform(5, 30, (3, 2)), line, np.full((4, 2), 7.0))
    for ease, before in zip((0.3, 0.05, 0.3, 0.3), knots, strict=True):
        after = before + random.normal(0, 2, before.shape)
        base = Affine.fit(before, after, 0.1)
        places = before.mean(0) + random.uniform(-3, 3, (20, 2)) * max(before.std(), 1e-6)
        steps = ThinPlate(before, after, base, ease)(places) - places
        case = {"before": _pairs(before), "after": _pairs(after), "base": _affine(base), "ease": ease}
        cases.append(case | {"places": _pairs(places), "steps": _numbers(steps)})
    return cases


def person_vectors() -> dict[str, Any]:
    """A person's flow, of a few cells."""
    random, cells, margin = _random(70), 8, 8
    canvas = Canvas(np.zeros((_SIDE, _SIDE, 3), np.uint8), margin, (slice(0, _SIDE), slice(0, _SIDE)))
    corners = np.linspace(-1, 1, cells)
    places = canvas.places(np.stack(np.meshgrid(corners, corners), -1), 24)
    face = _head(random, 0.0, 8.0)
    anatomy = Anatomy(head_frame(face, rigid=True), 1.2, np.array(_SHOULDERS))
    mask = disc(_SIDE, 20, 15, 8)
    neck = random.uniform(8, 30, (6, 2))
    moved = neck + random.normal(0, 0.6, neck.shape) + (1.5, -0.7)
    base, flow = (random.normal(0, 1, (cells, cells, 2)) for _ in range(2))
    person = Person(anatomy, mask, places, None)
    before, behind = person(base, (moved, neck), flow)
    return {
        "cells": _pairs(places.reshape(-1, 2)),
        "anatomy": {"frame": _affine(anatomy.frame), "chin": anatomy.chin, "shoulders": _pairs(anatomy.shoulders)},
        "size": _SIDE,
        "disc": [20, 15, 8],
        "base": _numbers(base),
        "neck": [_pairs(moved), _pairs(neck)],
        "flow": _numbers(flow),
        "moved": {"head": _numbers(before), "trunk": _numbers(behind)},
        "front": _numbers(person.front(_SIDE)),
    }


def seen_vectors() -> dict[str, Any]:
    """A face that the detector sees, and what of a flow is its head's."""
    landmarks = ((16.0, 14.5), (24.5, 14.0), (20.0, 18.0), (20.5, 22.0), (13.0, 16.0), (27.0, 15.0))
    face = SeenFace(Face(12, 8, 28, 26, 0.9, landmarks), _SIDE)
    at = np.linspace(4, 36, 12)
    cells = np.stack(np.meshgrid(at, at), -1)
    moved = _random(75).normal(0, 0.4, cells.shape)
    nothing = np.zeros((0, 2))
    return {
        "landmarks": _pairs(np.array(landmarks)),
        "size": _SIDE,
        "middle": _numbers(face.middle),
        "face": _numbers(face.face[::4, ::4]),
        "cells": _pairs(cells.reshape(-1, 2)),
        "moved": _numbers(moved),
        "base": _numbers(face.base(np.ones((_SIDE, _SIDE), np.float32))(nothing, cells, moved)),
        "neck": [_pairs(part.reshape(-1, 2)) for part in face.neck(nothing, cells, moved)],
    }


def residual_vectors() -> dict[str, Any]:
    """Where drivers' pictures are compared, with mouths shut and open, heads in the picture and half beyond it; and
    residuals, `rippled`, handed on to another head.
    """
    random, cases = _random(77), []
    names = {name: at for at, name in enumerate(_FACE)}
    frame, told = np.zeros((_SIDE, _SIDE, 3), np.uint8), np.zeros((8, 8, 3), np.uint8)
    for unit, lower in ((9.0, 0.95), (16.0, 1.2), (30.0, 0.85)):
        face = _head(random, 0.02, unit) | {"mouth.lower_lip": np.array([_SIDE * 0.5, _SIDE * 0.3 + unit * lower])}
        points = np.array(list(face.values())) / (_SIDE - 1) * 2 - 1
        fed: dict[str, NDArray[Any]] = {}

        def compared(feeds: dict[str, NDArray[Any]], _: list[str], fed: dict[str, NDArray[Any]] = fed) -> Any:
            fed |= feeds
            return {"residual": rippled()[None, ..., :2], "light": rippled()[None, ..., 2:]}

        driver = Driver(_Told(told), compared)  # type: ignore[arg-type]
        found = driver(frame, points, {name: points[at] for name, at in names.items()}, None)
        thin = {name: _numbers(fed[name].squeeze()[::8, ::8]) for name in ("look", "weight", "face")}
        cases.append({"points": _numbers(points), **thin, "first": _numbers(found[0, :4])})
    head, at = head_frame(_head(random, 0.0, 7.0), rigid=True), np.linspace(0, _SIDE, 8)
    cells = np.stack(np.meshgrid(at, at), -1)
    (way, light), flow = handed_on(rippled(), head, cells), random.normal(0, 2, cells.shape)
    moved = added(flow, cells, float(at[1]), way)
    handed = {"head": _affine(head), "cells": _pairs(cells.reshape(-1, 2)), "flow": _numbers(flow)}
    handed |= {"way": _numbers(way), "light": _numbers(light), "added": _numbers(moved)}
    return {"size": _SIDE, "names": names, "cases": cases, "handed": handed}


def rippled() -> NDArray[np.float32]:
    """A residual, f32 (64, 64, 3); the tests in TypeScript have the same."""
    at = np.arange(CELLS * CELLS * 3)
    return (0.3 * np.sin(at / 90)).astype(np.float32).reshape(CELLS, CELLS, 3)


class _Told:
    """Layers that always give the same picture."""

    def __init__(self, picture: NDArray[np.uint8]) -> None:
        self._picture = picture

    def apart(self, *_: object) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        return self._picture, np.zeros(self._picture.shape[:2], np.float32)


def flow_vectors() -> dict[str, Any]:
    """All of these."""
    return {
        "exact": exact_vectors(),
        "splines": spline_vectors(),
        "residuals": residual_vectors(),
        "person": person_vectors(),
        "seen": seen_vectors(),
    }
