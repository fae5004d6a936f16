"""Detail: what an ideal small model moves comes out nearly as sharp as the source; what it hides stays its own."""

from pathlib import Path

import numpy as np
import pytest
import toy_bundle
from clips import spot
from PIL import Image

from checkpoints.errors import BunrakuWarning, OptionError
from export.assets.detail_graph import build
from runtime import animate
from runtime.animator import Animator
from runtime.engine import Engine
from runtime.result.detail import MODEL, Detail, blurring, enlarging, open_detail, spreading

SMALL, LARGE, CELLS = 32, 128, 8


@pytest.fixture(scope="module")
def graph():
    return open_detail("cpu", 1)


@pytest.fixture(scope="module")
def texture():
    """A picture with structure at every scale, uint8 (LARGE, 2 * LARGE, 3): wide enough to move in."""
    noise = np.random.default_rng(0).random((LARGE, 2 * LARGE, 3))
    smooth = np.random.default_rng(1).random((8, 16, 3))
    coarse = np.asarray(Image.fromarray((255 * smooth).astype(np.uint8)).resize((2 * LARGE, LARGE), 3))
    return np.clip(coarse * 0.7 + 60 * noise, 0, 255).astype(np.uint8)


def small(picture):
    return np.array(Image.fromarray(picture).resize((SMALL, SMALL), Image.Resampling.BOX))


def plain(picture):
    return np.array(Image.fromarray(picture).resize((LARGE, LARGE), Image.Resampling.BICUBIC))


def still():
    axis = np.linspace(-1, 1, CELLS, dtype=np.float32)
    return np.stack(np.meshgrid(axis, axis), -1)


def moved(pixels):
    """A flow by which all moves to the left by so many of the large pixels."""
    return still() + np.array([pixels * SMALL / LARGE * 2 / (SMALL - 1), 0], np.float32)


def error(a, b):
    return float(np.abs(a.astype(float) - b)[8:-8, 8:-24].mean())


def energy(picture):
    return float(np.abs(np.diff(picture.astype(float), axis=1))[:, :-24].mean())


def test_the_shipped_graph_is_what_the_exporter_builds():
    assert Path(MODEL).read_bytes() == build().SerializeToString()


@pytest.mark.parametrize("shift", [0, 8, 13])
def test_a_moved_picture_is_as_sharp_as_its_source(graph, texture, shift):
    source, truth = texture[:, :LARGE], texture[:, shift : LARGE + shift]
    picture = small(truth)
    result = Detail(graph, source, small(source))(picture, moved(shift), np.ones((1, CELLS, CELLS), np.float32))
    assert error(result, truth) < 0.35 * error(plain(picture), truth)
    assert energy(result) > 0.85 * energy(truth) > 1.5 * energy(plain(picture))


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("shift", [-13, 13])
def test_beyond_the_sources_border_its_last_pixels_go_on(graph, texture, axis, shift):
    """Stripes moved along themselves stay what they are, up to the last pixel of the side where new ones come in."""
    source = texture[:, :1].repeat(LARGE, 1).swapaxes(0, axis)
    flow = still()
    flow[..., axis] += shift * SMALL / LARGE * 2 / (SMALL - 1)
    picture, seen = small(source), np.ones((1, CELLS, CELLS), np.float32)
    result = Detail(graph, source, picture)(picture, flow, seen)
    across = np.moveaxis(np.abs(result.astype(float) - source), axis, 0)[8:-8].mean((0, 2))
    usual = np.abs(plain(picture).astype(float) - source).mean()
    assert across.max() < 0.35 * usual
    assert across.max() < across[20:-20].max() + 0.01 * usual


def test_matrices_repeat_the_ends():
    def keys(distance):
        """Cubic convolution, a = -1/2."""
        x = abs(distance)
        return (1.5 * x - 2.5) * x * x + 1 if x < 1 else ((2.5 - 0.5 * x) * x - 4) * x + 2 if x < 2 else 0.0

    values = np.random.default_rng(4).normal(size=7)
    for large in (7, 21, 30):
        places = np.clip((np.arange(large) + 0.5) * 7 / large - 0.5, 0, 6)
        wanted = [sum(keys(place - k) * values[min(max(k, 0), 6)] for k in range(-2, 9)) for place in places]
        np.testing.assert_allclose(enlarging(7, large) @ values, wanted, atol=1e-5)


def test_what_is_hidden_or_changed_is_the_models_picture_enlarged(graph, texture):
    source = texture[:, :LARGE]
    detail = Detail(graph, source, small(source))
    seen = np.ones((1, CELLS, CELLS), np.float32)
    picture = small(source)
    hidden = detail(picture, still(), 0 * seen)
    np.testing.assert_allclose(hidden[8:-8, 8:-8], plain(picture)[8:-8, 8:-8], atol=3)  # Pillow rounds twice

    picture[8:16, 8:16] = 255 - picture[8:16, 8:16]  # the model shows something else here
    changed, enlarged = detail(picture, still(), seen)[36:60, 36:60].astype(int), plain(picture)[36:60, 36:60]
    assert np.abs(changed - enlarged).mean() < 3
    assert detail.lent(picture, still(), seen)[10:14, 10:14].max() < 0.1
    assert detail.lent(picture, still(), seen)[24:, 24:].min() > 0.5


def test_no_halo_at_an_edge_that_the_flow_misses(graph):
    """A white disc that the model moves and the flow leaves where it was: nothing overshoots, no second edge."""
    rows, columns = np.indices((LARGE, LARGE))
    disc = (np.hypot(rows - 64, columns - 50) < 24)[..., None]
    there = (np.hypot(rows - 64, columns - 62) < 24)[..., None]
    source, truth = (np.where(d, 230, 40).astype(np.uint8).repeat(3, 2) for d in (disc, there))
    result = Detail(graph, source, small(source))(small(truth), still(), np.ones((1, 1, 1), np.float32))
    assert np.abs(result.astype(int) - plain(small(truth))).max() < 30
    assert np.abs(result.astype(int) - plain(small(truth)))[40:90, 40:80].mean() < 3


def test_matrices_keep_what_is_flat_and_what_is_straight():
    for matrix in (enlarging(8, 37), spreading(6, 32, 100), blurring(20, 1.5)):
        np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-6)
    ramp = enlarging(8, 32) @ np.arange(8)
    np.testing.assert_allclose(ramp[6:-6], ((np.arange(32) + 0.5) / 4 - 0.5)[6:-6], atol=1e-5)
    across = spreading(5, 9, 9) @ np.linspace(-1, 1, 5)
    np.testing.assert_allclose(across[[0, 4, -1]], [-1, 0, 1], atol=1e-6)


def test_an_animation_may_be_larger_than_the_model(toy):
    fine = np.kron(spot(30, 30), np.ones((4, 4, 1), np.uint8))
    fine[::2, ::2] //= 2  # finer than the model can see
    driving = [spot(30 + x, 30) for x in range(3)]
    lent = animate(fine, driving, model=toy, size=256, progress=False).frames
    bare = animate(fine, driving, model=toy, size=256, detail=False, progress=False).frames
    assert lent.shape == bare.shape == (3, 256, 256, 3)
    assert energy(lent[0]) > 0.9 * energy(fine) > 3 * energy(bare[0])
    assert animate(fine, driving, model=toy, size=32, progress=False).frames.shape == (3, 32, 32, 3)


def test_pasting_back_is_sharp_too(toy):
    fine = np.kron(spot(30, 30), np.ones((4, 4, 1), np.uint8))
    fine[::2, ::2] //= 2
    pasted = animate(fine, [spot(30, 30)], model=toy, paste_back=True, progress=False).frames[0]
    assert np.abs(pasted.astype(int) - fine)[8:-8, 8:-8].mean() < 3


@pytest.mark.parametrize("size", [15, 257, 4096, 0, -2, True, 64.0])
def test_impossible_sizes_are_refused(toy, size):
    with pytest.raises(OptionError, match="size"):
        Animator(Engine(toy), size=size)


@pytest.mark.parametrize("size", [32, 96, 200])
def test_with_paste_back_the_picture_becomes_so_large_that_its_square_has_the_size(toy, texture, size):
    """The toy's square is the largest in the middle: half of the picture's width."""
    animator = Animator(Engine(toy), size=size, paste_back=True)
    animator.set_source(texture)
    assert animator.size == (2 * size, size)
    np.testing.assert_array_equal(animator.still.shape, (size, 2 * size, 3))


def test_a_model_without_flow_enlarges_and_says_so(toy, tmp_path):
    toy_bundle.build(tmp_path / "toy")
    toy_bundle.damage(tmp_path / "toy", outputs=("image",))
    with pytest.warns(BunrakuWarning, match="without"):
        animator = Animator(Engine(tmp_path / "toy"), size=128)
    animator.set_source(spot(30, 30))
    assert animator.frame(spot(30, 30)).shape == (128, 128, 3)
