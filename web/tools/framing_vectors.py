"""Test vectors of `runtime/framing`, which the page's framing must meet."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from runtime.framing import front
from runtime.framing.faces import Face, _clusters, _distinct
from runtime.framing.framer import Framer, Framing, Subject
from runtime.motion.modes import Motion


def _faces(random: np.random.Generator, count: int, size: tuple[int, int]) -> list[Face]:
    corners = random.uniform(0, 0.6, (count, 2)) * size
    sides = random.uniform(0.15, 0.4, (count, 2)) * min(size)
    scores = random.uniform(0.7, 1, count)
    return [
        Face(*map(float, (*corner, *(corner + side))), float(score), ())
        for corner, side, score in zip(corners, sides, scores, strict=True)
    ]


def _edges(face: Face) -> list[float]:
    return [face.left, face.top, face.right, face.bottom, face.score]


def framing_vectors() -> dict[str, Any]:
    """Squares around faces, of pictures and of videos."""
    framing, pictures, videos = Framing(), [], []
    for seed in range(6):
        size = ((640, 480), (300, 500), (97, 101))[seed % 3]
        faces = _faces(np.random.default_rng(20 + seed), 3, size)
        window = framing.around(faces[0], size).snapped()
        pictures.append({"face": _edges(faces[0]), "size": size, "window": [window.left, window.top, window.side]})
        part = window.inside(size, 0.6)
        pictures[-1]["inside"] = [part.left, part.top, part.side]
        square_of_all = Framer(framing, "crop", "auto", "auto", None).around_heads(faces, size)
        edges = [square_of_all.left, square_of_all.top, square_of_all.side]
        videos.append({"faces": [_edges(face) for face in faces], "size": size, "window": edges})
    return {
        "pictures": pictures,
        "videos": videos,
        "marked": [_marked(seed) for seed in range(6)],
        "fronts": [_front(seed) for seed in range(6)],
    }


def _marked(seed: int) -> dict[str, Any]:
    """The square around what a model that always sees the same points marks in a picture."""
    size, spread, off = ((640, 480), (300, 500), (97, 101))[seed % 3], (0.7, 0.68, 0.5)[seed % 3], 0.04 * (seed // 3)
    points = np.random.default_rng(60 + seed).uniform(-1, 1, (40, 2))
    points = (points * spread / np.ptp(np.quantile(points, [0.05, 0.95], axis=0), axis=0).max() * 2 + off).astype(
        np.float32
    )
    subject = Subject(lambda squares: Motion(np.repeat(points[None], len(squares), 0)), 64)
    window = subject.found([Image.new("RGB", size)] * 2, Framing())
    return {
        "points": points.ravel().astype(float).tolist(),
        "size": size,
        "window": [window.left, window.top, window.side],
    }


def _front(seed: int) -> dict[str, Any]:
    """The head of what stands in front, and the square around it in the picture: of an animal, besides others; the last
    ones are little, or unsure.
    """
    size = ((640, 480), (300, 500), (97, 101))[seed % 3]
    left, top, width, height = (
        int(value) for value in np.random.default_rng(70 + seed).integers((10, 10, 60, 70), (110, 90, 130, 150))
    )
    value = 0.92 if seed < 5 else 0.55
    blobs = [[left, top, left + width, top + height, value], [left + 8, top + height, left + width - 3, 256, value]]
    blobs += [[0, 0, 6, 9, 0.99]] if seed % 2 else []
    person = np.zeros((front.SIDE, front.SIDE), np.float32)
    for x0, y0, x1, y1, much in blobs:
        person[int(y0) : int(y1), int(x0) : int(x1)] = much
    head = front.head_of(person, size)
    square = None if head is None else front.within(*head.center, head.side, size).snapped()
    edges = [None if window is None else [window.left, window.top, window.side] for window in (head, square)]
    return {"blobs": blobs, "size": size, "head": edges[0], "square": edges[1]}


def face_vectors() -> dict[str, Any]:
    """What is made of a detector's anchors, and of what several views saw."""
    random = np.random.default_rng(40)
    centers = random.uniform(0.2, 0.8, (3, 2))[random.integers(0, 3, 12)] + random.normal(0, 0.02, (12, 2))
    sides = random.uniform(0.2, 0.3, (12, 2))
    boxes = np.concatenate([centers - sides / 2, centers + sides / 2], axis=1).astype(np.float32)
    scores = random.uniform(0.5, 1, 12).astype(np.float32)
    landmarks = np.random.default_rng(41).uniform(0.2, 0.8, (12, 6, 2)).astype(np.float32)
    clusters = [
        {"box": box.tolist(), "marks": marks.ravel().astype(float).tolist(), "score": score}
        for box, marks, score in _clusters(boxes, landmarks, scores, 0.7)
    ]
    faces = _faces(random, 9, (400, 300))
    anchors = {
        "boxes": boxes.ravel().astype(float).tolist(),
        "landmarks": landmarks.ravel().astype(float).tolist(),
        "scores": scores.ravel().astype(float).tolist(),
    }
    return {
        "anchors": {**anchors, "clusters": clusters},
        "faces": [_edges(face) for face in faces],
        "distinct": [_edges(face) for face in _distinct(faces)],
    }
