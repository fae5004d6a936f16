"""Matte and backdrop: edges follow the picture's; what is behind is spread from what is seen of it."""

from dataclasses import replace

import numpy as np

from runtime.layers.backdrop import backdrop
from runtime.layers.matte import SIDE, box_blur, find_person, matte, resized


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
    plate = backdrop(colours, alpha, np.ones_like(alpha))
    far = box_blur(alpha, 8) == 0
    np.testing.assert_allclose(plate[far], colours[far], atol=0.01)
    np.testing.assert_allclose(plate[96, 96], (40, 60, 200), atol=12)  # nothing of the red disc


def test_light_that_falls_off_goes_on_behind_the_person():
    """Not as its mirror image: above a head it is dark, behind it as light as beside it."""
    _, alpha = scene()
    y, x = np.mgrid[:192, :192] / 192
    light = np.stack([40 + 180 * y, 60 + 150 * y - 20 * x, 200 - 60 * y * y], -1).astype(np.float32)
    colours = np.where(alpha[..., None] > 0, (200.0, 40, 40), light).astype(np.float32)
    colours[150:, :40] = (255, 0, 0)  # a flag, which says nothing of the light
    plate = backdrop(colours, alpha, np.ones_like(alpha))
    assert np.abs(plate - light)[48:144, 60:132].max() < 6


def test_what_is_beyond_the_photo_says_nothing_of_the_backdrop():
    colours, alpha = scene()
    seen = np.ones_like(alpha)
    seen[150:] = 0
    colours[150:] = (255, 255, 255)
    plate = backdrop(colours, alpha, seen)
    np.testing.assert_allclose(plate[120, 96], (40, 60, 200), atol=12)
    np.testing.assert_allclose(plate[185, 20], (40, 60, 200), atol=12)


def test_a_picture_that_the_person_fills_is_its_own_backdrop():
    colours, _ = scene()
    everywhere = np.ones((192, 192), np.float32)
    assert (backdrop(colours, everywhere, everywhere) == colours).all()


def test_box_blur_is_the_mean_of_what_lies_inside():
    values = np.random.default_rng(1).random((9, 7)).astype(np.float32)
    blurred = box_blur(values, 2)
    for row, column in ((0, 0), (4, 3), (8, 6), (1, 5)):
        part = values[max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3]
        np.testing.assert_allclose(blurred[row, column], part.mean(), rtol=1e-5)


def test_the_person_is_found_and_an_empty_picture_has_none(layers, sample):
    canvas, middle = layers._canvas, layers._subject.middle
    person = find_person(canvas, middle)
    assert person is not None
    assert 0.15 < (person > 0.5).mean() < 0.8
    assert find_person(replace(canvas, picture=np.full_like(canvas.picture, 128)), middle) is None


def test_a_face_beyond_doubt_whose_person_is_not_seen_has_a_usual_outline(layers, sample):
    canvas, subject = layers._canvas, layers._subject
    unseen = replace(canvas, picture=np.full_like(canvas.picture, 128))
    told = find_person(unseen, subject.middle, subject.sure)
    assert told is not None
    place = subject.middle / len(canvas.picture) * SIDE
    assert told[round(place[1]), round(place[0])] == 1
    whole = find_person(canvas, subject.middle)
    overlap = np.minimum(told, whole).sum() / np.maximum(told, whole).sum()
    assert overlap > 0.7  # of the sample's own outline
    seen = find_person(canvas, subject.middle, subject.sure)
    np.testing.assert_array_equal(seen, whole)  # who is seen is as they are
