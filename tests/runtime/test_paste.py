"""Pasting back: the square lands where it came from, the seam is soft, all else is the picture itself."""

import numpy as np
import pytest
from PIL import Image

from checkpoints.errors import BunrakuWarning
from runtime.framing.window import Window
from runtime.result import paste
from runtime.result.paste import Paste


@pytest.fixture
def photo() -> Image.Image:
    """A smooth picture, so that resampling there and back loses next to nothing."""
    rows, columns = np.indices((240, 320))
    return Image.fromarray(np.stack([columns * 0.7, rows, (rows + columns) * 0.4], -1).astype(np.uint8))


@pytest.mark.parametrize("window", [Window(60, 50, 128), Window(-30, 100, 160), Window(200, -20, 200), None])
@pytest.mark.parametrize("fit", ["crop", "pad"])
def test_an_unmoved_square_gives_the_picture_back(photo, window, fit):
    place = window or (Window(40, 0, 240) if fit == "crop" else Window(0, -40, 320))
    pasted = Paste(photo, window, fit)(place.cut(photo, 128))
    assert pasted.shape == (240, 320, 3)
    assert np.abs(pasted.astype(int) - np.array(photo)).max() <= 4


def test_outside_of_the_square_nothing_changes_and_inside_everything(photo):
    pasted = Paste(photo, Window(60, 50, 100))(np.full((64, 64, 3), 255, np.uint8))
    outside = np.ones((240, 320), bool)
    outside[50:150, 60:160] = False
    np.testing.assert_array_equal(pasted[outside], np.array(photo)[outside])
    assert (pasted[65:135, 75:145] == 255).all()


def test_the_seam_has_no_step():
    grey = Image.new("RGB", (300, 300), (0, 0, 0))
    pasted = Paste(grey, Window(50, 50, 200))(np.full((64, 64, 3), 255, np.uint8))
    row = pasted[150, :, 0].astype(int)
    assert np.abs(np.diff(row)).max() < 30
    assert row[49] == row[250] == 0
    assert (np.diff(row[50:80]) >= 0).all()


def test_where_the_square_reaches_the_border_there_is_no_seam():
    black = Image.new("RGB", (200, 100), (0, 0, 0))
    pasted = Paste(black, Window(50, 0, 100))(np.full((64, 64, 3), 255, np.uint8))
    assert (pasted[[0, -1], 100] == 255).all()
    assert pasted[50, 50, 0] < 10


def test_results_have_even_sides_and_a_limit(photo, monkeypatch):
    odd = photo.crop((0, 0, 301, 201))
    assert Paste(odd, Window(100, 50, 128)).size == (300, 200)
    monkeypatch.setattr(paste, "MAX_PIXELS", 100 * 100)
    with pytest.warns(BunrakuWarning, match="320x240"):
        small = Paste(photo, Window(80, 60, 128))
    frame = small(Window(80, 60, 128).cut(photo, 64))
    assert frame.shape[:2] == (small.size[1], small.size[0])
    assert small.size[0] * small.size[1] <= 100 * 100
    assert small.size[0] / small.size[1] == pytest.approx(4 / 3, rel=0.03)
    whole = np.array(photo.resize(small.size, Image.Resampling.LANCZOS))
    assert np.abs(frame.astype(int) - whole).mean() < 4


def test_the_square_at_a_border_that_is_cut_to_be_even(photo):
    odd = photo.crop((0, 0, 301, 201))
    frame = Paste(odd, Window(173, 73, 128))(np.full((64, 64, 3), 255, np.uint8))
    assert frame.shape == (200, 300, 3)
    assert (frame[-1, -1] == 255).all()
