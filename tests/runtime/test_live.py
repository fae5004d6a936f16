"""Live: the newest frame is shown, older ones are dropped, latency stays bounded, and nothing is left running."""

import gc
import inspect
import sys
import threading
import time

import numpy as np
import pytest
from clips import center, moving, spot
from PIL import Image

from checkpoints.errors import InputError, OptionError, OutputError
from runtime import Animator, Engine
from runtime.cli import main
from runtime.many import live_devices
from runtime.many.live import RESET, STOP, Latest, live
from runtime.many.live_devices import camera, screen


@pytest.fixture(scope="module")
def engine(toy) -> Engine:
    return Engine(toy, device="cpu", threads=1)


@pytest.fixture
def animator(engine) -> Animator:
    animator = Animator(engine)
    animator.set_source(spot(20, 40))
    return animator


@pytest.fixture(autouse=True)
def no_thread_is_left(engine):
    before = threading.active_count()
    yield
    end = time.monotonic() + 30
    # Threads of an engine that nobody holds any more are told to end, and do so when they can.
    while threading.active_count() > before + 1 and time.monotonic() < end:
        gc.collect()
        time.sleep(0.02)
    assert threading.active_count() <= before + 1  # ONNX Runtime's own worker begins with the first call


def walking(count: int, pause: float = 0.0):
    for t in range(count):
        yield spot(20 + t % 20, 30)
        time.sleep(pause)


def test_the_newest_frame_is_shown_and_the_others_are_dropped(engine):
    """A camera of 200 frames a second, and a screen that takes 50 milliseconds."""
    animator, shown = Animator(engine, mode="absolute"), []  # not counted from the first one shown, which may be any
    animator.set_source(spot(20, 40))

    def slow(frame):
        time.sleep(0.05)
        shown.append(center(frame)[0])

    session = live(animator, walking(60, 0.005), slow)
    assert session.read == 60
    assert session.shown == len(shown) < 20
    assert shown[-1] == pytest.approx(20 + 59 % 20, abs=0.5)  # the very last one, whatever came before


def test_before_the_camera_is_asked_single_frames_are_made_quick_once(animator, monkeypatch):
    told = []
    monkeypatch.setattr(animator.engine, "hasten", lambda: told.append("hasten"))

    def frames():
        told.append("camera")
        yield from walking(3, 0.1)

    live(animator, frames(), lambda frame: None)
    assert told == ["hasten", "camera"]
    other = Animator(animator.engine)  # a loop of one's own, of which nobody has said that it is live
    other.set_source(spot(20, 40))
    other.frames(np.stack([spot(20, 30), spot(30, 30)]))
    assert told == ["hasten", "camera"]
    for _ in range(2):
        other.frame(spot(20, 30))
    assert told == ["hasten", "camera", "hasten"]


def test_latency_does_not_grow_with_time(animator):
    """Were frames queued, the last ones would have waited for seconds."""
    session = live(animator, walking(200, 0.004), lambda frame: time.sleep(0.03))
    assert session.worst < 0.03 + 0.5  # other work on the machine included
    early, late = np.array_split(session.latencies, 2)
    assert np.median(late) < np.median(early) + 0.05


def test_a_fast_screen_misses_nothing(animator):
    shown = []
    session = live(animator, walking(10, 0.15), shown.append)
    assert session.shown == session.read == len(shown) == 10
    for t, frame in enumerate(shown):
        np.testing.assert_allclose(center(frame), (20 + t, 40), atol=0.5)


def test_closing_the_window_ends_it_and_closes_the_camera(animator):
    closed = threading.Event()

    def endless():
        try:
            while True:
                yield spot(20, 30)
                time.sleep(0.001)
        finally:
            closed.set()

    session = live(animator, endless(), lambda frame: STOP)
    assert session.shown == 1
    assert closed.is_set()
    closed.clear()
    begin = time.monotonic()
    live(animator, endless(), lambda frame: None, seconds=0.2)
    assert time.monotonic() - begin < 5
    assert closed.is_set()


def test_reset_counts_from_the_next_pose_on(animator):
    answers = iter([None, RESET, None, None])
    shown = []

    def show(frame):
        shown.append(center(frame)[0])
        return next(answers)

    live(animator, walking(4, 0.2), show)
    np.testing.assert_allclose(shown, [20, 21, 20, 21], atol=0.5)


def test_what_fails_in_the_camera_or_the_screen_is_raised_here(animator):
    def unplugged():
        yield spot(20, 30)
        time.sleep(0.1)
        raise InputError("gone")

    shown = []
    with pytest.raises(InputError, match="gone"):
        live(animator, unplugged(), shown.append)
    assert len(shown) == 1

    def broken(frame):
        raise OutputError("no screen")

    with pytest.raises(OutputError, match="no screen"):
        live(animator, walking(1000, 0.001), broken)


def test_the_newest_item_is_taken_once():
    with Latest(iter([1, 2, 3])) as latest:
        time.sleep(0.2)
        assert latest.take()[0] == 3
        assert latest.take() is None
        assert latest.read == 3


def test_a_video_plays_camera_at_its_own_pace(tmp_path):
    video = moving(tmp_path / "a.mp4", 6, rate="10")
    begin = time.monotonic()
    frames = list(camera(str(video)))
    assert time.monotonic() - begin >= 0.5
    assert len(frames) == 6
    np.testing.assert_allclose(center(frames[5]), (30, 30), atol=1)
    mirrored = list(camera(str(video), mirror=True))
    np.testing.assert_allclose(center(mirrored[5]), (64 - 30, 30), atol=1)


def test_what_is_not_there_is_an_error(in_tmp, toy, capfd):
    pytest.importorskip("cv2", reason="OpenCV is not installed (the extra live)")
    with pytest.raises(InputError, match="no camera number 97"):
        next(iter(camera("97")))
    with pytest.raises(InputError, match="does not exist"):
        next(iter(camera("absent.mp4")))
    with pytest.raises(OptionError, match="hologram"), screen("hologram", (64, 64), 25):
        pass
    Image.fromarray(spot(20, 40)).save("a.png")
    capfd.readouterr()
    assert main(["live", "a.png", "--camera", "absent.mp4", "--to", "virtual", "--model", str(toy)]) == 2
    assert capfd.readouterr().err.count("\n") == 1


def test_the_command_says_how_fast_it_was(in_tmp, toy, capsys, monkeypatch):
    from contextlib import contextmanager

    from runtime.commands import live as command

    shown = []

    @contextmanager
    def sink(target, size, fps):
        assert (target, size) == ("window", (64, 64))
        yield shown.append

    monkeypatch.setattr(command, "screen", sink)
    Image.fromarray(spot(20, 40)).save("a.png")
    moving(in_tmp / "b.mp4", 8, rate="10")
    assert main(["live", "a.png", "--camera", "b.mp4", "--no-mirror", "--smoothing", "0", "--model", str(toy)]) == 0
    assert "of 8 frames shown" in capsys.readouterr().err
    np.testing.assert_allclose(center(shown[-1]), (20 + 14, 40), atol=1.5)


def test_the_command_has_the_animators_defaults():
    import argparse

    from runtime.commands import live as command

    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    of_command = {action.dest: action.default for action in parser._actions}
    of_animator = inspect.signature(Animator.__init__).parameters
    shared = set(of_command) & set(of_animator) - {"smoothing"}
    assert {"mode", "strength", "crop", "limits"} <= shared
    for name in shared:
        assert of_command[name] == of_animator[name].default


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is always a screen")
def test_without_a_screen_there_is_no_window_and_no_crash(monkeypatch):
    monkeypatch.setattr(live_devices, "_opencv", lambda: None)  # is not asked for anything
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(OutputError, match="there is no screen"), screen("window", (64, 64), 25.0):
        pass
