"""The face detector on drawn heads, and on the shared photo where it is at hand."""

from pathlib import Path

import numpy as np
import pytest
from drawn_face import face_picture
from PIL import Image

from runtime.faces import find_faces
from runtime.framing import Framing
from runtime.framing.faces import MODEL

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "samples"


def assert_shows(face, x: float, y: float, height: float) -> None:
    """`face` must be the drawn head of that place and height: from the forehead to the chin, eyes and mouth inside."""
    assert face.center[0] == pytest.approx(x, abs=0.06 * height)
    assert face.bottom == pytest.approx(y + height / 2, abs=0.12 * height)
    assert face.size == pytest.approx(height / 1.55, rel=0.12)
    drawn = [(-0.1375, 0.0075), (0.1375, 0.0075), (0, 0.19), (0, 0.295)]
    for (px, py), (dx, dy) in zip(face.landmarks, drawn, strict=False):
        assert (px, py) == pytest.approx((x + dx * height, y + dy * height), abs=0.09 * height)


@pytest.mark.parametrize(
    ("size", "head"),
    [
        ((256, 256), (128, 128, 150)),
        ((256, 256), (90, 110, 100)),
        ((640, 360), (480, 200, 60)),  # a tenth of the width: found in a part of the picture
        ((360, 640), (100, 520, 120)),
    ],
)
def test_a_head_is_found_where_it_is(size, head):
    (face,) = find_faces(face_picture(size, head))
    assert_shows(face, *head)


def test_several_heads_come_largest_first_and_each_once():
    heads = [(480, 200, 120), (150, 200, 220), (330, 380, 90)]
    faces = find_faces(face_picture((640, 480), *heads))
    assert len(faces) == 3
    for face, head in zip(faces, sorted(heads, key=lambda each: -each[2]), strict=True):
        assert_shows(face, *head)


def test_where_there_is_no_face_none_is_found():
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    assert find_faces(noise) == []
    assert find_faces(np.full((200, 90, 3), 128, np.uint8)) == []
    assert find_faces(np.zeros((16, 400, 3), np.uint8)) == []


def test_small_faces_need_the_closer_look():
    picture = face_picture((1000, 600), (800, 420, 70))
    assert find_faces(picture, levels=1) == []
    assert_shows(find_faces(picture, levels=3)[0], 800, 420, 70)


def test_the_detector_is_small_enough_to_ship():
    assert MODEL.stat().st_size < 300_000


def test_a_real_face_is_found():
    path = SAMPLES / "astronaut.png"
    if not path.is_file():
        pytest.skip("the shared samples are not beside this checkout")
    (face,) = find_faces(np.array(Image.open(path).convert("RGB")))
    assert face.center == pytest.approx((225, 128), abs=6)
    (right, left), nose, mouth = face.landmarks[:2], face.landmarks[2], face.landmarks[3]
    assert right[0] < nose[0] < left[0]
    assert max(right[1], left[1]) < nose[1] < mouth[1]


def test_a_script_cuts_out_a_face_as_the_engine_does():
    """By the names that scripts outside of the project use: `runtime.faces` and `runtime.framing.Framing`."""
    picture = face_picture((640, 360), (480, 200, 120))
    window = Framing().around(find_faces(picture)[0], (640, 360))
    assert window.left < 480 < window.left + window.side
    assert window.top < 200 < window.top + window.side
