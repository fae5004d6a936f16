"""The command as a person meets it: one line when something is wrong, a path when it worked, nothing left
behind.
"""

import argparse
import inspect
import os
import signal
import subprocess
import sys
import time
from dataclasses import fields
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import toy_bundle
from clips import lengths, moving, spot
from PIL import Image

from checkpoints.installation import installing, reinstalling
from runtime import Animator, animate, cli
from runtime.cli import main
from runtime.commands import animate as command
from runtime.options import CommonOptions

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def inputs(in_tmp: Path) -> Path:
    """A current folder with source.png and driving.mp4."""
    Image.fromarray(spot(20, 40)).save("source.png")
    moving(in_tmp / "driving.mp4", 10, sound=0.4)
    return in_tmp


def start(*words: str, cwd: Path) -> subprocess.Popen[str]:
    """`python -m runtime WORDS` in a session of its own, as a shell would start it."""
    return subprocess.Popen(
        [sys.executable, "-m", "runtime", *words],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A test run in the background ignores ctrl-C, and children would inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def test_the_last_line_on_stdout_is_the_result_and_the_bar_is_on_stderr(inputs, toy):
    process = start("animate", "source.png", "driving.mp4", "-o", "out.mp4", "--model", str(toy), cwd=inputs)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert out == "out.mp4\n"
    assert "10/10" in err
    assert lengths(inputs / "out.mp4")[0] == 10


def test_the_default_name_is_made_of_both(inputs, toy, capsys):
    (inputs / "sub").mkdir()
    (inputs / "source.png").rename(inputs / "sub" / "source.png")
    assert main(["animate", "sub/source.png", "driving.mp4", "--model", str(toy), "--no-progress"]) == 0
    assert capsys.readouterr() == ("source-driving.mp4\n", "")
    assert (inputs / "source-driving.mp4").is_file()


def test_without_arguments_the_sample_is_moved(inputs, toy, monkeypatch, capsys):
    monkeypatch.setattr(command, "SAMPLE", ("source.png", "driving.mp4"))
    assert main(["animate", "--model", str(toy), "--no-progress"]) == 0
    assert capsys.readouterr().out == "bunraku-sample.mp4\n"
    assert lengths(inputs / "bunraku-sample.mp4")[0] == 10


def test_command_and_function_have_the_same_options_and_defaults():
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    # `--format` only names the output, `--view` gives further pictures of what the function takes as one list.
    of_command = {
        action.dest: action.default for action in parser._actions if action.dest not in ("help", "view", "format")
    }
    of_function = {
        name: None if parameter.default is parameter.empty else parameter.default
        for name, parameter in inspect.signature(animate).parameters.items()
    }
    of_command["drivings"] = tuple(of_command["drivings"])
    assert of_command == of_function


def test_function_and_animator_have_the_same_defaults():
    of_function = inspect.signature(animate).parameters
    of_animator = inspect.signature(Animator.__init__).parameters
    shared = set(of_function) & set(of_animator)
    assert shared == {field.name for field in fields(CommonOptions)} | {"device", "fps"}
    for name in shared - {"fps"}:  # a stream has no video to take it from
        assert of_function[name].default == of_animator[name].default
    assert of_function["model"].default == of_animator["engine"].default


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["absent.png", "driving.mp4"], "absent.png does not exist"),
        (["source.png", "absent.mp4"], "absent.mp4 does not exist"),
        (["empty", "driving.mp4"], "holds no pictures"),
        (["source.png", "empty"], "holds no pictures"),
        (["text.jpg", "driving.mp4"], "not a picture"),
        (["source.png", "text.jpg"], "not a video"),
        (["dot.png", "driving.mp4"], "1x1 pixels"),
        (["source.png", "cut.mp4"], "cut short"),
        (["source.png", "driving.mp4", "-o", "no/out.mp4"], "does not exist"),
        (["source.png", "driving.mp4", "-o", "driving.mp4"], "input itself"),
        (["source.png", "driving.mp4", "-o", "out.xyz"], "must end in"),
        (["source.png", "driving.mp4", "-o", "."], "not empty"),
        (["source.png", "driving.mp4", "--strength", "-1"], "strength"),
        (["source.png", "driving.mp4", "--strength", "nan"], "strength"),
        (["source.png", "driving.mp4", "--strength", "much"], "strength"),
        (["source.png", "driving.mp4", "--mode", "sideways"], "sideways"),
        (["source.png", "driving.mp4", "--model", "no-such-model"], "no-such-model"),
        (["source.png", "driving.mp4", "--modle", "toy"], "--modle"),
        (["source.png"], "driving video is needed"),
        (["source.png", "driving.mp4", "--fps", "0"], "fps"),
    ],
)
def test_bad_input_is_one_line_status_2_and_no_file(inputs, toy, capsys, words, expected):
    (inputs / "text.jpg").write_text("hello")
    Image.new("RGB", (1, 1)).save("dot.png")
    (inputs / "empty").mkdir()
    whole = (inputs / "driving.mp4").read_bytes()
    (inputs / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    before = {path: path.is_file() and path.read_bytes() for path in inputs.iterdir()}
    model = [] if "--model" in words else ["--model", str(toy)]
    assert main(["animate", *words, *model, "--no-progress"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("bunraku: error: ")
    assert err.count("\n") == 1
    assert expected in err
    assert {path: path.is_file() and path.read_bytes() for path in inputs.iterdir()} == before


def long_job(folder: Path) -> subprocess.Popen[str]:
    """A job of many seconds that has begun to write."""
    toy_bundle.build(folder / "toy", size=256)
    Image.fromarray(spot(20, 40)).save(folder / "source.png")
    moving(folder / "driving.mp4", 3000, sound=1.0)
    (folder / "out").mkdir()
    job = start("animate", "../source.png", "../driving.mp4", "-o", "out.mp4", "--model", "../toy", cwd=folder / "out")
    deadline = time.monotonic() + 30
    while not any(path.stat().st_size > 0 for path in (folder / "out").iterdir()):
        assert job.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return job


def ffmpegs(folder: Path) -> list[str]:
    """Command lines of the running ffmpeg processes that work in `folder`."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            where = os.readlink(path.parent / "cwd")
        except OSError:
            continue
        if "ffmpeg" in line and where.startswith(str(folder)):
            found.append(line)
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="processes are listed from /proc")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_job_leaves_no_process_and_no_file(tmp_path, number, status):
    job = long_job(tmp_path)
    assert len(ffmpegs(tmp_path)) == 2
    os.killpg(job.pid, number)  # as a terminal sends it: to the whole group
    _, err = job.communicate(timeout=20)
    assert job.returncode == status
    assert "Traceback" not in err
    assert ffmpegs(tmp_path) == []
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="processes are listed from /proc")
def test_a_killed_job_leaves_no_process_and_never_a_partial_result(tmp_path):
    job = long_job(tmp_path)
    job.kill()
    job.communicate(timeout=20)
    deadline = time.monotonic() + 10
    while ffmpegs(tmp_path):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert not (tmp_path / "out" / "out.mp4").exists()


def test_the_overview_lists_the_commands(capsys):
    assert main([]) == 0
    assert command.HELP in capsys.readouterr().out
    assert main(["--help"]) == 0
    assert main(["animate", "--help"]) == 0
    assert "--adapt-scale" in capsys.readouterr().out
    assert main(["--version"]) == 0


def test_an_unknown_command_is_one_line(capsys):
    assert main(["anmate"]) == 2
    err = capsys.readouterr().err
    assert "animate" in err
    assert err.count("\n") == 1


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """Entry points of an installation: one good command, one whose extra is missing, one that is not there."""
    modules = {
        "good": "HELP = 'a good command'\ndef add_arguments(parser): parser.add_argument('--n', type=int)\n"
        "def run(args): return args.n\n",
        "training": "HELP = 'train'\nimport package_that_nobody_has\n",
        "heavy": "HELP = 'heavy'\ndef add_arguments(parser): pass\ndef run(args): import package_that_nobody_has\n",
    }
    for name, text in modules.items():
        folder = tmp_path / f"{name}_for_cli"
        folder.mkdir()
        (folder / "command.py").write_text(text)
        (folder / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(cli._EXTRAS, "training_for_cli", "train")
    points = [
        EntryPoint("good", "good_for_cli.command", "bunraku.commands"),
        EntryPoint("train", "training_for_cli.command", "bunraku.commands"),
        EntryPoint("heavy", "heavy_for_cli.command", "bunraku.commands"),
        EntryPoint("lost", "lost_for_cli.command", "bunraku.commands"),
    ]
    monkeypatch.setattr(cli, "entry_points", lambda group: points)


@pytest.mark.usefixtures("installed")
def test_commands_come_from_the_entry_points(capsys):
    assert main(["good", "--n", "7"]) == 7
    assert main(["train"]) == 2
    err = capsys.readouterr().err
    assert "package_that_nobody_has" in err
    assert err.endswith(f"install it with: {installing('train')}\n")
    assert err.count("\n") == 1
    assert main(["heavy"]) == 2  # found missing only when it is done
    err = capsys.readouterr().err
    assert '"bunraku heavy" needs package_that_nobody_has' in err
    assert err.endswith(f"install it with: {reinstalling()}\n")
    assert main(["lost"]) == 2
    assert "not part of this installation" in capsys.readouterr().err
    assert main([]) == 0
    out = capsys.readouterr().out
    assert "a good command" in out
    assert "animate" in out
