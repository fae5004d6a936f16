"""Nothing is reported to anybody: ONNX Runtime would, some seconds after it was loaded."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import watched
from clips import moving, spot
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
WATCHED = Path(watched.__file__)
PACKAGES = ("benchmarks", "export", "runtime", "training")


def quietly(*words: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Python with `words`, as a user starts it who has set nothing, and with `folder` for what is temporary."""
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environment |= {"PYTHONPATH": str(ROOT), "TMPDIR": str(folder)}
    return subprocess.run(
        [sys.executable, *map(str, words)], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_watch_sees_sockets(tmp_path):
    code = "import watched, socket; print(watched.forbid_sockets(), flush=True); socket.socket()"
    found = quietly("-c", f"import sys; sys.path.insert(0, {str(WATCHED.parent)!r}); {code}", folder=tmp_path)
    assert found.returncode == (-31 if found.stdout == "True\n" else 0)


@pytest.mark.slow  # ONNX Runtime waits eight seconds and a half
def test_animating_reports_nothing_and_leaves_nothing(in_tmp, toy):
    Image.fromarray(spot(20, 40)).save("source.png")
    moving(in_tmp / "driving.mp4", 10)
    (in_tmp / "temporary").mkdir()
    words = ("animate", "source.png", "driving.mp4", "-o", "out.mp4", "--model", toy, "--no-progress")
    found = quietly(WATCHED, "10.5", *words, folder=in_tmp / "temporary")
    assert found.returncode == 0, found.stderr
    assert found.stdout.endswith("watched\nout.mp4\n")
    assert os.listdir(in_tmp / "temporary") == []


@pytest.mark.parametrize("package", PACKAGES)
def test_every_part_that_loads_onnx_runtime_has_told_it_before(tmp_path, package):
    code = (
        "import os, sys\n"
        "class Watch:\n"
        "    def find_spec(self, name, *rest):\n"
        "        assert name != 'onnxruntime' or os.environ.get('ORT_DISABLE_TELEMETRY') == '1', 'too late'\n"
        "sys.meta_path.insert(0, Watch())\n"
        f"import {package}\n"
        "assert os.environ.get('ORT_DISABLE_TELEMETRY') == '1'"
    )
    found = quietly("-c", code, folder=tmp_path)
    assert found.returncode == 0, found.stderr
    assert os.listdir(tmp_path) == []


def test_no_other_part_loads_onnx_runtime():
    """Those of the test above run first of all their modules."""
    source = [path for path in ROOT.glob("*/**/*.py") if path.relative_to(ROOT).parts[0] in {"checkpoints", "demo"}]
    assert len(source) > 20
    loads = re.compile(r"^\s*(import|from) onnxruntime", re.MULTILINE)
    assert [path for path in [*source, *ROOT.glob("*.py")] if loads.search(path.read_text())] == []
