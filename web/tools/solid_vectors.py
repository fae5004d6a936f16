"""Test vectors of heads that turn in space, which `web/src/layers` must meet: cameras, reliefs, turns."""

from __future__ import annotations

from typing import Any

import numpy as np

from runtime.control.head import rotations
from runtime.layers.canvas import Canvas
from runtime.layers.cut import Cut
from runtime.layers.expression import Named
from runtime.layers.frames import head_frame
from runtime.layers.relief import Relief
from runtime.layers.solid import Camera, drawn
from runtime.layers.turn import Turn
from web.tools.layer_vectors import _numbers, _pairs, _random, disc

_SIDE = 96
"""Pixels along a side of the canvas here, ..."""
_MIDDLE = np.array([47.0, 44.0])
"""... where in it the middle of the head lies, ..."""
_SCALE = 3.1
"""... and how many pixels a centimetre of the head has."""
_DISC = (47.0, 43.0, 33.0)
"""Whom the relief is of."""
_TURNS = ((0.0, 0.0, 0.0), (28.0, 0.0, 0.0), (-24.0, 12.0, 6.0), (5.0, -18.0, -10.0))
"""Degrees of yaw, pitch and roll."""


def _seen(random: np.random.Generator, jitter: float, *turn: float) -> Named:
    """The drawn head's points, turned about its middle, as a camera sees them that finds them so badly."""
    known = drawn()
    head = (known.points - known.points.mean(0)) @ rotations(np.radians([turn]))[0].T
    places = _MIDDLE + _SCALE * (head[:, :2] + random.normal(0, jitter, (len(head), 2)))
    return {name: places[at] for name, at in known.names.items()}


def _places(face: Named) -> dict[str, list[float]]:
    return {name: _numbers(at) for name, at in face.items()}


def camera_vectors() -> list[dict[str, Any]]:
    """Cameras of points in space, of such in a plane, and of such on one spot, near to nothing and to others."""
    random, cases = _random(81), []
    plane, near = random.normal(0, 3, (7, 3)) * (1, 1, 0), np.array([[1.0, 0.1, 0.3], [-0.1, 0.9, 0.2]])
    for points, like in (
        *((random.normal(0, 3, (9, 3)), np.zeros((2, 3))), (plane, np.zeros((2, 3))), (plane, near)),
        (np.full((4, 3), 2.0), near),
    ):
        seen, weights = random.normal(5, 2, (len(points), 2)), random.uniform(0, 1, len(points))
        weights[1] = 0
        camera = Camera.fit(points, seen, weights, like)
        case = {"points": _pairs(points), "seen": _pairs(seen), "weights": _numbers(weights), "near": _numbers(like)}
        case |= {"linear": _numbers(camera.linear), "offset": _numbers(camera.offset)}
        cases.append(case | {"scale": camera.scale, "turn": _numbers(camera.turn)})
    return cases


def relief_vectors() -> dict[str, Any]:
    """How a head is moved as it turns, once with fewer points."""
    random = _random(82)
    face = _seen(random, 0.1, 6.0, -4.0, 2.0)
    at = np.linspace(8.0, 88.0, 21)
    cells = np.stack(np.meshgrid(at, at), -1)
    cases = []
    for turn in _TURNS:
        driven = _seen(random, 0.1, *turn)
        few = turn == _TURNS[-1]
        known = {name: place for name, place in face.items() if not (few and name.startswith(("skull.", "jaw.")))}
        steps = Relief(known, disc(_SIDE, *_DISC))({name: driven[name] for name in known}, cells)
        cases.append({"driven": _places({name: driven[name] for name in known}), "steps": _numbers(steps)})
    return {"size": _SIDE, "disc": _DISC, "face": _places(face), "cells": _pairs(cells.reshape(-1, 2)), "cases": cases}


def cut_vectors() -> dict[str, Any]:
    """Heads that a photo cuts, above and on both sides, and where they are held."""
    random, resolution, margin = _random(84), 64, 8
    face, names = _seen(random, 0.1, 0.0, 0.0, 0.0), {name: at for at, name in enumerate(drawn().names)}
    photo = slice(26, _SIDE), slice(20, 72)
    canvas = Canvas(np.zeros((_SIDE, _SIDE, 3), np.uint8), margin, photo)
    alpha = disc(_SIDE, *_DISC)
    cut = Cut(canvas, resolution, alpha, Relief(face, alpha), head_frame(face), names)
    cases = []
    for turn, step in zip(_TURNS, ((0.0, 0.0), (0.0, 9.0), (-14.0, 5.0), (25.0, -6.0)), strict=True):
        places = np.array(list(_seen(random, 0.1, *turn).values())) + step
        inside = (places + 0.5 - margin) / (_SIDE - 2 * margin)
        points = ((inside * resolution - 0.5) / (resolution - 1) * 2 - 1).astype(np.float32)
        cases.append({"points": _numbers(points), "held": _numbers(cut.held(points[None]))})
    return {
        "size": _SIDE,
        "disc": _DISC,
        "margin": margin,
        "photo": [[part.start, part.stop] for part in photo],
        "resolution": resolution,
        "face": _places(face),
        "cases": cases,
    }


def turn_vectors() -> list[dict[str, Any]]:
    """What turns do to mouths and brows."""
    random, cases = _random(83), []
    for first, second in zip(_TURNS[1:], _TURNS, strict=False):
        now, rest = _seen(random, 0.05, *first), _seen(random, 0.05, *second)
        turn = Turn(now, rest)
        names = ["mouth.corner_left", "mouth.lower_lip", "eye_right.brow"]
        places = random.uniform(-0.5, 1.3, (3, 2))
        case = {"now": _places(now), "rest": _places(rest), "names": names, "places": _pairs(places)}
        cases.append(case | {"ways": _pairs(turn.way(places, names)), "sideways": turn.sideways(places[0])})
    return cases


def solid_vectors() -> dict[str, Any]:
    """All of these."""
    return {"cameras": camera_vectors(), "reliefs": relief_vectors(), "cuts": cut_vectors(), "turns": turn_vectors()}
