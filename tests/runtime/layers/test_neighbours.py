"""Several people in one picture: each moves without the others, and shoulders stay where a square is pasted back."""

import numpy as np
import pytest
from PIL import Image

from runtime.animator import Animator
from runtime.framing.faces import Face
from runtime.framing.window import Window
from runtime.layers.neighbours import Neighbours


def face(x: float, y: float, size: float) -> Face:
    return Face(x - size / 2, y - size / 2, x + size / 2, y + size / 2, 1.0, ())


def test_everybody_has_what_is_nearest_in_sizes_of_their_face():
    around = Neighbours.of(face(150, 150, 40), [face(250, 150, 40), face(150, 40, 20)], Window(100, 100, 200))
    assert around is not None
    assert around.own == (0.25, 0.25, 0.2)
    part = around.territory(200)
    assert part.shape == (200, 200)
    assert part.dtype == np.float32
    assert part[50, 50] == 1
    assert part[50, 150] == 0
    assert part[50, 99:101].mean() == pytest.approx(0.5, abs=0.01)
    assert (np.diff(part[50]) <= 0).all()
    # With a margin the square lies inside.
    wide = around.territory(300, 50)
    np.testing.assert_allclose(wide[50:250, 50:250], part, atol=1e-6)
    larger = Neighbours((0.25, 0.25, 0.3), around.others)
    assert (larger.territory(200) >= part).all()
    assert Neighbours.of(face(1, 1, 1), [], Window(0, 0, 9)) is None
    assert Neighbours.of(None, [face(1, 1, 1)], Window(0, 0, 9)) is None


@pytest.fixture(scope="module")
def pair(sample):
    """The sample beside its mirror image, close together, so that both shoulders touch."""
    half = sample.resize((256, 256)).crop((30, 0, 226, 256))
    both = Image.new("RGB", (392, 256))
    both.paste(half, (0, 0))
    both.paste(half.transpose(Image.Transpose.FLIP_LEFT_RIGHT), (196, 0))
    return both


def test_nobody_takes_a_neighbour_along(engine, pair, frames):
    animator = Animator(engine, face=1, paste_back=True)
    animator.set_source(pair)
    assert animator.finish.layers is not None
    results = animator.frames(frames[[0, 2]])
    moved = np.abs(results[1].astype(int) - results[0]).max(-1)
    window = animator.finish._paste.window
    own, other = (
        (slice(None, 196), slice(196, None)) if window.center[0] < 196 else (slice(196, None), slice(None, 196))
    )
    assert moved[:, own].mean() > 1
    inner = slice(230, 362) if other.start else slice(30, 162)  # the other's face, away from the border between both
    assert moved[:200, inner].max() <= 1


def test_at_rest_the_picture_comes_back_with_neighbours_too(engine, pair, frames):
    animator = Animator(engine, face=1, paste_back=True, strength=0.0)
    animator.set_source(pair)
    assert np.abs(animator.frames(frames[1:2])[0].astype(int) - np.array(pair)).max() <= 2


def test_shoulders_and_all_around_stay_where_a_square_is_pasted_back(engine, sample, frames):
    wide = Image.new("RGB", (440, 330), (90, 110, 130))
    wide.paste(sample.resize((256, 256)), (92, 74))
    animator = Animator(engine, paste_back=True)
    animator.set_source(wide)
    window = animator.finish._paste.window
    moved = np.abs(animator.frames(frames).astype(int) - np.array(animator.still)).max((0, 3))
    inside = np.zeros_like(moved, bool)
    left, top, side = (max(0, int(value)) for value in (window.left, window.top, window.side))
    inside[top : top + side, left : left + side] = True
    assert moved[inside].max() > 50
    assert moved[~inside].max() == 0
    shoulders = moved[top + int(0.93 * side) : top + side, left + side // 4 : left + 3 * side // 4]
    assert np.quantile(shoulders, 0.95) <= 12
