"""The examples that call the page: from Python, and from TypeScript where its packages are installed beside it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import clips
import numpy as np
import pytest

from runtime.media.video import probe, read_frames

FOLDER = Path(__file__).parents[2] / "integrations" / "gradio"


def assert_half_way(path: Path) -> None:
    """As `mode=absolute strength=0.5` makes of the files' photo and clip (see `test_client.py`)."""
    frames = list(read_frames(probe(path)))
    assert len(frames) == 10
    np.testing.assert_allclose(clips.center(frames[0]), (23, 32), atol=1)


def test_from_python(served, files, tmp_path):
    words = [files / "photo.jpg", files / "clip.mp4", "-o", tmp_path / "out.mp4", "--page", served.url]
    words += ["mode=absolute", "strength=0.5"]
    command = [sys.executable, str(FOLDER / "animate.py"), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("10 frames, 0.4 seconds of video, made in ")
    assert_half_way(tmp_path / "out.mp4")


def test_from_typescript(served, files, tmp_path):
    if shutil.which("node") is None or not (FOLDER / "node_modules" / ".bin" / "tsx").exists():
        pytest.skip("the packages of integrations/gradio are not installed (npm install there)")
    command = ["node_modules/.bin/tsx", "animate.ts", str(files / "photo.jpg"), str(files / "clip.mp4")]
    words = [str(tmp_path / "out.mp4"), served.url, "mode=absolute", "strength=0.5"]
    done = subprocess.run([*command, *words], capture_output=True, text=True, timeout=120, cwd=FOLDER)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("10 frames")
    assert_half_way(tmp_path / "out.mp4")
    wrong = [*command[:2], str(files / "text.jpg"), command[3], *words]
    done = subprocess.run(wrong, capture_output=True, text=True, timeout=120, cwd=FOLDER)
    assert done.returncode == 1
    assert "text.jpg is not a picture" in done.stderr
