"""A drawn head that the face detector takes for one: nobody's, and at a place that the test knows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Bytes = NDArray[np.uint8]


def draw_face(
    canvas: Image.Image,
    x: float,
    y: float,
    height: float,
    *,
    mouth: float = 0.3,
    skin: tuple[int, int, int] = (224, 172, 140),
) -> None:
    """Draw a head of `height` pixels, crown to chin, centred on (x, y), into `canvas`; `mouth` opens it."""
    side = 400
    head = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    draw = ImageDraw.Draw(head)
    dark = tuple(round(value * 0.72) for value in skin)
    draw.ellipse((50, 0, 350, 330), fill=(60, 42, 30, 255))  # hair
    draw.ellipse((80, 50, 320, 400), fill=(*skin, 255))
    draw.ellipse((80, 20, 320, 130), fill=(60, 42, 30, 255))
    for eye in (145, 255):
        draw.ellipse((eye - 36, 180, eye + 36, 226), fill=(*dark, 255))  # socket
        draw.ellipse((eye - 27, 190, eye + 27, 218), fill=(245, 245, 245, 255))
        draw.ellipse((eye - 13, 190, eye + 13, 218), fill=(40, 25, 20, 255))
        draw.line((eye - 38, 170, eye - 5, 160, eye + 38, 170), fill=(50, 32, 25, 255), width=11, joint="curve")
    draw.polygon([(200, 190), (176, 278), (224, 278)], fill=(*dark, 255))
    for nostril in (186, 214):
        draw.ellipse((nostril - 7, 270, nostril + 7, 280), fill=(70, 40, 35, 255))
    draw.ellipse((150, 318 - 50 * mouth, 250, 318 + 50 * mouth), fill=(150, 60, 60, 255))
    draw.line((152, 318, 248, 318), fill=(90, 30, 30, 255), width=6)
    small = head.filter(ImageFilter.GaussianBlur(3)).resize((round(height), round(height)), Image.Resampling.LANCZOS)
    canvas.paste(small, (round(x - height / 2), round(y - height / 2)), small)


def face_picture(size: tuple[int, int], *heads: tuple[float, float, float], **options: float) -> Bytes:
    """A picture (height, width, 3) of `size` (width, height) with a head at every (x, y, height)."""
    canvas = Image.new("RGB", size, (110, 130, 150))
    for head in heads:
        draw_face(canvas, *head, **options)  # type: ignore[arg-type]
    return np.array(canvas)
