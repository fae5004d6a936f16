"""Batches as people mean them: folders crossed, and watched."""

import os
import shutil
from pathlib import Path

import pytest
from clips import moving, spot
from PIL import Image

import runtime
from checkpoints.errors import BunrakuError, BunrakuWarning, InputError, OptionError
from runtime import Engine
from runtime.cli import main
from runtime.many.batch import RESULTS
from runtime.many.crossing import cross
from runtime.many.watch import keep_watch


@pytest.fixture
def folders(in_tmp: Path) -> Path:
    """Pictures 1, 2 and 10, two videos, and things that are neither."""
    for folder in ("photos", "videos", "mixed"):
        (in_tmp / folder).mkdir()
    for name in ("10.png", "2.png", "1.jpg"):
        Image.fromarray(spot(20, 40)).save(in_tmp / "photos" / name)
    for name in ("nod.mp4", "wink.mp4"):
        moving(in_tmp / "videos" / name, 3)
    for folder in ("photos", "videos"):
        (in_tmp / folder / "notes.txt").write_text("none of them")
        (in_tmp / folder / ".hidden.png").write_bytes(b"")
        (in_tmp / folder / "within").mkdir()
    return in_tmp


def outputs(jobs) -> list[str]:
    return [job.output for job in jobs]


def test_every_picture_with_every_video_in_the_order_of_their_names(folders):
    jobs = cross(["photos"], ["videos"])
    assert outputs(jobs) == [f"{a}-{b}.mp4" for a in (1, 2, 10) for b in ("nod", "wink")]
    assert all(os.path.isabs(job.source) and os.path.isabs(job.driving) for job in jobs)


def test_one_with_many_and_many_with_one(folders):
    assert outputs(cross(["photos/2.png"], ["videos"], ".webm")) == ["2-nod.webm", "2-wink.webm"]
    assert outputs(cross(["photos"], ["videos/nod.mp4"])) == ["1-nod.mp4", "2-nod.mp4", "10-nod.mp4"]
    assert len(cross(["photos", "photos/2.png"], ["videos", "videos/nod.mp4"])) == 6  # each once


def test_motions_that_come_along_drive_by_name(folders):
    assert outputs(cross(["photos/2.png"], ["wink", "videos/nod.mp4"])) == ["2-wink.mp4", "2-nod.mp4"]
    shutil.copy("videos/nod.mp4", "wink")  # a file of the name goes first
    assert cross(["photos/2.png"], ["wink"])[0].driving == str(folders / "wink")


def test_videos_are_moved_and_frames_drive(folders):
    assert outputs(cross(["videos/nod.mp4"], ["videos/wink.mp4"])) == ["nod-wink.mp4"]
    shutil.copy("videos/nod.mp4", "mixed")
    assert len(cross(["videos"], ["mixed"])) == 2
    assert outputs(cross(["videos/nod.mp4"], ["photos"])) == ["nod-photos.mp4"]  # a folder of frames
    shutil.copy("photos/1.jpg", "mixed")
    assert outputs(cross(["mixed"], ["mixed"])) == ["1-nod.mp4"]


def test_names_that_are_taken_are_told_apart_and_stay(folders):
    (folders / "more").mkdir()
    shutil.copy("photos/2.png", "more/2.png")
    jobs = cross(["photos/2.png", "more"], ["videos/nod.mp4"])
    assert outputs(jobs) == ["2-nod.mp4", "2-nod-2.mp4"]
    known = {(job.source, job.driving): job.output for job in jobs[1:]}
    assert outputs(cross(["more", "photos/2.png"], ["videos/nod.mp4"], known=known)) == ["2-nod-2.mp4", "2-nod.mp4"]


def test_what_is_not_there(folders):
    (folders / "empty").mkdir()
    for sources, drivings, words in [
        (["empty"], ["videos"], "empty holds nothing"),
        (["photos"], ["empty"], "empty holds nothing"),
        (["absent"], ["videos"], "does not exist"),
        (["photos"], ["absent.mp4"], "does not exist"),
    ]:
        with pytest.raises(InputError, match=words):
            cross(sources, drivings)


def test_by_command_it_goes_on_where_it_stopped(folders, toy, capsys):
    words = ["batch", "photos/1.jpg", "photos/2.png", "videos", "-o", "out", "--model", str(toy), "--no-progress"]
    assert main(words) == 0
    assert capsys.readouterr().out == f"out/{RESULTS}\n"
    assert sorted(os.listdir("out")) == ["1-nod.mp4", "1-wink.mp4", "2-nod.mp4", "2-wink.mp4", RESULTS]
    before = Path("out/1-nod.mp4").stat().st_mtime_ns
    Path("out/2-nod.mp4").unlink()
    assert main(["batch", "photos", *words[3:]]) == 0
    assert Path("out/1-nod.mp4").stat().st_mtime_ns == before
    assert len(os.listdir("out")) == 7
    for wrong, said in [
        (["batch", "photos", "-o", "out"], "nothing drives it"),
        (["batch", "photos", "videos", "-o", "photos"], "give another folder"),
        (["batch", "photos", "videos", "-o", "out", "--watch", "--ray", "local"], "leave --ray or --watch out"),
    ]:
        assert main(wrong) == 2
        assert said in capsys.readouterr().err


def test_in_python(folders, toy):
    engine, told = Engine(toy, device="cpu"), []
    both = runtime.batch("photos/1.jpg", "videos", output="out", model=engine, strength=0.5, report=told.append)
    assert [(each.output, each.status, each.frames) for each in both] == [
        ("1-nod.mp4", "done", 3),
        ("1-wink.mp4", "done", 3),
    ]
    assert told == both
    assert runtime.batch("photos/1.jpg", "videos", output="out", model=engine, strength=0.5) == both
    Path("pairs.csv").write_text("source,driving\nphotos/2.png,videos/nod.mp4\nphotos/2.png,photos/notes.txt\n")
    listed = runtime.batch("pairs.csv", output="out", model=engine)
    assert [each.status for each in listed] == ["done", "failed"]
    frames = runtime.batch(["photos/1.jpg"], ["videos/nod.mp4"], output="frames", format="png", model=engine)
    assert len(os.listdir(Path("frames", frames[0].output))) == 3
    with pytest.raises(OptionError, match="strength"):
        runtime.batch("photos", "videos", output="out", strength=-1)
    with pytest.raises(OptionError, match="watch"):
        runtime.batch("photos", "videos", output="out", watch=-1.0)
    with pytest.raises(TypeError, match="strenth"):
        runtime.batch("photos", "videos", output="out", strenth=1)


@pytest.mark.parametrize(
    ("source", "wrong", "said"),
    [
        (3, {}, "by their names, not of int"),
        (b"photos/2.png", {}, "not of bytes"),
        (["photos/2.png", None], {}, "not of list"),
        ([], {}, "is empty"),
        ("photos/2.png", {"format": "mp3"}, "format is 'mp3'; choose one of mp4"),
        ("photos/2.png", {"output": None}, "name the folder"),
    ],
)
def test_what_no_batch_is_made_of(folders, source, wrong, said):
    with pytest.raises(BunrakuError, match=said):
        runtime.batch(source, "videos", **{"output": "out", **wrong})
    assert not Path("out").exists()


def test_a_watched_folder(folders, toy):
    """Looked at five times: a picture comes, a video is still being written, another fails and is repaired."""
    engine, done, looks = Engine(toy, device="cpu"), [], 0

    def happens() -> bool:
        nonlocal looks
        looks += 1
        if looks == 1:
            shutil.copy("photos/2.png", "photos/new.png")
            Path("videos/half.mp4").write_bytes(Path("videos/nod.mp4").read_bytes()[:700])
        if looks == 2:
            Path("videos/half.mp4").write_bytes(Path("videos/nod.mp4").read_bytes())
        return looks == 5

    shutil.rmtree("videos/within")
    for name in ("10.png", "1.jpg"):
        Path("photos", name).unlink()
    Path("videos/wink.mp4").unlink()
    old = Path("photos/2.png").stat().st_mtime - 60
    for path in ("photos/2.png", "videos/nod.mp4"):
        os.utime(path, (old, old))
    runtime.batch("photos", "videos", output="out", model=engine, watch=0.001, until=happens, report=done.append)
    assert [(each.output, each.status) for each in done] == [
        ("2-nod.mp4", "done"),
        ("new-nod.mp4", "done"),
        ("2-half.mp4", "done"),
        ("new-half.mp4", "done"),
    ]
    assert len(Path("out", RESULTS).read_text().splitlines()) == 4


def test_what_fails_in_a_watched_folder_is_tried_again_when_it_has_changed(folders, toy):
    done, looks = [], 0
    Path("videos/wink.mp4").write_text("no video")

    def happens() -> bool:
        nonlocal looks
        looks += 1
        if looks == 4:
            moving(Path("videos/wink.mp4"), 2)
        return looks == 8

    look = lambda: cross(["photos/1.jpg"], ["videos/wink.mp4"])  # noqa: E731
    Path("out").mkdir()
    keep_watch(look, Path("out"), {"model": Engine(toy, device="cpu")}, done.append, happens, 0.001)
    assert [each.status for each in done] == ["failed", "done"]


def test_a_folder_that_goes_away_is_waited_for(folders, toy):
    found = iter([cross(["photos/1.jpg"], ["videos/nod.mp4"])] * 2)
    looks = 0

    def look():
        jobs = next(found, None)
        if jobs is None:
            raise InputError("The folder photos is gone.")
        return jobs

    def happens() -> bool:
        nonlocal looks
        looks += 1
        return looks == 4

    done: list = []
    Path("out").mkdir()
    with pytest.warns(BunrakuWarning, match="is gone"):
        keep_watch(look, Path("out"), {"model": Engine(toy, device="cpu")}, done.append, happens, 0.001)
    assert [each.status for each in done] == ["done"]
    with pytest.raises(InputError, match="is gone"):
        keep_watch(look, Path("out"), {"model": Engine(toy, device="cpu")}, done.append, happens, 0.001)
