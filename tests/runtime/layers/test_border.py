"""Beyond a photo's border the person it cuts goes on, and so does the backdrop; within it all stays as it is."""

import numpy as np
import pytest
from PIL import Image

from runtime.animator import Animator
from runtime.layers.border import complete
from runtime.layers.canvas import Canvas
from runtime.layers.frames import Affine

HEAD = Affine(np.eye(2) * 8, np.array([48.0, 20.0]))
SIZE = 96
INNER = slice(16, 80)
RED, BLUE = (200, 40, 40), (40, 60, 200)


def cut_person(photo):
    """A red figure that widens downwards before blue, of which the `photo` shows its rows and columns: the canvas, and
    the alpha that is seen."""
    y, x = np.mgrid[:SIZE, :SIZE].astype(float)
    inside = ((np.abs(x - 48) < 0.8 * (y - 40)) | (np.hypot(x - 48, y - 30) < 14)).astype(np.float32)
    colours = np.where(inside[..., None] > 0, RED, BLUE).astype(np.uint8)
    shown = np.zeros((SIZE, SIZE), bool)
    shown[photo] = True
    beyond = np.where(shown[..., None], colours, 0).astype(np.uint8)  # which nothing may show
    return Canvas(beyond, 16, photo), inside * shown, inside, colours


def test_a_photo_that_fills_the_canvas_stays_as_it_is():
    canvas, alpha, _, colours = cut_person((slice(0, SIZE), slice(0, SIZE)))
    scene = complete(canvas, alpha, HEAD)
    assert (scene.picture == colours).all()
    assert (scene.alpha == alpha).all()


@pytest.mark.parametrize("photo", [(slice(0, 70), slice(0, SIZE)), (slice(0, 76), slice(26, 70)), (INNER, INNER)])
def test_whoever_is_cut_goes_on_the_way_the_outline_leads(photo):
    canvas, alpha, truth, colours = cut_person(photo)
    scene = complete(canvas, alpha, HEAD)
    within = np.zeros((SIZE, SIZE), bool)
    within[photo] = True
    assert (scene.picture[within] == colours[within]).all()
    np.testing.assert_array_equal(scene.alpha[within], alpha[within])
    assert np.abs(scene.alpha - truth)[~within].mean() < 0.08  # 0.22 were it to go straight down
    sure = ~within & (scene.alpha > 0.99)
    assert np.abs(scene.picture[sure].astype(int) - RED).max() <= 3
    np.testing.assert_allclose(scene.plate[~within], np.tile(BLUE, ((~within).sum(), 1)), atol=3)


def test_nobody_becomes_narrower_below_a_photo():
    canvas, alpha, _, _ = cut_person((slice(0, 38), slice(0, SIZE)))  # through the head, below its widest place
    widths = (complete(canvas, alpha, HEAD).alpha[37:] > 0.5).sum(1)
    assert widths[0] > 10
    assert (np.diff(widths) >= 0).all()


@pytest.mark.parametrize("cut", [18, 22, 26])
def test_a_head_that_is_cut_closes_in_an_arc_above(cut):
    canvas, alpha, truth, _ = cut_person((slice(cut, SIZE), slice(0, SIZE)))
    above = complete(canvas, alpha, HEAD).alpha[:cut]
    widths = (above > 0.5).sum(1)
    assert widths[-1] > 10
    assert (np.diff(widths) >= 0).all()
    assert np.abs(above - truth[:cut]).mean() < 0.012
    assert not above[:8].any()  # round heads end at row 16, and nothing is left over them


def test_no_second_face_is_mirrored_below_the_border():
    canvas, alpha, _, _ = cut_person((slice(0, 44), slice(0, SIZE)))
    canvas.picture[24:30, 44:52] = (0, 255, 0)  # what a face has and clothes have not
    below = complete(canvas, alpha, HEAD).picture[44:].astype(int)
    assert not (below[..., 1] > below[..., 0] + below[..., 2]).any()


@pytest.mark.parametrize("options", [{}, {"size": 384}, {"paste_back": True}])
def test_photos_that_end_at_the_shoulders_come_back_to_the_byte_and_go_on(engine, sample, frames, options):
    """A portrait as tight as its square needs, and tighter: the square leaves the photo."""
    window = Animator(engine).framer.source(sample)
    left, top = window.left + 0.12 * window.side, window.top
    tight = sample.crop((int(left), int(top), int(left + 0.76 * window.side), int(top + 0.95 * window.side)))
    animator = Animator(engine, strength=0.0, driving_crop="off", **options)
    animator.set_source(tight)
    layers = animator._finish.layers
    rows, columns = layers._canvas.photo
    assert columns.start > 0
    assert columns.stop < len(layers._canvas.picture)
    for frame in frames[:2]:
        assert (animator.frame(frame) == animator.still).all()
    inner = layers._canvas.inner
    seen = (
        slice(max(rows.start - inner.start, 0), rows.stop - inner.start),
        slice(max(columns.start - inner.start, 0), columns.stop - inner.start),
    )
    assert (layers.still[seen] == layers._canvas.picture[inner, inner][seen]).all()
    # Below the border somebody stands as broadly as at it.
    alpha = layers._own[..., 3]
    assert (alpha[rows.stop :] > 0.5).sum(1).min() >= (alpha[rows.stop - 1] > 0.5).sum()


def test_a_pasted_head_does_not_fade_where_only_the_backdrop_goes_on(engine, sample):
    wide = Image.new("RGB", (1024, 900), (120, 140, 160))
    wide.paste(sample, (256, 388))
    animator = Animator(engine, paste_back=True)
    animator.set_source(wide)
    paste, layers = animator._finish._paste, animator._finish.layers
    assert paste.seams[[0, 1, 2]].all()
    assert not layers.crossed[1]  # nobody's head ends at the square's upper edge
    assert layers.crossed[3]
    mask = np.asarray(paste._mask)
    side, middle = paste.side, mask.shape[1] // 2
    assert mask[0, middle] < 20
    assert mask[round(0.03 * side), middle] == 255
    # What is still there is not held back either: the flow's upper cells may move, those of crossed seams may not.
    still = layers._person._still
    assert still[1, len(still) // 2] == 1
    assert still[len(still) // 2, 0] == (0 if layers.crossed[0] else 1)
