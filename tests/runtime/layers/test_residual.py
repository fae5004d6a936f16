"""What a driver does that points do not tell: found where it is known, and handed on to where it belongs."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from checkpoints.parameters import RESIDUAL
from export.assets.registration_graph import build
from runtime.animator import Animator
from runtime.layers.frames import Affine
from runtime.layers.residual import CELLS, MODEL, added, handed_on, open_registration
from runtime.layers.spline import ThinPlate
from runtime.motion.file import MotionFile, load_motion, save_motion
from runtime.motion.modes import Motion
from runtime.motion.watched import Watch

SPAN, CORNER = 4.0, np.array([-2.0, -1.6])


@pytest.fixture(scope="module")
def square(engine, sample):
    animator = Animator(engine)
    animator.set_source(sample)
    return animator._square


def warped(picture, way):
    """`picture` (n, n, 3), of which every pixel shows what is `way` (n, n, 2) pixels further."""
    from scipy.ndimage import map_coordinates

    y, x = np.mgrid[0 : len(picture), 0 : len(picture)].astype(float)
    places = [y + way[..., 1], x + way[..., 0]]
    planes = [map_coordinates(picture[..., c].astype(float), places, order=1, mode="nearest") for c in range(3)]
    return np.stack(planes, -1).round().astype(np.uint8)


def textured(random):
    """Blobs of two sizes."""
    rough = [gaussian_filter(random.random((128, 128, 3)), (size, size, 0)) * size for size in (3, 9)]
    picture = sum(rough)
    return ((picture - picture.min()) / np.ptp(picture) * 255).astype(np.uint8)


def whole():
    at = (2 * np.arange(128) + 1) / 128 - 1
    ones = np.ones((1, 1, 128, 128), np.float32)
    look = np.stack(np.meshgrid(at, at), -1)[None].astype(np.float32)
    return {"look": look, "weight": ones, "face": ones, "alpha": ones}


def test_the_graph_is_the_one_that_is_shipped():
    assert MODEL.read_bytes() == build().SerializeToString()


@pytest.mark.parametrize("way", [(0.0, 0.0), (3.0, -2.0), (-5.0, 3.0)])
def test_registration_finds_how_a_picture_was_moved(way):
    random = np.random.default_rng(3)
    picture = textured(random)
    moved = warped(picture, np.broadcast_to(way, (128, 128, 2)))
    found = open_registration("cpu", 1)({"seen": moved[None], "told": picture[None], **whole()}, ["residual"])
    middle = found["residual"][0, 16:48, 16:48] * 128
    assert np.abs(np.median(middle, (0, 1)) - way).max() < 0.2


def test_what_is_left_out_is_filled_from_around_and_flat_pictures_do_not_move():
    graph = open_registration("cpu", 1)
    flat = np.full((1, 128, 128, 3), 90, np.uint8)
    assert np.abs(graph({"seen": flat + 20, "told": flat, **whole()}, ["residual"])["residual"]).max() < 1e-4
    random = np.random.default_rng(4)
    picture = textured(random)
    moved = warped(picture, np.broadcast_to((2.0, 1.0), (128, 128, 2)))
    moved[61:67, 61:67] = random.integers(0, 255, (6, 6, 3))
    feeds = whole()
    feeds["weight"] = feeds["weight"].copy()
    feeds["weight"][..., 60:68, 60:68] = 0
    found = graph({"seen": moved[None], "told": picture[None], **feeds}, ["residual"])["residual"][0] * 128
    assert np.abs(found[31, 31] - (2.0, 1.0)).max() < 0.6


def test_a_residual_is_of_the_head_wherever_it_is():
    residual = np.zeros((CELLS, CELLS, 3), np.float32)
    residual[30:34, 30:34] = (0.1, 0.0, 0.2)
    turn = np.array([[0.0, -40.0], [40.0, 0.0]])
    head = Affine(turn, np.array([100.0, 90.0]))
    middle = head(CORNER + SPAN / 2)
    way, light = handed_on(residual, head, middle)
    assert np.allclose(way, (0.0, 4.0), atol=1e-6)
    assert np.allclose(light, 0.2)
    assert not any(part.any() for part in handed_on(residual, head, head(CORNER - 1)))
    wild = np.full((CELLS, CELLS, 3), np.nan, np.float32)
    assert all(np.isfinite(part).all() for part in handed_on(wild, head, middle))


def test_light_is_told_from_looks():
    """A shadow falls over half of what moves: found where it falls, and not where nobody is; odd pixels say nothing."""
    graph, way = open_registration("cpu", 1), (2.0, -1.0)
    random = np.random.default_rng(6)
    picture = textured(random) // 2 + 90
    moved = warped(picture, np.broadcast_to(way, (128, 128, 2))).astype(float)
    shadow = 0.8 + 0.2 * np.clip((np.arange(128) - 58) / 12, 0, 1)
    seen = np.rint(moved * shadow[:, None]).astype(np.uint8)
    seen[20:24, 20:24], seen[100:104, 100:104] = 255, 0
    feeds = whole() | {"seen": seen[None], "told": picture[None]}
    light = graph(feeds, ["light"])["light"][0, ..., 0]
    assert np.abs(np.exp(light[8:56, 6:22]) - 0.8).max() < 0.05
    assert np.abs(np.exp(light[8:56, 42:58]) - 1).max() < 0.03
    # A camera that exposes longer makes all lighter, also what is behind: that is no lamp's light.
    behind = {"alpha": np.ones((1, 1, 128, 128), np.float32)}
    behind["alpha"][..., :40] = 0
    longer = np.clip(picture * 1.15, 0, 255).astype(np.uint8)
    exposed = graph(whole() | behind | {"seen": longer[None], "told": picture[None]}, ["light"])["light"][0, ..., 0]
    assert np.abs(exposed[8:56, 30:56]).max() < 0.02
    nobody = graph(feeds | {"alpha": np.zeros((1, 1, 128, 128), np.float32)}, ["light"])["light"]
    assert not nobody.any()


@pytest.mark.parametrize(("mode", "share"), [("absolute", 1.0), ("relative", 0.5)])
def test_light_makes_the_person_lighter_and_not_what_is_behind(engine, sample, square, mode, share):
    """Whoever is put in the driver's place, wholly; whoever is moved by their changes has lamps of their own."""
    animator = Animator(engine, mode=mode)
    animator.set_source(sample)
    motion = animator.watch(np.stack([square, square]), [1, 1])
    lit = np.zeros((2, CELLS, CELLS, 3), np.float32)
    lit[1, ..., 2] = -0.3
    rest, darker = animator.poses(motion.with_arrays({RESIDUAL: lit})).astype(float)
    assert np.allclose(darker[120:140, 110:146], rest[120:140, 110:146] * np.exp(-0.3 * share), atol=1.5)
    assert np.abs(darker[:20, :20] - rest[:20, :20]).max() <= 1


def test_ways_are_gone_one_after_the_other():
    cells = np.stack(np.meshgrid(np.arange(8.0) * 4, np.arange(8.0) * 4), -1)
    flow = 0.5 * cells
    both = added(flow, cells, 4.0, np.full((8, 8, 2), 2.0))
    assert np.allclose(both[:6, :6], 0.5 * (cells[:6, :6] + 2.0) + 2.0)


def test_a_spline_leads_near_to_its_points_and_bends_no_straight_map():
    random = np.random.default_rng(5)
    before = random.normal(0, 30, (20, 2))
    straight = Affine(np.array([[1.1, 0.2], [-0.1, 0.9]]), np.array([4.0, -2.0]))
    spline = ThinPlate(before, straight(before), Affine.fit(before, straight(before)), 0.3)
    assert np.allclose(spline(before + 7), straight(before + 7), atol=1e-3)
    bent = straight(before) + random.normal(0, 3, before.shape)
    near, loose = (ThinPlate(before, bent, Affine.fit(before, bent), ease) for ease in (1e-6, 1.0))
    assert np.abs(near(before) - bent).max() < 0.05
    assert np.abs(loose(before) - bent).mean() < np.abs(straight(before) - bent).mean()
    assert np.isfinite(ThinPlate(np.zeros((5, 2)), np.ones((5, 2)), Affine(np.eye(2), np.ones(2)), 0.3)(before)).all()


def test_the_drivers_own_picture_moved_further_than_its_points_say_is_noticed(engine, square):
    """Ears and hair shifted by three pixels of 256, the face as it was."""
    x = np.mgrid[0:256, 0:256][1].astype(float)
    side = np.clip((np.abs(x - 128) - 50) / 12, 0, 1)
    moved = warped(square, np.stack([3 * side, 0 * side], -1))
    motion = engine.detect(np.stack([square, square]), expression=True)
    watch = Watch(engine)
    watch(square[None], [1], expression=True)
    found = watch(np.stack([square, moved]), [1, 1], expression=True).residual
    assert motion.residual is None
    assert np.abs(found[0][..., :2]).max() < 0.02
    assert np.abs(found[0][..., 2]).max() < 0.1
    at = (np.arange(CELLS) + 0.5) / CELLS * SPAN
    hair = (np.abs(CORNER[0] + at) > 0.9) & (np.abs(CORNER[0] + at) < 1.2)
    rows = (CORNER[1] + at > -0.4) & (CORNER[1] + at < 0.4)
    assert found[1][rows][:, hair, 0].mean() > 0.01
    assert np.abs(found[1][rows][:, np.abs(CORNER[0] + at) < 0.2, :2]).mean() < 0.008


def test_every_take_is_registered_with_its_own_first_frame(engine, square):
    mirrored = np.ascontiguousarray(square[:, ::-1])
    watch = Watch(engine)
    found = watch(np.stack([square, square, mirrored, mirrored]), [0, 1, 2, 2], expression=True).residual
    assert not found[:3].any()
    assert np.abs(found[3][..., :2]).max() < 0.02
    assert np.abs(found[3][..., 2]).max() < 0.1
    watch.reset()
    assert not watch(mirrored[None], [1], expression=True).residual.any()
    assert watch(mirrored[None], [1]).residual is None


def test_a_residual_moves_a_source_and_strength_weighs_it(engine, sample, square, tmp_path):
    animator = Animator(engine)
    animator.set_source(sample)
    motion = animator.watch(np.stack([square, square]), [1, 1])
    pushed = np.zeros((2, CELLS, CELLS, 3), np.float32)
    pushed[1] = (0.125, 0.0, 0.25)
    told = motion.with_arrays({RESIDUAL: pushed})
    rest, moved = animator.poses(told).astype(int)
    assert np.abs(moved - rest).mean() > 2
    half = Animator(engine, strength=0.0)
    half.set_source(sample)
    first, second = half.poses(told).astype(int)
    assert np.abs(first - second).max() <= 1
    save_motion(tmp_path / "a.motion", MotionFile.of(told, 25, engine.bundle))
    assert (tmp_path / "a.motion").stat().st_size < 2 * 2.1 * CELLS * CELLS * 3 + 20_000
    kept = load_motion(tmp_path / "a.motion").motion
    assert (kept.residual == pushed).all()
    again = Animator(engine)
    again.set_source(sample)
    assert (again.poses(kept)[1] == moved).all()
    dim = _without_light(tmp_path / "a.motion")
    assert (dim.residual[..., :2] == pushed[..., :2]).all()
    assert not dim.residual[..., 2].any()
    old = Motion.of({name: array for name, array in told.arrays.items() if name != RESIDUAL}, told.parameters)
    again.reset()
    assert np.abs(again.poses(old)[1].astype(int) - rest).mean() < np.abs(moved - rest).mean()


def _without_light(path):
    """The motion of a file as it was written before there was light in it."""
    from safetensors import safe_open
    from safetensors.numpy import save_file

    with safe_open(path, "np") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys() if name != "light"}  # noqa: SIM118
        save_file(arrays, path, file.metadata())
    return load_motion(path).motion


def test_what_counts_from_another_frame_is_counted_from_it(engine, sample, square):
    """A driver who rests in the pose that motion is counted from moves nobody, whatever was missed there."""
    animator = Animator(engine)
    animator.set_source(sample)
    motion = animator.watch(np.stack([square, square]), [1, 1])
    pushed = np.full((2, CELLS, CELLS, 3), 0.1, np.float32)
    told = motion.with_arrays({RESIDUAL: pushed})
    animator.reset(told[1:])
    assert np.abs(animator.poses(told)[1].astype(int) - animator.still).mean() < 1
