"""Files of a user's that are called as our packages are: what hides ours is named, whichever way we are imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import bunraku
import runtime
from runtime.own import not_own

ROOT = Path(__file__).resolve().parents[2]


def python(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Python as a user starts it in `folder`, with this package installed behind it."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("stray", "words"),
    [
        ("checkpoints.py", ("-c", "import bunraku")),
        ("checkpoints.py", ("-c", "import runtime")),
        ("checkpoints/__init__.py", ("-c", "import runtime")),
        ("runtime/__init__.py", ("-c", "import bunraku")),
        ("runtime.py", ("-c", "from bunraku import animate")),
        ("runtime.py", ("runtime.py",)),
        ("checkpoints.py", ("-m", "bunraku", "--version")),
    ],
)
def test_a_stray_file_is_named(tmp_path, stray, words):
    (tmp_path / stray).parent.mkdir(exist_ok=True)
    (tmp_path / stray).write_text("import bunraku\n" if words == (stray,) else "raise SystemExit('it was run')\n")
    done = python(*words, folder=tmp_path)
    assert done.returncode == 1
    name = stray.partition("/")[0]
    said = f'ImportError: {tmp_path / name} hides the part of Bunraku that is called "{Path(name).stem}"; rename it'
    assert said in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(("stray", "command"), [("demo.py", "page"), ("training.py", "train"), ("export.py", "export")])
def test_a_stray_file_that_hides_a_command_is_named_and_not_run(tmp_path, stray, command):
    (tmp_path / stray).write_text("raise SystemExit('it was run')\n")
    done = python("-m", "bunraku", command, "--help", folder=tmp_path)
    assert done.returncode == 2
    name = stray.removesuffix(".py")
    assert f'{tmp_path / stray} hides the part of Bunraku that is called "{name}"; rename it' in done.stderr
    done = python("-m", "bunraku", "animate", "--help", folder=tmp_path)
    assert (done.returncode, "it was run" in done.stdout + done.stderr) == (0, False)


def test_a_folder_of_that_name_that_is_no_package_hides_nothing(tmp_path):
    for name in ("checkpoints", "runtime"):
        (tmp_path / name).mkdir()
    code = "import bunraku; print(bunraku.animate.__module__)"
    assert python("-c", code, folder=tmp_path).stdout == "runtime.animate\n"


def test_our_own_are_found():
    assert not_own("bunraku", "checkpoints", "demo", "export", "runtime", "training", "nothing_of_that_name") is None


def test_bunraku_has_the_names_of_the_engine():
    assert bunraku.__all__ == runtime.__all__
    assert dir(bunraku) == sorted([*runtime.__all__, "__version__"])
    for name in runtime.__all__:
        assert getattr(bunraku, name) is getattr(runtime, name)
    assert bunraku.__version__ == runtime.__version__
    with pytest.raises(AttributeError, match="no attribute 'anmate'"):
        bunraku.anmate  # noqa: B018
    with pytest.raises(ImportError):
        from bunraku import _private  # noqa: F401


def test_the_version_is_told_without_the_engine(tmp_path):
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['numpy', 'onnxruntime']))\n"
        "import bunraku; print(bunraku.__version__); sys.argv = ['bunraku', '--version']\n"
        "from checkpoints.start import main; sys.exit(main())"
    )
    done = python("-c", code, folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"{runtime.__version__}\nbunraku {runtime.__version__}\n")


def test_an_engine_that_cannot_be_loaded_is_one_line(tmp_path):
    code = (
        "import sys; sys.modules['onnxruntime'] = None; sys.argv = ['bunraku', 'doctor']\n"
        "from checkpoints.start import main; sys.exit(main())"
    )
    done = python("-c", code, folder=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("bunraku: error: onnxruntime cannot be loaded (")
    assert "install --force-reinstall" in done.stderr
