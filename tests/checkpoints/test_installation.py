"""Which command installs more of this package: from the checkout where it came from one, else from the registry."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from checkpoints import installation
from checkpoints.installation import checkout, installing, installing_packages, reinstalling, version

ROOT = Path(__file__).resolve().parents[2]
PROJECT = '[project]\nname = "bunraku"\nversion = "9.8.7"\n'


class Installed:
    """What importlib.metadata knows."""

    version = "1.2.3"

    def __init__(self, direct_url):
        self._direct_url = direct_url

    def read_text(self, name):
        assert name == "direct_url.json"
        return self._direct_url


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """`installed(direct_url)`: this runs from site-packages, with that beside it."""
    monkeypatch.setattr(installation, "_ROOT", tmp_path / "site-packages")
    monkeypatch.setattr(installation, "_pip", lambda: "pip")

    def set_up(direct_url):
        monkeypatch.setattr("importlib.metadata.distribution", lambda name: Installed(direct_url))

    return set_up


def test_in_a_checkout_it_is_the_checkout(monkeypatch):
    monkeypatch.setattr(installation, "_pip", lambda: "pip")
    monkeypatch.chdir(ROOT)
    stated = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert (version(), checkout()) == (stated, ROOT)
    assert installing("live") == 'pip install ".[live]"'
    monkeypatch.chdir(ROOT / "docs")
    assert installing("live") == f'pip install "{ROOT}[live]"'


def test_installed_from_a_folder_it_is_that_folder(installed, tmp_path):
    source = tmp_path / "a source"
    source.mkdir()
    (source / "pyproject.toml").write_text(PROJECT)
    installed(json.dumps({"url": source.as_uri(), "dir_info": {}}))
    assert (version(), checkout()) == ("1.2.3", source)
    assert installing("demo") == f'pip install "{source}[demo]"'
    assert reinstalling() == f'pip install --force-reinstall "{source}"'
    (source / "pyproject.toml").unlink()  # the folder is gone, or another one
    assert installing("demo") == 'pip install "bunraku[demo]"'


@pytest.mark.parametrize(
    "told", [None, "{}", "no json", '{"url": "file:///a/bunraku.whl", "archive_info": {}}', '{"dir_info": {}}', "[]"]
)
def test_installed_from_a_file_or_a_registry_it_is_the_registry(installed, told):
    installed(told)
    assert installing("demo") == 'pip install "bunraku[demo]"'
    assert reinstalling() == 'pip install --force-reinstall "bunraku"'


def test_the_pip_is_that_of_this_python(monkeypatch, tmp_path):
    folder = tmp_path / ".venv" / "bin"
    folder.mkdir(parents=True)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    monkeypatch.setattr("shutil.which", lambda name: str(folder / name))
    assert installing_packages("a", "b") == "pip install a b"
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.chdir(tmp_path)
    assert installing_packages("a") == f"{Path('.venv', 'bin', 'python')} -m pip install a"
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "my python"))
    assert installing_packages("a") == f'"{tmp_path / "my python"}" -m pip install a'
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert installing_packages("a") == f'uv pip --python "{tmp_path / "my python"}" install a'


def test_what_is_told_of_another_extra_is_one_that_there_is():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    command = ["git", "grep", "-hoE", r"installing\(['\"]\w+['\"]\)", "--", "runtime", "training", "export", "demo"]
    try:
        found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is no checkout of the repository")
    assert len(found) >= 6
    assert {each[12:-2] for each in found} <= set(extras)
