"""ctrl-C at any moment, imports included, ends the command with one line and status 130."""

import os
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from checkpoints import start
from runtime import cli

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals that one could send")
AT_THE_IMPORT = """
import os, signal, sys
class Interrupter:
    def find_spec(self, name, *rest):
        if name == {name!r}:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)
interrupter = Interrupter()
sys.meta_path.insert(0, interrupter)
"""
"""What Python runs before anything else, as `sitecustomize.py`: ctrl-C at the very moment when a module is wanted."""
MODULE = ["-m", "runtime"]
SCRIPT = ["-c", "import sys; from checkpoints.start import main; sys.exit(main())"]
"""What pip makes of the entry point."""


def interrupted(tmp_path: Path, name: str, *words: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "sitecustomize.py").write_text(AT_THE_IMPORT.format(name=name))
    return subprocess.run(
        [sys.executable, *words],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


MOMENTS = [
    *((MODULE, name) for name in ("checkpoints.errors", "numpy._core._multiarray_umath", "onnxruntime", "runtime.cli")),
    *((SCRIPT, name) for name in ("runtime", "PIL.Image", "runtime.engine", "runtime.cli", "runtime.commands.animate")),
]


@pytest.mark.parametrize(("words", "name"), MOMENTS)
def test_an_interrupted_import_ends_with_our_line(tmp_path, words, name):
    found = interrupted(tmp_path, name, *words, "animate")
    assert (found.stdout, found.stderr, found.returncode) == ("", "bunraku: stopped\n", 130)


def skip_without(package: str) -> None:
    """Skip where `package` is not installed; it is not imported."""
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed")


@pytest.mark.parametrize("name", ["gradio", "runtime.engine"])
def test_so_does_the_space(tmp_path, name):
    skip_without("gradio")
    found = interrupted(tmp_path, name, str(ROOT / "app.py"))
    assert (found.stdout, found.stderr, found.returncode) == ("", "bunraku: stopped\n", 130)


@pytest.mark.parametrize(("name", "command"), [("demo.studio", ["page"]), ("torch", ["train", "absent"])])
def test_so_it_does_while_a_command_imports_what_it_needs(tmp_path, name, command):
    skip_without("gradio" if command == ["page"] else "torch")
    found = interrupted(tmp_path, name, *SCRIPT, *command)
    assert (found.stdout, found.stderr, found.returncode) == ("", "bunraku: stopped\n", 130)


def test_who_ignores_it_is_not_ended(tmp_path):
    code = "import signal; signal.signal(2, signal.SIG_IGN); from checkpoints.start import main; main()"
    found = interrupted(tmp_path, "runtime.engine", "-c", code, "--version")
    assert found.returncode == 0
    assert found.stdout.startswith("bunraku ")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_another_error_made_of_an_interruption_is_none(monkeypatch, capsys, number, status):
    class Careless:
        HELP = "imports a library that makes errors of its own of everything"

        @staticmethod
        def add_arguments(parser):
            pass

        @staticmethod
        def run(args):
            try:
                signal.raise_signal(number)
            except BaseException as error:
                raise ImportError("initialization failed") from error

    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    monkeypatch.setattr(cli, "_load", lambda name, path: Careless)
    try:
        assert cli.main(["animate"]) == status if number == signal.SIGINT else _status(["animate"]) == status
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    assert capsys.readouterr().err == ("bunraku: stopped\n" if number == signal.SIGINT else "")


def _status(words: list[str]) -> int:
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    return int(caught.value.code or 0)


def test_importing_the_engine_leaves_ctrl_c_to_the_script(tmp_path):
    found = interrupted(tmp_path, "onnxruntime", "-c", "import runtime")
    assert found.stderr.endswith("KeyboardInterrupt\n")
    assert not start.is_command("runtime")
