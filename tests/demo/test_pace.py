"""How long things take here: measured once, kept, and told before and while one waits."""

from dataclasses import replace
from pathlib import Path

import pytest
import toy_bundle

from checkpoints.bundle import Bundle
from demo import pace as paces
from demo import words
from demo.animate_panel import _reporter
from demo.cards import summary
from demo.pace import Estimate, Paces, is_finest, is_heavy, measured
from demo.shelf import Shelf
from demo.studio import Studio
from runtime import Engine


@pytest.fixture(scope="module")
def finest(tmp_path_factory) -> Path:
    """The toy with pictures as large as the largest model's, and said to be as slow."""
    folder = tmp_path_factory.mktemp("models") / "finest"
    bundle = toy_bundle.build(folder, size=512)
    graphs = {name: replace(graph, gflops=600.0) for name, graph in bundle.graphs.items()}
    toy_bundle.damage(folder, graphs=graphs, name="finest")
    return folder


def test_the_finest_are_the_large_and_slow_ones(finest, toy):
    for folder, yes in ((finest, True), (toy, False)):
        bundle = Bundle.load(folder)
        assert (is_heavy(bundle), is_finest(bundle)) == (yes, yes)
        assert (words.FINEST.format(side=512) in summary(bundle)) == yes
    bundle = Bundle.load(finest)
    assert words.FINEST_UNKNOWN in summary(bundle)
    assert "12.3 seconds a frame" in summary(bundle, 12.34)
    assert "lower" not in summary(bundle, 0.2)  # with a graphics card it is not slow
    assert words.FINEST_PACE[:10] not in summary(bundle, 0.2)


def test_a_heavy_model_gives_its_frames_one_by_one(finest, toy):
    assert Engine(finest, device="cpu", threads=2).batch == 1
    assert Engine(toy, device="cpu", threads=2).batch > 1


def test_live_a_heavy_model_is_said_to_be_slow_where_it_is():
    assert words.live_slow(None) == words.LIVE_HEAVY
    assert "about 12.3 seconds" in words.live_slow(12.34)
    assert words.live_slow(0.05) == ""  # on a graphics card


def test_a_heavy_model_is_measured_by_one_frame_and_others_by_two_calls(finest, toy, monkeypatch):
    for folder in (finest, toy):
        engine = Shelf([folder], "cpu").engine()
        expected = [1] if folder == finest else [engine.batch] * 2
        assert counted(engine, monkeypatch) == expected


def counted(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Frames of each call with which it is measured."""
    seen: list[int] = []
    render = engine.render

    def watched(source, driving):
        seen.append(len(driving))
        return render(source, driving)

    monkeypatch.setattr(engine, "render", watched)
    assert measured(engine) > 0
    return seen


def test_what_takes_long_is_measured_once_and_for_this_machine(finest, tmp_path, monkeypatch):
    monkeypatch.setenv("BUNRAKU_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("BUNRAKU_KEEP_GRAPHS", raising=False)
    monkeypatch.setattr("demo.shelf.measured", lambda engine: 21.5)
    assert Shelf([finest], "cpu").known_pace() is None
    assert Shelf([finest], "cpu").pace() == 21.5
    monkeypatch.setattr("demo.shelf.measured", lambda engine: pytest.fail("measured again"))
    again = Shelf([finest], "cpu")
    assert (again.known_pace(), again.pace()) == (21.5, 21.5)
    again.record(None, 60.0, 4)
    assert Shelf([finest], "cpu").known_pace() == 15.0
    with monkeypatch.context() as other:
        other.setattr(paces, "processor", lambda: "another")
        assert Shelf([finest], "cpu").known_pace() is None
    kept = tmp_path / "cache" / "paces.json"
    for damaged in ("", "[]", "{", '{"a": "b"}', "\0"):
        kept.write_text(damaged)
        assert Shelf([finest], "cpu").known_pace() is None
    kept.unlink()
    kept.mkdir()  # nothing can be kept
    again.record(None, 60.0, 4)
    assert again.known_pace() == 15.0


def test_what_is_quick_is_kept_nowhere(toy, tmp_path, monkeypatch):
    monkeypatch.setenv("BUNRAKU_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("BUNRAKU_KEEP_GRAPHS", raising=False)
    Paces().record(Bundle.load(toy), "cpu", 0.1)
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("about", "said"),
    [
        (Estimate(10, 0.02), "This will take about 1 seconds (10 frames)."),
        (Estimate(100, 0.9), "This will take about 2 minutes (100 frames)."),
        (
            Estimate(100, 15.2, 1.0, True),
            "Best quality, slow on this machine: this will take about 25 minutes (100 frames, 15.2 seconds each, as "
            "measured here).",
        ),
        (
            Estimate(750, 30.0),
            "Slow on this machine: this will take about 6.2 hours (750 frames, 30 seconds each, as measured here).",
        ),
        (None, words.NO_ESTIMATE),
    ],
)
def test_the_estimate_says_why_it_takes_so_long(about, said):
    assert words.estimate(about) == said


def test_while_it_runs_what_is_left_is_told_by_what_was_done():
    about = Estimate(100, 10.0, 5.0)
    assert about.left(0, None, 3.0) == 1002
    assert about.left(20, 100, 300.0) == 1200
    assert about.left(20, 30, 300.0) == 150  # the result is shorter than the driver
    assert about.left(100, 100, 900.0) == 0
    assert words.doing("Moving", 1002.0) == "Moving, about 17 minutes left"
    assert words.doing("Moving", 30.0) == words.doing("Moving", None) == "Moving"
    told = []

    def progress(at, desc, unit="") -> None:
        told.append(desc)

    _reporter(progress, about)(0, 100)
    assert told == [f"{words.DETECTING}, about 17 minutes left", f"{words.WORKING}, about 17 minutes left"]
    _reporter(progress, None)(0, 100)
    assert told[2:] == [words.WORKING]


def test_the_page_measures_only_when_it_has_to(finest, files, monkeypatch):
    studio = Studio(finest)
    clip = str(files / "clip.mp4")
    assert studio.estimate(clip, measure=False) is None
    monkeypatch.setattr("demo.shelf.measured", lambda engine: 12.0)
    found = studio.estimate(clip)
    assert (found.frames, found.pace, found.finest) == (10, 12.0, True)
    assert studio.estimate(clip, measure=False) == found
