"""Whoever comes to this project: the README's commands, one after another in a new environment, as they stand there;
and what is uploaded to a registry, installed where there is no checkout.

Nothing is fetched: what it depends on is lent from the environment that the tests run in.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from runtime.cli import whole_parser
from runtime.commands.animate import SAMPLE
from runtime.media.video import probe, read_frames
from runtime.media.writer import VideoWriter

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PACKAGES = ("bunraku", "checkpoints", "demo", "export", "runtime", "training")
BESIDE = ("pyproject.toml", "README.md", "LICENSE", "NOTICE")

NOT_RUN = {
    'pip install -q ".[demo]"': "fetches packages",
    'pip install -q ".[live]"': "fetches packages",
    "bunraku page": "serves until it is stopped",
    "bunraku live photo.jpg": "needs a camera",
}
"""Lines that are only looked at: options and extras must exist."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("bash") is None or os.name == "nt", reason="the commands are a POSIX shell's"),
]


def short(path: Path, frames: int) -> None:
    """The beginning of the bundled clip: it is about commands here, not about seconds."""
    video = probe(Path(SAMPLE[1]))
    with VideoWriter(path, video.size, video.rate) as writer:
        for frame in islice(read_frames(replace(video, end=1.0)), frames):
            writer.write(frame)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a checkout has that is installed, and a photo and a video of the newcomer's own."""
    folder = tmp_path_factory.mktemp("clone")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in BESIDE:
        shutil.copy(ROOT / name, folder)
    short(folder / "runtime" / "assets" / "sample.mp4", 4)
    short(folder / "driving.mp4", 10)
    shutil.copy(SAMPLE[0], folder / "photo.jpg")
    return folder


@pytest.fixture(scope="module")
def lent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All packages of this environment but our own, as links."""
    folder = tmp_path_factory.mktemp("lent")
    for kind in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for path in Path(kind).iterdir():
            ours = "bunraku" in path.name or path.name in PACKAGES
            if not ours and not path.name.startswith("pip"):
                (folder / path.name).symlink_to(path)
    return folder


def environment(folder: Path, lent: Path) -> dict[str, str]:
    """Of a shell in `folder` where `python3` is this Python and environments are lent those packages."""
    shim = folder / "shim"
    shim.mkdir(exist_ok=True)
    python3 = shim / "python3"
    # `python3 -m venv` makes an environment to which packages are lent, setuptools in place of an old one, too.
    python3.write_text(
        f'#!/bin/sh\n"{sys.executable}" "$@" || exit $?\n[ "$2" = venv ] || exit 0\n'
        'place=$(echo "$3"/lib/python*/site-packages)\n'
        f'rm -rf "$place"/setuptools* "$place"/*distutils*; echo "{lent}" > "$place"/lent.pth\n'
    )
    python3.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    # 0 says "no isolation", however it reads: builds take the setuptools that is lent.
    alone = {
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_COMPILE": "1",
    }
    return kept | alone | {"PATH": f"{shim}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}


def blocks(language: str) -> Iterator[str]:
    """The README's blocks of code in that `language`, but for the tests' own."""
    for mark, found in re.findall(rf"(<!-- [\w ]+ -->\n)?```{language}\n(.*?)```", README, re.DOTALL):
        if mark.strip() != "<!-- test command -->":
            yield found


def lines() -> list[str]:
    return [line for block in blocks("bash") for line in block.splitlines()]


def test_the_readmes_commands_run_one_after_another(clone: Path, lent: Path) -> None:
    script = ["set -euo pipefail"]
    script += [f"{line} || exit 1" for line in lines() if line not in NOT_RUN]  # -e lets `a && b` fail
    (clone / "recipes.py").write_text("".join(blocks("python")))
    script += ["python recipes.py"]
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=clone,
        env=environment(clone, lent),
        capture_output=True,
        text=True,
        timeout=550,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("bunraku-sample.mp4\nmoving.mp4\n")
    printed = done.stdout.splitlines()
    assert "<Animation: 10 frames of 256x256 at 25 a second in moving.mp4>" in printed
    assert printed[-3:] == ["10 25.0 (256, 256, 3)", "[('photo-driving.mp4', 'done')]", "stopped"]
    made = [word for line in lines() for word in re.findall(r"-o (\S+)", line) if line not in NOT_RUN]
    made += re.findall(r'(?:save\(|output=)"([\w.-]+)"', "".join(blocks("python")))
    assert len(made) > 10
    assert [name for name in made if not (clone / name).exists()] == ["never.mp4"]


def test_what_is_not_run_can_be_read() -> None:
    assert set(NOT_RUN) <= set(lines())
    for line in NOT_RUN:
        read(line)


def test_commands_within_sentences_can_be_read() -> None:
    found = re.findall(r"`((?:bunraku|pip install) [^`]+)`", re.sub(r"```.*?```", "", README, flags=re.DOTALL))
    assert len(found) > 5
    for line in found:
        read(line)


def read(line: str) -> None:
    """Raises unless `line` is a command of ours with options that there are, or installs extras that there are."""
    command, *words = shlex.split(line)
    if command == "pip":
        for extras in re.findall(r"\.\[([a-z,]+)\]", line):
            assert set(extras.split(",")) <= set(PROJECT["optional-dependencies"])
        return
    try:
        whole_parser().parse_args(words if len(words) > 1 else [*words, "--help"])
    except SystemExit as end:  # --help and --limits
        assert end.code == 0  # noqa: PT017


def test_it_is_said_which_packages_suffice_without_a_graphics_card() -> None:
    (listed,) = re.findall(r"`pip install (onnxruntime [^`]+)`, then `pip install --no-deps \.`", README)
    needed = {re.split(r"[>=; ]", each)[0] for each in PROJECT["dependencies"]}
    assert set(listed.split()) == needed - {"onnxruntime-gpu"}


@pytest.fixture(scope="module")
def built(clone: Path, lent: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with sdist and wheel, the latter made of the former."""
    pytest.importorskip("setuptools", reason="setuptools is not installed")
    folder = tmp_path_factory.mktemp("built")
    build = "import sys; from setuptools import build_meta; getattr(build_meta, f'build_{sys.argv[1]}')(sys.argv[2])"
    run([sys.executable, "-c", build, "sdist", str(folder)], clone)
    (sdist,) = folder.iterdir()
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    (unpacked,) = (folder / "unpacked").iterdir()
    run([sys.executable, "-c", build, "wheel", str(folder)], unpacked)
    return folder


def run(command: list[str], folder: Path, **environment: str) -> str:
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=folder, env=kept | environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_has_what_is_needed_and_no_more(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    expected = {str(path.relative_to(ROOT)) for name in PACKAGES for path in (ROOT / name).rglob("*.py")}
    expected |= {
        str(path.relative_to(ROOT))
        for folder in ("checkpoints/embedded", "runtime/assets", "demo/assets", "training/configs")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert expected - set(names) == set()
    assert {name.partition("/")[0] for name in names} == {*PACKAGES, f"bunraku-{PROJECT['version']}.dist-info"}
    assert {f"{name}/py.typed" for name in ("bunraku", "checkpoints", "runtime")} <= set(names)


def test_a_registry_would_take_both(built: Path) -> None:
    pytest.importorskip("twine", reason="twine is not installed (the extra dev)")
    files = [str(path) for path in built.iterdir() if path.is_file()]
    assert len(files) == 2
    told = run(
        [sys.executable, "-m", "twine", "check", "--strict", *files], built, PYTHONPATH=os.pathsep.join(sys.path)
    )
    assert told.count("PASSED") == 2


def test_the_wheel_works_where_there_is_no_checkout(built: Path, lent: Path, tmp_path: Path) -> None:
    run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], tmp_path)
    (place,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    (place / "lent.pth").write_text(f"{lent}\n")
    (wheel,) = built.glob("*.whl")
    python = str(tmp_path / "venv" / "bin" / "python")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-index", "--no-deps"]
    run([*pip, str(wheel)], tmp_path)
    code = (
        "import bunraku, checkpoints.installation as own; from pathlib import Path\n"
        "print(Path(bunraku.__file__).parent, bunraku.animate.__name__, bunraku.__version__)\n"
        "print(own.checkout(), own.installing('live').partition('install ')[2])"
    )
    told = run([python, "-c", code], tmp_path).splitlines()
    assert told == [f"{place / 'bunraku'} animate {PROJECT['version']}", 'None "bunraku[live]"']
    command = str(tmp_path / "venv" / "bin" / "bunraku")
    assert run([command, "--version"], tmp_path) == f"bunraku {PROJECT['version']}\n"
    assert run([command, "animate", "--end", "0.1", "--no-progress"], tmp_path) == "bunraku-sample.mp4\n"
