"""The reference is built from the docstrings without a warning, has every public name, and no link into nowhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import runtime
from docs.reference import PACKAGES, ROOT, modules


def test_every_public_module_is_in_it() -> None:
    found = modules()
    assert len(found) == len(set(found))
    assert {name.split(".")[0] for name in found} == set(PACKAGES)
    assert {"runtime", "checkpoints.errors", "export.rewrites", "training.models.base"} <= set(found)
    assert not [name for name in found if "commands" in name or "._" in name]


@pytest.mark.slow
def test_it_is_built_without_a_warning_and_without_dead_links(tmp_path: Path) -> None:
    pytest.importorskip("pdoc", reason="pdoc is not installed (the extra docs)")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "docs.reference", str(tmp_path)]
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert (built.returncode, built.stderr) == (0, "")
    for name in modules():
        page = tmp_path / f"{name.replace('.', '/')}.html"
        for link in re.findall(r'href="([^"#:]+\.html)', page.read_text(encoding="utf-8")):
            assert (page.parent / link).is_file(), f"{name}: {link}"
    text = (tmp_path / "runtime.html").read_text(encoding="utf-8")
    assert all(f'id="{name}"' in text for name in runtime.__all__)
    index = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert all(f">{name}<" in index for name in modules())
