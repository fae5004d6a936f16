"""How the page is put together and served, and what goes with it to a Space."""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
import urllib.request
from pathlib import Path

import pytest
from served_page import free_port

from checkpoints.errors import ModelError, OptionError
from demo import words
from demo.commands import page as command
from demo.limits import Limits
from demo.page import build_page, launch_options, serve
from demo.samples import Samples
from demo.studio import Studio
from runtime.motion import MODES
from runtime.picture import FITS
from runtime.structure import SHOWS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def studio(toy: Path) -> Studio:
    return Studio(toy)


def test_the_page_can_be_built_without_the_samples(toy):
    page = build_page(Studio(toy, samples=Samples()))
    assert not any(type(block).__name__ == "Dataset" for block in page.blocks.values())


def test_every_mode_and_fit_of_the_engine_has_words(studio, toy_affine):
    assert {value for _, value in words.modes(studio.engine.bundle)} == set(MODES)
    assert {value for _, value in words.fits()} == set(FITS)
    assert {value for _, value in words.shows()} == {"", *SHOWS}
    assert [value for _, value in words.modes(Studio(toy_affine).engine.bundle)] == ["relative", "absolute"]


def test_files_are_gone_when_it_was_said_that_they_would_be(toy):
    page = build_page(Studio(toy, limits=Limits(keep_minutes=10)))
    every, age = page.delete_cache
    assert every + age == 600
    assert words.CONSENT.format(minutes=10).endswith("or after 10 minutes.")


def test_one_visitor_at_a_time_and_a_queue_that_ends(toy):
    page = build_page(Studio(toy, limits=Limits(at_once=2, waiting=7)))
    animate = next(fn for fn in page.fns.values() if fn.api_name == "animate")
    assert animate.concurrency_limit == 2
    assert page._queue.max_size == 7


def test_nothing_is_reported_or_recorded(studio):
    assert build_page(studio).analytics_enabled is False
    assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"
    options = launch_options(studio, build_page(studio))
    assert options["run_history"] is False
    assert options["enable_monitoring"] is False
    assert options["max_file_size"] == "200mb"


def test_a_port_that_is_taken_is_an_error_in_one_sentence(served, toy):
    port = int(served.url.rpartition(":")[2])
    with pytest.raises(OptionError, match=f"cannot be served.*{port}"):
        serve(Studio(toy), host="127.0.0.1", port=port, wait=False)


def test_the_command_refuses_an_unknown_model_before_it_serves():
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    with pytest.raises(ModelError, match="no-such-model"):
        command.run(parser.parse_args(["--model", "no-such-model"]))


def test_the_commands_module_is_light():
    code = "import sys, demo.commands.page; sys.exit('gradio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60).returncode == 0


def test_the_spaces_requirements_are_the_engines_and_the_pages():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {line.partition(";")[0].strip() for line in project["dependencies"]}
    wanted = {line for line in wanted if not line.startswith("onnxruntime-gpu")}
    wanted |= set(project["optional-dependencies"]["demo"])
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    assert {line for line in lines if line and not line.startswith("#")} == wanted


def test_the_readmes_front_matter_fits_the_requirements():
    front = (ROOT / "README.md").read_text().split("---")[1]
    version = re.search(r"^sdk_version: (\d+)\.(\d+)", front, re.MULTILINE)
    least = re.search(r"^gradio>=(\d+)\.(\d+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert version is not None
    assert least is not None
    assert tuple(map(int, version.groups())) >= tuple(map(int, least.groups()))
    assert re.search(r"^app_file: app\.py$", front, re.MULTILINE)
    assert (ROOT / "app.py").is_file()


def test_the_space_serves_and_ends_cleanly_when_told(toy, tmp_path):
    port = free_port()
    environment = os.environ | {
        "BUNRAKU_MODEL": str(toy),
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_TEMP_DIR": str(tmp_path),
    }
    space = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                    assert "Bunraku" in answer.read().decode()
                break
            except OSError:
                assert space.poll() is None, "app.py has ended by itself"
                assert time.monotonic() < deadline, "app.py does not answer"
                time.sleep(0.2)
        space.send_signal(signal.SIGTERM)
        assert space.wait(20) == 128 + signal.SIGTERM
    finally:
        space.kill()
        space.wait(20)
