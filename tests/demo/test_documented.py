"""The examples in docs/page.md, as they stand there; and its table of limits."""

from __future__ import annotations

import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import clips
import pytest
from served_page import Served

import app
from demo.limits import PREFIX, Limits
from demo.page import serve

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "page.md").read_text(encoding="utf-8")


def example(language: str, url: str) -> str:
    found, *_ = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return found.replace("http://127.0.0.1:7860", url)


@pytest.fixture
def there(files: Path, tmp_path: Path) -> Path:
    """A folder with the files that the examples name."""
    shutil.copy(files / "photo.jpg", tmp_path / "photo.jpg")
    shutil.copy(files / "clip.mp4", tmp_path / "driving.mp4")
    return tmp_path


def test_the_python_example_runs_as_it_is_documented(served: Served, there: Path):
    command = [sys.executable, "-c", example("python", served.url)]
    done = subprocess.run(command, cwd=there, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "10 frames" in done.stdout


@pytest.mark.skipif(not shutil.which("curl"), reason="the example needs curl")
def test_the_curl_example_runs_as_it_is_documented(served: Served, there: Path):
    command = ["bash", "-euo", "pipefail", "-c", example("bash", served.url)]
    done = subprocess.run(command, cwd=there, capture_output=True, text=True, timeout=300, env=os.environ)
    assert done.returncode == 0, done.stderr
    for name, frames in {"moving.mp4": 10, "talk.mp4": 55, "calm.webm": 10}.items():
        assert clips.lengths(there / name)[0] == frames


def test_the_example_for_assistants_names_what_there_is(served: Served):
    _, program = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    compile(program, "docs/page.md", "exec")
    assert {"host", "mcp", "port"} <= set(inspect.signature(serve).parameters)
    (config,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert json.loads(config)["mcpServers"]["bunraku"]["url"].endswith("/gradio_api/mcp/")


def test_the_limits_are_those_of_the_table():
    rows = re.findall(r"^\| `BUNRAKU_(\w+)` \| (\d+) \| (\d+) \|", PAGE, re.MULTILINE)
    table = {name.lower(): (int(own), int(public)) for name, own, public in rows}
    own, public = Limits(), app.PUBLIC
    assert table == {field.name: (getattr(own, field.name), getattr(public, field.name)) for field in fields(Limits)}
    assert PREFIX == "BUNRAKU_"
