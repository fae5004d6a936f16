"""Squares that are turned with a face: found by its outline, cut out, and pasted back where they came from."""

from dataclasses import replace

import numpy as np
import pytest
import toy_bundle
from clips import encode
from drawn_face import face_picture
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from skimage.data import astronaut, chelsea, gravel

from checkpoints.errors import BunrakuWarning, ModelError, OptionError
from demo.crop import BY_HAND, Place, preview
from demo.notices import heard
from export.published.components import FRAMING
from runtime import Engine, animate
from runtime.framing.cutter import Cutter
from runtime.framing.faces import Face
from runtime.framing.framer import Framer, Framing
from runtime.framing.outline import Geometry, Outline, outline_of
from runtime.framing.search import search_faces
from runtime.framing.window import Manner, Window
from runtime.media.video import probe, read_frames
from runtime.result.paste import Paste

AREA = Manner(black=True, area=True)
PEOPLE = Framing.of(FRAMING["human"])
SEAM = 16 / 512


def framer(values=None, **options) -> Framer:
    named = {"crop": "auto", "driving_crop": "auto", "face": None, **options}
    return Framer(Framing.of(values or FRAMING["human"]), "crop", *named.values())


@pytest.fixture(scope="module")
def person() -> Image.Image:
    return Image.fromarray(astronaut())


@pytest.fixture
def smooth() -> Image.Image:
    rows, columns = np.indices((240, 320))
    return Image.fromarray(np.stack([columns * 0.7, rows, (rows + columns) * 0.4], -1).astype(np.uint8))


@pytest.mark.parametrize("quarter", [1, 2, -1])
@pytest.mark.parametrize("manner", [AREA, Manner(), Manner(area=True)])
def test_a_quarter_turn_is_what_it_is_in_the_turned_picture(smooth, quarter, manner):
    """Also where it leaves the picture, whose border is repeated, or black."""
    window = Window(40, 60, 200, quarter * np.pi / 2, manner)
    upright = np.asarray(replace(window, angle=0.0, manner=replace(manner, area=True)).cut(smooth, 100))
    assert np.abs(window.cut(smooth, 100).astype(int) - np.rot90(upright, quarter)).max() <= 3


turned = st.builds(Window, st.floats(-50, 150), st.floats(-50, 150), st.floats(20, 200), st.floats(-3.1, 3.1))


@given(turned, st.tuples(st.integers(150, 300), st.integers(150, 300)))
def test_places_go_there_and_back_and_what_is_inside_stays_so(window, size):
    places = np.random.default_rng(0).uniform(-0.5, 1.5, (5, 2))
    np.testing.assert_allclose(window.inward(window.outward(places)), places, atol=1e-9)
    np.testing.assert_allclose(window.inward(window.corners), [[0, 0], [1, 0], [1, 1], [0, 1]], atol=1e-9)
    part = window.inside(size, 0.6)
    assert part.angle == window.angle
    assert part.side >= 0.6 * window.side - 1e-9
    inner = window.inward(part.corners)
    assert inner.min() >= -1e-6
    assert inner.max() <= 1 + 1e-6
    if part.side > 0.6 * window.side + 1e-6:  # then the picture shows all of it
        assert part.corners.min() >= -1e-6
        assert (part.corners <= np.array(size) + 1e-6).all()


def test_what_the_picture_shows_of_a_turned_square_is_left_as_it_is():
    window = Window(80, 80, 100, 0.4)
    part = window.inside((300, 300), 0.6)
    assert (part.center, part.side) == (pytest.approx(window.center), pytest.approx(100))


def test_pictures_are_made_smaller_by_means_of_areas():
    noise = np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)
    means = noise.reshape(32, 2, 32, 2, 3).mean((1, 3))
    cut = Window(0, 0, 64, manner=AREA).cut(Image.fromarray(noise), 32)
    assert np.abs(cut - means).max() <= 1
    barely = Window(0, 0, 64, 1e-9, AREA).cut(Image.fromarray(noise), 32)  # a turned square the same
    assert np.abs(barely - means).max() <= 1.25  # rounded twice


def test_a_face_has_the_same_square_in_a_picture_that_is_turned(person):
    """The square turns with it; and the faces in both squares are alike."""
    upright = framer().source(person)
    assert abs(np.degrees(upright.angle)) < 12
    squares = [upright.cut(person, 128)]
    for angle in (25, -40):
        turned = framer().source(person.rotate(angle, Image.Resampling.BICUBIC))
        expected = np.degrees(upright.angle) - angle
        assert np.degrees(turned.angle) == pytest.approx(expected, abs=3)
        assert turned.side == pytest.approx(upright.side, rel=0.05)
        squares.append(turned.cut(person.rotate(angle, Image.Resampling.BICUBIC), 128))
    middle = np.s_[32:96, 32:96]
    for square in squares[1:]:
        assert np.corrcoef(square[middle].ravel(), squares[0][middle].ravel())[0, 1] > 0.9


def test_squares_have_the_published_geometry():
    """2.3 lengths of the outline, an eighth of that towards the forehead, whichever way that is."""
    source, driving = PEOPLE.source, PEOPLE.driving
    around = source.around(Outline((100, 100), 40, 0.0), AREA)
    assert (around.side, around.center) == (pytest.approx(92), pytest.approx((100, 100 - 0.125 * 92)))
    around = source.around(Outline((100, 100), 40, np.pi / 2), AREA)  # the head's top is at the right
    assert around.center == pytest.approx((100 + 0.125 * 92, 100))
    assert around.angle == pytest.approx(np.pi / 2)
    around = driving.around(Outline((100, 100), 40, 0.3), AREA)
    assert (around.side, around.angle) == (pytest.approx(88), 0)
    assert around.manner == AREA


def test_a_videos_square_is_the_mean_of_its_faces_and_holds_them_all():
    geometry = Geometry(2.2, 0.1)
    outlines = [Outline((100 + shift, 100), size, 0.0) for shift, size in ((0, 40), (10, 44))]
    around = geometry.around_all(outlines, AREA)
    assert around.side == pytest.approx(2.2 * 42)
    assert around.center == pytest.approx((105, 100 - 0.1 * 2.2 * 42))
    far = geometry.around_all([Outline((100, 100), 40, 0.0), Outline((250, 100), 40, 0.0)], AREA)
    for x in (100, 250):
        assert far.left <= x - 20 < x + 20 <= far.left + far.side


def test_without_a_mesh_the_detectors_marks_say_where_up_is(person):
    (face,) = search_faces(person, levels=2)
    known = outline_of(person, face)
    grey = Image.new("RGB", person.size, "grey")
    guessed = outline_of(grey, face)
    assert np.hypot(*np.subtract(guessed.middle, known.middle)) < 0.15 * known.length
    assert guessed.length == pytest.approx(known.length, rel=0.15)
    assert guessed.angle == pytest.approx(known.angle, abs=0.15)
    assert outline_of(grey, replace(face, landmarks=())).angle == 0


@pytest.mark.parametrize("window", [Window(90, 60, 100, 0.4), Window(-30, 100, 160, -0.7), Window(150, 90, 64, 2.0)])
def test_an_unmoved_turned_square_gives_the_picture_back(smooth, window):
    pasted = Paste(smooth, window, seam=SEAM)(window.cut(smooth, 128))
    assert pasted.shape == (240, 320, 3)
    assert np.abs(pasted.astype(int) - np.array(smooth)).max() <= 4


def test_only_the_turned_square_changes(smooth):
    window = Window(90, 60, 100, 0.4)
    white = Paste(smooth, window, seam=SEAM)(np.full((512, 512, 3), 255, np.uint8))
    rows, columns = np.indices((240, 320)) + 0.5
    away = np.abs(window.inward(np.stack([columns, rows], -1)) - 0.5).max(-1)
    np.testing.assert_array_equal(white[away > 0.5], np.array(smooth)[away > 0.5])
    assert (white[away < 0.5 - SEAM] == 255).all()


def test_the_seam_that_a_model_brings_is_the_published_mask():
    """Of 512 pixels: nothing in the outermost, all from 16 on, .938 in the mean; upright and turned."""
    black = Image.new("RGB", (700, 700))
    mask = Paste(black, Window(94, 94, 512), seam=SEAM)(np.full((512, 512, 3), 255, np.uint8))[94:606, 94:606, 0] / 255
    assert max(mask[0].max(), mask[-1].max(), mask[:, 0].max(), mask[:, -1].max()) == 0
    assert (mask[16:496, 16:496] == 1).all()
    assert mask[15, 256] < 1
    assert mask.mean() == pytest.approx(0.938, abs=0.002)
    turned = Paste(black, Window(94, 94, 512, 0.5), seam=SEAM)(np.full((512, 512, 3), 255, np.uint8))
    assert turned.sum() / 255 / 3 == pytest.approx(mask.sum(), rel=0.002)


@pytest.mark.parametrize("size", [64, 200, 600])
def test_a_turned_square_may_be_enlarged_and_made_smaller(smooth, size):
    window = Window(90, 60, 100, 0.4)
    paste = Paste(smooth, window, side=size, seam=SEAM)
    frame = paste(window.cut(smooth, 128))
    assert frame.shape[:2] == paste.size[::-1]
    whole = np.array(smooth.resize(paste.size, Image.Resampling.LANCZOS))
    assert np.abs(frame.astype(int) - whole).mean() < 2


def test_driving_pictures_are_cut_so_from_videos_and_streams(tmp_path):
    pictures = [face_picture((320, 240), (60 + 2 * t, 90, 120)) for t in range(6)]
    path = encode(tmp_path / "clip.mp4", pictures)
    video, chooser = probe(path), framer()
    window = chooser.video([Image.fromarray(picture) for picture in pictures], video.size)
    assert window.manner == AREA
    assert window.angle == 0
    assert window.left < 0
    frames = list(read_frames(video, 64, window=window))
    outside = int(-window.left / window.side * 64) - 1
    assert not frames[0][:, :outside].any()
    by_hand = window.cut(Image.fromarray(pictures[0]), 64)
    assert np.abs(frames[0].astype(int) - by_hand).mean() < 6  # the codec's
    for crop in ("auto", "follow"):
        stream = Cutter(framer(driving_crop=crop), 64, 25.0)
        assert not stream(pictures[0])[:, :outside].any()


@pytest.mark.parametrize(
    "wrong",
    [
        {"source": {"rise": 1}},
        {"source": 5},
        {"driving": {"scale": 0}},
        {"driving": {"scale": 2, "upright": "yes"}},
        {"source": {"scale": float("nan")}},
        {"outside": "white"},
        {"filter": ["area"]},
        {"seam": 0},
        {"seam": "soft"},
        {"seam": 2},
    ],
)
def test_an_impossible_geometry_of_a_bundle_is_refused(wrong):
    with pytest.raises(ModelError, match="framing"):
        Framing.of(wrong)


@pytest.fixture(scope="module")
def turning(tmp_path_factory):
    """The toy, asking for LivePortrait's framing."""
    folder = tmp_path_factory.mktemp("models") / "turning"
    toy_bundle.build(folder, size=128, subject="face")
    toy_bundle.damage(folder, framing=FRAMING["human"])
    return Engine(folder)


def test_the_whole_way_turned_with_layers_and_without(turning, person):
    tilted = person.rotate(30, Image.Resampling.BICUBIC).crop((60, 0, 500, 400))
    square = turning.framer(animate_options()).source(tilted).cut(tilted, 128)
    for layers in ("off", "auto"):
        common = {"model": turning, "progress": False, "driving_crop": "off", "layers": layers}
        whole = animate(tilted, [square], paste_back=True, **common)[0]
        assert whole.shape == (400, 440, 3)
        assert np.abs(whole.astype(int) - np.array(tilted)).mean() < 4
        for size in (128, 192):
            alone = animate(tilted, [square], size=size, **common)[0]
            assert alone.shape == (size, size, 3)
            assert (alone.max(axis=-1) < 8).mean() < 0.2  # of the outside as little as may be


def animate_options():
    from runtime.options import Options

    return Options()


def test_several_faces_and_a_source_that_moves_each_have_their_turned_square(turning, person, tmp_path):
    small = person.crop((100, 0, 350, 250))
    group = Image.new("RGB", (500, 260), (90, 100, 110))
    for index, angle in enumerate((25, -25)):
        group.paste(small.rotate(angle, Image.Resampling.BICUBIC, fillcolor=(90, 100, 110)), (250 * index, 5))
    still = [np.asarray(small.resize((128, 128)))] * 2
    options = {"model": turning, "progress": False, "driving_crop": "off", "layers": "off"}
    with heard():
        both = animate(group, still, face="all", **options)
        assert np.abs(both[0].astype(int) - np.array(group)).mean() < 4
        footage = encode(tmp_path / "group.mp4", [np.array(group)] * 2)
        moved = animate(str(footage), still, face="all", **options)
    assert len(moved) == 2
    assert np.abs(moved[0].astype(int) - np.array(group)).mean() < 6


def test_a_square_by_hand_is_upright_and_shown_on_the_page(person, turning, tmp_path):
    tilted = person.rotate(30, Image.Resampling.BICUBIC)
    window = framer(crop=(100, 50, 200, 200)).source(tilted)
    assert (window, window.angle) == (Window(100, 50, 200, manner=AREA), 0)
    tilted.save(tmp_path / "tilted.png")
    seen = preview(str(tmp_path / "tilted.png"), turning.bundle, "auto", Place(50, 50, 50))
    found = framer().source(tilted)
    shown = np.asarray(seen.picture).astype(int)
    factor = shown.shape[1] / tilted.width
    x, y = (found.outward(np.array([0.5, 0.02])) * factor).astype(int)  # inside, though not of an upright square
    plain = np.asarray(tilted.resize(shown.shape[1::-1], Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(shown[y, x] - plain[y, x]).max() < 40 or shown[y, x][0] > 200  # lit, or the line around it
    assert preview(str(tmp_path / "tilted.png"), turning.bundle, BY_HAND, seen.place).crop


def test_animals_are_framed_by_what_stands_in_front_and_people_drive_them(person, tmp_path):
    animals = FRAMING["animals"]
    cat = Image.fromarray(np.pad(chelsea(), ((0, 0), (300, 0), (0, 0)), constant_values=128))
    with heard() as said:
        window = framer(animals).source(cat)
    assert not said
    assert (window.left, window.manner) == (pytest.approx(450, abs=130), AREA)
    driver = framer(animals).driving([person])
    assert driver == framer().driving([person])
    stones = Image.fromarray(gravel()).convert("RGB")
    with pytest.warns(BunrakuWarning, match="Nothing stands in front"):
        assert framer(animals).source(stones).side == min(stones.size)
    with pytest.raises(OptionError, match="animals"):
        framer(animals, face=1).source(cat)
    of_video = framer(animals).of_source(None)
    with heard() as said:
        again = of_video.video([cat], cat.size)
    assert again == window
    assert not [line for line in said if "face" in line]


def test_who_is_in_a_turned_square_is_found_again():
    face = Face(100, 100, 160, 160, 1.0, ())
    for angle in (0.0, 0.6):
        outline = Outline((130, 134), 56, angle)
        window = PEOPLE.source.around(outline, AREA)
        found = PEOPLE.face_in(window)
        assert found.size == pytest.approx(face.size, rel=0.1)
        assert np.hypot(*np.subtract(found.center, (130 + 4 * np.sin(angle), 134 - 4 * np.cos(angle)))) < 6
