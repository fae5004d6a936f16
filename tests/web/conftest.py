"""The page as `npm run build` makes it, and a model for it as the export makes it."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import onnx
import pytest
import toy_bundle

ROOT = Path(__file__).resolve().parents[2]
WEB = ROOT / "web"
CHECKPOINT = ROOT / "checkpoints" / "trained" / "faces-lite.safetensors"


@contextmanager
def _alone() -> Iterator[None]:
    """Two processes that test at the same time build one after the other."""
    with (WEB / "node_modules" / ".building").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _npm(*arguments: str) -> None:
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["npm", *arguments], cwd=WEB, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def _is_older(made: Path, sources: list[Path]) -> bool:
    return not made.is_file() or made.stat().st_mtime < max(source.stat().st_mtime for source in sources)


@pytest.fixture(scope="session")
def npm() -> None:
    """The tools that build the page."""
    if shutil.which("npm") is None or not (WEB / "node_modules" / "vite").is_dir():
        pytest.skip("the page in the browser needs Node.js and `npm install` in web/")


@pytest.fixture(scope="session")
def dist(npm: None) -> Path:
    """The built page, built now if it is older than its sources."""
    assets = (ROOT / "runtime" / "assets").glob("*.onnx")
    settings = [WEB / name for name in ("index.html", "vite.config.ts", "package-lock.json")]
    sources = [*(WEB / "src").rglob("*.*"), *assets, *settings]
    with _alone():
        if _is_older(WEB / "dist" / "index.html", sources):
            _npm("exec", "--", "vite", "build")  # types are checked by `npm run check`, which .ci/run calls
    return WEB / "dist"


@pytest.fixture(scope="session")
def faces_lite(npm: None) -> Path:
    """The default model for the web, exported now if it is older than its checkpoint."""
    with _alone():
        if _is_older(WEB / "public" / "model" / "bundle.json", [CHECKPOINT]):
            _npm("run", "model")
    return WEB / "public" / "model"


@pytest.fixture(scope="session")
def two_sizes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy bundle with a smaller size of half its side."""
    from web.tools.smaller import add

    folder = tmp_path_factory.mktemp("models") / "two-sizes"
    toy_bundle.build(folder)
    half = toy_bundle.build(folder.with_name("half"), size=toy_bundle.SIZE // 2)
    add(folder, {name: onnx.load(half.path(name)) for name in half.graphs}, half.resolution)
    return folder
