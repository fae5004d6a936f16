"""What is drawn of a model's insides: what is bound is joined by a line, what is dead is not drawn, and a result shows
it on source, driving frame and itself.
"""

import colorsys

import numpy as np
import pytest
from clips import moving, spot
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from checkpoints.errors import ModelError, OptionError
from runtime import Engine, animate
from runtime.cli import main
from runtime.graphs.sessions import Graph
from runtime.motion.modes import Motion
from runtime.result.structure import Marker, Structure, draw, draw_points, draw_tree, hue

BLACK = np.zeros((101, 101, 3), np.uint8)
# Two motion anchors on the left, two intermediate ones on the right, the root in the middle of the right side.
ANCHORS = np.array([[-0.8, -0.8], [-0.8, 0.8], [0.6, -0.8], [0.6, 0.8], [0.6, 0.0]], np.float32)


def at(picture: np.ndarray, x: float, y: float) -> tuple[int, ...]:
    """The colour there, in the unit of coordinates."""
    last = len(picture) - 1
    return tuple(int(v) for v in picture[round((y + 1) / 2 * last), round((x + 1) / 2 * last)])


def hues(picture: np.ndarray) -> set[int]:
    """Hues, in degrees, of what is coloured strongly."""
    colours = picture.reshape(-1, 3)[np.ptp(picture.reshape(-1, 3), axis=1) > 120] / 255
    return {round(360 * colorsys.rgb_to_hsv(*colour)[0]) for colour in np.unique(colours, axis=0)}


def test_lines_follow_attention():
    picture = draw_tree(BLACK, ANCHORS, 2, np.array([[1.0, 0.0], [0.0, 1.0]], np.float32))
    first, second = hue(0, 2), hue(1, 2)
    assert at(picture, -0.1, -0.8) == first
    assert at(picture, -0.1, 0.8) == second
    assert at(picture, -0.1, 0.0) == (0, 0, 0)
    assert at(picture, 0.6, 0.4) == (255, 255, 255)
    assert at(picture, -0.8, -0.8) == first


def test_width_grows_with_attention():
    def thickness(weight: float) -> int:
        picture = draw_tree(BLACK, ANCHORS, 2, np.array([[weight, 0.0], [0.0, 1.0]], np.float32))
        return int((picture[:50, 45].sum(-1) > 0).sum())

    assert 0 < thickness(0.3) < thickness(0.6) < thickness(1.0)


def test_dead_anchors_are_not_drawn():
    picture = draw_tree(BLACK, ANCHORS, 2, np.array([[0.0, 1.0], [0.0, 1.0]], np.float32), dead=(0,))
    assert (picture[:25, :60] == 0).all()
    assert at(picture, -0.8, 0.8) != (0, 0, 0)


def test_dam_has_lines_from_its_root():
    picture = draw_tree(BLACK, np.array([[-0.8, 0.0], [0.8, 0.0]], np.float32), 1)
    assert at(picture, 0.0, 0.0) == (255, 255, 255)


def test_points_of_one_part_have_one_colour_and_crosses_show_the_linear_part():
    points = ANCHORS[:4]
    picture = draw_points(BLACK, points, 2, dead=(3,))
    assert [at(picture, x, y) for x, y in points] == [hue(0, 2), hue(0, 2), hue(1, 2), (0, 0, 0)]
    cross = draw_points(BLACK, np.zeros((1, 2), np.float32), 1, np.array([[[4, 0], [0, 1]]], np.float32))
    across, down = (line.any(axis=-1).nonzero()[0] for line in (cross[50], cross[:, 50]))
    # 4 and 1 times 0.06 of 101 pixels each way; the ends fall on whole pixels.
    np.testing.assert_allclose([across[0], across[-1], down[0], down[-1]], [25.8, 74.2, 43.9, 56.1], atol=1.2)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(width=32), min_size=10, max_size=10), st.booleans())
def test_no_coordinate_breaks_a_drawing(numbers, tree):
    points = np.array(numbers, np.float32).reshape(5, 2)
    drawn = draw_tree(BLACK, points, 4) if tree else draw_points(BLACK, points, 5, np.stack([points[:2]] * 5))
    assert drawn.shape == BLACK.shape


def test_anchors_that_do_not_fit_are_a_model_error():
    motion, anchors = Motion(np.zeros((1, 4, 2), np.float32)), np.zeros((1, 7, 2), np.float32)
    attention = np.zeros((1, 2, 4), np.float32)
    assert Structure(motion, anchors, attention).anchors is anchors
    for wrong in ((anchors[:, :4], None), (anchors, None), (anchors, attention[:, :, :3]), (anchors[0], attention)):
        with pytest.raises(ModelError, match="do not fit"):
            Structure(motion, *wrong)


def test_an_engine_finds_the_tree_where_the_bundle_has_it(toy, toy_tree):
    pictures = np.stack([spot(20, 30), spot(40, 20)])
    plain, tree = (Engine(folder, device="cpu").structure(pictures) for folder in (toy, toy_tree))
    assert plain.anchors is None
    assert tree.anchors is not None
    np.testing.assert_allclose(tree.anchors[:, :4], plain.motion.points, atol=1e-6)
    np.testing.assert_allclose(tree.anchors[:, 6], plain.motion.points.mean(axis=1), atol=1e-6)
    engine = Engine(toy_tree, device="cpu")
    assert engine.detect(pictures).points.shape == (2, 4, 2)
    large = np.zeros((256, 256, 3), np.uint8)
    drawn = draw(large, tree, 0, engine.bundle)
    assert at(drawn, *tree.anchors[0, 4]) == hue(0, 2)
    assert at(drawn, *tree.anchors[0, 5]) == hue(1, 2)
    marked = Marker(engine)(spot(20, 30))
    assert (marked != spot(20, 30)).any()


@pytest.mark.parametrize("affine", [False, True])
def test_show_draws_points_on_source_driving_and_result(toy, toy_affine, tmp_path, affine):
    driving, model = moving(tmp_path / "a.mp4", 4), toy_affine if affine else toy
    frames = animate(spot(20, 40), driving, model=model, show="structure", progress=False).frames
    plain = animate(spot(20, 40), driving, model=model, compare=True, progress=False).frames
    assert frames.shape == plain.shape == (4, 64, 192, 3)
    for shown, bare in zip(frames, plain, strict=True):
        for part, before in zip(np.split(shown, 3, axis=1), np.split(bare, 3, axis=1), strict=True):
            assert hues(before) == set()
            assert len(hues(part)) == 4  # one colour a point
            changed = (part != before).any(axis=-1).mean()
            assert 0 < changed < 0.4


def test_show_draws_the_tree_in_any_size(toy_tree, tmp_path):
    driving = moving(tmp_path / "a.mp4", 3)
    frames = animate(spot(20, 40), driving, model=toy_tree, show="structure", size=256, progress=False).frames
    assert frames.shape == (3, 256, 768, 3)
    assert all(hues(part) == {0, 180} for part in np.split(frames[2], 3, axis=1))


def test_nothing_for_drawings_is_asked_for_when_nobody_draws(toy_tree, tmp_path, monkeypatch):
    asked: set[str] = set()
    call = Graph.__call__

    def spy(self, feeds, outputs=None):
        found = call(self, feeds, outputs)
        asked.update(found)
        return found

    monkeypatch.setattr(Graph, "__call__", spy)
    driving = moving(tmp_path / "a.mp4", 3)
    animate(spot(20, 40), driving, model=toy_tree, paste_back=True, progress=False)
    assert {"image", "flow", "points"} <= asked
    assert not asked & {"masks", "anchors", "attention"}
    animate(spot(20, 40), driving, model=toy_tree, show="structure", progress=False)
    assert {"anchors", "attention"} <= asked


def test_an_unknown_thing_to_show_is_refused_before_any_work(toy, tmp_path, capsys):
    with pytest.raises(OptionError, match='Nothing called "insides" can be shown; choose structure'):
        animate("absent.png", "absent.mp4", model=toy, show="insides", progress=False)
    with pytest.raises(OptionError, match="leave paste_back or show out"):
        animate("absent.png", "absent.mp4", model=toy, show="structure", paste_back=True, progress=False)
    with pytest.raises(OptionError, match="twice"):
        animate(spot(20, 30), iter([spot(20, 30)]), model=toy, show="structure", progress=False)
    Image.fromarray(spot(20, 30)).save(tmp_path / "photo.png")
    driving, out = moving(tmp_path / "a.mp4", 3), tmp_path / "out.gif"
    base = ["animate", str(tmp_path / "photo.png"), str(driving), "-o", str(out), "--model", str(toy), "--no-progress"]
    assert main([*base, "--show", "insides"]) == 2
    assert "choose structure" in capsys.readouterr().err
    assert not out.exists()
    assert main([*base, "--show", "structure"]) == 0
    with Image.open(out) as image:
        assert image.size == (192, 64)
