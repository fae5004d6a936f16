"""What `animate` returns is a sequence of frames that can be saved and shown; `stream` gives them as they are made."""

from __future__ import annotations

import base64
import re
import threading
import time

import numpy as np
import pytest
from clips import lengths, moving, spot
from PIL import Image

from checkpoints.errors import InputError, OptionError, OutputError
from runtime import Animation, Engine, FrameStream, animate, stream

FRAMES = [spot(20 + 2 * t, 30) for t in range(6)]


@pytest.fixture(scope="module")
def engine(toy):
    return Engine(toy, device="cpu", threads=1)


@pytest.fixture(scope="module")
def kept(engine):
    """In memory."""
    return animate(spot(20, 40), FRAMES, model=engine, progress=False)


@pytest.fixture(scope="module")
def filed(kept, tmp_path_factory):
    """In a file."""
    return kept.save(tmp_path_factory.mktemp("filed") / "moving.mp4")


@pytest.fixture(params=["kept", "filed", "folder"])
def animation(request, kept, filed, tmp_path):
    return kept.save(f"{tmp_path}/frames/") if request.param == "folder" else request.getfixturevalue(request.param)


def near(one, other):
    """Whether two pictures are the same but for encoding."""
    return one.shape == other.shape and np.abs(one.astype(int) - other).mean() < 4


def test_it_is_a_sequence_of_frames(kept, animation):
    assert isinstance(animation, Animation)
    assert (len(animation), animation.size, animation.fps) == (6, (64, 64), 25.0)
    assert all(near(one, other) for one, other in zip(animation, kept.frames, strict=True))
    assert all(near(animation[number], kept.frames[number]) for number in (0, 3, 5, -1, -6, np.int64(2)))
    assert all(near(one, other) for one, other in zip(reversed(animation), kept.frames[::-1], strict=True))
    assert np.asarray(animation).shape == np.stack(list(animation)).shape == (6, 64, 64, 3)
    for wrong in (6, -7):
        with pytest.raises(IndexError):
            animation[wrong]
    with pytest.raises(TypeError):
        animation["1"]


@pytest.mark.parametrize(
    "part", [slice(2, 5), slice(-2, None), slice(None, None, 2), slice(None, None, -1), slice(5, 0, -2)]
)
def test_a_slice_is_an_animation_of_these_frames(kept, animation, part):
    cut = animation[part]
    assert isinstance(cut, Animation)
    assert (cut.rate, cut.path) == (animation.rate, None)
    assert all(near(one, other) for one, other in zip(cut, kept.frames[part], strict=True))


def test_an_empty_slice_is_refused(animation):
    with pytest.raises(ValueError, match="there are 6"):
        animation[4:2]


def test_it_says_shortly_what_it_is(kept, filed):
    assert repr(kept) == "<Animation: 6 frames of 64x64 at 25 a second>"
    assert repr(filed) == f"<Animation: 6 frames of 64x64 at 25 a second in {filed.path}>"
    assert repr(kept[:1]).startswith("<Animation: 1 frame of")


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.gif", "a.webp", "a/"])
def test_it_is_saved_in_every_kind_of_file(kept, filed, tmp_path, name):
    for number, given in enumerate((kept, filed)):
        saved = given.save(f"{tmp_path}/{number}{name}")
        assert saved.path == tmp_path / f"{number}{name}"
        assert near(saved[4], kept[4])
        assert len(list(saved)) == len(saved) == 6


def test_saving_again_copies(filed, tmp_path):
    assert filed.save(filed.path) is filed
    again = filed.save(tmp_path / "again.mp4")
    assert again.path.read_bytes() == filed.path.read_bytes()
    assert near(again[2], filed[2])


def test_what_is_saved_sounds_like_its_driving_video(engine, tmp_path):
    moving(tmp_path / "driving.mp4", 10, sound=0.4)
    result = animate(spot(20, 40), tmp_path / "driving.mp4", model=engine, progress=False, loop=2)
    saved = result.save(tmp_path / "a.mp4")
    assert lengths(saved.path) == pytest.approx((20, 0.8), abs=0.05)
    assert lengths(saved.save(tmp_path / "a.mkv").path) == pytest.approx((20, 0.8), abs=0.05)
    assert lengths(result[3:8].save(tmp_path / "part.mp4").path)[1] == 0
    data = (tmp_path / "driving.mp4").read_bytes()
    given = animate(spot(20, 40), data, model=engine, progress=False)
    assert lengths(given.save(tmp_path / "b.mp4").path)[1] == 0  # its file is gone


def test_what_cannot_be_saved_is_told(kept, filed, tmp_path):
    for animation in (kept, filed):
        with pytest.raises(OutputError, match="must end in"):
            animation.save(tmp_path / "a.xyz")
        with pytest.raises(OutputError, match="does not exist"):
            animation.save(tmp_path / "no" / "a.mp4")
        with pytest.raises(OptionError, match="path is 5"):
            animation.save(5)
    alpha = Animation(np.zeros((2, 64, 64, 4), np.uint8), kept.rate)
    with pytest.raises(OutputError, match="cannot be transparent"):
        alpha.save(tmp_path / "a.mp4")
    assert alpha.save(tmp_path / "a.webp")[1].shape == (64, 64, 4)


def test_a_notebook_plays_it(kept, filed, tmp_path):
    for animation, tag, kind in (
        (kept, "video", "video/mp4"),
        (filed, "video", "video/mp4"),
        (kept.save(tmp_path / "a.gif"), "img", "image/gif"),
        (kept.save(f"{tmp_path}/frames/"), "video", "video/mp4"),
        (Animation(np.zeros((2, 64, 64, 4), np.uint8), kept.rate), "img", "image/webp"),
    ):
        (found,) = re.findall(rf'^<{tag} src="data:{kind};base64,([\w+/=]+)" ', animation._repr_html_())
        data = base64.b64decode(found)
        assert data[4:8] == b"ftyp" or data[:4] in (b"GIF8", b"RIFF")
    strange = kept.save(tmp_path / '"><b>.mp4')
    assert "<b>" not in strange._repr_html_()


def test_a_long_one_is_named_only(filed, monkeypatch):
    monkeypatch.setattr("runtime.result.animation._MOST_SHOWN", 10)
    assert filed._repr_html_().startswith("<code>&lt;Animation: 6 frames")


def test_frames_come_as_they_are_made(engine, kept):
    with stream(spot(20, 40), FRAMES, model=engine, progress=False, loop=2) as frames:
        assert isinstance(frames, FrameStream)
        assert (frames.size, frames.fps, frames.total) == ((64, 64), 25.0, 12)
        assert repr(frames) == "<FrameStream of 12 frames of 64x64 at 25 a second>"
        np.testing.assert_array_equal(np.stack(list(frames)), np.concatenate([kept.frames, kept.frames]))
    assert list(frames) == []


def test_a_stream_may_be_endless_and_stops_when_nobody_wants_more(engine, kept):
    asked = []

    def endless():
        while True:
            asked.append(len(asked))
            yield FRAMES[len(asked) % 2]

    before = threading.active_count()
    frames = stream(spot(20, 40), endless(), model=engine, progress=False)
    assert frames.total is None
    for _ in range(3):
        next(frames)
    assert len(asked) < 100
    frames.close()
    assert next(frames, None) is None
    count = len(asked)  # after closing: until then the thread that reads ahead goes on
    time.sleep(0.2)
    assert len(asked) == count
    assert [thread.name for thread in threading.enumerate()].count("prefetch") == 0
    del frames
    assert threading.active_count() <= before + 3  # those of the animator, which others may still use


def test_a_stream_has_the_errors_of_animate_at_once(engine, tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        stream(tmp_path / "absent.png", FRAMES, model=engine)
    with pytest.raises(OptionError, match="leave output and sign out"):
        stream(spot(20, 40), FRAMES, model=engine, output=tmp_path / "a.mp4")
    with pytest.raises(TypeError, match=r"stream\(\) got an unexpected keyword argument"):
        stream(spot(20, 40), FRAMES, modle=engine)

    def broken():
        yield FRAMES[0]
        raise RuntimeError("the camera fell")

    frames = stream(spot(20, 40), broken(), model=engine, progress=False)
    with pytest.raises(RuntimeError, match="the camera fell"):
        list(frames)
    assert list(frames) == []


def test_progress_is_told_and_can_stop_the_work(engine, tmp_path):
    told = []
    animate(spot(20, 40), FRAMES, model=engine, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (6, 6)

    class Cancelled(Exception):
        pass

    def cancel(done, total):
        raise Cancelled

    with pytest.raises(Cancelled):
        animate(spot(20, 40), FRAMES, model=engine, output=tmp_path / "a.mp4", progress=cancel)
    assert list(tmp_path.iterdir()) == []


def test_one_animation_drives_another(engine, kept):
    again = animate(Image.fromarray(spot(20, 40)), kept, model=engine, progress=False)
    assert len(again) == 6
