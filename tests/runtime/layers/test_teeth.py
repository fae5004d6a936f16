"""Teeth: what the painter is shown, where what it paints hangs, and that it is asked once a source."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from runtime.layers.expression import Expression
from runtime.layers.frames import Affine
from runtime.layers.mouth import Lips, MouthShutter
from runtime.layers.shutters import Patch
from runtime.layers.teeth import FINER, ROW, SCALE, SIDE, Teeth, _parted, paint

SKIN, LIP = (200, 150, 120), (170, 60, 60)
UNIT = 80.0
"""Pixels of the eyes' distance in the pictures here: as many as the painter sees."""

HIDDEN = 0.1 - 0.022
"""Of teeth that are 8 of the painter's pixels long, 0.1 of the eyes' distance: what a lip at rest hides."""


class Recorder:
    """In place of the network: paints blue teeth down to a row, and keeps what it was shown."""

    def __init__(self, row=ROW + 8):
        self.shown, self._row = [], row

    def __call__(self, mouth, own):
        self.shown.append((mouth, own))
        layer = np.zeros((FINER * SIDE, FINER * SIDE, 4), np.float32)
        layer[: self._row * FINER] = (20, 40, 220, 1)
        return layer


def face(size, unit):
    """f32 (size, size, 4) of a mouth, and the frame of its head, whose own unit is `unit` pixels."""
    y, x = np.mgrid[:size, :size] / size
    picture = np.full((size, size, 4), (*SKIN, 1), np.float32)
    picture[((x - 0.5) / 0.18) ** 2 + ((y - 0.5) / 0.06) ** 2 < 1, :3] = LIP
    return picture, Affine(np.eye(2) * unit, np.array([size / 2, size / 2 - 0.8 * unit]))


def lips(frame, size, parted=0.0):
    """In the head's own frame."""
    places = [np.array(at) * size for at in ((0.32, 0.5), (0.68, 0.5), (0.5, 0.44), (0.5, 0.56))]
    found = Lips.between(*frame.inverse()(np.array(places)))
    bow = np.linspace(-1, 1, 11)[:, None] ** 2
    return Lips(found.inner_upper, found.inner_lower + (0, parted) * (1 - bow), found.outer_upper, found.outer_lower)


def shutter(painter, size=160, unit=UNIT, parted=0.0):
    picture, frame = face(size, unit)
    return picture, MouthShutter(frame, lips(frame, size, parted), 0.55, 1.3, picture, painter)


def opened(lower_lip):
    rest = {"upper_lip": 0.0, "corners": np.zeros((2, 2)), "lids": np.ones(2), "brows": np.zeros(2)}
    return Expression(lower_lip=lower_lip, chin=0.8 * lower_lip, gaze=np.zeros((2, 2)), **rest)


def blue(picture):
    return (picture[..., 2] > 2 * picture[..., 0]) & (picture[..., 2] > 100)


def test_the_painter_is_asked_once_and_shown_the_mouth_in_the_middle():
    painter = Recorder()
    picture, mouth = shutter(painter)
    for lower in (0.1, 0.2, 0.3):
        mouth(picture, opened(lower))
    ((seen, own),) = painter.shown
    assert seen.shape == (3, SIDE, SIDE)
    assert own.shape == (1, SIDE, SIDE)
    assert own.max() == 0  # its lips are closed
    np.testing.assert_allclose(seen[:, ROW, SIDE // 2] * 255, LIP, atol=1)
    np.testing.assert_allclose(seen[:, 2, 2] * 255, SKIN, atol=1)
    red = np.nonzero(seen[1, ROW] < 0.4)[0]
    assert red.mean() == pytest.approx((SIDE - 1) / 2, abs=0.6)
    assert len(red) == pytest.approx(2 * 0.18 * 160 * SCALE / UNIT, abs=2)


def test_parted_lips_are_marked():
    painter = Recorder()
    shutter(painter, parted=0.1)
    ((_, own),) = painter.shown
    rows, columns = np.nonzero(own[0] > 0.5)
    assert rows.min() == pytest.approx(ROW, abs=1)
    assert rows.max() == pytest.approx(ROW + 0.1 * SCALE, abs=1)
    assert columns.mean() == pytest.approx((SIDE - 1) / 2, abs=0.6)


@pytest.mark.parametrize(("size", "unit"), [(80, 40.0), (640, 320.0)])
def test_what_the_painter_sees_does_not_depend_on_the_pictures_size(size, unit):
    small, other = Recorder(), Recorder()
    shutter(small)
    shutter(other, size, unit)
    difference = np.abs(small.shown[0][0] - other.shown[0][0])
    assert difference.mean() < 0.01


def painted_rows(mouth, picture, face):
    """Rows of the picture in whose middle column something is painted."""
    patch = mouth(picture, face)
    return np.nonzero(blue(patch)[:, patch.shape[1] // 2])[0] + mouth.patch.place[0].start


def test_lips_part_from_teeth_that_stay():
    picture, mouth = shutter(Recorder(ROW + 8))
    end = 80 + (8 / SCALE - HIDDEN) * UNIT
    for face in (opened(0.2), opened(0.3), opened(0.5), replace(opened(0.3), upper_lip=-0.04)):
        assert painted_rows(mouth, picture, face).max() == pytest.approx(end, abs=1.5)
    raised = painted_rows(mouth, picture, replace(opened(0.2), upper_lip=-0.05))
    assert len(raised) > len(painted_rows(mouth, picture, opened(0.2))) + 2


def test_of_teeth_that_are_longer_a_lip_at_rest_hides_more():
    short, long = (shutter(Recorder(ROW + rows)) for rows in (6, 9))
    ends = [painted_rows(mouth, picture, opened(0.3)).max() for picture, mouth in (short, long)]
    assert ends[1] - ends[0] < 2  # of 3


def test_a_row_of_teeth_that_is_bent_is_hidden_as_it_bends():
    def bent(mouth, own):
        y, x = np.mgrid[: FINER * SIDE, : FINER * SIDE] / FINER
        layer = np.zeros((FINER * SIDE, FINER * SIDE, 4), np.float32)
        layer[y < ROW + 8 - 4 * np.minimum(np.abs(x - SIDE / 2) / 12, 1)] = (20, 40, 220, 1)
        return layer

    picture, mouth = shutter(bent)
    patch, middle = mouth(picture, replace(opened(0.2), upper_lip=-0.05)), mouth.patch.x.shape[1] // 2
    ends = [np.nonzero(blue(patch)[:, middle + aside])[0].max() for aside in (0, 12)]
    lips = [np.nonzero((patch[..., 0] < 90)[:, middle + aside])[0].min() for aside in (0, 12)]
    assert (ends[0] - lips[0]) - (ends[1] - lips[1]) <= 3  # painted: 4


def test_what_parts_teeth_is_seen_and_their_light_stays():
    rng = np.random.default_rng(0)
    lights = np.full((64, 64), 180, np.float32)
    lights[:, ::8] = 170
    by = _parted(lights, np.ones_like(lights))
    seen = lights * by
    inside = seen[:, 16:48]
    assert inside.max() - inside[:, ::8].min() > 14
    assert inside.mean() == pytest.approx(lights.mean(), rel=0.02)
    assert _parted(rng.uniform(0, 255, (64, 64)), rng.uniform(0, 1, (64, 64))).max() <= 1.15


def test_nothing_is_painted_over_what_the_source_shows():
    painter = Recorder(SIDE)
    picture, mouth = shutter(painter, parted=0.1)
    assert blue(mouth(picture, opened(0.0))).sum() == 0
    further = mouth(picture, opened(0.25))
    rows = np.nonzero(blue(further)[:, further.shape[1] // 2])[0] + mouth.patch.place[0].start
    assert rows.min() > 80 + 0.7 * 0.1 * UNIT


def test_the_network_paints_light_teeth_that_end_and_knows_no_chance():
    picture, frame = face(160, UNIT)
    line = lips(frame, 160)
    patch = Patch(frame, (-0.95, 0.4), (0.95, 1.85), 160)
    teeth, again = (Teeth(patch, line.inner_upper, line.inner_lower, picture, paint) for _ in range(2))
    middle = (line.inner_upper[0] + line.inner_upper[-1]) / 2
    below = np.linspace(0.01, 0.3, 30, dtype=np.float32)
    column = teeth(np.full(30, middle[0], np.float32), (middle[1] + below).astype(np.float32))
    np.testing.assert_array_equal(
        column, again(np.full(30, middle[0], np.float32), (middle[1] + below).astype(np.float32))
    )
    share = column[:, 3]
    assert share[:2].min() > 0.6
    assert share[-5:].max() < 0.2
    assert column[:3, :3].mean() > np.mean(LIP)


def test_a_face_as_large_as_no_picture_is_looked_at_in_few_places():
    picture = np.asarray(Image.new("RGBA", (64, 64), (*SKIN, 255)), np.float32)
    frame = Affine(np.eye(2) * 1e5, np.zeros(2))
    patch = Patch(frame, (-0.95, 0.4), (0.95, 1.85), 64)
    line = np.stack([np.linspace(-0.3, 0.3, 11), np.full(11, 0.8)], 1)
    layer = Teeth(patch, line, line, picture)(np.zeros(1, np.float32), np.full(1, 0.82, np.float32))
    assert np.isfinite(layer).all()


def test_a_lip_between_parted_lips_is_no_tooth():
    asked = Recorder()
    picture, frame = face(160, UNIT)
    edges = lips(frame, 160, 0.15)
    x, y = frame(np.array([edges.inner_upper[0], edges.inner_upper[-1], edges.inner_upper[5], edges.inner_lower[5]])).T
    left, right, top, bottom = round(x[0]), round(x[1]), round(y[2]), round(y[3])
    third = (bottom - top) // 3
    picture[top : bottom + 2, left : right + 1, :3] = (230, 225, 215)
    picture[top + third : top + 2 * third, left : right + 1, :3] = 20
    picture[top + 2 * third : bottom + 2, left : right + 1, :3] = LIP  # the mesh's edge lies a third too low
    MouthShutter(frame, edges, 0.55, 1.3, picture, asked)
    own = asked.shown[0][1][0, :, SIDE // 2]
    assert 0.5 < own.sum() / (0.15 * SCALE) < 0.8
