"""`bunraku doctor` finds what is at fault, says what to do, and goes on."""

from __future__ import annotations

import json
import os

import pytest
from clips import moving, spot
from PIL import Image

from runtime import doctor
from runtime.cli import main
from runtime.doctor import Finding, examine


@pytest.fixture
def sample(in_tmp):
    Image.fromarray(spot(20, 40)).save("source.png")
    moving(in_tmp / "driving.mp4", 50)
    return in_tmp / "source.png", in_tmp / "driving.mp4"


def states(findings):
    return {finding.what: finding.state for finding in findings}


def test_where_everything_works_it_says_so(sample, toy):
    findings = list(examine(str(toy), sample, "cpu"))
    known = states(findings)
    assert "fault" not in known.values()
    assert {"system", "packages", "ffmpeg", "model", "device cpu", "device cuda", "self-test"} <= set(known)
    words = {finding.what: finding.words for finding in findings}
    assert words["self-test"].startswith("25 frames of the sample moved in ")
    assert "numpy" in words["packages"]
    assert all(finding.words.count("install with: ") == 1 for finding in findings if finding.what.startswith("bunraku ")
               and finding.state == "absent")  # fmt: skip


def test_the_command_ends_with_what_there_is(sample, toy, monkeypatch, capsys):
    monkeypatch.setattr("runtime.commands.doctor.SAMPLE", sample)
    assert main(["doctor", "--model", str(toy)]) == 0
    out = capsys.readouterr().out
    assert out.endswith("Pictures can be moved here.\n")
    assert "\nok    self-test: " in out
    assert main(["doctor", "--model", "no-such-model", "--json"]) == 2
    findings = [Finding(**each) for each in json.loads(capsys.readouterr().out)]
    assert [finding.what for finding in findings if finding.state == "fault"] == ["model"]
    assert main(["doctor", "--model", "no-such-model"]) == 2
    assert capsys.readouterr().out.endswith("1 fault; its line says what to do.\n")


def faults(findings):
    return {finding.what: finding.words for finding in findings if finding.state == "fault"}


def test_an_ffmpeg_that_does_not_run(sample, toy, monkeypatch):
    monkeypatch.setattr(doctor, "executable", lambda: "/nowhere/ffmpeg")
    found = faults(examine(str(toy), sample, "cpu"))
    assert set(found) == {"ffmpeg"}
    assert "/nowhere/ffmpeg does not run" in found["ffmpeg"]
    assert "install it again with: " in found["ffmpeg"]
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "/nowhere/ffmpeg")
    assert faults(doctor._ffmpeg())["ffmpeg"].endswith("unset IMAGEIO_FFMPEG_EXE")


def test_an_ffmpeg_that_cannot_write_everything(monkeypatch):
    usual = doctor._said
    monkeypatch.setattr(doctor, "_said", lambda program, word: usual(program, word).replace("libx264 ", "libx26x "))
    assert "cannot write mp4 (libx264)" in faults(doctor._ffmpeg())["ffmpeg"]


def test_two_builds_of_onnx_runtime_and_a_missing_package(monkeypatch):
    known = {"onnxruntime": "1.0", "onnxruntime-gpu": "1.0", "tqdm": None}
    monkeypatch.setattr(doctor, "_version", lambda name: known.get(name, "2.0" if "runtime" not in name else None))
    told = [finding.words for finding in doctor._packages() if finding.state == "fault"]
    assert "tqdm missing; install with: " in told[0]
    assert told[1].startswith("onnxruntime and onnxruntime-gpu overwrite one another; uninstall both, then: ")


def test_names_that_hide_ours_and_a_full_disk(monkeypatch):
    monkeypatch.setattr(doctor, "not_own", lambda name: "demo.py hides" if name == "demo" else None)
    assert [finding.words for finding in doctor._names()] == ["demo.py hides"]
    monkeypatch.setattr(doctor, "_free", lambda folder: 5_000_000)
    assert "has 5 MB left" in faults(doctor._temporary())["temporary files"]


def test_a_device_that_is_not_to_be_had_and_a_sample_that_does_not_move(sample, toy, in_tmp, monkeypatch):
    monkeypatch.setattr("runtime.graphs.sessions._card_refused", lambda device: "no NVIDIA driver was found")
    found = faults(examine(str(toy), sample, "cuda"))
    assert set(found) == {"self-test"}
    assert "no NVIDIA driver was found" in found["self-test"]
    os.mkdir("frames")
    for number in range(30):
        Image.fromarray(spot(20, 40)).save(f"frames/{number}.png")
    assert "does not move" in faults(examine(str(toy), (sample[0], "frames"), "cpu"))["self-test"]


def test_what_nobody_thought_of_stops_nothing(sample, toy, monkeypatch):
    def fail():
        raise RuntimeError("a surprise")

    monkeypatch.setattr(doctor, "_temporary", fail)
    monkeypatch.setattr(doctor, "_system", fail)
    findings = list(doctor.examine(str(toy), sample, "cpu"))
    assert faults(findings)["system"].startswith("RuntimeError: a surprise; install again with: ")
    assert states(findings)["model"] == "works"
