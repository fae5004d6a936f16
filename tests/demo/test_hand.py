"""What the page has beside a video: poses by hand, movements that come along, parts of a face, several faces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from drawn_face import face_picture
from PIL import Image

from checkpoints.bundle import Bundle
from checkpoints.errors import InputError, OptionError
from checkpoints.registry import load_model
from demo import fields, words
from demo.animate_panel import template
from demo.control_panel import as_parts, as_strength
from demo.crop import Place, preview
from demo.hand import Hand
from demo.hand_panel import as_words
from demo.samples import MOVEMENTS, Samples
from demo.studio import Studio
from runtime import templates
from runtime.control.parts import PARTS
from runtime.control.pose import CONTROLS
from runtime.media.provenance import STATEMENT
from runtime.options import Options, defaults


@pytest.fixture(scope="module")
def studio() -> Studio:
    """With the embedded model, whose points have names."""
    return Studio()


@pytest.fixture(scope="module")
def photo() -> str:
    return str(Samples.bundled().photos[0])


def test_every_control_and_part_has_words():
    assert list(words.HAND) == list(CONTROLS)
    assert list(words.OPTIONS["parts"].choices) == list(PARTS)


def test_a_photo_is_posed_by_hand_and_only_the_last_one_is_kept(studio, photo, tmp_path):
    hand = Hand(studio, tmp_path)
    still = hand.pose("v", photo, None, {})
    first = np.asarray(Image.open(still)).astype(int)
    turned = hand.pose("v", photo, None, {"yaw": 20, "mouth": 0.8})
    assert not still.exists()
    assert STATEMENT.encode() in turned.read_bytes()  # it says what it is
    assert np.abs(np.asarray(Image.open(turned)) - first).mean() > 3
    assert turned.parent.parent == tmp_path
    with pytest.raises(OptionError, match="yaw"):
        hand.pose("v", photo, None, {"yaw": 90})
    studio.visitors.leave("v", tmp_path)
    assert not turned.exists()


def test_models_without_names_cannot_be_posed(toy, files, tmp_path):
    with pytest.raises(OptionError, match="name"):
        Hand(Studio(toy), tmp_path).pose("v", str(files / "photo.jpg"), None, {"yaw": 5})


def test_a_pose_parts_and_strengths_are_the_engines_words():
    assert as_words(tuple(0.0 for _ in CONTROLS)) == ""
    pose = as_words(tuple(10.0 if name == "yaw" else 0.5 if name == "mouth" else 0.0 for name in CONTROLS))
    assert pose == "yaw=10,mouth=0.5"
    assert as_parts(list(PARTS)) == "all"
    assert as_strength(1.5, 1, 1, 1, 1, 1) == "1.5"
    strength = as_strength(1, 0.5, 1.4, 1, 1, 1)
    values = {name: defaults(Options)[name] for name in fields.NAMES}
    found = fields.chosen(
        values | {"pose": pose, "strength": strength, "parts": as_parts(["gaze", "mouth"]), "face": "1,3"}
    )
    assert found["pose"] == {"yaw": 10, "mouth": 0.5}
    assert found["strength"] == {"head": 0.5, "mouth": 1.4, "eyes": 1, "brows": 1, "gaze": 1}
    assert found["parts"] == "mouth,gaze"
    assert list(found["face"]) == [1, 3]
    with pytest.raises(OptionError, match="Nothing is left to move"):
        fields.chosen(values | {"parts": as_parts([])})
    Options(**found | {"face": None})


def test_a_thumbnail_stands_for_its_motion_and_an_upload_of_that_name_does_not(studio, photo, tmp_path):
    samples = Samples.bundled()
    assert [path.stem.removeprefix("movement-") for path in samples.movements] == list(templates())
    assert all(path.stat().st_size < 60_000 for path in samples.movements)
    wink = MOVEMENTS / "movement-wink.mp4"
    assert Path(samples.movement(str(wink), {wink})).suffix == ".motion"
    assert samples.movement(str(wink), set()) == str(wink)
    assert samples.movement(str(MOVEMENTS / "movement-x.mp4"), {MOVEMENTS / "movement-x.mp4"}).endswith("x.mp4")
    studio.visitors.spare([wink])
    take = studio.animate(photo, str(wink), tmp_path, visitor="v", report=lambda done, total: None, end=0.4)
    assert (take.frames, take.fps) == (10, 25)
    assert studio.estimate(str(wink)).frames == 45
    assert template("wink").is_file()
    with pytest.raises(OptionError, match="choose one of blink"):
        template("../wink")


def test_all_faces_have_their_squares(tmp_path):
    scene = face_picture((960, 480), (720, 240, 130))
    scene[:, :480] = face_picture((480, 480), (240, 240, 130))
    path = tmp_path / "two.png"
    Image.fromarray(scene).save(path)
    bundle: Bundle = load_model("faces-lite")

    def bright(face: object) -> list[bool]:
        shown = preview(str(path), bundle, "auto", Place(50, 50, 100), face=face).picture.astype(int)
        plain = np.asarray(Image.fromarray(scene).resize(shown.shape[1::-1]))
        return [bool(abs(shown[120, x] - plain[120, x]).max() < 12) for x in (120, 360)]

    assert sorted(bright(1)) == [False, True]
    assert bright("all") == bright([1, 2]) == [True, True]
    with pytest.raises(InputError):
        preview(str(path), bundle, "auto", Place(50, 50, 100), face=5)
