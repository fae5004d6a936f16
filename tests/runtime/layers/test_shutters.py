"""Shutters: at rest they give the picture back; lids cover the eye, lips part over something dark, irises move."""

from dataclasses import replace

import numpy as np
import pytest

from runtime.layers.expression import Expression
from runtime.layers.eyes import Eye
from runtime.layers.frames import Affine
from runtime.layers.mouth import Lips, MouthShutter
from runtime.layers.shutters import EyeShutter, Patch, joined, stretch

SKIN, WHITE, DARK, LIP = (200, 150, 120), (240, 240, 240), (20, 20, 20), (170, 60, 60)
REST = Expression(0.0, 0.0, 0.0, np.zeros((2, 2)), np.ones(2), np.zeros(2), np.zeros((2, 2)))


def expression(**changes):
    return Expression(**{**REST.__dict__, **changes})


def painted(*shapes):
    """f32 (128, 128, 4): skin, and on it ellipses (colour, middle, reach)."""
    y, x = np.mgrid[:128, :128]
    picture = np.full((128, 128, 4), (*SKIN, 1), np.float32)
    for colour, (cx, cy), (rx, ry) in shapes:
        picture[((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 < 1, :3] = colour
    return picture


def whole(picture, shutter, patch):
    result = picture.copy()
    result[shutter.patch.place] = patch
    return result


@pytest.fixture
def eye():
    x = np.linspace(0, 1, 9)
    line = np.stack([44 + 40 * x, np.full(9, 64.0)], 1)
    bow = np.stack([np.zeros(9), 10 * np.sqrt(4 * x * (1 - x))], 1)
    return Eye(line - bow, line + bow, np.array([64.0, 64.0]), 8.0)


@pytest.fixture
def face():
    """The picture of the eye."""
    return painted((WHITE, (64, 64), (20, 10)), (DARK, (64, 64), (8, 8)))


BROW = np.array([64.0, 44.0])


@pytest.fixture
def eye_shutter(eye, face):
    return EyeShutter(eye, BROW, face)


@pytest.fixture
def mouth_face():
    return painted((LIP, (64, 60), (24, 8)))


@pytest.fixture
def mouth(mouth_face):
    frame = Affine(np.eye(2) * 60, np.array([64.0, 12.0]))  # the eyes' distance is 60 pixels
    back = frame.inverse()
    right, left, upper, lower = (back(np.array(at, float)) for at in ((40, 60), (88, 60), (64, 52), (64, 68)))
    return MouthShutter(frame, Lips.between(right, left, upper, lower), 0.6, 1.2, mouth_face)


def test_an_eye_at_rest_is_the_picture_itself(eye_shutter, busy):
    patch = eye_shutter(busy, 1.0, 0.0, np.zeros(2))  # whatever its lid would be painted with
    np.testing.assert_allclose(patch, busy[eye_shutter.patch.place], atol=1e-3)


def test_a_mouth_at_rest_is_the_picture_itself(mouth, busy):
    np.testing.assert_allclose(mouth(busy, REST), busy[mouth.patch.place], atol=1e-3)


def dark_pixels(picture):
    return int((picture[..., :3].mean(-1) < 60).sum())


def light_pixels(picture):
    return int((picture[..., :3].min(-1) > 215).sum())


def test_a_shut_eye_shows_neither_iris_nor_white(eye_shutter, face):
    assert dark_pixels(face) > 150
    shut = whole(face, eye_shutter, eye_shutter(face, 0.0, 0.0, np.zeros(2)))
    assert dark_pixels(shut) == 0
    assert light_pixels(shut) < 0.03 * light_pixels(face)


def test_the_lid_comes_down_and_the_eyeball_stays(eye_shutter, face):
    half = whole(face, eye_shutter, eye_shutter(face, 0.5, 0.0, np.zeros(2)))
    rows = np.nonzero((half[..., :3].mean(-1) < 60).any(1))[0]
    assert rows.max() == np.nonzero((face[..., :3].mean(-1) < 60).any(1))[0].max()  # its lower half is where it was
    assert rows.min() > 60


def test_a_shut_lid_has_the_colours_of_the_skin_about_it(eye, face):
    face[:64, :, :3] *= 0.8  # a shadow below the brow
    shutter = EyeShutter(eye, BROW, face)
    shut = whole(face, shutter, shutter(face, 0.0, 0.0, np.zeros(2)))
    lid = shut[58:66, 60:69, :3]
    assert (lid > 0.75 * np.array(SKIN)).all()
    assert (lid < 1.05 * np.array(SKIN)).all()


def test_a_brow_or_make_up_above_an_eye_is_no_colour_of_a_lid(eye, face):
    face[30:52, :, :3] *= 0.3
    shutter = EyeShutter(eye, BROW, face)
    shut = whole(face, shutter, shutter(face, 0.0, 0.0, np.zeros(2)))
    assert (shut[58:66, 60:69, :3] > 0.75 * np.array(SKIN)).all()


def test_what_hangs_before_a_cheek_is_no_colour_of_a_lid(eye, face):
    face[78:81, :, :3] = DARK  # the rim of glasses, below the eye
    shutter = EyeShutter(eye, BROW, face)
    shut = whole(face, shutter, shutter(face, 0.0, 0.0, np.zeros(2)))
    assert (shut[58:66, 60:69, :3] > 0.75 * np.array(SKIN)).all()


def test_skin_above_the_fold_stays_when_an_eye_shuts(eye_shutter, busy):
    shut = whole(busy, eye_shutter, eye_shutter(busy, 0.0, 0.0, np.zeros(2)))
    np.testing.assert_allclose(shut[:40], busy[:40], atol=1e-3)


def test_a_shut_eye_ends_in_no_upright_edge(eye, face):
    face[40:58, 20:110, :3] = 60  # make-up
    shutter = EyeShutter(eye, BROW, face)
    shut = whole(face, shutter, shutter(face, 0.0, 0.0, np.zeros(2)))
    across = shut[50:58, 36:60, :3].mean(-1)
    assert np.abs(np.diff(across, axis=1)).max() < 0.6 * np.ptp(across)


@pytest.mark.parametrize("lift", [-0.2, 0.1])
def test_a_brow_moves_as_a_whole(eye_shutter, lift):
    brow = painted((DARK, (64, 44), (22, 3)))
    moved = whole(brow, eye_shutter, eye_shutter(brow, 1.0, lift, np.zeros(2)))

    def middles(picture):
        dark = picture[..., :3].mean(-1) < 80
        columns = range(48, 81, 4)
        return np.array([np.nonzero(dark[:, column])[0].mean() for column in columns])

    way = middles(moved) - middles(brow)
    np.testing.assert_allclose(way, 40 * lift, atol=1.5)


def test_overlapping_parts_have_what_both_changed(busy):
    first, second = (slice(10, 60), slice(10, 60)), (slice(40, 90), slice(40, 90))
    one, two = busy[first].copy(), busy[second].copy()
    one[35:, 35:] += 10
    two[:10, :10] += 5
    result = busy.copy()
    for place, patch in joined(busy, [(first, one), (second, two)]):
        result[place] = patch
    wanted = busy.copy()
    wanted[45:60, 45:60] += 10
    wanted[40:50, 40:50] += 5
    np.testing.assert_allclose(result, wanted, atol=1e-3)


def test_nothing_moves_beside_the_eye(eye_shutter, busy):
    shut = whole(busy, eye_shutter, eye_shutter(busy, 0.0, 0.2, np.array([0.1, 0.0])))
    place = eye_shutter.patch.place
    outside = np.ones((128, 128), bool)
    outside[place] = False
    assert (shut[outside] == busy[outside]).all()
    edges = [shut[place][0], shut[place][-1], shut[place][:, 0], shut[place][:, -1]]
    wanted = [busy[place][0], busy[place][-1], busy[place][:, 0], busy[place][:, -1]]
    for edge, same in zip(edges, wanted, strict=True):
        np.testing.assert_allclose(edge, same, atol=1)


@pytest.mark.parametrize("way", [-0.25, -0.12, 0.12, 0.25])
def test_the_iris_moves_with_the_gaze(eye_shutter, face, way):
    looked = whole(face, eye_shutter, eye_shutter(face, 1.0, 0.0, np.array([way, 0.0])))
    middle = np.nonzero(looked[..., :3].mean(-1) < 60)[1].mean()
    assert middle == pytest.approx(63.5 + 40 * way, abs=1.5)  # the inner corner is to the right


@pytest.mark.parametrize("way", [-1.0, 1.0])
def test_an_iris_goes_no_farther_than_to_a_corner(eye_shutter, face, way):
    far, farther = (eye_shutter(face, 1.0, 0.0, np.array([turned, 0.0])) for turned in (0.3 * way, way))
    np.testing.assert_array_equal(far, farther)
    dark = np.nonzero(whole(face, eye_shutter, far)[..., :3].mean(-1) < 60)[1]
    assert 44 <= dark.min() < dark.max() <= 84  # the corners


@pytest.fixture
def aside(eye):
    """An eye that looks towards its outer corner, to the left, with white on its other side alone; and its picture."""
    shown = painted((WHITE, (64, 64), (20, 10)), (DARK, (51, 64), (8, 8)))
    return EyeShutter(replace(eye, iris=np.array([55.3, 64.0])), BROW, shown), shown


def test_an_eye_that_looked_aside_has_white_where_it_looks_away_from(aside):
    shutter, shown = aside
    looked = whole(shown, shutter, shutter(shown, 1.0, 0.0, np.array([0.4, 0.0])))
    light = looked[62:67, 49:56, :3].mean(-1)  # where the iris was
    assert light.min() > 0.9 * np.mean(WHITE)
    middle = np.nonzero(looked[60:68, 44:84, :3].mean(-1) < 60)[1].mean() + 44
    assert middle == pytest.approx(51 + 40 * 0.4, abs=2.5)
    same = whole(shown, shutter, shutter(shown, 1.0, 0.0, np.zeros(2)))
    np.testing.assert_allclose(same, shown, atol=0.51)


def test_an_open_mouth_is_dark_where_the_lips_parted_and_has_lips_around(mouth, mouth_face):
    opened = whole(mouth_face, mouth, mouth(mouth_face, expression(lower_lip=0.3, chin=0.25)))
    rows = opened[61:71, 60:68, :3].mean((1, 2))  # between the lips' line, at 60, and the lower lip, 11 pixels below
    assert rows.min() < 0.6 * np.mean(LIP)
    below = opened[74:77, 60:68, :3]
    np.testing.assert_allclose(below, np.broadcast_to(LIP, below.shape), atol=12)


def test_the_lower_lip_turns_into_the_dark_without_an_edge(mouth, mouth_face):
    opened = whole(mouth_face, mouth, mouth(mouth_face, expression(lower_lip=0.3, chin=0.25)))
    light = opened[:, 64, :3].mean(-1)
    dark = int(light[56:80].argmin()) + 56
    below = light[dark : dark + 8]  # up from the dark onto the lower lip
    assert below.max() > 0.85 * np.mean(LIP)
    assert np.abs(np.diff(below)).max() < 0.55 * np.ptp(below)


def test_the_line_between_closed_lips_goes_where_they_part(mouth_face):
    mouth_face[60, 42:87, :3] = 40  # the shadow between them
    frame = Affine(np.eye(2) * 60, np.array([64.0, 12.0]))
    places = (frame.inverse()(np.array(at, float)) for at in ((40, 60), (88, 60), (64, 52), (64, 68)))
    shutter = MouthShutter(frame, Lips.between(*places), 0.6, 1.2, mouth_face)
    rest = whole(mouth_face, shutter, shutter(mouth_face, REST))
    np.testing.assert_allclose(rest, mouth_face, atol=1e-3)
    opened = whole(mouth_face, shutter, shutter(mouth_face, expression(lower_lip=0.3, chin=0.25)))
    column = opened[:, 64, :3].mean(-1)
    dark = int(column[56:72].argmin()) + 56
    assert (np.diff(column[dark : dark + 10]) > -4).all()  # no line across the lower lip


def test_teeth_show_above_in_the_light_of_the_skin(mouth, mouth_face):
    opened = mouth(mouth_face, expression(lower_lip=0.3, chin=0.25))
    middle = opened[:, opened.shape[1] // 2, :3].mean(-1)
    inside = middle[int(0.3 * len(middle)) :]
    assert inside.max() > 110


def test_lips_that_would_cross_meet(mouth, mouth_face):
    pressed = whole(mouth_face, mouth, mouth(mouth_face, expression(lower_lip=-0.2)))
    assert dark_pixels(pressed) == 0


def test_corners_carry_the_mouths_width(mouth, mouth_face):
    wide = expression(corners=np.array([[0.1, 0.0], [-0.1, 0.0]]))

    def width(picture):
        red = np.nonzero((np.abs(picture[..., :3] - np.array(LIP)).max(-1) < 20).any(0))[0]
        return red.max() - red.min()

    assert width(whole(mouth_face, mouth, mouth(mouth_face, wide))) > width(mouth_face) + 6


def test_corners_rise_as_far_as_there_is_room_below_the_nose(mouth):
    """Seen by how far up the columns of the corners are looked up; the nose's base is 0.2 above them."""

    def risen(by):
        _, u, down = mouth._columns(expression(corners=np.array([[0.0, -by], [0.0, -by]])))
        return -float(down[(u > 0) & (u < 1)].min())

    assert [risen(by) for by in (0.02, 0.05)] == pytest.approx([0.02, 0.05], abs=1e-3)
    farther = [risen(by) for by in (0.05, 0.08, 0.11, 0.15, 0.2)]
    assert (np.diff(farther) > 0).all()
    assert 0.1 < farther[-1] < 0.12


def test_grey_pictures_stay_grey(mouth_face):
    grey = mouth_face.copy()
    grey[..., :3] = grey[..., :3].mean(-1, keepdims=True)
    frame = Affine(np.eye(2) * 60, np.array([64.0, 12.0]))
    places = (frame.inverse()(np.array(at, float)) for at in ((40, 60), (88, 60), (64, 52), (64, 68)))
    opened = MouthShutter(frame, Lips.between(*places), 0.6, 1.2, grey)(grey, expression(lower_lip=0.3))
    assert np.ptp(opened[..., :3], axis=-1).max() < 1


def test_stretching_takes_knots_to_knots_and_keeps_order():
    y = np.linspace(-1, 3, 401)
    knots = [(np.full(401, a), np.full(401, b)) for a, b in ((0.0, 0.2), (1.0, 0.5), (2.0, 2.0))]
    mapped = stretch(y, knots)
    assert (np.diff(mapped) > 0).all()
    for after, before in ((0.0, 0.2), (1.0, 0.5), (2.0, 2.0), (-1.0, -0.8), (3.0, 3.0)):
        assert np.interp(after, y, mapped) == pytest.approx(before, abs=1e-6)


def test_a_patch_looks_up_linearly(busy):
    patch = Patch(Affine(np.eye(2), np.zeros(2)), (10, 10), (60, 60), 128)
    between = patch.look(busy, patch.x + 0.5, patch.y)
    rows, columns = patch.place
    left, right = busy[rows, columns], busy[rows, columns.start + 1 : columns.stop + 1]
    np.testing.assert_allclose(between, (left + right) / 2, atol=1e-3)


def test_a_smile_that_narrows_unbends():
    def seam(x):  # corners 8 pixels above the middle
        return 64 - 8 * ((x - 64) / 24) ** 2

    picture = painted()
    for x in range(41, 88):
        picture[round(seam(x)) - 1 : round(seam(x)) + 2, x, :3] = 20
    frame = Affine(np.eye(2) * 60, np.array([64.0, 12.0]))
    x = np.linspace(40, 88, 11)
    lines = (frame.inverse()(np.stack([x, seam(x) + thick], 1)) for thick in (0, 0, -6, 6))
    shutter = MouthShutter(frame, Lips(*lines), 0.6, 1.2, picture)
    corners = np.array([[-0.12, 0.0], [0.12, 0.0]])  # each by 7.2 pixels towards the other
    purse = whole(picture, shutter, shutter(picture, expression(corners=corners)))
    rows = [float(np.argmin(image[50:70, column, 0])) for image, column in ((picture, 44), (purse, 50), (purse, 64))]
    smiled, narrowed, middle = rows
    assert middle == pytest.approx(14, abs=1.5)
    assert smiled + 2.5 < narrowed < middle
