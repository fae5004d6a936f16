"""Mouths cut from a folder of photographs, level and of one size, with the edges of their lips."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from checkpoints.errors import BunrakuWarning, InputError
from runtime.layers import mesh
from runtime.layers.frames import Affine, Array
from runtime.layers.shutters import height
from runtime.layers.teeth import SCALE
from runtime.media.picture import read_image
from training.evaluation.networks.face_mesh import LEFT_EYE, RIGHT_EYE, FaceMesh

SIDE, ROW = 96, 40
"""Height and width of a cut in pixels, and the row in which the middle of the upper lip's inner edge lies."""
SMILE = 0.045
"""Gap between the lips, in units of the head's own frame, from which a photograph teaches anything."""
_NOSE = 2
"""Of the face mesh: the base of the nose."""
_TEMPLATE = np.array([[-0.5, 0.0], [0.5, 0.0], [0.0, 0.579]])
_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


@dataclass(frozen=True)
class Cuts:
    """N mouths; the head's own frame is drawn with `SCALE` pixels a unit."""

    pictures: Tensor
    """(N, 3, SIDE, SIDE) uint8."""
    edges: Tensor
    """(N, 2, SIDE): rows of the inner edges of upper and lower lip in every column; equal beside the mouth."""
    corners: Tensor
    """(N, 2): columns of the corners, the person's right one first."""

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: Tensor) -> Cuts:
        return Cuts(self.pictures[index], self.edges[index], self.corners[index])

    def split(self, seed: int) -> tuple[Cuts, Cuts]:
        """Nine tenths for training, and one held out, by `seed`."""
        order = torch.randperm(len(self), generator=torch.Generator().manual_seed(seed))
        held = max(len(self) // 10, 1)
        return self[order[held:]], self[order[:held]]


def cut_mouths(folder: Path) -> Cuts:
    """Of all photographs in `folder` in which a face smiles with its lips parted.

    Raises `InputError` where there is none.
    """
    finder, found = FaceMesh(), []
    for path in sorted(each for each in folder.rglob("*") if each.suffix.lower() in _SUFFIXES):
        try:
            picture = read_image(path)
        except InputError as error:
            warnings.warn(f"{error} It is left out.", BunrakuWarning, stacklevel=2)
            continue
        track = finder(np.asarray(picture)[None])
        if track.found[0]:
            cut = _cut(picture, track.points[0] - 0.5)
            gap = float((cut[1][1] - cut[1][0]).max()) / SCALE
            if gap > SMILE:
                found.append(cut)
    if not found:
        raise InputError(f"{folder}: no photograph with parted lips in it; give a folder of faces that smile.")
    pictures, edges, corners = (torch.from_numpy(np.stack(each)) for each in zip(*found, strict=True))
    return Cuts(pictures.permute(0, 3, 1, 2).contiguous(), edges.float(), corners.float())


def _cut(picture: Image.Image, points: Array) -> tuple[NDArray[np.uint8], Array, Array]:
    """The cut (SIDE, SIDE, 3), its edges (2, SIDE) and corners (2,); `points` (468, 2) in pixels."""
    frame = Affine.similarity(_TEMPLATE, points[[RIGHT_EYE, LEFT_EYE, _NOSE]])
    own = frame.inverse()
    upper, lower = own(points[list(mesh._INNER_UPPER)]), own(points[list(mesh._INNER_LOWER)])
    first = np.array([(SIDE - 1) / 2, ROW]) / SCALE - np.array([(upper[0, 0] + upper[-1, 0]) / 2, upper[5, 1]])
    upper, lower = (upper + first) * SCALE, (lower + first) * SCALE
    view = Affine(frame.linear / SCALE, frame(-first))
    # Pillow counts from pixels' corners.
    shift = view.offset + 0.5 - 0.5 * view.linear.sum(1)
    rows = [float(value) for value in np.concatenate([view.linear, shift[:, None]], 1).reshape(-1)]
    cut = picture.transform((SIDE, SIDE), Image.Transform.AFFINE, rows, Image.Resampling.BICUBIC)
    columns = np.arange(SIDE, dtype=np.float64)
    top = height(upper, columns)
    return np.asarray(cut), np.stack([top, np.maximum(height(lower, columns), top)]), upper[[0, -1], 0]
