"""Fixtures for every package; being here also lets the tests import the modules beside this file."""

import os

# One thread a process: two workers with two OpenMP threads each on two cores run many times slower, not twice.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Nothing of the tests stays in the user's cache.
os.environ.setdefault("BUNRAKU_KEEP_GRAPHS", "0")

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
import toy_bundle

if TYPE_CHECKING:
    from traced import Traced

# How long an example takes says how busy the machine is.
untimed = [hypothesis.HealthCheck.too_slow]
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=untimed)
hypothesis.settings.load_profile("untimed")


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


@pytest.fixture(scope="session")
def one_registry() -> Iterator[None]:
    """For what exports many graphs; see `traced.build_one_registry`."""
    from traced import build_one_registry

    with pytest.MonkeyPatch.context() as patch:
        build_one_registry(patch)
        yield


@pytest.fixture(scope="session")
def traced(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, one_registry: None) -> "Traced":
    """`build_graphs` that traces nothing twice; not in this run alone, unless pytest keeps nothing between runs."""
    from traced import Traced, opened

    try:
        return opened(request.config)
    except LookupError:
        return Traced(tmp_path_factory.mktemp("traced"))


@pytest.fixture
def traced_once(traced: "Traced", monkeypatch: pytest.MonkeyPatch) -> None:
    """`convert` takes such graphs: for tests of what it does with them."""
    monkeypatch.setattr("export.convert.build_graphs", traced)


@pytest.fixture
def in_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def launch() -> Iterator[Callable[..., Any]]:
    """Starts Chromium as the system has it, else as playwright has fetched it, with a webcam that draws:
    `launch(*more options)`.
    """
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    names = ("chromium", "chromium-browser", "google-chrome")
    system = next((found for name in names if (found := shutil.which(name))), None)
    options = ["--no-sandbox", "--disable-background-networking", "--disable-gpu", "--disable-dev-shm-usage"]
    options += ["--disable-quic", "--no-first-run", "--disable-component-update", "--disable-sync"]
    options += ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with playwright.sync_playwright() as driver:
        fetched = driver.chromium.executable_path
        if system is None and not os.path.exists(fetched):
            pytest.skip("there is no Chromium on this machine (apt-get install chromium)")
        yield lambda *more: driver.chromium.launch(executable_path=system or fetched, args=[*options, *more])


@pytest.fixture(scope="session")
def browser(launch: Callable[..., Any]) -> Iterator[Any]:
    """A real browser."""
    chromium = launch()
    yield chromium
    chromium.close()
