"""Windows: what they cut, what they repeat, and that the way back is the way there."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from runtime.framing.window import Window


def gradient(width: int, height: int) -> Image.Image:
    """A picture whose red tells the column and whose green tells the row."""
    rows, columns = np.indices((height, width))
    return Image.fromarray(np.stack([columns, rows, np.zeros_like(rows)], -1).astype(np.uint8))


def test_a_window_in_the_picture_is_cut_pixel_for_pixel():
    image = gradient(200, 120)
    np.testing.assert_array_equal(Window(30, 20, 64).cut(image, 64), np.array(image)[20:84, 30:94])


def test_outside_of_the_picture_its_border_is_repeated_or_black():
    image = gradient(100, 80)
    cut = Window(-10, 40, 64).cut(image, 64)
    np.testing.assert_array_equal(cut[:40, 10:], np.array(image)[40:, :54])
    assert (cut[:, :10] == cut[:, 10:11]).all()
    assert (cut[40:] == cut[39:40]).all()
    black = Window(-10, 40, 64).cut(image, 64, replicate=False)
    assert not black[:, :10].any()
    assert not black[40:].any()
    np.testing.assert_array_equal(black[:40, 10:], cut[:40, 10:])


windows = st.builds(Window, st.floats(-150, 150), st.floats(-150, 150), st.floats(1, 400))


@given(windows, st.tuples(st.integers(16, 250), st.integers(16, 250)), st.sampled_from([32, 64, 100]))
def test_nothing_is_stretched_and_everything_stays_inside(window, size, target):
    if not window.touches(size):
        return
    place = window.place(size, target)
    assert 0 <= place.column < target
    assert 0 <= place.row < target
    assert 1 <= place.width <= target - place.column
    assert 1 <= place.height <= target - place.row
    left, top, right, bottom = place.box
    assert 0 <= left < right <= size[0]
    assert 0 <= top < bottom <= size[1]
    scale = target / window.side
    assert place.width == pytest.approx((right - left) * scale, abs=1.01)
    assert place.height == pytest.approx((bottom - top) * scale, abs=1.01)
    assert window.cut(Image.new("RGB", size, "red"), target).shape == (target, target, 3)


@given(windows, st.tuples(st.integers(16, 250), st.integers(16, 250)))
def test_the_part_inside_leaves_neither_the_window_nor_the_picture(window, size):
    if not window.touches(size):
        return
    part = window.inside(size, 0.6)
    assert part.side >= 0.6 * window.side - 1e-9
    for low, start, length in ((part.left, window.left, size[0]), (part.top, window.top, size[1])):
        assert start - 1e-6 <= low <= start + window.side - part.side + 1e-6
        if part.side > 0.6 * window.side + 1e-6:  # then all of it is shown by the picture
            assert -1e-6 <= low <= length - part.side + 1e-6


def test_the_part_inside_is_as_large_as_can_be_and_in_the_middle():
    assert Window(10, 20, 50).inside((100, 100), 0.6) == Window(10, 20, 50)
    assert Window(-10, -30, 120).inside((100, 150), 0.6) == Window(5, 0, 90)
    assert Window(-60, 0, 100).inside((200, 200), 0.6) == Window(-20, 20, 60)


@given(windows)
def test_snapping_moves_by_less_than_a_pixel(window):
    snapped = window.snapped()
    assert all(float(value).is_integer() for value in (snapped.left, snapped.top, snapped.side))
    assert snapped.center == pytest.approx(window.center, abs=1.0)


def test_the_centred_window_is_the_largest():
    assert Window.centered((200, 100)) == Window(50, 0, 100)
    assert Window.centered((101, 300)) == Window(0, 99.5, 101)
