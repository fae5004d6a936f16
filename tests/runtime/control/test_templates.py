"""Motions that come with the engine: all are there, small, begin near the picture and end as they began."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import runtime
from checkpoints.errors import InputError, ModelError
from checkpoints.parameters import Parameter
from checkpoints.registry import load_model
from runtime.control.pose import CONTROLS, POSE, as_motion, is_track, track
from runtime.control.templates import FOLDER, template_file, templates
from runtime.many.pairs import read_pairs
from runtime.motion.driving import open_clip
from runtime.motion.file import MotionFile, load_motion, save_motion
from runtime.motion.modes import Motion
from runtime.motion.seamless import seamless

NAMES = sorted(templates())


def test_every_template_is_told_of_and_there():
    assert sorted(path.stem for path in FOLDER.glob("*.motion")) == NAMES
    assert runtime.templates is templates
    assert {"nod", "shake", "smile", "wink", "blink", "talk", "look", "laugh"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_template_is_small_smooth_and_a_circle(name):
    recorded = load_motion(FOLDER / f"{name}.motion")
    values = track(recorded.motion)
    assert (FOLDER / f"{name}.motion").stat().st_size < 10_000
    assert 1.5 <= len(values) / recorded.rate <= 8
    low, high = np.array(list(CONTROLS.values())).T
    assert (values >= low).all()
    assert (values <= high).all()
    assert np.ptp(values, axis=0).max() > 0.3
    assert np.abs(values[0] / high).max() < 0.25  # a picture hardly leaps when it begins to move
    steps = np.abs(np.diff(np.concatenate([values, values[:1]]), axis=0)) / high
    assert steps[-1].max() <= steps.max()
    assert seamless(recorded.motion, 25) is recorded.motion


def test_a_file_of_the_name_goes_first(in_tmp):
    assert template_file("wink") == FOLDER / "wink.motion"
    assert template_file("winks") is None
    Path("wink").write_bytes(b"")
    assert template_file("wink") is None
    assert template_file("wink", in_tmp / "elsewhere") is not None


def test_a_list_of_pairs_plays_templates(in_tmp):
    Path("pairs.csv").write_text('source,driving,strength,parts\na.png,wink,"eyes=2","eyes,head"\n')
    (job,) = read_pairs(Path("pairs.csv"))
    assert Path(job.driving) == FOLDER / "wink.motion"
    assert job.output == "a-wink.mp4"
    assert job.options == {"strength": "eyes=2", "parts": "eyes,head"}


def test_a_track_is_read_at_any_rate():
    slow, fast = open_clip("nod"), open_clip("nod", Fraction(50))
    assert (slow.rate, fast.rate, fast.total) == (25, 50, 2 * slow.total)
    np.testing.assert_allclose(track(fast.motion.motion)[::2], track(slow.motion.motion), atol=1e-6)
    with pytest.raises(InputError):
        open_clip("nods")


def test_tracks_of_what_there_is_not_are_refused(tmp_path):
    values = as_motion(np.zeros((3, len(CONTROLS)), np.float32))
    odd = Motion.of({POSE: values.arrays[POSE][:, :1]}, {POSE: Parameter("coefficient", (1,), ("tail",), ((0, 1),))})
    save_motion(tmp_path / "odd.motion", MotionFile(odd, Fraction(25), POSE, "x", ""))
    bundle = load_model("faces-lite")
    with pytest.raises(ModelError, match=r"odd\.motion holds a pose of which"):
        load_motion(tmp_path / "odd.motion").check(bundle)
    load_motion(FOLDER / "nod.motion").check(bundle)


def test_a_model_may_call_its_own_numbers_pose():
    own = Motion.of({POSE: np.ones((2, 1), np.float32)}, {POSE: Parameter("coefficient", (1,), ("tail",), ((0, 1),))})
    more = as_motion(np.zeros((2, len(CONTROLS)), np.float32)).with_arrays({"points": np.zeros((2, 5, 2), np.float32)})
    assert not is_track(own)
    assert not is_track(more)
    assert is_track(as_motion(np.zeros((2, len(CONTROLS)), np.float32)))


def test_a_track_of_some_controls_leaves_the_others_alone():
    one = Motion.of({POSE: np.ones((2, 1), np.float32)}, {POSE: Parameter("coefficient", (1,), ("smile",), ((0, 1),))})
    assert track(one).sum(0).tolist() == [2.0 * (name == "smile") for name in CONTROLS]


def test_the_templates_are_what_their_tool_makes():
    pytest.importorskip("torch", reason="the tool takes drawn people's performances")
    from export.assets.templates import build

    for name, values in build().items():
        np.testing.assert_allclose(track(load_motion(FOLDER / f"{name}.motion").motion), values, atol=1e-5)
