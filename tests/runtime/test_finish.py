"""What is shown of a square that leaves its picture: what the picture shows, as large as was asked for."""

import numpy as np
import pytest
from PIL import Image

from runtime.framing.window import Window
from runtime.result.finish import Finish, Rendered

WINDOW = Window(-20, -40, 180)
"""Of a picture of 120 x 140 pixels, which shows a square of 120 of it."""


@pytest.fixture
def photo() -> Image.Image:
    """A smooth picture, so that resampling there and back loses next to nothing."""
    rows, columns = np.indices((140, 120))
    return Image.fromarray(np.stack([columns * 2, rows, rows + columns // 2], -1).astype(np.uint8))


@pytest.mark.parametrize("size", [None, 32, 100])
def test_results_show_only_what_the_picture_shows(photo, size):
    small = WINDOW.cut(photo, 64)
    finish = Finish(photo, WINDOW, small, fit="crop", size=size, inside=True)
    side = size or 64
    (result,) = finish(Rendered(small[None]))
    assert result.shape == finish.still.shape == (side, side, 3)
    assert finish.size == (side, side)
    shown = Window(0, 0, 120).cut(photo, side).astype(int)
    assert np.abs(finish.still - shown).max() <= 4  # a pixel of the square is rounded to
    assert np.abs(result - shown).mean() <= 4  # out of the model's picture, which is smaller


def test_a_square_chosen_by_hand_is_shown_whole(photo):
    small = WINDOW.cut(photo, 64)
    finish = Finish(photo, WINDOW, small, fit="crop")
    np.testing.assert_array_equal(finish(Rendered(small[None]))[0], small)
    np.testing.assert_array_equal(finish.still, small)


def test_a_square_within_its_picture_is_shown_whole(photo):
    window = Window(10, 10, 100)
    small = window.cut(photo, 64)
    finish = Finish(photo, window, small, fit="crop", inside=True)
    np.testing.assert_array_equal(finish(Rendered(small[None]))[0], small)
