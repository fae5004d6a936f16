"""Fixtures for every package; being here also lets the tests import the modules beside this file."""

import os

# One thread a process: two workers with two OpenMP threads each on two cores run many times slower, not twice.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Iterator
from pathlib import Path

import pytest
import toy_bundle


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the toy bundle (points only, every driving mode)."""
    folder = tmp_path_factory.mktemp("models") / "toy"
    toy_bundle.build(folder)
    return folder


@pytest.fixture(scope="session")
def toy_affine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the toy bundle with jacobians and covariances."""
    folder = tmp_path_factory.mktemp("models") / "toy-affine"
    toy_bundle.build(folder, affine=True)
    return folder


@pytest.fixture(scope="session")
def toy_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the toy bundle with masks and a tree of anchors."""
    folder = tmp_path_factory.mktemp("models") / "toy-tree"
    toy_bundle.build(folder, tree=True)
    return folder


@pytest.fixture
def in_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
