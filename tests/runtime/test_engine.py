"""Engine and Animator on the toy bundles, whose results can be said in pixels."""

import threading

import numpy as np
import pytest
import toy_bundle
from clips import center, extent, spot

from checkpoints.errors import InputError, ModelError, OptionError
from runtime import Animator, Engine


@pytest.fixture(scope="module")
def engine(toy) -> Engine:
    return Engine(toy, device="cpu", threads=1)


@pytest.fixture(scope="module")
def affine(toy_affine) -> Engine:
    return Engine(toy_affine, device="cpu", threads=1)


def run(animator: Animator, source, frames) -> list[np.ndarray]:
    animator.set_source(source)
    return [animator.frame(frame) for frame in frames]


@pytest.mark.parametrize(
    ("mode", "strength", "expected"),
    [
        ("relative", 1.0, lambda t: (20 + 2 * t, 40 - t)),
        ("relative", 0.5, lambda t: (20 + t, 40 - t / 2)),
        ("relative", 0.0, lambda t: (20, 40)),
        ("absolute", 1.0, lambda t: (30 + 2 * t, 36 - t)),
        ("absolute", 0.5, lambda t: (25 + t, 38 - t / 2)),
        ("disentangled", 1.0, lambda t: (30 + 2 * t, 36 - t)),
    ],
)
def test_the_source_moves_by_pixels_as_each_mode_says(engine, mode, strength, expected):
    driving = [spot(30 + 2 * t, 36 - t) for t in range(6)]
    for t, frame in enumerate(run(Animator(engine, mode=mode, strength=strength), spot(20, 40), driving)):
        assert frame.shape == (64, 64, 3)
        assert frame.dtype == np.uint8
        np.testing.assert_allclose(center(frame), expected(t), atol=0.15)


def test_a_small_face_is_moved_less_by_a_large_one(engine):
    driving = [spot(24 + 2 * t, 32, side=20) for t in range(5)]
    small = spot(24, 32, side=10)
    adapted = run(Animator(engine), small, driving)
    plain = run(Animator(engine, adapt_scale=False), small, driving)
    np.testing.assert_allclose(center(adapted[-1]), (24 + 4, 32), atol=0.2)
    np.testing.assert_allclose(center(plain[-1]), (24 + 8, 32), atol=0.2)


def test_the_linear_part_scales(affine):
    driving = [spot(32, 32, side=side) for side in (12, 14, 16, 18)]
    for side, frame in zip((12, 14, 16, 18), run(Animator(affine), spot(30, 30, side=16), driving), strict=True):
        assert extent(frame) == pytest.approx(16 * side / 12, abs=0.8)


def test_frames_in_a_batch_are_those_one_by_one(engine, affine):
    for each in (engine, affine):
        driving = np.stack([spot(20 + 3 * t, 30 + t, side=12 + t) for t in range(5)])
        whole, single = Animator(each, smoothing=0.3), Animator(each, smoothing=0.3)
        for animator in (whole, single):
            animator.set_source(spot(30, 30))
        np.testing.assert_array_equal(whole.frames(driving), np.stack([single.frame(f) for f in driving]))


def test_reset_makes_the_next_frame_the_reference(engine):
    animator = Animator(engine)
    run(animator, spot(20, 40), [spot(30, 30), spot(40, 30)])
    animator.reset()
    np.testing.assert_allclose(center(animator.frame(spot(44, 20))), (20, 40), atol=0.1)


def test_a_new_source_starts_a_new_stream(engine):
    animator = Animator(engine)
    run(animator, spot(20, 40), [spot(30, 30), spot(40, 30)])
    (still,) = run(animator, spot(44, 44), [spot(10, 10)])
    np.testing.assert_allclose(center(still), (44, 44), atol=0.1)


def test_pictures_of_any_kind_and_size_are_taken(engine):
    (frame,) = run(Animator(engine), spot(60, 80, size=200, height=128, side=32), [spot(40, 40, size=128, side=32)])
    np.testing.assert_allclose(center(frame), ((60 - 36) / 2, 40), atol=0.2)


def test_the_source_is_encoded_once(engine, monkeypatch):
    calls = []
    encode = engine.encode
    monkeypatch.setattr(engine, "encode", lambda pictures: calls.append(1) or encode(pictures))
    run(Animator(engine), spot(20, 40), [spot(30, 30)] * 10)
    assert calls == [1]


def test_many_animators_share_an_engine_in_threads(engine):
    found: dict[int, np.ndarray] = {}

    def work(index: int) -> None:
        animator = Animator(engine)
        for t, frame in enumerate(run(animator, spot(20, 20 + 5 * index), [spot(20 + t, 30) for t in range(20)])):
            found[index, t] = center(frame)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 80
    for (index, t), place in found.items():
        np.testing.assert_allclose(place, (20 + t, 20 + 5 * index), atol=0.15)


def test_a_source_must_come_first(engine):
    with pytest.raises(InputError, match="set_source"):
        Animator(engine).frame(spot(20, 30))


@pytest.mark.parametrize(
    "options", [{"mode": "sideways"}, {"strength": -1.0}, {"smoothing": 2.0}, {"fit": "stretch"}, {"fps": 0.0}]
)
def test_bad_options_are_refused_before_a_model_is_opened(options):
    with pytest.raises(OptionError):
        Animator("no such model", **options)


def test_a_mode_that_the_model_lacks_is_refused(affine):
    with pytest.raises(OptionError, match="absolute, relative"):
        Animator(affine, mode="disentangled")


def test_one_view_models_take_one_picture(engine):
    with pytest.raises(OptionError, match="one source picture"):
        Animator(engine).set_source([spot(20, 30), spot(20, 30)])
    with pytest.raises(InputError, match="empty"):
        Animator(engine).set_source([])


def test_many_view_models_take_several(tmp_path):
    toy_bundle.build(tmp_path / "many")
    bundle = toy_bundle.damage(tmp_path / "many", views="many")
    assert bundle.views == "many"
    many = Engine(tmp_path / "many", device="cpu", threads=1)
    assert many.encode(np.stack([spot(20, 30), spot(30, 30)])).motion.points.shape == (2, 4, 2)


def test_a_bundle_whose_graphs_do_not_fit_the_contract_is_a_model_error(toy, tmp_path):
    toy_bundle.build(tmp_path / "odd")
    toy_bundle.damage(tmp_path / "odd", resolution=96)
    with pytest.raises(ModelError, match="does not fit"):
        Animator(tmp_path / "odd").set_source(spot(20, 30))


def test_an_engine_that_is_being_opened_knows_its_model_and_fails_where_it_is_needed(toy, monkeypatch):
    monkeypatch.setattr(type(Engine(toy, threads=1).bundle), "read", lambda self, name: b"not a graph")
    engine = Engine.opening(toy, device="cpu")
    assert engine.resolution == 64
    with pytest.raises(ModelError, match="cannot be opened"):
        _ = engine.batch
    with pytest.raises(ModelError, match="cannot be opened"):
        Engine(toy, device="cpu")
    with pytest.raises(OptionError, match="tpu"):
        Engine.opening(toy, device="tpu")
