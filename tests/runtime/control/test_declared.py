"""Control of models that turn heads in space, and are told how far lips and lids open: by a toy of LivePortrait's kinds
of motion, whose spot shows what it is told.
"""

from pathlib import Path

import numpy as np
import pytest
import toy_kinds
from clips import spot
from PIL import Image

import runtime
from checkpoints.errors import BunrakuWarning, InputError, ModelError, OptionError
from runtime import Animator, Engine, Motion, animate, extract_motion
from runtime.cli import main
from runtime.control.hand import controls_of
from runtime.control.parts import Strengths
from runtime.control.pose import CONTROLS, as_motion, as_row
from runtime.control.retargeting import Openings, Since, retargeted
from runtime.layers.openings import UNSEEN, see_openings
from runtime.motion.file import MotionFile

SAMPLE = Path(runtime.__file__).parent / "assets" / "sample.jpg"
OPEN = (0.3, 0.35, 0.25)
"""Of the source: lips, lids."""
WHOLE = {"crop": "off", "driving_crop": "off", "progress": False}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    toy_kinds.build(tmp_path_factory.mktemp("declared") / "head", "head")
    return tmp_path_factory.getbasetemp() / "declared0" / "head"


@pytest.fixture(scope="module")
def engine(folder):
    return Engine(folder, device="cpu", threads=1)


@pytest.fixture
def seen(monkeypatch):
    """What is seen of lips and lids: of a picture of one brightness or another, what a test says."""
    answers = {}

    def see(frames):
        return np.array([answers.get(int(frame.max()), OPEN) for frame in frames], np.float32)

    monkeypatch.setattr("runtime.engine.see_openings", see)
    monkeypatch.setattr("runtime.control.retargeting.see_openings", see)
    return answers


def sitting(engine, **options):
    animator = Animator(engine, crop="off", driving_crop="off", **options)
    animator.set_source(spot(32, 32))
    return animator


def driving(engine, openings=None, count=3):
    motion = engine.detect(np.stack([spot(28 + 3 * t, 30, side=12 + 2 * t) for t in range(count)]))
    return motion if openings is None else motion.with_arrays({"openings": np.array(openings, np.float32)})


def told(animator, motion):
    """What `render` is told of each frame: lips wanted and their weight, lids wanted and theirs."""
    driven = Motion.concatenate([part for part, _ in animator._posed(1, motion)])
    lips, lids = driven.arrays["lip_opening"], driven.arrays["eye_opening"]
    np.testing.assert_allclose(lips[:, 0], OPEN[0])
    np.testing.assert_allclose(lids[:, :2], [OPEN[1:]] * len(lids))
    return lips[:, 1:], lids[:, 2:]


def test_openings_are_those_of_the_face(tmp_path):
    picture = np.asarray(Image.open(SAMPLE).convert("RGB").resize((256, 256)))
    frames = np.stack([picture, picture[:, ::-1], np.full_like(picture, 120)])
    shown, mirrored, nobody = see_openings(frames)
    assert 0 <= shown[0] < 0.4
    assert (shown[1:] > 0.15).all()
    assert (shown[1:] < 0.6).all()
    np.testing.assert_allclose(mirrored[[0, 2, 1]], shown, atol=0.05)
    assert (nobody == UNSEEN).all()


def test_controls_are_what_a_model_can_be_told(engine):
    assert engine.controls == ("yaw", "pitch", "roll", "mouth", "eyes")
    assert controls_of(Engine("faces-lite").bundle) == tuple(CONTROLS)


@pytest.mark.parametrize(
    ("pose", "looks"),
    [({"yaw": 30}, (0.5, 0, -0.866)), ({"pitch": 30}, (0, -0.5, -0.866)), ({"roll": 30}, (0, 0, -1))],
)
def test_a_head_turns_as_is_told_about_its_own_axes(engine, seen, pose, looks):
    animator = sitting(engine)
    own = animator.source.motion.arrays["rotation"][0, 0]
    driven, _ = animator._control.held(as_row(pose))
    turned = driven.arrays["rotation"][0, 0]
    np.testing.assert_allclose(turned @ turned.T, np.eye(3), atol=1e-6)
    nose = np.array([0, 0, -1.0])  # towards whoever looks at the picture
    np.testing.assert_allclose(nose @ turned, np.array(looks) @ own, atol=1e-3)
    if "roll" in pose:  # clockwise: what is up goes to the right
        assert (np.array([0, -1.0, 0]) @ turned @ own.T)[0] == pytest.approx(0.5)


def test_mouth_and_eyes_open_from_what_they_are(engine, seen):
    animator = sitting(engine)
    still = animator.pose()
    wanted = {"mouth": {1: 0.8, 0.5: 0.55, -1: 0.0, -0.5: 0.15}, "eyes": {1: 0.42, -1: 0.0, -0.5: 0.15}}
    for control, values in wanted.items():
        for value, opening in values.items():
            driven, _ = animator._control.held(as_row({control: value}))
            name = "lip_opening" if control == "mouth" else "eye_opening"
            np.testing.assert_allclose(driven.arrays[name][0, -2:], [opening, 1], atol=1e-6)
            assert np.abs(animator.pose(**{control: value}).astype(int) - still).max() > 100
    np.testing.assert_array_equal(animator.pose(), still)


def test_what_cannot_be_told_or_seen_is_said(engine, toy, seen):
    animator = sitting(engine)
    with pytest.raises(OptionError, match="has no smile, wink to be set by hand; it has yaw, pitch, roll, mouth, eyes"):
        animator.pose(smile=1, wink=1)
    with pytest.raises(OptionError, match="no brows"):
        sitting(engine, pose={"brows": 1})
    seen[250] = (UNSEEN,) * 3
    with pytest.raises(InputError, match="No face is seen"):
        sitting(engine).pose(mouth=0.5)
    sitting(engine).pose(yaw=10, smile=0, mouth=0)
    with pytest.raises(InputError, match="of a template with parts=head"):
        animate(spot(32, 32), "nod", model=engine, fps=5, **WHOLE)
    animate(spot(32, 32), "nod", model=engine, fps=5, parts="head", **WHOLE)
    for options, said in {
        "stitching": (0, "stitching is 0, but the model"),
        "retargeting": ("eyes", "retargeting is eyes, but the model"),
    }.items():
        with pytest.raises(OptionError, match=f"{said[1]}"):
            Animator(str(toy), **{options: said[0]})
    Animator(str(toy), stitching=True, retargeting="none")


@pytest.mark.parametrize(
    "options", [{"parts": "gaze"}, {"strength": dict.fromkeys(("head", "mouth", "eyes", "brows"), 0)}]
)
def test_the_gaze_does_not_move_by_itself(engine, options):
    with pytest.raises(OptionError, match="moves lids and irises together, as eyes; say parts=eyes"):
        Animator(engine, **options)
    Animator(engine, parts="gaze,eyes")
    Animator(engine, strength=0)


def test_there_is_no_other_background_where_pictures_are_made_whole(engine):
    with pytest.raises(InputError, match="makes its pictures whole, what is behind the person too; leave it at keep"):
        Animator(engine, background="red").set_source(spot(32, 32))


def test_stitching_is_as_strong_as_is_asked(engine, seen):
    frames = [spot(32, 32), spot(36, 32)]
    found = {
        how: animate(spot(32, 32), frames, model=engine, stitching=how, **WHOLE).frames for how in (1, True, 0.5, 0)
    }
    np.testing.assert_array_equal(found[1], found[True])
    columns = {how: np.flatnonzero(each[1].max((0, 2)) > 128)[0] for how, each in found.items()}
    assert columns[1] - columns[0.5] == pytest.approx(4, abs=1)
    assert columns[1] - columns[0] == pytest.approx(8, abs=1)


def test_lips_and_lids_open_as_far_as_the_driver_s(engine, seen):
    """Since the driver's motion opens the source by as much as it opens the driver, what lacks is what its first frame
    has more than the source, however strong; without strength, all of it, as published.
    """
    openings = [(0.1, 0.2, 0.2), (0.5, 0.1, 0.1), (0.2, 0.3, 0.3)]
    lips, lids = told(sitting(engine, retargeting="all"), driving(engine, openings))
    np.testing.assert_allclose(lips, [[0.1, 1]] * 3, atol=1e-6)
    np.testing.assert_allclose(lids, [[0.2, 1]] * 3, atol=1e-6)
    lips, lids = told(sitting(engine, retargeting="mouth", strength=0.0), driving(engine, openings))
    np.testing.assert_allclose(lips, [[0.1, 1], [0.5, 1], [0.2, 1]], atol=1e-6)
    np.testing.assert_allclose(lids, [[0.3, 0]] * 3, atol=1e-6)
    lips, _ = told(sitting(engine, retargeting="mouth", strength={"mouth": 2.0}), driving(engine, openings))
    np.testing.assert_allclose(lips[:, 0], [0.1, 0, 0], atol=1e-6)  # 0.5 - 2 (0.5 - 0.1) is shut
    # The absolute mode has the driver's opening already, as strong as it is.
    lips, _ = told(sitting(engine, retargeting="mouth", mode="absolute"), driving(engine, openings))
    np.testing.assert_allclose(lips, [[0.3, 0]] * 3, atol=1e-6)
    lips, _ = told(sitting(engine, retargeting="mouth", mode="absolute", strength=0.5), driving(engine, openings))
    np.testing.assert_allclose(lips[:, 0], [0.2, 0.4, 0.25], atol=1e-6)
    lips, _ = told(sitting(engine, retargeting="all", parts="head,eyes"), driving(engine, openings))
    np.testing.assert_allclose(lips, [[0.3, 0]] * 3, atol=1e-6)  # a part that is left out stays as it is


def test_who_is_not_seen_for_a_while_does_what_they_did(engine, seen):
    nobody = (UNSEEN,) * 3
    motion = driving(engine, [nobody, (0.5, 0.1, 0.1), nobody])
    lips, lids = told(sitting(engine, retargeting="all", strength=0.0), motion)
    np.testing.assert_allclose(lips, [[0.3, 0], [0.5, 1], [0.5, 1]], atol=1e-6)
    np.testing.assert_allclose(lids, [[0.3, 0], [0.1, 1], [0.1, 1]], atol=1e-6)
    animator = sitting(engine, retargeting="all", strength=0.0)
    told(animator, motion)
    animator.reset()
    np.testing.assert_allclose(told(animator, motion)[0][0], [0.3, 0], atol=1e-6)
    with pytest.warns(BunrakuWarning, match="does not say how far lips and lids are apart.*extract it again"):
        lips, _ = told(animator, driving(engine))
    np.testing.assert_allclose(lips, [[0.3, 0]] * 3, atol=1e-6)
    seen[int(spot(32, 32).max())] = nobody
    animator = sitting(engine, retargeting="all")
    with pytest.warns(BunrakuWarning, match="No face is seen in the square that is moved, so that retargeting") as said:
        list(animator._posed(1, motion))
    assert len(said) == 1


def test_from_neutral_to_neutral(engine, seen):
    openings = [(0.5, 0.1, 0.1), (0.02, 0.3, 0.3), (0.2, 0.3, 0.3)]
    motion = driving(engine, openings)
    animator = sitting(engine, neutral=True)
    animator.learn(motion)
    lips, lids = told(animator, motion)
    np.testing.assert_allclose(lips, [[0, 1]] * 3, atol=1e-6)  # shut
    np.testing.assert_allclose(lids, [[0.3, 0]] * 3, atol=1e-6)
    ((_, reference),) = animator._references(1, motion, None)
    rest, given = reference.arrays["expression"][0], motion.arrays["expression"]
    np.testing.assert_allclose(rest[0], given[1, 0], atol=1e-6)  # lips where they are least apart
    np.testing.assert_allclose(rest[1], given[1:, 1].mean(0), atol=1e-6)
    np.testing.assert_allclose(rest[2], np.median(given[:, 2], axis=0), atol=1e-6)
    np.testing.assert_allclose(reference.openings[0], [0.02, 0.3, 0.3], atol=1e-6)
    for name in ("rotation", "translation", "scale"):
        np.testing.assert_array_equal(reference.arrays[name], motion.arrays[name][:1])
    with pytest.raises(OptionError, match="leave neutral or absolute out"):
        sitting(engine, neutral=True, mode="absolute")


def test_lids_of_a_video_rest_as_in_its_first_frame_and_who_sleeps_wakes(seen):
    def rests(own, first=None):
        seen[own] = (0.0, own / 100, own / 100)
        return Openings(frozenset({"lip_opening", "eye_opening"}), np.full((4, 4, 3), own, np.uint8), (), True, first)

    first = rests(30)
    nothing = np.zeros(1)
    for own, wanted in ((30, 0.3), (20, 0.3), (5, 0.3)):
        row = rests(own, first).told(nothing, nothing)["eye_opening"][0]
        assert row[2:] == pytest.approx([wanted, min(abs(wanted - own / 100) / 0.03, 1)], abs=1e-6)
    assert rests(5).told(nothing, nothing)["eye_opening"][0, 2] == pytest.approx(0.28)


def test_motion_starts_from_a_pose(engine, seen):
    motion = driving(engine)
    plain = Motion.concatenate([part for part, _ in sitting(engine)._posed(1, motion)])
    assert "lip_opening" not in plain.arrays  # nothing is told where nothing is asked
    animator = sitting(engine, pose={"yaw": 20, "mouth": 0.5})
    driven = Motion.concatenate([part for part, _ in animator._posed(1, motion)])
    hand = animator._control.held(as_row({"yaw": 20}))[0].arrays["rotation"][0, 0]
    own = animator.source.motion.arrays["rotation"][0, 0]
    np.testing.assert_allclose(
        driven.arrays["rotation"][:, 0], hand @ own.T @ plain.arrays["rotation"][:, 0], atol=1e-5
    )
    np.testing.assert_allclose(driven.arrays["lip_opening"][:, 1], 0.55, atol=1e-6)
    np.testing.assert_array_equal(driven.arrays["expression"], plain.arrays["expression"])


def test_templates_play_what_a_model_has_and_say_what_is_left_out(engine, seen):
    found = animate(spot(32, 32), "blink", model=engine, **WHOLE)
    assert np.abs(found.frames.astype(int) - found.frames[0]).max() > 50
    with pytest.warns(BunrakuWarning, match='"look" also moves brows, gaze_x, gaze_y, for'):
        animate(spot(32, 32), "look", model=engine, **WHOLE)
    with pytest.raises(ModelError, match='"wink" moves smile, wink, for which'):
        animate(spot(32, 32), "wink", model=engine, end=0.1, **WHOLE)
    for part in ({"fps": 3}, {"start": 5}):  # in which there is no blink
        with pytest.warns(BunrakuWarning, match='"talk" also moves pucker, gaze_x, for'):
            animate(spot(32, 32), "talk", model=engine, **part, **WHOLE)
    smile = MotionFile(as_motion(np.concatenate([as_row({}), as_row({"smile": 1})])), 25, "pose", "pose", "")
    with pytest.raises(ModelError, match="moves smile, for which"):
        smile.check(engine.bundle)


def test_options_of_drivers_that_are_seen_are_refused_for_recorded_motion(engine, seen, tmp_path):
    frames = [spot(28 + 3 * t, 30, side=12) for t in range(3)]
    extract_motion(frames, tmp_path / "a.motion", model=engine, driving_crop="off", progress=False)
    for driving in ("nod", tmp_path / "a.motion"):
        with pytest.raises(OptionError, match="leave driving_face out"):
            animate(spot(32, 32), driving, model=engine, driving_face=2, **WHOLE)
    for reference in ("best", 3):
        with pytest.raises(OptionError, match=f"reference is {reference}, but a track of poses.*leave reference out"):
            animate(spot(32, 32), "nod", model=engine, reference=reference, **WHOLE)
    animate(spot(32, 32), tmp_path / "a.motion", model=engine, reference=1, **WHOLE)


def test_one_picture_that_drives_gives_its_expression(engine, toy, seen):
    """There is no first frame to count from: the face does what the picture's does, and the head rests."""
    animator = sitting(engine)
    found = animate(spot(32, 32), [spot(40, 20, side=8)], model=engine, **WHOLE)
    np.testing.assert_array_equal(found.frames[0], animator.still)  # the spot is where the head is
    motion = engine.detect(spot(40, 20, side=8)[None])
    source = animator.source.motion
    from runtime.animate import Request
    from runtime.sources.playing import looked_through

    looked_through([animator], [motion], Request(spot(32, 32), [spot(40, 20)]), 25.0)
    driven = Motion.concatenate([part for part, _ in animator._posed(1, motion)])
    for name in ("rotation", "translation", "scale"):
        np.testing.assert_allclose(driven.arrays[name], source.arrays[name], atol=1e-6)
    moved = driven.arrays["expression"].reshape(6)
    np.testing.assert_allclose(moved[:5], motion.arrays["expression"].reshape(6)[:5], atol=1e-6)
    assert moved[5] == pytest.approx(source.arrays["expression"].reshape(6)[5])  # which is kept
    assert abs(moved[0] - source.arrays["expression"].flat[0]) > 0.05
    with pytest.warns(BunrakuWarning, match="One picture drives: in the mode relative"):
        animate(spot(32, 32), [spot(40, 20)], model=str(toy), **WHOLE)


def test_lids_of_a_source_that_moves_rest_as_in_its_first_frame(engine, seen, tmp_path, monkeypatch):
    shown = []
    told_of = Openings.told
    monkeypatch.setattr(Openings, "told", lambda self, *given: shown.append(told_of(self, *given)) or shown[-1])
    for number, brightness in enumerate((250, 200, 150)):  # what is seen of each is told apart by it
        seen[brightness] = (0.1, 0.3 - 0.1 * number, 0.3 - 0.1 * number)
        Image.fromarray(np.minimum(spot(32, 32), brightness).astype(np.uint8)).save(tmp_path / f"{number}.png")
    frames = [spot(30, 30)] * 3
    found = animate(tmp_path, frames, model=engine, neutral=True, **WHOLE)
    assert len(found) == 3
    told = np.concatenate([each["eye_opening"] for each in shown])
    np.testing.assert_allclose(told[:, 0], [0.3, 0.2, 0.1], atol=1e-6)  # each frame's own
    np.testing.assert_allclose(told[:, 2:], [[0.3, 0], [0.3, 1], [0.3, 1]], atol=1e-6)


def test_motion_files_keep_what_is_seen(engine, seen, tmp_path):
    frames = [spot(28 + 3 * t, 30, side=12) for t in range(3)]
    extract_motion(frames, tmp_path / "a.motion", model=engine, driving_crop="off", progress=False)
    for options in ({"retargeting": "all"}, {"neutral": True}, {"pose": {"mouth": 1.0}, "stitching": 0.5}):
        from_frames = animate(spot(32, 32), frames, model=engine, **WHOLE, **options)
        from_file = animate(spot(32, 32), tmp_path / "a.motion", model=engine, **WHOLE, **options)
        np.testing.assert_array_equal(from_frames.frames, from_file.frames)


@pytest.mark.parametrize("loop", [2, "seamless"])
def test_loops_with_all_of_it(engine, seen, loop):
    frames = [spot(28 + 3 * t, 30, side=12) for t in range(5)]
    options = {"retargeting": "all", "neutral": True, "smoothing": 0.5, "strength": 1.5, "pose": {"roll": 5}}
    found = animate(spot(32, 32), frames, model=engine, loop=loop, **WHOLE, **options)
    assert len(found) >= 5


def test_retargeting_s_words():
    assert retargeted("none") == retargeted([]) == ()
    assert retargeted("all") == retargeted("eyes, MOUTH") == ("mouth", "eyes")
    assert Since(None, None, Strengths()).driving is None


def test_the_command_offers_what_every_model_has_apart(folder, in_tmp, capsys):
    assert main(["pose", "--help"]) == 0
    _, _, told = capsys.readouterr().out.partition("\npose:")
    everybody, _, few = told.partition("pose, of models whose points have names")
    assert "--yaw" in everybody
    assert "--eyes" in everybody
    assert "--smile" not in everybody
    assert "--smile" in few
    Image.fromarray(spot(32, 32)).save("spot.png")
    assert main(["pose", "spot.png", "--model", str(folder), "--yaw", "20", "--crop", "off", "-o", "a.png"]) == 0
    assert main(["pose", "spot.png", "--model", str(folder), "--wink", "1", "--crop", "off", "-o", "b.png"]) == 2
    assert "has no wink to be set by hand" in capsys.readouterr().err
    assert not Path("b.png").exists()
