"""Matte and backdrop: edges follow the picture's; what is behind is spread from what is seen of it."""

import numpy as np

from runtime.layers.matte import SIDE, backdrop, box_blur, find_person, matte, resized


def scene(size=192):
    """A red disc before blue: colours f32, and the disc's exact alpha."""
    y, x = np.mgrid[:size, :size]
    inside = np.hypot(x - size / 2, y - size / 2) < size / 4
    return np.where(inside[..., None], (200.0, 40, 40), (40.0, 60, 200)).astype(np.float32), inside.astype(np.float32)


def test_a_coarse_mask_is_led_to_the_pictures_edge():
    colours, truth = scene()
    coarse = resized(resized(truth, 16), SIDE)  # blurred over a sixteenth of the side
    blurred = np.abs(resized(coarse, 192) - truth).mean()
    assert np.abs(matte(colours, coarse) - truth).mean() < 0.65 * blurred


def test_alpha_lies_between_nothing_and_all():
    colours, truth = scene()
    noise = np.random.default_rng(0).random((SIDE, SIDE)).astype(np.float32)
    for person in (resized(truth, SIDE), noise):
        alpha = matte(colours, person)
        assert alpha.shape == (192, 192)
        assert alpha.min() >= 0
        assert alpha.max() <= 1


def test_the_backdrop_is_kept_where_it_is_seen_and_spread_behind_the_person():
    colours, alpha = scene()
    plate = backdrop(colours, alpha)
    far = box_blur(alpha, 8) == 0
    np.testing.assert_allclose(plate[far], colours[far], atol=0.01)
    np.testing.assert_allclose(plate[96, 96], (40, 60, 200), atol=12)  # nothing of the red disc


def test_a_picture_that_the_person_fills_is_its_own_backdrop():
    colours, _ = scene()
    assert (backdrop(colours, np.ones((192, 192), np.float32)) == colours).all()


def test_box_blur_is_the_mean_of_what_lies_inside():
    values = np.random.default_rng(1).random((9, 7)).astype(np.float32)
    blurred = box_blur(values, 2)
    for row, column in ((0, 0), (4, 3), (8, 6), (1, 5)):
        part = values[max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3]
        np.testing.assert_allclose(blurred[row, column], part.mean(), rtol=1e-5)


def test_the_person_is_found_and_an_empty_picture_has_none(layers, sample):
    picture, inner = layers._canvas.picture, layers._canvas.inner
    person = find_person(picture, inner, layers._subject.middle)
    assert person is not None
    assert 0.15 < (person > 0.5).mean() < 0.8
    assert find_person(np.full_like(picture, 128), inner, layers._subject.middle) is None
