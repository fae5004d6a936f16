"""Motion files: they play like their video, and nothing but sound motion of the right model is played."""

import json

import numpy as np
import pytest
import toy_bundle
from clips import moving, spot
from PIL import Image
from safetensors.numpy import save_file

from checkpoints.errors import BunrakuWarning, InputError, ModelError, OptionError, OutputError
from runtime import Engine, animate, extract_motion
from runtime.cli import main
from runtime.motion.file import load_motion


@pytest.fixture(scope="module")
def engine(toy) -> Engine:
    return Engine(toy, device="cpu", threads=1)


@pytest.mark.parametrize("kind", ["toy", "toy_affine"])
def test_playing_a_file_equals_playing_its_video_bit_for_bit(kind, tmp_path, request):
    engine = Engine(request.getfixturevalue(kind), device="cpu", threads=1)
    driving = moving(tmp_path / "nod.mp4", 11, rate="30000/1001")
    extract_motion(driving, tmp_path / "nod.motion", model=engine, progress=False)
    for options in ({}, {"mode": "absolute"}, {"smoothing": 0.5, "strength": 1.5}, {"reference": 4}):
        from_video = animate(spot(20, 40), driving, model=engine, progress=False, **options)
        from_file = animate(spot(20, 40), tmp_path / "nod.motion", model=engine, progress=False, **options)
        assert from_file.rate == from_video.rate
        np.testing.assert_array_equal(from_file.frames, from_video.frames)


def test_it_holds_what_was_found(engine, tmp_path):
    driving = moving(tmp_path / "nod.mp4", 7)
    made = extract_motion(driving, tmp_path / "nod.motion", model=engine, progress=False)
    read = load_motion(tmp_path / "nod.motion")
    np.testing.assert_array_equal(read.motion.points, made.motion.points)
    assert (read.rate, read.family, read.model, len(read.motion)) == (25, "toy", "toy", 7)
    assert read.graph == engine.bundle.graphs["motion"].sha256
    assert not list(tmp_path.glob(".*"))


def test_the_command(toy, in_tmp, capsys):
    Image.fromarray(spot(20, 40)).save("photo.png")
    moving(in_tmp / "driving.mp4", 6)
    assert main(["motion", "extract", "driving.mp4", "-o", "nod.motion", "--model", str(toy), "--no-progress"]) == 0
    assert capsys.readouterr() == ("nod.motion\n", "")
    assert main(["animate", "photo.png", "nod.motion", "--model", str(toy), "--no-progress"]) == 0
    assert capsys.readouterr() == ("photo-nod.mp4\n", "")
    assert main(["motion", "extract", "absent.mp4", "--model", str(toy)]) == 2
    assert main(["motion"]) == 2


def test_another_familys_motion_is_refused_and_another_models_is_told(engine, tmp_path):
    extract_motion([spot(20, 30)] * 3, tmp_path / "a.motion", model=engine, progress=False)
    toy_bundle.build(tmp_path / "other")
    toy_bundle.damage(tmp_path / "other", family="fomm")
    with pytest.raises(ModelError, match=r'family "toy".*family "fomm"'):
        animate(spot(20, 40), tmp_path / "a.motion", model=tmp_path / "other", device="cpu", progress=False)
    toy_bundle.build(tmp_path / "affine", affine=True)
    with pytest.raises(ModelError, match="parameters of motion are not those"):
        animate(spot(20, 40), tmp_path / "a.motion", model=tmp_path / "affine", device="cpu", progress=False)
    large = Engine(toy_bundle.build(tmp_path / "large", size=80), device="cpu", threads=1)
    with pytest.warns(BunrakuWarning, match="another model"):
        animate(spot(20, 40), tmp_path / "a.motion", model=large, progress=False)


@pytest.mark.parametrize(
    ("about", "arrays"),
    [
        (None, {"points": (3, 4, 2)}),
        ({"format": "9"}, {"points": (3, 4, 2)}),
        ({"fps": "1/0"}, {"points": (3, 4, 2)}),
        ({"fps": "-5"}, {"points": (3, 4, 2)}),
        ({"family": 5}, {"points": (3, 4, 2)}),
        ({"format": "9" * 5000}, {"points": (3, 4, 2)}),
        ({"fps": 25}, {"points": (3, 4, 2)}),
        ({"fps": "9" * 5000}, {"points": (3, 4, 2)}),
        ({"fps": "1e999999999"}, {"points": (3, 4, 2)}),
        ({"fps": "1e-999999999"}, {"points": (3, 4, 2)}),
        ({"model": "\ud800"}, {"points": (3, 4, 2)}),
        ({}, {"points": (3, 4)}),
        ({}, {"points": (0, 4, 2)}),
        ({}, {"jacobians": (3, 4, 2, 2)}),
        ({}, {"points": (3, 4, 2), "jacobians": (2, 4, 2, 2)}),
        ({}, {"points": (3, 4, 2), "lips": (3, 5, 2)}),
        ({}, {"points": (3, 4, 2), "lips": (2, 7, 2)}),
    ],
)
def test_damaged_files_are_refused(tmp_path, about, arrays):
    good = {"format": "1", "fps": "25", "family": "toy", "model": "toy", "graph": "0"}
    metadata = None if about is None else {"bunraku_motion": json.dumps(good | about)}
    path = tmp_path / "a.motion"
    save_file({name: np.zeros(shape, np.float32) for name, shape in arrays.items()}, path, metadata)
    with pytest.raises(InputError, match=r"a\.motion"):
        load_motion(path)


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 100_000, "[" * 900 + "]" * 900, "9" * 5000, "{}", "null", ""]
)
def test_what_is_no_description_of_a_motion_is_refused(tmp_path, text):
    path = tmp_path / "a.motion"
    save_file({"points": np.zeros((3, 4, 2), np.float32)}, path, {"bunraku_motion": text})
    with pytest.raises(InputError, match=r"a\.motion is not a motion file"):
        load_motion(path)


def test_what_is_told_of_a_file_is_short(tmp_path):
    about = {"format": "9" * 5000, "fps": "25", "family": "toy", "model": "toy", "graph": "0"}
    save_file({"points": np.zeros((3, 4, 2), np.float32)}, tmp_path / "a.motion", {"bunraku_motion": json.dumps(about)})
    with pytest.raises(InputError, match="has the format 999") as caught:
        load_motion(tmp_path / "a.motion")
    assert len(str(caught.value)) < 500


def test_what_is_no_safetensors_or_holds_no_numbers_is_refused(tmp_path):
    path = tmp_path / "a.motion"
    for data in (b"", b"hello", b"\xff" * 100):
        path.write_bytes(data)
        with pytest.raises(InputError, match="not a motion file"):
            load_motion(path)
    about = {"format": "1", "fps": "25", "family": "toy", "model": "toy", "graph": "0"}
    points = np.full((1, 4, 2), np.nan, np.float32)
    save_file({"points": points}, path, {"bunraku_motion": json.dumps(about)})
    with pytest.raises(InputError, match="impossible motion"):
        load_motion(path)


@pytest.mark.parametrize("kind", ["F8_E4M3", "F8_E5M2", "F8_E8M0"])
def test_numbers_of_a_kind_that_numpy_lacks_are_refused(tmp_path, kind):
    path = tmp_path / "a.motion"
    about = json.dumps({"format": "1", "fps": "25", "family": "toy", "model": "toy", "graph": "0"})
    points = {"dtype": kind, "shape": [1, 4, 2], "data_offsets": [0, 8]}
    head = json.dumps({"__metadata__": {"bunraku_motion": about}, "points": points}).encode()
    path.write_bytes(len(head).to_bytes(8, "little") + head + bytes(8))
    with pytest.raises(InputError, match="not a motion file"):
        load_motion(path)


def test_what_cannot_be_done_is_refused(engine, tmp_path):
    extract_motion([spot(20, 30)] * 3, tmp_path / "a.motion", model=engine, progress=False)
    with pytest.raises(OptionError, match="fps"):
        animate(spot(20, 40), tmp_path / "a.motion", model=engine, fps=10, progress=False)
    with pytest.raises(InputError, match="does not exist"):
        animate(spot(20, 40), tmp_path / "absent.motion", model=engine, progress=False)
    for output in ("a.mp4", "no/a.motion"):
        with pytest.raises(OutputError):
            extract_motion([spot(20, 30)], tmp_path / output, model=engine, progress=False)
    with pytest.raises(InputError, match="empty"):
        extract_motion([], tmp_path / "b.motion", model=engine, progress=False)
    assert not (tmp_path / "b.motion").exists()
