"""Every kind of parameter is moved, smoothed, recorded and played by what it is, whatever the family calls it."""

import json
from pathlib import Path

import numpy as np
import pytest
import toy_kinds
from clips import moving, spot
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from checkpoints.bundle import Bundle
from checkpoints.errors import InputError, ModelError, OptionError
from checkpoints.parameters import KINDS as DECLARED
from checkpoints.parameters import Parameter, parse_parameters
from runtime import Engine, animate, extract_motion
from runtime.motion.file import load_motion
from runtime.motion.kinds import KINDS, inverse, turned
from runtime.motion.modes import Motion, absolute, best_frame, relative
from runtime.motion.smoothing import OneEuro

PARAMETERS = {
    "corners": Parameter("point", (5, 3)),
    "maps": Parameter("linear", (5, 3, 3)),
    "spreads": Parameter("covariance", (5, 2, 2)),
    "outline": Parameter("contour", (2, 7, 2)),
    "smile": Parameter("coefficient", (3,), ("left", "right", "open"), ((0.0, 1.0), (0.0, 1.0), (-2.0, 2.0))),
    "style": Parameter("code", (2, 4)),
    "turn": Parameter("rotation", (2, 3, 3)),
    "size": Parameter("ratio", (2,)),
    "look": Parameter("code", (3, 2), kept=(1, 4)),
}


def some(seed: int, frames: int = 1) -> Motion:
    """A motion of all kinds, coefficients well within their ranges."""
    random = np.random.default_rng(seed)
    arrays = {
        name: random.uniform(-1, 1, (frames, *what.shape)).astype(np.float32) for name, what in PARAMETERS.items()
    }
    arrays["maps"] = arrays["maps"] * np.float32(0.2) + np.eye(3, dtype=np.float32)
    arrays["smile"] = random.uniform(0.4, 0.6, (frames, 3)).astype(np.float32)
    arrays["turn"] = KINDS["rotation"].mended(arrays["turn"] * np.float32(0.4) + np.eye(3, dtype=np.float32))
    arrays["size"] = np.exp2(arrays["size"])
    return Motion.of(arrays, PARAMETERS)


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("kinds")
    for kind in toy_kinds.MOTIONS:
        toy_kinds.build(base / kind, kind)
    return {kind: base / kind for kind in toy_kinds.MOTIONS}


@pytest.fixture(params=sorted(toy_kinds.MOTIONS))
def engine(request, folders) -> Engine:
    return Engine(folders[request.param], device="cpu", threads=1)


def middle(frames: np.ndarray) -> np.ndarray:
    """(T, 2): where the bright spot is in each, in pixels."""
    weight = frames.mean(axis=-1, dtype=np.float64) > 128
    y, x = np.mgrid[: frames.shape[1], : frames.shape[2]]
    return np.array([[(x * one).sum() / one.sum(), (y * one).sum() / one.sum()] for one in weight])


def angles(rotations: np.ndarray) -> np.ndarray:
    """In radians."""
    return np.arccos(np.clip((np.trace(rotations, axis1=-2, axis2=-1) - 1) / 2, -1, 1))


def test_whatever_may_be_declared_is_known_here():
    assert set(DECLARED) | {"eye", "lip", "head", "limbs", "take", "opening", "residual", "told"} == set(KINDS)


@pytest.mark.parametrize("strength", [1.0, 0.3])
def test_the_reference_frame_leaves_the_source_as_it_is(strength):
    source, driving = some(0), some(1)
    moved = relative(source, driving, driving, strength=strength)
    for name in PARAMETERS:
        kept = driving if name == "spreads" else source
        np.testing.assert_allclose(moved.arrays[name], kept.arrays[name], atol=1e-6)


def test_each_kind_moves_by_its_own_formula():
    source, driving, first = some(0), some(1, 4), some(2)
    s = 0.7
    moved = relative(source, driving, first, strength=s, adapt_scale=False).arrays
    given = [{name: array.astype(np.float64) for name, array in m.arrays.items()} for m in (source, driving, first)]
    here, there, then = given
    for name in ("corners", "outline", "smile", "style", "look"):
        np.testing.assert_allclose(moved[name], here[name] + s * (there[name] - then[name]), atol=1e-6)
    turned = np.eye(3) + s * (there["maps"] @ np.linalg.inv(then["maps"]) - np.eye(3))
    np.testing.assert_allclose(moved["maps"], turned @ here["maps"], atol=1e-5)
    np.testing.assert_allclose(moved["size"], here["size"] * (there["size"] / then["size"]) ** s, rtol=1e-5)
    way = there["turn"] @ then["turn"].swapaxes(-1, -2)
    part = moved["turn"] @ here["turn"].swapaxes(-1, -2)
    np.testing.assert_allclose(angles(part), s * angles(way), atol=1e-5)
    np.testing.assert_allclose(part @ way, way @ part, atol=1e-5)  # about the same axis
    assert moved["spreads"] is driving.arrays["spreads"]
    towards = absolute(source, driving, strength=s).arrays
    for name in ("corners", "maps", "outline", "smile", "style"):
        np.testing.assert_allclose(towards[name], here[name] + s * (there[name] - here[name]), atol=1e-6)
    assert towards["spreads"] is driving.arrays["spreads"]
    assert (towards["size"] == here["size"].astype(np.float32)).all()
    way = there["turn"] @ here["turn"].swapaxes(-1, -2)
    np.testing.assert_allclose(angles(towards["turn"] @ here["turn"].swapaxes(-1, -2)), s * angles(way), atol=1e-5)
    look = (here["look"] + s * (there["look"] - here["look"])).reshape(4, 6)
    look[:, [1, 4]] = here["look"].reshape(1, 6)[:, [1, 4]]
    np.testing.assert_allclose(towards["look"].reshape(4, 6), look, atol=1e-6)


def test_lengths_are_adapted_to_the_size_in_the_picture_and_other_kinds_have_none():
    source, driving, first = some(0), some(1, 3), some(2)
    flat = {
        name: relative(source, driving, first, adapt_scale=adapt).arrays for name, adapt in (("a", True), ("b", False))
    }
    with_scale, without = flat["a"], flat["b"]
    ratio = (with_scale["corners"] - source.arrays["corners"]) / (without["corners"] - source.arrays["corners"])
    assert np.ptp(ratio) < 1e-3
    assert abs(ratio.mean() - 1) > 0.05
    change = without["outline"] - source.arrays["outline"]
    np.testing.assert_allclose(with_scale["outline"], source.arrays["outline"] + ratio.mean() * change, atol=1e-5)
    for name in ("maps", "smile", "style", "turn", "size", "look"):
        np.testing.assert_array_equal(with_scale[name], without[name])


def test_coefficients_stay_within_their_ranges_however_strong():
    source, driving, first = some(0), some(1, 50), some(2)
    for moved in (relative(source, driving, first, strength=9), absolute(source, driving, strength=9)):
        smile = moved.arrays["smile"]
        assert smile.min(axis=(0, 1)) >= -2
        assert (smile.min(axis=0) >= [0, 0, -2]).all()
        assert (smile.max(axis=0) <= [1, 1, 2]).all()
        assert smile[:, :2].min() == 0
        assert smile[:, :2].max() == 1
        assert np.abs(moved.arrays["style"]).max() > 5  # what has no range is not held back


def test_matrices_in_space_are_inverted_and_singular_ones_give_numbers():
    random = np.random.default_rng(0)
    matrices = random.normal(size=(6, 3, 3)).astype(np.float32)
    np.testing.assert_allclose(inverse(matrices), np.linalg.inv(matrices.astype(np.float64)), rtol=1e-6)
    assert np.isfinite(inverse(np.zeros((1, 3, 3), np.float32))).all()


def test_all_of_a_turn_is_the_publication_s_product_and_absolute_mode_keeps_what_is_the_source_s():
    source, driving, first = some(0), some(1, 4), some(2)
    moved = relative(source, driving, first).arrays["turn"]
    given = [m.arrays["turn"].astype(np.float64) for m in (driving, first, source)]
    np.testing.assert_allclose(moved, given[0] @ given[1].swapaxes(-1, -2) @ given[2], atol=1e-6)
    taken = absolute(source, driving)
    assert taken.arrays["turn"] is driving.arrays["turn"]
    assert taken.arrays["style"] is driving.arrays["style"]
    np.testing.assert_array_equal(taken.arrays["size"], np.repeat(source.arrays["size"], 4, 0))
    look = taken.arrays["look"].reshape(4, 6)
    np.testing.assert_array_equal(look[:, [1, 4]], np.repeat(source.arrays["look"].reshape(1, 6)[:, [1, 4]], 4, 0))
    np.testing.assert_array_equal(look[:, [0, 2, 3, 5]], driving.arrays["look"].reshape(4, 6)[:, [0, 2, 3, 5]])


@pytest.mark.parametrize("degrees", [0.0, 1e-5, 30.0, 179.99999, 180.0])
def test_turns_have_powers_from_none_to_half_a_turn(degrees):
    axis = np.array([2.0, -1.0, 2.0]) / 3
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])

    def turn(angle: float) -> np.ndarray:
        return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross

    whole = turn(np.deg2rad(degrees))
    for strength in (0.0, 0.5, 2.0):
        found = turned(whole[None], strength)[0]
        wanted = [turn(way * strength * np.deg2rad(degrees)) for way in (1, -1)]
        # Of half a turn both ways are the shortest.
        apart = [np.abs(found - each).max() for each in wanted]
        assert (min(apart) if degrees > 179 else apart[0]) < 1e-6
    np.testing.assert_allclose(turned(turned(whole[None], 0.5), 2.0)[0], whole, atol=1e-6)


def test_smoothed_turns_are_turns_and_smoothed_factors_above_0():
    calm = OneEuro(1.0, 25)(some(3, 20))
    turns = calm.arrays["turn"].astype(np.float64)
    np.testing.assert_allclose(turns @ turns.swapaxes(-1, -2), np.broadcast_to(np.eye(3), turns.shape), atol=1e-6)
    np.testing.assert_allclose(np.linalg.det(turns), 1, atol=1e-6)
    assert (calm.arrays["size"] > 0).all()


@pytest.mark.parametrize(
    "values",
    [
        {"kind": "rotation", "shape": [3, 3]},
        {"kind": "rotation", "shape": [1, 2, 2]},
        {"kind": "ratio", "shape": [1, 1]},
        {"kind": "code", "shape": [2, 3], "kept": [6]},
        {"kind": "code", "shape": [2, 3], "kept": [-1]},
        {"kind": "code", "shape": [2, 3], "kept": [True]},
        {"kind": "code", "shape": [2, 3], "kept": "all"},
        {"kind": "point", "shape": [2, 3], "kept": [0]},
        {"kind": "code", "shape": [2, 3], "parts": ["mouth"]},
        {"kind": "code", "shape": [2, 3], "parts": ["mouth", 1]},
        {"kind": "code", "shape": [2, 3], "parts": "eyes"},
    ],
)
def test_what_no_parameter_can_be_is_refused(values):
    with pytest.raises(ValueError, match="odd"):
        parse_parameters({"odd": values})


def test_what_is_kept_and_of_which_part_comes_back():
    known = {
        "face": Parameter("code", (2, 3), kept=(0, 5), parts=("mouth", "eyes")),
        "turn": Parameter("rotation", (1, 3, 3), parts=("head",)),
    }
    assert parse_parameters({name: what.to_json() for name, what in known.items()}) == known


def test_smoothing_measures_coefficients_in_their_ranges_and_codes_by_their_length():
    random = np.random.default_rng(0)
    track = random.uniform(0.1, 0.9, (12, 1)).astype(np.float32)

    def smoothed(values: np.ndarray, what: Parameter) -> np.ndarray:
        motion = Motion.of({"it": np.ascontiguousarray(values, np.float32)}, {"it": what})
        return OneEuro(0.5, 25)(motion).arrays["it"]

    narrow = smoothed(track, Parameter("coefficient", (1,), ("a",), ((0.0, 1.0),)))
    wide = smoothed(10 * track - 3, Parameter("coefficient", (1,), ("a",), ((-3.0, 7.0),)))
    np.testing.assert_allclose(wide, 10 * narrow - 3, atol=1e-5)
    assert np.abs(np.diff(narrow[:, 0])).sum() < np.abs(np.diff(track[:, 0])).sum()
    as_point = smoothed(
        np.concatenate([2 * track - 1, 0 * track], axis=1)[:, None], Parameter("point", (1, 2))
    )  # as wide as the range
    np.testing.assert_allclose(2 * narrow - 1, as_point[:, 0, :1], atol=1e-5)
    short = smoothed(track, Parameter("code", (1,)))
    long = smoothed(np.repeat(track, 16, axis=1), Parameter("code", (16,)))
    np.testing.assert_allclose(long, np.repeat(short, 16, axis=1), atol=1e-6)


def test_smoothing_calms_everything_but_what_is_the_frames_own():
    motion = some(3, 20)
    calm = OneEuro(1.0, 25)(motion)
    for name, what in PARAMETERS.items():
        ways = [np.abs(np.diff(m.arrays[name], axis=0)).sum() for m in (motion, calm)]
        assert (ways[1] == ways[0]) if what.kind == "covariance" else (ways[1] < 0.9 * ways[0]), name


def test_the_best_frame_is_found_without_points():
    known = {name: PARAMETERS[name] for name in ("smile", "style")}
    driving = Motion.of({name: some(4, 6).arrays[name] for name in known}, known)
    assert [best_frame(driving[t : t + 1], driving) for t in range(6)] == list(range(6))


def test_places_are_what_is_seen_of_points_in_order():
    two = {"a": Parameter("point", (2, 2)), "b": Parameter("code", (3,)), "c": Parameter("point", (1, 3))}
    arrays = {name: np.full((4, *what.shape), at, np.float32) for at, (name, what) in enumerate(two.items())}
    motion = Motion.of(arrays, two)
    assert motion.places.shape == (4, 3, 2)
    np.testing.assert_array_equal(motion.places[0, :, 0], [0, 0, 2])
    assert Motion.of({"b": arrays["b"]}, two).places.shape == (4, 0, 2)


def test_motions_of_other_parameters_do_not_follow_one_another():
    motion = some(0)
    with pytest.raises(ValueError, match="different parameters"):
        Motion.concatenate([motion, Motion.of({"smile": motion.arrays["smile"]}, PARAMETERS)])


@pytest.mark.parametrize("mode", ["relative", "absolute"])
def test_a_source_is_moved_as_its_driver_moves(engine, mode):
    driving = [spot(20 + 2 * t, 30) for t in range(8)]
    frames = animate(
        spot(20, 30), driving, model=engine, mode=mode, crop="off", driving_crop="off", progress=False
    ).frames
    way = middle(frames) - middle(frames)[0]
    np.testing.assert_allclose(way[:, 0], 2 * np.arange(8), atol=0.6)
    np.testing.assert_allclose(way[:, 1], 0, atol=0.6)
    half = middle(
        animate(
            spot(20, 30), driving, model=engine, mode=mode, strength=0.5, crop="off", driving_crop="off", progress=False
        ).frames
    )
    np.testing.assert_allclose(half[:, 0] - half[0, 0], np.arange(8), atol=0.6)
    still = middle(
        animate(
            spot(20, 30), driving, model=engine, mode=mode, strength=0, crop="off", driving_crop="off", progress=False
        ).frames
    )
    assert np.ptp(still, axis=0).max() < 0.6


def test_a_coefficient_ends_the_movement_at_its_range(folders):
    driving = [spot(12 + 4 * t, 30) for t in range(10)]
    engine = Engine(folders["coefficients"], device="cpu", threads=1)
    frames = animate(spot(30, 30), driving, model=engine, strength=3, progress=False).frames
    way = middle(frames)[:, 0]
    # "right" ends at 0.5: three quarters of the picture's width, less what the box's middle is off.
    assert np.ptp(way[-4:]) < 0.6
    assert abs(way[-1] - 0.75 * (toy_kinds.SIZE - 1)) < 1


def test_smoothing_calms_a_trembling_driver(engine):
    random = np.random.default_rng(0)
    driving = [spot(30 + int(step), 30) for step in random.integers(-2, 3, 16)]
    rough, calm = (
        animate(
            spot(30, 30), driving, model=engine, smoothing=smoothing, crop="off", driving_crop="off", progress=False
        ).frames
        for smoothing in (0.0, 1.0)
    )
    rough_way, calm_way = (np.abs(np.diff(middle(frames)[:, 0])).sum() for frames in (rough, calm))
    assert calm_way < 0.75 * rough_way


def test_playing_a_file_equals_playing_its_video_bit_for_bit(engine, tmp_path):
    driving = moving(tmp_path / "nod.mp4", 11, rate="30000/1001")
    made = extract_motion(driving, tmp_path / "nod.motion", model=engine, progress=False)
    read = load_motion(tmp_path / "nod.motion")
    assert dict(read.motion.parameters) == dict(made.motion.parameters)
    found = {name: what for name, what in read.motion.parameters.items() if name != "openings"}
    assert found == dict(engine.bundle.motion)
    assert (read.motion.openings is not None) == engine.opens
    with safe_open(tmp_path / "nod.motion", "np") as file:
        about = json.loads(file.metadata()["bunraku_motion"])
    assert about["format"] == "2"
    for options in ({}, {"mode": "absolute"}, {"smoothing": 0.5, "strength": 1.5}, {"reference": "best"}):
        from_video = animate(spot(20, 40), driving, model=engine, progress=False, **options)
        from_file = animate(spot(20, 40), tmp_path / "nod.motion", model=engine, progress=False, **options)
        np.testing.assert_array_equal(from_file.frames, from_video.frames)


def test_a_motion_file_of_other_parameters_is_refused(folders, tmp_path):
    path = tmp_path / "a.motion"
    extract_motion([spot(20, 30)] * 3, path, model=folders["coefficients"], progress=False, device="cpu")
    bundle = Bundle.load(folders["coefficients"])
    load_motion(path).check(bundle)
    with pytest.raises(ModelError, match="family"):
        load_motion(path).check(Bundle.load(folders["space"]))
    with safe_open(path, "np") as file:
        about = json.loads(file.metadata()["bunraku_motion"])
    arrays = load_file(path)

    def changed(change, **other) -> None:
        values = json.loads(json.dumps(about))
        change(values["motion"])
        save_file({**arrays, **other}, path, {"bunraku_motion": json.dumps(values)})

    changed(lambda v: v["where"].update(ranges=[[0, 1], [0, 1]]))
    with pytest.raises(ModelError, match="parameters of motion"):
        load_motion(path).check(bundle)
    for change, other in [
        (lambda v: v.pop("where") and v.update(more={"kind": "code", "shape": [2]}), {}),
        (lambda v: v["where"].update(kind="smell"), {}),
        (lambda v: v["shape"].update(shape=[3]), {}),
        (lambda v: v.clear(), {}),
        (lambda v: None, {"where": np.full((3, 2), np.nan, np.float32)}),
        (lambda v: None, {"where": np.zeros((2, 2), np.float32)}),
        (lambda v: None, {"where": np.zeros((3, 2), np.float64)}),
        (lambda v: None, {"eyes": np.zeros((3, 2, 2), np.float32)}),
    ]:
        changed(change, **other)
        with pytest.raises(InputError, match=r"a\.motion"):
            load_motion(path)


def test_what_needs_points_says_so_where_there_are_none(folders):
    engine = Engine(folders["coefficients"], device="cpu", threads=1)
    with pytest.raises(OptionError, match="no points"):
        animate(spot(20, 30), [spot(20, 30)], model=engine, crop="points", progress=False)
    drawn = animate(spot(20, 30), [spot(20, 30)] * 2, model=engine, show="structure", progress=False).frames
    plain = animate(spot(20, 30), [spot(20, 30)] * 2, model=engine, compare=True, progress=False).frames
    np.testing.assert_array_equal(drawn, plain)  # there is nothing to draw


def test_points_in_space_frame_and_are_drawn_as_they_are_seen(folders):
    engine = Engine(folders["space"], device="cpu", threads=1)
    assert engine.subject is not None
    driving = [spot(20 + t, 30) for t in range(3)]
    drawn = animate(spot(20, 30), driving, model=engine, show="structure", progress=False).frames
    plain = animate(spot(20, 30), driving, model=engine, compare=True, progress=False).frames
    assert (drawn != plain).any()
    whole = animate(spot(20, 30), driving, model=engine, crop="off", driving_crop="off", progress=False).frames
    framed = animate(spot(20, 30), driving, model=engine, progress=False).frames  # by its points: the spot is large
    assert framed.mean() > 2 * whole.mean()
    assert framed.shape == whole.shape
