"""The page's parts, each by itself."""

from __future__ import annotations

import threading
import time
import warnings

import clips
import numpy as np
import pytest
import toy_bundle
import toy_kinds
from drawn_face import face_picture
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from checkpoints.bundle import Bundle
from checkpoints.errors import BunrakuWarning, InputError, ModelError, OptionError
from checkpoints.own_card import seal_card
from demo import fields, notices, words
from demo.cards import card, summary
from demo.compare import first_choice, ways
from demo.crop import BY_HAND, Place, pointed, preview
from demo.faults import FaultError, Faults, place_of
from demo.inside import PANELS, Inside, Looks, draw_flow, draw_masks, panels_of
from demo.live import Live
from demo.samples import CLIPS, Samples
from demo.shelf import Shelf
from demo.specimen import Specimens
from demo.studio import Studio
from demo.visitors import Visitors
from runtime.framing.search import search_faces
from runtime.many.pipeline import prefetch
from runtime.media.limits import Limits
from runtime.media.video import probe, read_frames

PHOTOS = Samples.bundled().photos


@given(
    st.floats(5, 95),
    st.floats(5, 95),
    st.floats(5, 150),
    st.tuples(st.integers(200, 4000), st.integers(200, 4000)),
)
def test_a_place_is_the_square_it_came_from(across, down, size, photo):
    window = Place(across, down, size).window(photo)
    again = Place.of(window, photo).window(photo)
    slack = 0.002 * max(photo) + 2  # places are told to a tenth of a percent, and pixels are whole
    assert abs(again.left - window.left) <= slack
    assert abs(again.top - window.top) <= slack
    assert abs(again.side - window.side) <= slack


def test_fields_of_what_a_model_lacks_are_not_shown(toy, tmp_path):
    head = toy_kinds.build(tmp_path / "head", "head")
    for name in ("stitching", "retargeting"):
        assert fields.field(name, head).visible is True
        assert fields.field(name, Bundle.load(toy)).visible is False
    assert all(fields.field(name, Bundle.load(toy)).visible for name in ("mode", "smoothing", "timing", "sound"))


def test_a_square_by_hand_is_what_the_engine_is_told_and_what_is_bright(toy, tmp_path):
    photo = tmp_path / "wide.png"
    Image.fromarray(np.full((200, 400, 3), 200, np.uint8)).save(photo)
    shown = preview(str(photo), Bundle.load(toy), BY_HAND, Place(25, 50, 25))
    assert shown.crop == "50,50,100,100"
    assert shown.picture.shape == (240, 480, 3)
    bright = (shown.picture.min(axis=2) > 150).nonzero()
    assert 55 <= bright[1].min() <= 66  # 50 of 400 pixels, shown at 480, and the outline
    assert 174 <= bright[1].max() <= 182
    assert pointed(str(photo), (360, 60), Place(25, 50, 25)) == Place(75, 25, 25)
    with pytest.raises(OptionError, match="crop"):
        preview(str(photo), Bundle.load(toy), BY_HAND, Place(500, 50, 5))


def test_the_part_shown_is_around_the_face_and_no_face_is_said(toy, tmp_path):
    faces = tmp_path / "faces"
    bundle = toy_bundle.build(faces, subject="face")
    scene = face_picture((960, 480), (760, 240, 160))
    photo, empty = tmp_path / "scene.png", tmp_path / "empty.png"
    Image.fromarray(scene).save(photo)
    Image.fromarray(np.full((300, 300, 3), 90, np.uint8)).save(empty)
    shown = preview(str(photo), bundle, "auto", Place(50, 50, 100))
    assert shown.crop == "auto"
    assert shown.place.across == pytest.approx(79, abs=6)
    assert shown.notices == ()
    assert "No face" in preview(str(empty), bundle, "auto", Place(50, 50, 100)).notices[0]
    with pytest.raises(InputError, match=r"^face is 2, but 1"):
        preview(str(photo), bundle, "auto", Place(50, 50, 100), face=2)


def test_notices_reach_their_own_listener_also_from_threads():
    found: dict[str, list[str]] = {}
    both = threading.Barrier(2)

    def work(name: str) -> None:
        def items():
            warnings.warn(f"for {name}", BunrakuWarning, stacklevel=1)
            warnings.warn(f"for {name}", BunrakuWarning, stacklevel=1)
            yield 1

        with notices.heard() as heard:
            both.wait(10)
            with prefetch(items(), 1) as ready:
                list(ready)
            found[name] = heard

    threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert found == {"a": ["for a"], "b": ["for b"]}


def test_who_leaves_takes_their_files_and_nobody_elses(tmp_path):
    visitors, cache = Visitors(), tmp_path / "cache"
    for name in ("example", "mine", "shared"):
        (cache / name).mkdir(parents=True)
        (cache / name / "file").write_text(name)
    outside = tmp_path / "outside"
    outside.write_text("not in the cache")
    visitors.spare([cache / "example" / "file"])
    gone = []
    visitors.at_leave("a", gone.append)
    mine = visitors.home("a", cache)
    (mine / "result").write_text("made for a")
    visitors.owns("a", cache / "mine" / "file", cache / "shared" / "file", cache / "example" / "file", outside)
    visitors.owns("b", str(cache / "shared" / "file"))
    with visitors.working("a") as stopped:
        visitors.leave("a", cache)
        assert stopped.is_set()
    assert gone == ["a"]
    left = sorted(path.name for path in cache.iterdir())
    assert left == ["example", "shared"]
    assert (cache / "shared" / "file").exists()
    assert (cache / "example" / "file").exists()
    assert outside.exists()
    visitors.leave("b", cache)
    assert not (cache / "shared" / "file").exists()


def test_the_shelf_offers_models_by_name_and_keeps_few_open(toy, toy_affine, tmp_path):
    third = tmp_path / "third"
    toy_bundle.build(third)
    toy_bundle.damage(third, name="third")
    shelf = Shelf([toy, toy_affine, third], "cpu", opened=2)
    assert shelf.names[:3] == ["toy", "toy-affine", "third"]
    first = shelf.engine()
    assert shelf.engine("toy") is first
    shelf.engine("toy-affine")
    shelf.engine("third")
    assert shelf.engine("toy") is not first  # closed to make room
    assert shelf.pace("toy") > 0
    shelf.record("toy", 10.0, 5)
    assert shelf.pace() == 2.0
    assert shelf.add(third) == "third"  # not twice
    with pytest.raises(ModelError, match=r'no model ".*" here; choose one of toy'):
        shelf.engine(str(tmp_path))


def test_look_inside_shows_what_the_model_gives(toy, toy_affine, files):
    for folder in (toy, toy_affine):
        engine = Shelf([folder], "cpu").engine()
        inside = Inside(engine, str(files / "photo.jpg"), str(files / "clip.mp4"), "relative")
        assert len(inside) == 10
        panels = inside.panels(9)
        assert set(panels) == {"source", "driving", "image", "flow", "occlusion"}
        moved = clips.center(panels["image"]) / len(panels["image"]) * 64
        np.testing.assert_allclose(moved, (26 + 18, 34), atol=1)
        assert len({panel.shape for panel in panels.values()}) == 1


def test_look_inside_shows_parts_and_what_binds_the_points(toy_tree, files):
    inside = Inside(Shelf([toy_tree], "cpu").engine(), str(files / "photo.jpg"), str(files / "clip.mp4"), "relative")
    panels = inside.panels(9)
    assert tuple(panels_of(Bundle.load(toy_tree))) == PANELS
    assert set(panels) == set(PANELS)
    assert (panels["structure"] != panels["image"]).any(axis=-1).mean() < 0.3
    for name in ("source", "driving", "structure"):
        saturated = panels[name][np.ptp(panels[name], axis=-1) > 120]
        assert len(np.unique(saturated, axis=0)) >= 2, name  # the two intermediate anchors' colours


def test_flow_is_white_where_nothing_moves_and_tells_directions_apart():
    grid = np.stack(np.meshgrid(np.linspace(-1, 1, 8), np.linspace(-1, 1, 8)), axis=-1).astype(np.float32)
    assert draw_flow(grid).min() >= 254
    right, left = (draw_flow(grid + np.array([way, 0], np.float32))[100, 100] for way in (0.5, -0.5))
    np.testing.assert_allclose(right, (255, 0, 0), atol=8)  # hue 0: to the right
    np.testing.assert_allclose(left, (0, 255, 255), atol=4)
    masks = np.zeros((3, 4, 4), np.float32)
    masks[1, :, :2], masks[2, :, 2:] = 1, 1
    drawn = draw_masks(masks)
    assert (drawn[100, 20] != drawn[100, 360]).any()


def test_the_last_look_is_remembered_until_it_is_another_or_the_visitor_leaves():
    looks, made = Looks(), []

    def make():
        made.append(None)
        return object()

    first = looks.look("v", ("a",), make)
    assert looks.look("v", ("a",), make) is first
    assert looks.look("w", ("a",), make) is not first
    assert looks.look("v", ("b",), make) is not first
    looks.forget("v")
    looks.look("v", ("b",), make)
    assert len(made) == 4


def test_a_webcam_moves_the_photo_from_its_resting_pose(toy, files):
    live, engine = Live(), Shelf([toy], "cpu").engine()

    def place(x: float, visitor: str = "v") -> np.ndarray:
        photo, camera = str(files / "photo.jpg"), clips.spot(x, 30)
        return clips.center(live.move(visitor, engine, photo, camera, mode="relative", strength=1.0).frame)

    np.testing.assert_allclose(place(20), (26, 34), atol=1)
    for _ in range(12):  # it is calmed, and so arrives after a while
        moved = place(30)
    np.testing.assert_allclose(moved, (36, 34), atol=1.5)
    np.testing.assert_allclose(place(40, "w"), (26, 34), atol=1)  # another visitor starts from their own pose
    live.rest("v")
    np.testing.assert_allclose(place(30), (26, 34), atol=1)
    live.forget("v")
    np.testing.assert_allclose(place(20), (26, 34), atol=1)
    time.sleep(0.01)
    rate = live.move("v", engine, str(files / "photo.jpg"), clips.spot(20, 30), mode="relative", strength=1.0).rate
    assert rate is not None
    assert 0 < rate < 100


def test_the_photo_rests_while_the_webcam_shows_no_face(tmp_path, monkeypatch):
    folder = tmp_path / "faces"
    toy_bundle.build(folder, subject="face")
    photo = tmp_path / "photo.png"
    Image.fromarray(face_picture((300, 300), (150, 150, 90))).save(photo)
    live, engine = Live(), Shelf([folder], "cpu").engine()
    someone, nobody = face_picture((320, 320), (160, 160, 100)), np.full((320, 320, 3), 90, np.uint8)

    def move(camera: np.ndarray) -> tuple[bool, np.ndarray]:
        moved = live.move("v", engine, str(photo), camera, mode="relative", strength=1.0)
        return moved.face, moved.frame

    seen, still = move(nobody)
    assert not seen
    assert move(someone)[0]
    monkeypatch.setattr("demo.live._LOOK", 0.0)
    assert [move(nobody)[0] for _ in range(3)] == [True, True, False]  # what passes before a face does not count
    np.testing.assert_array_equal(move(nobody)[1], still)
    assert move(someone)[0]


def test_a_comparison_starts_with_what_works_best(toy, toy_affine):
    two, one = Studio(toy, toy_affine), Studio(toy)
    assert [(way.model, way.mode) for way in first_choice(two)] == [("toy", "relative"), ("toy-affine", "relative")]
    one.shelf._bundles = {"toy": one.shelf.bundle("toy")}
    assert [way.mode for way in first_choice(one)] == ["relative", "disentangled"]
    assert {way.mode for way in ways(one)} == {"relative", "absolute", "disentangled"}


def test_a_summary_says_what_for_whether_one_may_and_what_it_cannot(tmp_path):
    toy_bundle.build(tmp_path / "toy", subject="face")
    toy_bundle.damage(tmp_path / "toy", training={"limits": ["squares <b>only</b>"]})
    text = summary(Bundle.load(tmp_path / "toy"))
    assert "Moves people" in text
    assert "also commercially (Apache-2.0)" in text
    assert "* squares &lt;b&gt;only&lt;/b&gt;" in text
    for licence, said in {
        "NOASSERTION": "Nobody has recorded that",
        "CC-BY-NC-4.0": "not commercially",
        "X": "is X",
    }.items():
        toy_bundle.damage(tmp_path / "toy", licence=licence)
        assert said in summary(Bundle.load(tmp_path / "toy"))


def test_a_model_shows_what_it_makes_of_the_examples(toy, files):
    samples = Samples((files / "photo.jpg",), (files / "clip.mp4",))
    specimens = Specimens(Studio(toy, samples=samples))
    picture = specimens.of("toy")
    assert picture.shape == (256, 768, 3)
    assert specimens.of("toy") is picture
    with pytest.raises(ModelError):
        specimens.of("nowhere")
    assert Specimens(Studio(toy, samples=Samples())).of("toy") is None


@pytest.mark.parametrize(
    ("sentence", "place"),
    [
        (words.NO_PHOTO, "photo"),
        (words.NO_VIDEO, "clip"),
        ("a.jpg is not a picture", "photo"),
        ("b.mp4 is not a video", "clip"),
        ("b.mp4x is odd", "work"),
        ("size is 3", "work"),
    ],
)
def test_a_fault_is_about_the_file_that_it_names(sentence, place):
    assert place_of(sentence, "/cache/x/a.jpg", "/cache/y/b.mp4") == place
    assert place_of("a.mp4 is odd", "/cache/x/a.mp4", "/cache/y/a.mp4") == "work"


def test_faults_are_their_visitors_and_few():
    faults = Faults()
    faults.note("v", 1, FaultError("first"))
    faults.note("w", 1, FaultError("another", "clip"))
    faults.note("v", 1, ValueError("/secret/path"))
    assert faults.take("v", 1).sentence == words.UNKNOWN  # what was not meant for visitors is not told them
    assert faults.take("w", 1).place == "clip"
    assert faults.take("w", 1).sentence == words.UNKNOWN
    for number in range(2000):
        faults.note(f"v{number}", 1, FaultError("x"))
    assert len(faults._faults) == 1000
    said = FaultError("x")
    faults.note("v", 2, said)
    first = faults.take("v", 2).shown()
    faults.note("v", 2, said)
    assert faults.take("v", 2).shown() != first  # the browser shows again only what has changed


@pytest.mark.parametrize(
    "wrong",
    [
        lambda file: Limits(pixels=5).check_size("x", 9, 9),
        lambda file: Limits(seconds=5).check_seconds("x", 9),
        lambda file: Limits(bytes=5).check_bytes(file),
    ],
)
def test_nobody_is_told_to_raise_a_limit(wrong, tmp_path):
    (tmp_path / "file").write_bytes(b"123456")
    with pytest.raises(InputError, match="raise the limit") as caught:
        wrong(tmp_path / "file")
    told = words.notice(str(caught.value))
    assert "limit" not in told
    assert told.endswith(("; make it smaller.", "; cut it shorter.", "; use a smaller file."))


def test_a_card_tells_what_the_bundle_knows_and_quotes_its_own(tmp_path):
    toy_bundle.build(tmp_path / "toy")
    bundle = toy_bundle.damage(tmp_path / "toy", training={"data": "drawn squares", "steps": {"points": 5}})
    bundle = Bundle.load(tmp_path / "toy")
    text = card(bundle)
    assert "* **Licence**: Apache-2.0" in text
    assert "drawn squares" in text
    assert "points: 5 steps" in text
    (tmp_path / "toy" / "README.md").write_text("---\nlicense: x\n---\n# Toy\nIt moves squares only.\n")
    seal_card(tmp_path / "toy")
    text = card(Bundle.load(tmp_path / "toy"))
    assert "### Toy\nIt moves squares only." in text
    assert "license: x" not in text


@pytest.mark.parametrize("clip", [pytest.param(path, id=path.stem) for path in sorted(CLIPS.glob("*.mp4"))])
def test_the_bundled_clips_are_small_and_can_be_followed(clip):
    assert clip.stat().st_size < 60_000
    info = probe(clip)
    assert info.size == (256, 256)
    assert info.frames == 50
    assert clip.name in {path.name for path in Samples.bundled().clips}
    first, *_, last = (frame.astype(float) for frame in read_frames(info))
    assert np.abs(first - last).mean() < 4  # it repeats without a jump


def test_the_example_photos_show_one_face_that_is_found():
    assert len(PHOTOS) >= 4
    for photo in PHOTOS:
        assert photo.stat().st_size < 100_000
        assert len(search_faces(Image.open(photo), levels=2)) == 1, photo.name
