"""From files to a file: frames, rate, sound, places; what stops it, and what is left when it stops."""

import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import toy_bundle
from clips import center, encode, lengths, moving, spot
from PIL import Image

from checkpoints.errors import BunrakuError, InputError, ModelError, OptionError, OutputError
from runtime import Engine, animate
from runtime.media.video import probe

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"


@pytest.fixture(scope="module")
def engine(toy) -> Engine:
    return Engine(toy, device="cpu", threads=1)


@pytest.fixture
def source(tmp_path) -> Path:
    path = tmp_path / "source.png"
    Image.fromarray(spot(20, 40)).save(path)
    return path


@pytest.mark.parametrize("rate", ["25", "30000/1001"])
def test_the_result_has_the_driving_videos_frames_rate_and_sound(engine, source, tmp_path, rate):
    driving = moving(tmp_path / "driving.mp4", 43, rate=rate, sound=1.4)  # no multiple of the batch
    result = animate(source, driving, model=engine, output=tmp_path / "out.mp4", progress=False)
    assert result.path == tmp_path / "out.mp4"
    assert result.rate == Fraction(rate) == probe(result.path).rate
    assert result.fps == pytest.approx(float(Fraction(rate)))
    frames, sound = lengths(result.path)
    assert frames == len(result) == len(result.frames) == 43
    assert sound == pytest.approx(1.4, abs=0.06)


def test_the_source_moves_as_the_driving_square_does(engine, source, tmp_path):
    driving = moving(tmp_path / "driving.mp4", 10)
    result = animate(source, driving, model=engine, output=tmp_path / "out.mp4", progress=False)
    for t, frame in enumerate(result.frames):
        np.testing.assert_allclose(center(frame), (20 + 2 * t, 40), atol=1)


def test_without_an_output_the_frames_are_kept(engine, source, tmp_path):
    driving = moving(tmp_path / "driving.mp4", 9)
    result = animate(source, driving, model=engine, progress=False)
    assert result.path is None
    assert isinstance(result.frames, np.ndarray)
    assert result.frames.shape == (9, 64, 64, 3)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["driving.mp4", "source.png"]
    written = animate(source, driving, model=engine, output=tmp_path / "out.mkv", progress=False)
    for kept, read in zip(result.frames, written.frames, strict=True):
        assert np.abs(kept.astype(int) - read).mean() < 2


def test_pictures_and_frames_may_come_from_memory(engine):
    driving = [Image.fromarray(spot(30 + t, 30)) for t in range(6)]
    from_list = animate(spot(20, 40), driving, model=engine, progress=False)
    from_stream = animate(Image.fromarray(spot(20, 40)), iter(driving), model=engine, progress=False, fps=10)
    np.testing.assert_array_equal(from_list.frames, from_stream.frames)
    assert (from_list.rate, from_stream.rate) == (25, 10)
    np.testing.assert_allclose(center(from_list.frames[5]), (25, 40), atol=0.2)


def test_the_same_input_gives_the_same_bytes(engine, source, tmp_path):
    driving = moving(tmp_path / "driving.mp4", 12, sound=0.5)
    for name in ("a.mp4", "b.mp4"):
        animate(source, driving, model=engine, output=tmp_path / name, progress=False)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_a_chosen_rate_resamples_and_keeps_the_length(engine, source, tmp_path):
    driving = moving(tmp_path / "driving.mp4", 50, sound=2.0)
    result = animate(source, driving, model=engine, output=tmp_path / "out.mp4", fps=12.5, progress=False)
    assert len(result) == 25
    assert probe(result.path).rate == Fraction(25, 2)
    assert lengths(result.path)[1] == pytest.approx(2.0, abs=0.06)


@pytest.mark.parametrize(("fps", "rate"), [(29.97, Fraction(30000, 1001)), (30, 30), (23.976, Fraction(24000, 1001))])
def test_rates_are_understood_as_they_were_meant(engine, fps, rate):
    assert animate(spot(20, 40), [spot(20, 40)], model=engine, fps=fps, progress=False).rate == rate


def test_progress_is_reported_up_to_the_end(engine, source, tmp_path):
    seen = []
    driving = moving(tmp_path / "driving.mp4", 10)
    animate(source, driving, model=engine, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (10, 10)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_progress_false_is_silent_and_true_writes_to_stderr_only(engine, source, capfd):
    animate(source, [spot(20, 40)] * 3, model=engine, progress=False)
    assert capfd.readouterr() == ("", "")
    animate(source, [spot(20, 40)] * 3, model=engine)
    out, err = capfd.readouterr()
    assert out == ""
    assert "3/3" in err


def files_after(call, folder: Path, error: type[BaseException], words: str) -> None:
    """`call` must raise, say `words`, and change nothing in `folder`."""
    before = sorted(folder.rglob("*"))
    with pytest.raises(error, match=words):
        call()
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize("error", [InputError("gone"), ValueError("a bug"), KeyboardInterrupt("by hand")])
def test_an_error_among_the_driving_frames_surfaces_as_it_is(engine, source, tmp_path, error):
    def frames():
        for t in range(30):
            yield spot(20 + t % 10, 30)
        raise error

    files_after(
        lambda: animate(source, frames(), model=engine, output=tmp_path / "out.mp4", progress=False),
        tmp_path,
        type(error),
        str(error),
    )


def test_an_exception_from_progress_stops_the_work(engine, source, tmp_path):
    driving = moving(tmp_path / "driving.mp4", 60)
    done = []

    def stop(count, total):
        done.append(count)
        raise RuntimeError("cancelled")

    files_after(
        lambda: animate(source, driving, model=engine, output=tmp_path / "out.mp4", progress=stop),
        tmp_path,
        RuntimeError,
        "cancelled",
    )
    assert len(done) == 1


def test_a_failing_encoder_surfaces_while_frames_are_made(engine, source, tmp_path, monkeypatch):
    from runtime.media.writer import VideoWriter

    def fail(self, frame):
        raise OutputError("disk full")

    monkeypatch.setattr(VideoWriter, "write", fail)
    driving = moving(tmp_path / "driving.mp4", 60)
    files_after(
        lambda: animate(source, driving, model=engine, output=tmp_path / "out.mp4", progress=False),
        tmp_path,
        OutputError,
        "disk full",
    )


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"source": "absent.png"}, InputError, "does not exist"),
        ({"source": 5}, InputError, "int"),
        ({"driving": "absent.mp4"}, InputError, "does not exist"),
        ({"driving": 5}, InputError, "int"),
        ({"driving": []}, InputError, "empty"),
        ({"model": "faces-lit"}, ModelError, "faces-lit"),
        ({"mode": "sideways"}, OptionError, "sideways"),
        ({"device": "tpu"}, OptionError, "tpu"),
        ({"strength": float("nan")}, OptionError, "strength"),
        ({"smoothing": -1}, OptionError, "smoothing"),
        ({"fit": "stretch"}, OptionError, "stretch"),
        ({"fps": 0}, OptionError, "fps"),
        ({"fps": float("nan")}, OptionError, "fps"),
        ({"output": "no/out.mp4"}, OutputError, "does not exist"),
        ({"output": "out.txt"}, OutputError, "must end in"),
        ({"output": "driving.mp4"}, OutputError, "input itself"),
    ],
)
def test_what_cannot_be_done_is_refused_and_leaves_nothing(toy, source, in_tmp, change, error, words):
    moving(in_tmp / "driving.mp4", 5)
    options = {"source": source, "driving": "driving.mp4", "model": toy, "output": "out.mp4", "progress": False}
    files_after(lambda: animate(**(options | change)), in_tmp, error, words)
    assert issubclass(error, BunrakuError)


def test_an_existing_output_is_replaced_only_by_a_complete_one(engine, source, tmp_path):
    driving = moving(tmp_path / "driving.mp4", 5)
    output = tmp_path / "out.mp4"
    output.write_text("older")
    with pytest.raises(InputError):
        animate(source, tmp_path / "absent.mp4", model=engine, output=output, progress=False)
    assert output.read_text() == "older"
    animate(source, driving, model=engine, output=output, progress=False)
    assert lengths(output)[0] == 5


def test_a_video_damaged_in_the_middle_gives_what_can_be_read_or_an_error(engine, source, tmp_path):
    driving = moving(tmp_path / "driving.mp4", 60, options=["-g", "5"])
    data = bytearray(driving.read_bytes())
    middle = data.index(b"mdat") + 600
    data[middle : middle + 400] = bytes(400)
    driving.write_bytes(bytes(data))
    try:
        result = animate(source, driving, model=engine, output=tmp_path / "out.mp4", progress=False)
        assert 0 < lengths(result.path)[0] <= 60
    except InputError:
        assert not (tmp_path / "out.mp4").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")
def test_memory_does_not_grow_with_the_length(tmp_path):
    side = 160  # 1,000 frames of it would take 77 MB
    toy_bundle.build(tmp_path / "toy", size=side)
    encode(tmp_path / "long.mp4", [spot(20 + t % 20, 30) for t in range(1000)])
    encode(tmp_path / "short.mp4", [spot(20 + t % 20, 30) for t in range(100)])
    code = """if True:
        import resource, sys
        from clips import spot
        from runtime import Engine, animate
        engine = Engine(sys.argv[1] + "/toy", device="cpu", threads=1)
        peaks = []
        for name in ("short", "long"):
            animate(spot(20, 40), f"{sys.argv[1]}/{name}.mp4", model=engine, output=f"{sys.argv[1]}/out.mp4",
                    progress=False)
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        print(peaks[1] - peaks[0])
    """
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(TESTS)])}
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, env=environment, timeout=120
    )
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) * 1024 < 30e6
    assert lengths(tmp_path / "out.mp4")[0] == 1000


def test_what_is_wrong_with_the_inputs_is_said_before_what_is_wrong_with_the_model(source, tmp_path):
    with pytest.raises(InputError, match="missing"):
        animate(source, tmp_path / "missing.mp4", model=tmp_path, progress=False)
    with pytest.raises(ModelError):
        animate(source, moving(tmp_path / "driving.mp4", 3), model=tmp_path, progress=False)
