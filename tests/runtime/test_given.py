"""What a script may hand over: files in every way that Python has them, arrays, numbers of numpy; what is refused."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from clips import center, moving, spot
from PIL import Image

from checkpoints.errors import BunrakuError, InputError, OptionError, first_line, last_line
from runtime import Animator, Engine, Limits, animate, extract_motion
from runtime.options import Options

FRAMES = [spot(20 + 2 * t, 30) for t in range(4)]


@pytest.fixture(scope="module")
def engine(toy):
    return Engine(toy, device="cpu", threads=1)


@pytest.fixture
def files(tmp_path):
    Image.fromarray(spot(20, 40)).save(tmp_path / "photo.png")
    moving(tmp_path / "driving.mp4", 4)
    return tmp_path


def walk(engine, source, driving, **options):
    """x of the spot in every result."""
    frames = animate(source, driving, model=engine, progress=False, **options).frames
    return np.array([center(frame)[0] for frame in frames])


def read(path: Path) -> bytes:
    return path.read_bytes()


def at_its_end(path: Path) -> io.BytesIO:
    """As it is left by whoever has just written it."""
    file = io.BytesIO()
    file.write(path.read_bytes())
    return file


class Piped(io.RawIOBase):
    """What cannot go back, and gives little at a time."""

    def __init__(self, path: Path) -> None:
        self._data = io.BytesIO(path.read_bytes())

    def read(self, count: int = -1) -> bytes:
        return self._data.read(min(count, 1000))


WAYS = [
    read,
    lambda path: bytearray(read(path)),
    lambda path: memoryview(read(path)),
    at_its_end,
    lambda path: path.open("rb"),
    Piped,
]


@pytest.mark.parametrize("way", WAYS)
def test_content_and_open_files_are_pictures_and_videos(engine, files, way):
    expected = walk(engine, files / "photo.png", files / "driving.mp4")
    np.testing.assert_array_equal(walk(engine, way(files / "photo.png"), way(files / "driving.mp4")), expected)
    np.testing.assert_array_equal(walk(engine, [way(files / "photo.png")], files / "driving.mp4"), expected)


def test_a_streams_pictures_may_be_content_too(engine, files):
    animator = Animator(engine)
    animator.set_source(read(files / "photo.png"))
    frame = io.BytesIO()
    Image.fromarray(FRAMES[1]).save(frame, "JPEG", quality=95)
    animator.frame(FRAMES[0])
    np.testing.assert_allclose(center(animator.frame(frame)), (22, 40), atol=0.7)
    driving = [frame, frame.getvalue(), FRAMES[1], Image.fromarray(FRAMES[1])]
    np.testing.assert_allclose(walk(engine, spot(20, 40), driving), 20, atol=0.3)


class Lent:
    """An array of another library."""

    def __init__(self, array):
        self._array = array

    def __array__(self, dtype=None, copy=None):
        if self._array is None:
            raise TypeError("it lies on a graphics card.\nMove it.")
        return self._array


def test_arrays_of_other_libraries_are_arrays(engine):
    expected = walk(engine, spot(20, 40), FRAMES)
    frames = [Lent(frame) for frame in FRAMES]
    for source in (Lent(spot(20, 40)), [Lent(spot(20, 40))], Lent(spot(20, 40)[None])):
        for driving in (Lent(np.stack(FRAMES)), frames, iter(frames)):
            np.testing.assert_array_equal(walk(engine, source, driving), expected)
    with pytest.raises(InputError, match=r"test_given.Lent cannot be read as an array \(it lies on a graphics card\)"):
        walk(engine, Lent(None), FRAMES)
    with pytest.raises(InputError, match="float32"):
        walk(engine, Lent(np.zeros((3, 64, 64), np.float32)), FRAMES)


def test_tensors_of_pytorch_are_arrays(engine):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra train)")
    expected = walk(engine, spot(20, 40), FRAMES)
    given = torch.from_numpy(spot(20, 40)), torch.from_numpy(np.stack(FRAMES))
    np.testing.assert_array_equal(walk(engine, *given), expected)
    animator = Animator(engine)
    animator.set_source(given[0])
    assert animator.frame(given[1][0]).shape == (64, 64, 3)


def test_motion_is_recorded_from_content_and_played_from_it(engine, files):
    recorded = extract_motion(read(files / "driving.mp4"), files / "nod.motion", model=engine, progress=False)
    assert len(recorded.motion) == 4
    expected = walk(engine, spot(20, 40), files / "driving.mp4")
    (files / "nod.motion").rename(files / "other-name")
    for given in (read(files / "other-name"), (files / "other-name").open("rb"), files / "other-name"):
        np.testing.assert_array_equal(walk(engine, spot(20, 40), given), expected)


def test_arrays_of_four_axes(engine):
    expected = walk(engine, spot(20, 40), FRAMES)
    np.testing.assert_array_equal(walk(engine, spot(20, 40)[None], np.stack(FRAMES)), expected)
    np.testing.assert_array_equal(walk(engine, spot(20, 40), np.stack(FRAMES), start=0.04, end=0.12), expected[:2])
    twice = animate(spot(20, 40), np.stack(FRAMES), model=engine, progress=False, compare=True, loop=2).frames
    assert twice.shape == (8, 64, 192, 3)


@pytest.mark.parametrize("one", [FRAMES[2], FRAMES[2][..., :1], Image.fromarray(FRAMES[2])])
def test_one_picture_drives_one_frame(engine, one):
    np.testing.assert_allclose(walk(engine, spot(20, 40), one, mode="absolute"), [24], atol=0.3)


def test_numbers_of_numpy_are_numbers(engine, files):
    given = {
        "strength": np.float32(1),
        "smoothing": np.float16(0),
        "reference": np.int64(1),
        "fps": np.float32(25),
        "start": np.float32(0.04),
        "end": np.float64(0.12),
        "size": np.int32(64),
        "loop": np.uint8(2),
        "compare": np.True_,
        "limits": Limits(pixels=np.int64(10**6), seconds=np.float32(60), bytes=np.array(10**6)),
    }
    plain = {name: getattr(value, "item", lambda value=value: value)() for name, value in given.items()}
    options = {"model": engine, "progress": False}
    expected = animate(files / "photo.png", files / "driving.mp4", **plain, **options).frames
    np.testing.assert_array_equal(
        animate(files / "photo.png", files / "driving.mp4", **given, **options).frames, expected
    )
    assert type(Options(strength=np.float32(0.5)).strength) is float
    assert Options(crop=np.array([1, 2, 30, 40])).crop.tolist() == [1, 2, 30, 40]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"strength": "1"}, "strength is '1'"),
        ({"start": "1"}, "start is '1'"),
        ({"end": "1"}, "end is '1'"),
        ({"fps": "25"}, "fps is '25'"),
        ({"smoothing": "0"}, "smoothing is '0'"),
        ({"size": "512"}, "size is '512'"),
        ({"size": 512.0}, "size is 512.0"),
        ({"limits": {"pixels": 5}}, "limits is {'pixels': 5}; it must be runtime.Limits"),
        ({"loop": True}, "loop is True"),
        ({"loop": np.True_}, "loop is True"),
        ({"face": "first"}, 'face is "first"; it must be a whole number'),
        ({"reference": 1.5}, "reference"),
        ({"output": 5}, "output is 5; it must be the name of a file"),
        ({"output": b"a.mp4"}, "output is b'a.mp4'"),
        ({"output": "a\0.mp4"}, "output is"),
        ({"output": ["a.mp4"]}, "output is"),
        ({"crop": {"x": 1}}, "crop is"),
        ({"urls": "yes"}, "urls is 'yes'"),
        ({"paste_back": 1}, "paste_back is 1"),
        ({"background": None}, "background"),
        ({"device": 5}, "device"),
        ({"model": 5}, "model is 5"),
        ({"progress": "yes"}, "progress is 'yes'"),
    ],
)
def test_options_of_another_kind_are_refused_in_our_words(engine, options, words):
    with pytest.raises(OptionError) as caught:
        animate(spot(20, 40), FRAMES, **{"model": engine, "progress": False, **options})
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("source", "driving", "words"),
    [
        (None, FRAMES, "NoneType"),
        (5, FRAMES, "int"),
        ([], FRAMES, "empty"),
        ([None], FRAMES, "NoneType"),
        ([[FRAMES[0]]], FRAMES, "list"),
        ({"a": 1}, FRAMES, "dict"),
        (b"", FRAMES, "empty"),
        (b"no picture at all", FRAMES, "not a picture"),
        (io.StringIO("text"), FRAMES, "binary mode"),
        ("", FRAMES, "folder"),
        (FRAMES[0], None, "NoneType"),
        (FRAMES[0], 5, "int"),
        (FRAMES[0], [], "empty"),
        (FRAMES[0], [None], "NoneType"),
        (FRAMES[0], "", "empty"),
        (FRAMES[0], b"no video at all", "not a video"),
        (FRAMES[0], b"", "empty"),
        (FRAMES[0], np.zeros((0, 64, 64, 3), np.uint8), "empty"),
        (FRAMES[0], np.zeros((2, 64, 64, 3)), "float64"),
        (FRAMES[0], object(), "object"),
    ],
)
def test_inputs_of_another_kind_are_refused_in_our_words(engine, source, driving, words):
    with pytest.raises(InputError) as caught:
        animate(source, driving, model=engine, progress=False)
    assert words in str(caught.value)
    assert "bunraku-" not in str(caught.value)  # the place where content lies for a while is nobody's business


def test_a_closed_file_and_one_that_is_too_large(engine, files):
    with (files / "photo.png").open("rb") as closed:
        pass
    with pytest.raises(InputError, match=r"photo\.png cannot be read"):
        animate(closed, FRAMES, model=engine, progress=False)
    for given in (read(files / "photo.png"), (files / "photo.png").open("rb")):
        with pytest.raises(InputError, match="more than 100 bytes"):
            animate(given, FRAMES, model=engine, progress=False, limits=Limits(bytes=100))


def test_engines_and_animators_refuse_likewise(toy, engine, files):
    for wrong in (
        lambda: Engine(5),
        lambda: Animator(5),
        lambda: Engine(toy, threads="2"),
        lambda: Engine(toy, threads=0),
    ):
        with pytest.raises(OptionError):
            wrong()
    with pytest.raises(OptionError, match="fps is '25'"):
        Animator(engine, fps="25")
    with pytest.raises(OptionError, match="output is 5"):
        extract_motion(files / "driving.mp4", 5, model=engine)
    with pytest.raises(OptionError, match="limit of pixels is '5'"):
        Limits(pixels="5")
    animator = Animator(engine)
    animator.set_source(spot(20, 40))
    with pytest.raises(InputError, match="NoneType"):
        animator.frame(None)


def test_what_others_say_is_told_in_one_line_even_if_it_is_nothing():
    assert first_line(ValueError("\n one.\ntwo\n")) == "one"
    assert last_line(ValueError("one\ntwo\n\n")) == "two"
    assert first_line(KeyboardInterrupt()) == last_line(RuntimeError(" \n")).replace(
        "RuntimeError", "KeyboardInterrupt"
    )
    assert len(first_line(ValueError("a" * 1000))) == 300


def test_a_graph_that_fails_without_a_word_is_told(engine, monkeypatch):
    graph = engine._graphs["motion"]

    def fail(*arguments):
        raise RuntimeError

    monkeypatch.setattr(graph, "_start", lambda *arguments: [Future()])

    class Future:
        def result(self):
            fail()

        def cancel(self):
            pass

    with pytest.raises(BunrakuError, match="RuntimeError"):
        engine.detect(np.stack(FRAMES))


def test_a_pillow_image_whose_file_is_closed_is_refused(toy, tmp_path):
    Image.fromarray(spot(20, 40)).save(tmp_path / "a.png")
    image = Image.open(tmp_path / "a.png")
    image.close()
    with pytest.raises(InputError, match="The picture cannot be read"):
        animate(image, [spot(20, 40)], model=toy, progress=False)
    large = Image.open(tmp_path / "a.png")  # the limit comes before its pixels
    with pytest.raises(InputError, match="more than 100 pixels"):
        animate(large, [spot(20, 40)], model=toy, limits=Limits(pixels=100), progress=False)
