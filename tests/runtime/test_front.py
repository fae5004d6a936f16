"""What stands in front of a picture without a face: its head's square."""

import numpy as np
import pytest
from PIL import Image
from skimage.data import chelsea, gravel

from demo.notices import heard
from runtime.framing.faces import Face
from runtime.framing.framer import Framer, Framing
from runtime.framing.front import SIDE, find_front, head_of, largest
from runtime.framing.search import confirmed

EYES = np.array([(168.0, 115.0), (317.0, 137.0)])
"""Of the cat, in its photograph of 451x300."""


def cat(left: int = 0, top: int = 0, right: int = 0) -> Image.Image:
    """Before a wall, of which so many pixels more are seen."""
    return Image.fromarray(np.pad(chelsea(), ((top, 0), (left, right), (0, 0)), constant_values=128))


def marked(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    """Probabilities that mark rectangles, in pixels of the network."""
    person = np.zeros((SIDE, SIDE), np.float32)
    for left, top, right, bottom in boxes:
        person[top:bottom, left:right] = 0.95
    return person


@pytest.mark.parametrize(("left", "top", "right"), [(0, 0, 0), (0, 0, 300), (300, 100, 0), (0, 250, 0)])
def test_the_head_of_a_cat_is_framed(left, top, right):
    picture = cat(left, top, right)
    window = find_front([picture])
    eyes = (np.add(EYES, (left, top)) - (window.left, window.top)) / window.side
    assert eyes.min() > 0.1
    assert eyes.max() < 0.9
    assert 250 <= window.side <= 400
    assert min(window.left, window.top) >= 0
    assert window.left + window.side <= picture.width + 1e-6
    assert window.top + window.side <= picture.height + 1e-6


def test_an_animal_that_walks_stays_in_its_square():
    window = find_front([cat(left, 0, 300 - left) for left in (0, 40)])
    for left in (0, 40):
        eyes = (np.add(EYES, (left, 0)) - (window.left, window.top)) / window.side
        assert eyes.min() > 0.1
        assert eyes.max() < 0.9


def test_nothing_stands_in_front_of_textures():
    stones = Image.fromarray(gravel()).convert("RGB").resize((451, 300))
    assert find_front([stones]) is None
    assert find_front([stones, stones, cat()]) is None  # most frames show nothing
    assert find_front([stones, cat()]) == find_front([cat()])


def test_the_largest_part_counts():
    person = marked((20, 20, 60, 60), (100, 40, 220, 240))
    np.testing.assert_array_equal(largest(person) > 0, marked((100, 40, 220, 240)) > 0)
    window = head_of(person, (SIDE, SIDE))
    assert window.center[0] == pytest.approx(160, abs=3)
    assert window.top == pytest.approx(40 - 0.08 * window.side, abs=6)
    assert head_of(person, (2 * SIDE, SIDE)).center[0] == pytest.approx(320, abs=6)  # in pixels of the picture


def test_what_is_little_or_unsure_is_nothing():
    assert head_of(marked(), (100, 100)) is None
    assert head_of(marked((0, 0, 20, 20)), (100, 100)) is None
    assert head_of(0.55 * marked((50, 50, 200, 200)), (100, 100)) is None


def test_a_line_says_what_is_taken():
    picture = cat()
    framer = Framer(Framing(), "crop", "auto", "auto", None)
    for look, name in ((lambda: framer.source(picture), "picture"), (lambda: framer.driving([picture] * 5), "video")):
        with heard() as said:
            window = look()
        assert window == find_front([picture]).snapped()
        (line,) = [str(each) for each in said]
        assert f"{name}; what stands in front is taken" in line


def test_what_only_looks_like_a_face_is_none():
    """The detector takes leaves and engines for faces of probabilities of up to 0.8."""
    marks = ((180.0, 120.0), (220.0, 120.0), (200.0, 140.0), (200.0, 150.0), (160.0, 130.0), (240.0, 130.0))
    doubtful, sure = (Face(160, 100, 240, 180, score, marks) for score in (0.76, 0.95))
    assert confirmed(cat(), [sure, doubtful]) == [sure]
