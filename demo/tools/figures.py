"""The page's examples of what is no face, drawn: `python -m demo.tools.figures` writes demo/assets/figures anew.

Of each name a picture, and a clip of somebody else in the same motion, who begins as the picture stands. None of these
people, creatures and seeds was trained on. Needs what training needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import torch
from PIL import Image

from demo.samples import FIGURES
from runtime.media.writer import VideoWriter
from runtime.values import Bytes
from training.data.synth.core.renderer import SceneSpec
from training.data.synth.renderers import make_renderer

PHOTO_SIZE, CLIP_SIZE = 512, 256
RATE, SECONDS = 25, 2.4
_UNSEEN = 2_000_000
"""Where the seeds begin among which these were chosen by eye."""


@dataclass(frozen=True)
class Figure:
    """Who is moved, who moves them, and how; numbers count from `_UNSEEN`."""

    kind: str
    photo: int
    driver: int
    motion: int
    begin: float = 0.0
    """Seconds of the motion that are left out."""


DRAWN: dict[str, Figure] = {
    "cartoon-girl": Figure("cartoon", 30, 13, 43),
    "cartoon-fox": Figure("cartoon", 12, 17, 7),
    "person": Figure("body", 12, 13, 13),
}


def main() -> None:
    """Draw all of them."""
    torch.set_num_threads(1)
    FIGURES.mkdir(exist_ok=True)
    for name, figure in DRAWN.items():
        photo = _frames(figure, figure.photo, 1, PHOTO_SIZE)[0]
        Image.fromarray(photo).save(FIGURES / f"{name}.jpg", quality=88, optimize=True)
        with VideoWriter(FIGURES / f"{name}.mp4", (CLIP_SIZE, CLIP_SIZE), Fraction(RATE)) as writer:
            for frame in _frames(figure, figure.driver, round(RATE * SECONDS), CLIP_SIZE):
                writer.write(frame)


def _frames(figure: Figure, who: int, count: int, size: int) -> list[Bytes]:
    """uint8 (size, size, 3) each."""
    spec = SceneSpec(_UNSEEN + who, _UNSEEN + figure.motion, _UNSEEN + who, figure.kind)
    times = figure.begin + torch.arange(count) / RATE
    return list(make_renderer(figure.kind).render([spec] * count, times, size).image.numpy())


if __name__ == "__main__":
    main()
