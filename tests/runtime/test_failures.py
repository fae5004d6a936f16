"""What goes wrong in the middle of the work: disks that fill up, decoders that are killed, videos that break off."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import toy_bundle
from clips import center, lengths, moving, spot
from PIL import Image

from checkpoints.errors import BunrakuWarning, InputError, OutputError
from runtime import Animator, Engine, animate
from runtime.media.ffmpeg import Ffmpeg
from runtime.media.video import probe, read_frames

resource = pytest.importorskip("resource", reason="this system has no limits of processes and no POSIX signals")

ROOT = Path(__file__).resolve().parents[2]
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="processes and file systems are handled as on Linux")


@pytest.fixture(scope="module")
def engine(toy) -> Engine:
    return Engine(toy, device="cpu", threads=1)


def command(*words: str, cwd: Path, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "runtime", *words],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        **options,
    )


@pytest.fixture
def large(tmp_path) -> tuple[Path, list[str]]:
    """A folder, and the words of a command in it whose result takes some hundred kilobytes."""
    toy_bundle.build(tmp_path / "toy", size=128)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (128, 128, 3), np.uint8)).save(tmp_path / "source.png")
    moving(tmp_path / "driving.mp4", 60, size=128, sound=2.0)
    return tmp_path, ["animate", "source.png", "driving.mp4", "--model", "toy", "--no-progress", "-o"]


@LINUX
def test_a_limit_on_the_size_of_files_is_an_error_and_leaves_nothing(large):
    folder, words = large
    (folder / "out").mkdir()
    run = command(
        *words, "out/a.mp4", cwd=folder, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
    )
    assert run.returncode == 2, run.stderr
    assert run.stderr.startswith("bunraku: error: out/a.mp4 cannot be written (the limit on the size of files")
    assert run.stderr.count("\n") == 1
    assert list((folder / "out").iterdir()) == []


@LINUX
@pytest.mark.parametrize("size", ["16k", "100k"])
def test_a_full_disk_is_an_error_and_leaves_nothing(large, size):
    folder, words = large
    disk = folder / "disk"
    disk.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)], capture_output=True, text=True
    )
    if mount.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {mount.stderr.strip()}")
    try:
        run = command(*words, "disk/a.mp4", cwd=folder)
        left = list(disk.iterdir())
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    assert run.returncode == 2, run.stderr
    assert run.stderr.startswith("bunraku: error: disk/a.mp4 cannot be written (")
    assert "No space left" in run.stderr
    assert run.stderr.count("\n") == 1
    assert left == []


def test_no_room_for_temporary_files_is_said_so(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "absent"))
    with pytest.raises(OutputError, match="temporary files"):
        Ffmpeg(["-version"])


@pytest.mark.parametrize(("role", "error"), [("reader", InputError), ("writer", OutputError)])
def test_a_killed_ffmpeg_is_an_error_and_no_shorter_result(engine, tmp_path, monkeypatch, role, error):
    driving = moving(tmp_path / "driving.mp4", 300)
    source = tmp_path / "source.png"
    Image.fromarray(spot(20, 40)).save(source)
    started: list[Ffmpeg] = []
    usual = Ffmpeg.__init__

    def start(self, arguments, *, stdin=False, stdout=False):
        usual(self, arguments, stdin=stdin, stdout=stdout)
        started.append(self)

    monkeypatch.setattr(Ffmpeg, "__init__", start)

    def kill(done, total):
        if done == 21:  # one frame first, then two at a time
            reader = next(each for each in reversed(started) if each.process.stdout is not None)
            writer = next(each for each in started if each.process.stdin is not None)
            (reader if role == "reader" else writer).process.send_signal(signal.SIGKILL)

    with pytest.raises(error, match="killed"):
        animate(source, driving, model=engine, output=tmp_path / "out.mp4", progress=kill)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["driving.mp4", "source.png"]
    assert all(each.process.returncode is not None for each in started)


TRUNCATED = {
    "fast.mp4": ["-movflags", "+faststart"],
    "a.mkv": [],
    "a.webm": ["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8"],
    "a.flv": [],
    "a.gif": ["-pix_fmt", "rgb8"],
}


@pytest.mark.parametrize("name", TRUNCATED)
@pytest.mark.parametrize("sound", [None, 4.0])
def test_what_can_be_read_of_a_video_that_breaks_off_is_used(engine, tmp_path, name, sound):
    if sound and name.endswith("gif"):
        pytest.skip("GIF has no sound")
    driving = moving(tmp_path / name, 100, size=128, sound=sound, options=TRUNCATED[name])
    whole = list(animate(spot(20, 40), driving, model=engine, progress=False).frames)
    driving.write_bytes(driving.read_bytes()[: driving.stat().st_size * 6 // 10])
    with pytest.warns(BunrakuWarning, match="what could be read is used"):
        result = animate(spot(20, 40), driving, model=engine, output=tmp_path / "out.mp4", progress=False)
    frames, heard = lengths(result.path)
    assert 20 < frames < 80
    assert frames == len(result)
    assert heard <= frames / 25 + 0.06
    for ours, expected in zip(list(result.frames)[:15], whole[:15], strict=True):
        np.testing.assert_allclose(center(ours), center(expected), atol=1)


def test_a_whole_video_gives_no_warning(engine, tmp_path, recwarn):
    for name, options in TRUNCATED.items():
        video = moving(tmp_path / name, 30, sound=None if name.endswith("gif") else 1.3, options=options)
        assert sum(1 for _ in read_frames(probe(video))) in (30, 31, 32)  # some start late
    assert not recwarn.list


def test_sound_that_cannot_be_decoded_leaves_a_silent_result(engine, tmp_path):
    driving = moving(tmp_path / "driving.mkv", 20, sound=0.8, options=["-c:a", "mp2"])
    driving.write_bytes(driving.read_bytes().replace(b"A_MPEG/L2", b"A_MPEG/L9"))  # no such codec
    with pytest.warns(BunrakuWarning, match="result is silent"):
        result = animate(spot(20, 40), driving, model=engine, output=tmp_path / "out.mp4", progress=False)
    assert lengths(result.path) == (20, 0.0)


@LINUX
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_pressing_again_and_again_does_not_stop_the_tidying_up(tmp_path, number):
    toy_bundle.build(tmp_path / "toy", size=256)
    Image.fromarray(spot(20, 40)).save(tmp_path / "source.png")
    moving(tmp_path / "driving.mp4", 3000)
    (tmp_path / "out").mkdir()
    job = subprocess.Popen(
        [sys.executable, "-m", "runtime", "animate", "source.png", "driving.mp4", "-o", "out/a.mp4", "--model", "toy"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: [signal.signal(each, signal.SIG_DFL) for each in (signal.SIGINT, signal.SIGHUP)],
    )
    while not any(path.stat().st_size for path in (tmp_path / "out").iterdir()):
        assert job.poll() is None
        time.sleep(0.02)
    while job.poll() is None:
        os.killpg(job.pid, number)
        time.sleep(0.01)
    _, err = job.communicate(timeout=20)
    assert job.returncode in (128 + number, -number)  # the latter when hit once more while Python shuts down
    assert "Traceback" not in err
    assert list((tmp_path / "out").iterdir()) == []


def test_one_model_is_shared_by_animators_in_many_threads(engine):
    sources = [spot(20 + 3 * k, 40) for k in range(4)]
    driving = [spot(20 + t, 30 + t % 5) for t in range(40)]

    def moved(source: np.ndarray) -> np.ndarray:
        animator = Animator(engine, smoothing=0.3)
        animator.set_source(source)
        return np.stack([animator.frame(frame) for frame in driving])

    alone = [moved(source) for source in sources]
    together: dict[int, np.ndarray] = {}
    start = threading.Barrier(len(sources))

    def work(index: int) -> None:
        start.wait()
        together[index] = moved(sources[index])

    threads = [threading.Thread(target=work, args=(index,)) for index in range(len(sources))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index, frames in enumerate(alone):
        np.testing.assert_array_equal(together[index], frames)


def test_whole_jobs_run_side_by_side_on_one_model(engine, tmp_path, recwarn):
    """Files in and out, from several threads at once: no job sees another's frames, and nothing is left."""
    drivings = [moving(tmp_path / f"{k}.mp4", 10 + k, sound=0.3) for k in range(3)]
    alone = [animate(spot(20 + 5 * k, 40), drivings[k], model=engine, progress=False).frames for k in range(3)]
    results: dict[int, object] = {}

    def work(k: int) -> None:
        out = tmp_path / f"out{k}.mp4"
        results[k] = animate(spot(20 + 5 * k, 40), drivings[k], model=engine, output=out, progress=False)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k in range(3):
        for kept, read in zip(alone[k], results[k].frames, strict=True):
            assert np.abs(kept.astype(int) - read).mean() < 2
    assert len(list(tmp_path.iterdir())) == 6
