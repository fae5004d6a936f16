"""A small label in the corner that says, to whoever looks, that the moving picture is generated."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from runtime.values import Bytes

TEXT = "AI-generated"

_HEIGHT = 0.045
"""Of the letters, as a part of the shorter side ..."""
_LEAST = 9
"""... and at least, in pixels."""


class Label:
    """Draws the label into frames of one size, at the lower right."""

    def __init__(self, size: tuple[int, int], text: str = TEXT) -> None:
        """`size`: (width, height) of the frames. What does not fit into them is left out at the left."""
        width, height = size
        letters = max(_LEAST, round(_HEIGHT * min(size)))
        font = ImageFont.load_default(letters)
        left, top, right, bottom = font.getbbox(text)
        margin = letters // 2
        plate = Image.new("L", (round(right - left) + 2 * margin, round(bottom - top) + 2 * margin), 0)
        ImageDraw.Draw(plate).text((margin - left, margin - top), text, font=font, fill=255)
        white = np.asarray(plate, np.float32)[-height:, -width:, None] / 255
        # White letters on a ground that is half as bright as before can be read on anything.
        self._keep, self._add = 0.5 * (1 - white), 255 * white
        rows, columns = white.shape[:2]
        self._place = (slice(height - rows, height), slice(width - columns, width))

    def __call__(self, frame: Bytes) -> Bytes:
        """A copy of `frame`, uint8 (height, width, 3), or 4 with alpha, with the label, which is opaque."""
        labelled, place = frame.copy(), frame[self._place].astype(np.float32)
        if frame.shape[2] == 4:
            labelled[(*self._place, 3)] = 255
            place *= place[..., 3:] / 255
        labelled[(*self._place, slice(0, 3))] = np.rint(place[..., :3] * self._keep + self._add).astype(np.uint8)
        return labelled
