"""How the page is put together and served, and what goes with it to a Space."""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
import urllib.request
from pathlib import Path

import pytest
from PIL import Image
from served_page import free_port
from stranger import Stranger, file

from checkpoints.contract import MODES
from checkpoints.errors import ModelError, OptionError
from demo import fields, words
from demo.commands import page as command
from demo.limits import Limits
from demo.page import build_page, launch_options, serve
from demo.room import blocked, check_cache
from demo.samples import Samples
from demo.studio import Studio
from demo.sweep import sweep
from runtime.media.background import Background
from runtime.media.picture import FITS
from runtime.options import Options, defaults
from runtime.result.structure import SHOWS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def studio(toy: Path) -> Studio:
    return Studio(toy)


def test_the_page_can_be_built_without_the_samples(toy):
    page = build_page(Studio(toy, samples=Samples()))
    assert not any(type(block).__name__ == "Dataset" for block in page.blocks.values())


def test_every_mode_and_fit_of_the_engine_has_words(studio, toy_affine):
    assert {value for _, value in words.modes(studio.engine.bundle)} == set(studio.engine.bundle.modes)
    assert set(words.OPTIONS["mode"].choices) == set(MODES)
    assert set(words.OPTIONS["fit"].choices) == set(FITS)
    assert set(words.OPTIONS["show"].choices) == {"", *SHOWS}
    assert [value for _, value in words.modes(Studio(toy_affine).engine.bundle)] == ["relative", "absolute"]


def test_every_option_is_in_one_group():
    grouped = [name for names in words.GROUPS.values() for name in names]
    assert sorted(grouped) == sorted(words.OPTIONS)


def test_a_server_for_assistants_needs_its_package(toy, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(OptionError, match=r"pip install 'gradio\[mcp\]'"):
        serve(Studio(toy), mcp=True, wait=False)


def test_files_are_gone_when_it_was_said_that_they_would_be(toy):
    page = build_page(Studio(toy, limits=Limits(keep_minutes=10)))
    every, age = page.delete_cache
    assert every + age == 600
    assert words.CONSENT.format(minutes=10).endswith("or after 10 minutes.")


def test_a_sweep_survives_what_it_cannot_remove_and_spares_what_is_young_or_everybodys(tmp_path, monkeypatch):
    cache, outside = tmp_path / "cache", tmp_path / "outside"
    outside.write_text("not in the cache")
    for name in ("a/stubborn", "b/old", "c/example", "d/e/deep", "f/young"):
        (cache / name).parent.mkdir(parents=True, exist_ok=True)
        (cache / name).write_text(name)
    (cache / "tmpk3j2_x1z").write_text("of an upload that broke off")
    (cache / "g").mkdir()
    (cache / "h").symlink_to(outside)
    later = time.time() + 1000
    os.utime(cache / "f" / "young", (later, later))
    unlink = os.unlink

    def stuck(path: str) -> None:
        if str(path).endswith("stubborn"):
            raise PermissionError(path)
        unlink(path)

    monkeypatch.setattr(os, "unlink", stuck)
    sweep(cache, 3600)
    assert (cache / "b" / "old").exists()  # nothing is old yet
    sweep(cache, 3600, [cache / "c" / "example"], now=time.time() + 4000)
    assert {path.name for path in cache.rglob("*") if path.is_file()} == {"stubborn", "example", "young"}
    assert {path.name for path in cache.iterdir()} == {"a", "c", "f"}
    assert outside.exists()


def test_a_folder_of_uploads_that_holds_more_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in (Path("/"), Path(tempfile.gettempdir()), Path.home(), tmp_path, tmp_path.parent, ROOT):
        with pytest.raises(OptionError, match="name one that holds nothing else"):
            check_cache(folder)
    check_cache(tmp_path / "cache")
    (tmp_path / "beside").write_text("")
    shut = blocked(tmp_path / "cache")
    assert str(tmp_path / "beside") in shut
    assert "/etc" in shut
    assert not any((tmp_path / "cache").is_relative_to(path) for path in shut)


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


def test_the_space_serves_and_ends_cleanly_when_told(toy, files, tmp_path):
    port = free_port()
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = os.environ | {
        "BUNRAKU_MODEL": str(toy),
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_TEMP_DIR": str(tmp_path / "cache"),
        "TMPDIR": str(temporary),
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
        stranger = Stranger(f"http://127.0.0.1:{port}")
        pair = [file(stranger.upload(files / name)) for name in ("photo.jpg", "clip.mp4")]
        (event,) = stranger.named("animate")
        assert "error" not in stranger.call(event, [*pair, *stranger.usual(event)[2:]])
        works = Path(f"/proc/{space.pid}/cwd")
        if works.exists():
            assert works.resolve().parent == temporary.resolve()
            assert list(works.iterdir()) == []
        stranger.join(event, [*pair, *stranger.usual(event)[2:]])  # and while it works
        space.send_signal(signal.SIGTERM)
        assert space.wait(20) == 128 + signal.SIGTERM
        assert not (tmp_path / "cache").exists()
        assert [path for path in temporary.iterdir() if path.name.startswith("bunraku")] == []
    finally:
        space.kill()
        space.wait(20)


def test_the_page_puts_no_file_of_the_server_behind_anybody(tmp_path):
    """Whoever calls its endpoint may write what they like into the field."""
    Image.new("RGB", (8, 8)).save(tmp_path / "secret.png")
    values = {name: defaults(Options)[name] for name in fields.NAMES}
    assert fields.chosen(values | {"background": "transparent"})["background"] == "transparent"
    for given in ("secret.png", "missing.png"):
        with pytest.raises(OptionError, match="nothing of that name"):
            fields.chosen(values | {"background": str(tmp_path / given)})
    for each in words.OPTIONS["background"].choices:
        assert Background.of(each).file is None
