"""Many pairs: what is done stays done, what fails is written down, and a cluster does the same as one process."""

import json
import os
from pathlib import Path

import pytest
from clips import center, lengths, moving, spot
from PIL import Image

from checkpoints.errors import InputError, OptionError, OutputError
from runtime.cli import main
from runtime.graphs.cores import available_memory
from runtime.many import processes
from runtime.many.batch import RESULTS, run_batch, run_here
from runtime.many.batch_ray import on_ray
from runtime.many.pairs import Job, read_pairs
from runtime.media.video import probe, read_frames


@pytest.fixture
def inputs(in_tmp: Path) -> Path:
    """A current folder with two pictures, two videos, one text that is neither, and a list of pairs in a folder."""
    folder = in_tmp / "in"
    folder.mkdir()
    for name, x in (("a", 20), ("b", 30)):
        Image.fromarray(spot(x, 40)).save(folder / f"{name}.png")
    moving(folder / "one.mp4", 6)
    moving(folder / "two.mp4", 9)
    (folder / "text.mp4").write_text("hello")
    (folder / "pairs.csv").write_text("source,driving\na.png,one.mp4\nb.png,text.mp4\nb.png,two.mp4\n")
    return in_tmp


def lines(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / RESULTS).read_text().splitlines()]


def options(toy: Path) -> dict:
    return {"model": str(toy), "device": "cpu"}


def test_a_failing_pair_is_recorded_and_the_rest_goes_on(inputs, toy, capsys):
    words = ["batch", "in/pairs.csv", "-o", "out", "--model", str(toy), "--no-progress"]
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == "out/results.jsonl\n"
    assert err.count("\n") == 1
    assert "1 of 3 pairs failed" in err
    assert "text.mp4 is not a video" in err
    assert [(line["output"], line["status"], line["frames"]) for line in lines(inputs / "out")] == [
        ("a-one.mp4", "done", 6),
        ("b-text.mp4", "failed", 0),
        ("b-two.mp4", "done", 9),
    ]
    assert sorted(os.listdir("out")) == ["a-one.mp4", "b-two.mp4", RESULTS]
    last = list(read_frames(probe(inputs / "out" / "b-two.mp4")))[-1]
    assert center(last) == pytest.approx((30 + 2 * 8, 40), abs=1)


def test_started_again_it_does_only_what_is_missing(inputs, toy, capsys):
    words = ["batch", "in/pairs.csv", "-o", "out", "--model", str(toy), "--no-progress"]
    assert main(words) == 2
    before = (inputs / "out" / "a-one.mp4").stat().st_mtime_ns
    moving(inputs / "in" / "text.mp4", 4)  # somebody repairs it
    (inputs / "out" / "b-two.mp4").unlink()
    with (inputs / "out" / RESULTS).open("a") as file:
        file.write('{"source": "cut off by a cra')
    assert main(words) == 0
    assert (inputs / "out" / "a-one.mp4").stat().st_mtime_ns == before
    assert lengths(inputs / "out" / "b-text.mp4")[0] == 4
    assert lengths(inputs / "out" / "b-two.mp4")[0] == 9
    size = (inputs / "out" / RESULTS).stat().st_size
    assert main(words) == 0
    assert (inputs / "out" / RESULTS).stat().st_size == size


def test_a_pair_may_have_options_of_its_own(inputs, toy):
    (inputs / "in" / "pairs.csv").write_text(
        'source,driving,Mode,compare,crop\na.png,one.mp4,absolute,,\nb.png,two.mp4,,yes,"8,8,40,40"\n'
    )
    words = ["batch", "in/pairs.csv", "-o", "out", "--model", str(toy), "--no-progress"]
    assert main(words) == 0
    assert [line["status"] for line in lines(inputs / "out")] == ["done", "done"]
    assert center(next(iter(read_frames(probe(inputs / "out" / "a-one.mp4"))))) == pytest.approx((20, 30), abs=1)
    assert probe(inputs / "out" / "b-two.mp4").size == (3 * 64, 64)
    before = [line["key"] for line in lines(inputs / "out")]
    text = (inputs / "in" / "pairs.csv").read_text()
    (inputs / "in" / "pairs.csv").write_text(text.replace("absolute", "relative"))
    assert main(words) == 0  # the first one is another job now, and the second the same
    after = [line["key"] for line in lines(inputs / "out")]
    assert after[:2] == before
    assert len(after) == 3


def test_other_options_or_another_picture_are_another_job(inputs, toy):
    jobs = read_pairs(inputs / "in" / "pairs.csv")[:1]
    done: list[Job] = []

    def run(jobs, folder, options):
        done.extend(jobs)
        return run_here(jobs, folder, options)

    out = inputs / "out"
    for change in ({}, {}, {"strength": 0.5}, {"strength": 0.5}):
        run_batch(jobs, out, options(toy) | change, run)
    assert len(done) == 2
    Image.fromarray(spot(25, 40)).save(inputs / "in" / "a.png")
    run_batch(jobs, out, options(toy) | {"strength": 0.5}, run)
    assert len(done) == 3


def test_what_was_done_before_it_was_stopped_is_kept(inputs, toy):
    jobs = read_pairs(inputs / "in" / "pairs.csv")

    def stopped(jobs, folder, options):
        yield next(iter(run_here(jobs, folder, options)))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_batch(jobs, inputs / "out", options(toy), stopped)
    assert len(lines(inputs / "out")) == 1
    left: list[Job] = []

    def rest(jobs, folder, options):
        left.extend(jobs)
        return run_here(jobs, folder, options)

    outcomes = run_batch(jobs, inputs / "out", options(toy), rest)
    assert [job.output for job in left] == ["b-text.mp4", "b-two.mp4"]
    assert [outcome.status for outcome in outcomes] == ["done", "failed", "done"]


def test_a_defect_of_ours_does_not_stop_the_others_either(inputs, toy, monkeypatch):
    from runtime.many import batch

    usual = batch.animate

    def fail(source, driving, **options):
        if driving.endswith("one.mp4"):
            raise ZeroDivisionError("a bug")
        return usual(source, driving, **options)

    monkeypatch.setattr(batch, "animate", fail)
    outcomes = run_batch(read_pairs(inputs / "in" / "pairs.csv"), inputs / "out", options(toy))
    assert [outcome.status for outcome in outcomes] == ["failed", "failed", "done"]
    assert outcomes[0].error == "ZeroDivisionError: a bug"


def test_names_of_results(inputs, toy):
    (inputs / "in" / "pairs.csv").write_text(
        "\ufeffSource,Driving,Output\na.png,one.mp4,first/x.gif\na.png,one.mp4,\na.png,one.mp4,\n", encoding="utf-8"
    )
    jobs = read_pairs(inputs / "in" / "pairs.csv", ".webm")
    assert [job.output for job in jobs] == ["first/x.gif", "a-one.webm", "a-one-2.webm"]
    run_batch(jobs[:1], inputs / "out", options(toy))
    assert lengths(inputs / "out" / "first" / "x.gif")[0] == 6
    frames = read_pairs(inputs / "in" / "pairs.csv", "/")[1:2]
    run_batch(frames, inputs / "out", options(toy))
    assert len(list((inputs / "out" / "a-one").glob("*.png"))) == 6


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no pairs"),
        ("source,driving\n", "holds no pairs"),
        ("a.png,one.mp4\nb.png,two.mp4\n", "line 1: there is no column 'a.png'"),
        ("source,driving,strenth\na,b,1\n", "line 1: there is no column 'strenth'"),
        ("source,driving,strength\na,b,-1\n", "line 2: strength is -1"),
        ("source,driving,compare\na,b,perhaps\n", 'line 2: compare is "perhaps"'),
        ("source,driving,paste_back,size\na,b,yes,511\n", "line 2: size is 511"),
        ("source,driving,face,show\na,b,1;2,structure\n", "line 2: What is shown"),
        ("source,driving\na.png,\n", "line 2: the driving is missing"),
        ("source,driving\n,one.mp4\n", "line 2: the source is missing"),
        ("source,driving\na,b,c\n", "line 2: there is more than"),
        ("source,driving,output\na,b,x.mp4\na,b,x.mp4\n", "line 3: x.mp4 is the output of another"),
        ("source,driving,output\na,b,../x.mp4\n", "outside of the output folder"),
        ("source,driving,output\na,b,/x.mp4\n", "outside of the output folder"),
        ("source,driving\n\xff\xfe,b\n", "UTF-8"),
    ],
)
def test_lists_that_cannot_be_used(in_tmp, text, words):
    (in_tmp / "pairs.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=words):
        read_pairs(in_tmp / "pairs.csv")


def test_a_folder_that_cannot_be_made(inputs, toy):
    (inputs / "out").write_text("a file")
    with pytest.raises(OutputError, match="out"):
        run_batch(read_pairs(inputs / "in" / "pairs.csv"), inputs / "out", options(toy))


def test_a_wrong_model_is_said_once_and_no_pair_is_to_blame(inputs, capsys):
    assert main(["batch", "in/pairs.csv", "-o", "out", "--model", "no-such-model", "--no-progress"]) == 2
    assert "no-such-model" in capsys.readouterr().err
    assert lines(inputs / "out") == []


def test_impossible_workers_are_refused():
    with pytest.raises(OptionError, match="0 workers"):
        on_ray("local", 0)
    with pytest.raises(OptionError, match="0 workers"):
        processes.on_processes(0, None)
    with pytest.raises(OptionError, match="of -1 cores"):
        processes.on_processes(None, -1)


def test_two_processes_do_the_same_as_one(inputs, toy, capsys):
    words = ["batch", "in/pairs.csv", "--model", str(toy), "--device", "cpu", "--no-progress", "-o"]
    assert main([*words, "one", "--workers", "1"]) == 2
    assert main([*words, "two", "--workers", "2", "--cores", "1"]) == 2
    assert capsys.readouterr().err.count("1 of 3 pairs failed") == 2
    one, two = (
        {line["output"]: (line["status"], line["frames"], line["error"], line["key"]) for line in lines(inputs / name)}
        for name in ("one", "two")
    )
    assert one == two
    for name in ("a-one.mp4", "b-two.mp4"):
        assert (inputs / "one" / name).read_bytes() == (inputs / "two" / name).read_bytes()


@pytest.mark.parametrize(
    ("jobs", "cores", "memory", "at_once", "device", "count"),
    [
        (50, 2, 4e9, 4, "cpu", 2),
        (50, 8, 16e9, 4, "auto", 8),
        (5, 8, 16e9, 4, "cpu", 2),  # two jobs for each at least
        (1, 8, 16e9, 4, "cpu", 1),
        (50, 8, 2e9, 4, "cpu", 3),
        (50, 8, 0.5e9, 4, "cpu", 1),
        (50, 8, 64e9, 2, "cpu", 1),  # the model keeps all cores busy by itself
        (50, 8, 64e9, 4, "cuda", 1),
    ],
)
def test_as_many_processes_as_pay(monkeypatch, toy, jobs, cores, memory, at_once, device, count):
    monkeypatch.setattr(processes, "available_cores", lambda: cores)
    monkeypatch.setattr(processes, "available_memory", lambda: int(memory))
    monkeypatch.setattr(processes, "frames_at_once", lambda bundle: at_once)
    assert processes.processes_for(jobs, {"model": str(toy), "device": device}) == count


def test_available_memory_is_what_machine_and_container_leave(tmp_path):
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 9000000 kB\nMemAvailable:    2000 kB\n")
    assert available_memory(meminfo, tmp_path) == 2_048_000
    (tmp_path / "memory.current").write_text("500\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert available_memory(meminfo, tmp_path) == 2_048_000
    (tmp_path / "memory.max").write_text("1500\n")
    assert available_memory(meminfo, tmp_path) == 1000
    assert available_memory(tmp_path / "none", tmp_path / "none") == 8_000_000_000


def test_watching_is_one_processs_work(inputs, toy, capsys):
    assert main(["batch", "in", "in/one.mp4", "-o", "out", "--model", str(toy), "--watch", "--workers", "2"]) == 2
    assert "--workers" in capsys.readouterr().err


def test_two_workers_of_ray_do_the_same(inputs, toy, capsys):
    pytest.importorskip("ray", reason="Ray is not installed (the extra cluster)")
    words = ["batch", "in/pairs.csv", "--model", str(toy), "--device", "cpu", "--no-progress", "-o"]
    assert main([*words, "here"]) == 2
    assert main([*words, "there", "--ray", "local", "--workers", "2"]) == 2
    said = capsys.readouterr().err
    if "timed out during startup" in said:
        pytest.skip("this machine is too busy for Ray, which gives its own processes 15 seconds to start")
    assert said.count("1 of 3 pairs failed") == 2
    here, there = (
        {line["output"]: (line["status"], line["frames"], line["error"], line["key"]) for line in lines(inputs / name)}
        for name in ("here", "there")
    )
    assert here == there
    for name in ("a-one.mp4", "b-two.mp4"):
        assert (inputs / "here" / name).read_bytes() == (inputs / "there" / name).read_bytes()
    moving(inputs / "in" / "text.mp4", 4)
    assert main([*words, "there"]) == 0  # what Ray has begun goes on without it; starting Ray takes long
    assert len(lines(inputs / "there")) == 4
