"""What users ask for, by the default model on the bundled sample: parts, poses by hand, faces at rest, templates."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import runtime
from checkpoints.errors import InputError, ModelError, OptionError
from runtime import Animator, Motion, animate
from runtime.animate import Request
from runtime.cli import main
from runtime.control.pose import as_motion, as_row
from runtime.engine import Engine
from runtime.layers import lips
from runtime.media.provenance import STATEMENT
from runtime.sources.playing import looked_through

ASSETS = Path(runtime.__file__).parent / "assets"
SAMPLE, DRIVING = ASSETS / "sample.jpg", ASSETS / "sample.mp4"


@pytest.fixture(scope="module")
def engine():
    return Engine("faces-lite")


@pytest.fixture(scope="module")
def animator(engine):
    animator = Animator(engine)
    animator.set_source(SAMPLE)
    return animator


@pytest.fixture(scope="module")
def whole(engine):
    """The bundled video's motion."""
    return runtime.extract_motion(DRIVING, model=engine, progress=False).motion


@pytest.fixture(scope="module")
def motion(whole):
    """Four frames of it."""
    return whole[0:40:10]


def like(animator, **options):
    """An animator with those options of the same source, which takes its time to set."""
    other = Animator(animator.engine, **options)
    other._source, other._finish = animator._source, animator._finish
    other._control = other._controlled()
    return other


def places(animator, motion, **options):
    """By how much points of results are told to move, and the expressions, with those options."""
    ((driven, faces),) = like(animator, **options)._posed(1, motion)
    return driven.places - animator.source.motion.places, faces


def test_parts_move_by_themselves(animator, motion):
    names = animator.engine.names
    both, nose = [names["mouth.upper_lip"], names["mouth.lower_lip"]], names["nose.bridge"]
    whole, faces = places(animator, motion)
    head, still_faces = places(animator, motion, parts="head")
    mouth, speaking = places(animator, motion, parts="mouth")
    np.testing.assert_array_equal(head[:, nose], whole[:, nose])
    np.testing.assert_array_equal(mouth[:, nose], 0)
    assert np.abs(mouth[:, both]).max() > 0.005
    assert all(face.at_rest for face in still_faces)
    for spoke, face in zip(speaking, faces, strict=True):
        assert (spoke.lower_lip, spoke.chin) == (face.lower_lip, face.chin)
        assert (spoke.lids == 1).all()
        assert not spoke.gaze.any()


def test_strengths_of_parts_and_of_all_agree(animator, motion):
    whole, faces = places(animator, motion, strength=1.5)
    parts, same = places(animator, motion, strength=dict.fromkeys(("head", "mouth", "eyes", "brows", "gaze"), 1.5))
    np.testing.assert_array_equal(whole, parts)
    assert [face.lower_lip for face in faces] == [face.lower_lip for face in same]
    one, _ = places(animator, motion, strength={"head": 0.0})
    other, _ = places(animator, motion, parts=("mouth", "eyes", "brows", "gaze"))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.5])
def test_a_mouth_in_the_absolute_mode_has_the_strength_once(animator, motion, strength):
    names = ("head", "mouth", "eyes", "brows", "gaze")
    _, once = places(animator, motion, mode="absolute", strength=strength)
    _, parts = places(animator, motion, mode="absolute", strength=dict.fromkeys(names, strength))
    _, whole = places(animator, motion, mode="absolute")
    for face, same, full in zip(once, parts, whole, strict=True):
        assert face.chin == pytest.approx(same.chin) == pytest.approx(min(strength * full.chin, 0.75))
        np.testing.assert_allclose(face.corners, strength * full.corners, atol=1e-9)
        assert strength or face.at_rest


def test_the_disentangled_mode_follows_the_points_of_the_sources_own_shape(animator, motion):
    found, same = (
        places(animator, each, mode="disentangled")[1]
        for each in (motion, motion.with_arrays({"lips": motion.lips + np.float32(0.2)}))
    )
    for face, other in zip(found, same, strict=True):
        assert (face.upper_lip, face.lower_lip, face.chin) == (other.upper_lip, other.lower_lip, other.chin)
        assert face.thickness.tolist() == [1, 1]


@pytest.mark.parametrize("mode", ["absolute", "disentangled"])
def test_parts_in_modes_without_a_reference(animator, motion, mode):
    moved, faces = places(animator, motion, mode=mode, parts="mouth,eyes")
    assert np.abs(moved[:, animator.engine.names["nose.bridge"]]).max() == 0
    assert any(face.lower_lip for face in faces)
    assert not any(face.gaze.any() for face in faces)


def test_a_pose_by_hand(animator):
    still = animator.pose()
    np.testing.assert_array_equal(still, animator.still)
    for pose in ({"yaw": 15}, {"mouth": 0.6}, {"eyes": -1}, {"smile": 0.8}, {"gaze_x": 1}, {"brows": 1}, {"wink": 1}):
        found = animator.pose(**pose)
        assert found.shape == still.shape
        assert np.abs(found.astype(int) - still).max() > 20, pose
    np.testing.assert_array_equal(animator.pose(), still)


def test_a_pose_moves_what_it_names(animator):
    """By the engine's own eyes: of the picture in a pose, what the model and the networks of eyes and lips find."""
    poses = ({}, {"eyes": -1}, {"yaw": 15}, {"mouth": 0.8}, {"smile": 1})
    posed = np.stack([animator.pose(**pose) for pose in poses])
    seen = animator.engine.detect(posed, expression=True)
    names = animator.engine.names
    assert (seen.eyes[1, :, 0] < 0.7 * seen.eyes[0, :, 0]).all()
    nose = seen.places[:, names["nose.tip"], 0] - seen.places[:, names["cheek_left.side"], 0]
    assert nose[2] > nose[0] + 0.03
    gap = seen.places[:, names["mouth.lower_lip"], 1] - seen.places[:, names["mouth.upper_lip"], 1]
    assert gap[3] > gap[0] + 0.05
    apart = [lips.apart(mouth) for mouth in seen.lips]
    assert apart[3] > apart[0] + 0.1
    assert lips.opened(seen.lips[3], seen.lips[0]) > 0.1
    width = seen.lips[:, lips.LEFT, 0] - seen.lips[:, lips.RIGHT, 0]
    assert width[4] > width[0] + 0.01
    assert seen.lips[3, lips.TIP, 1] > seen.lips[0, lips.TIP, 1] + 0.03


def test_a_pose_needs_a_source_and_right_words(animator, engine):
    with pytest.raises(OptionError, match=r"yaw=90; it must be a number from -45 to 45"):
        animator.pose(yaw=90)
    with pytest.raises(OptionError, match='pose has "nod"'):
        animator.pose(nod=1)
    with pytest.raises(InputError, match="set_source"):
        Animator(engine).pose(yaw=1)


def test_motion_starts_from_a_pose(animator, motion):
    start = {"yaw": 12, "mouth": 0.5, "eyes": -0.5}
    moved, faces = places(animator, motion, pose=start)
    plain, before = places(animator, motion)
    from_pose, (face,) = animator._control.held(as_row(start))
    shift = from_pose.places - animator.source.motion.places
    assert np.abs(moved - plain - shift).max() < 0.02  # but for what is kept inside of the picture
    assert faces[0].lids[0] == pytest.approx(before[0].lids[0] * face.lids[0])
    assert faces[0].lower_lip == pytest.approx(before[0].lower_lip + face.lower_lip)


def test_tracks_are_weighed_by_parts(animator):
    values = np.concatenate([as_row({}), as_row({"yaw": 20, "mouth": 1, "wink": 1})])
    driven, (_, face) = places(animator, as_motion(values), parts="mouth", strength=0.5)
    assert np.abs(driven[1, animator.engine.names["nose.bridge"]]).max() < 1e-6
    assert face.lids.tolist() == [1, 1]
    _, (_, whole) = places(animator, as_motion(values))
    assert 0 < face.lower_lip < whole.lower_lip
    most, _ = places(animator, as_motion(values), strength=100)
    assert np.isfinite(most).all()


def test_templates_play_by_name(engine, in_tmp, capsys):
    found = animate(SAMPLE, "wink", model=engine, start=0.44, end=0.6, progress=False)
    assert (len(found), found.fps) == (4, 25)
    assert np.abs(found.frames[3].astype(int) - found.frames[0]).max() > 40
    assert main(["motion", "list"]) == 0
    said = capsys.readouterr().out
    assert "wink" in said
    assert "winks with one eye" in said


def test_a_driver_counts_from_their_face_at_rest(animator, whole):
    """Whoever begins with an open mouth opens the picture's shut one; from neutral to neutral without its smile."""
    names = animator.engine.names
    gap = whole.places[:, names["mouth.lower_lip"], 1] - whole.places[:, names["mouth.upper_lip"], 1]
    begin = int(gap.argmax())
    other = like(animator, neutral=True)
    other.learn(whole)
    ((_, (face,)),) = other._posed(1, whole[begin : begin + 1])
    assert face.lower_lip - face.upper_lip > 0.02
    assert (face.closed, face.relaxed > 0) == (1.0, True)
    _, (plain,) = places(animator, whole[begin : begin + 1])
    assert plain.lower_lip - plain.upper_lip > 0.02
    assert (plain.closed, plain.relaxed) == (0, 0)


def test_what_needs_names_says_so(toy, animator):
    for options in ({"parts": "mouth"}, {"strength": {"head": 0.5}}, {"pose": {"yaw": 5}}, {"neutral": True}):
        with pytest.raises(OptionError, match="have no names"):
            Animator(str(toy), **options)
    Animator(str(toy), pose={}, strength={}, parts="all")
    other = Animator(str(toy))
    other.set_source(SAMPLE)
    with pytest.raises(OptionError, match="have no names"):
        other.pose(yaw=5)
    with pytest.raises(ModelError, match="have no names"):
        animate(SAMPLE, "nod", model=str(toy), progress=False)


def test_a_seamless_loop_leads_back(animator, whole):
    asked = Request(SAMPLE, DRIVING, loop="seamless")
    (batches,) = looked_through([like(animator)], [whole[:30]], asked, 25.0)
    assert max(map(len, batches)) == animator.engine.batch

    def leap(points):
        steps = np.abs(np.diff(points, axis=0)).mean((1, 2))
        return np.abs(points[0] - points[-1]).mean() / steps.max()

    found = Motion.concatenate(batches).places
    assert leap(found) < 1.2 < leap(whole[:30].places)
    with pytest.raises(OptionError, match="another order"):
        animate(SAMPLE, DRIVING, model=animator.engine, progress=False, loop="seamless", compare=True)


def test_the_command_writes_a_picture(in_tmp, capsys):
    assert main(["pose", str(SAMPLE), "--yaw", "10", "--mouth", "0.5", "--gaze-x", "-1", "--label"]) == 0
    assert capsys.readouterr().out.strip() == "sample-pose.png"
    with Image.open("sample-pose.png") as image:
        assert image.size == (256, 256)
    assert STATEMENT.encode() in Path("sample-pose.png").read_bytes()
    for words, said in {
        ("--yaw", "60"): "from -45 to 45",
        ("-o", "a.jpg"): "must end in .png or .webp",
        ("-o", "none/a.png"): "does not exist",
        ("-o", "."): "must end in",
    }.items():
        assert main(["pose", str(SAMPLE), *words]) == 2
        assert said in capsys.readouterr().err
    assert sorted(path.name for path in in_tmp.iterdir()) == ["sample-pose.png"]
