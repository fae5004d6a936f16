"""How this Bunraku came here: its version, and the command that installs more of it."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

# What else is needed is loaded when it is: it takes an eighth of the time that loading the engine does.

NAME = "bunraku"
_ROOT = Path(__file__).resolve().parent.parent


def version() -> str:
    """The version: what the checkout that this runs in states, else what is installed."""
    stated = _stated(_ROOT)
    if stated is not None:
        return stated
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        return distribution(NAME).version
    except PackageNotFoundError:
        return "0+unknown"


def checkout() -> Path | None:
    """The folder of the checkout that this runs in, or was installed from; None where it came as a file or from a
    registry, or the folder is gone.
    """
    if _stated(_ROOT) is not None:
        return _ROOT
    import json
    from importlib.metadata import PackageNotFoundError, distribution
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    with suppress(PackageNotFoundError, ValueError, TypeError, KeyError):
        told = json.loads(distribution(NAME).read_text("direct_url.json") or "{}")  # PEP 610
        if "dir_info" in told:
            folder = Path(url2pathname(urlsplit(told["url"]).path))
            return None if _stated(folder) is None else folder
    return None


def installing(extra: str) -> str:
    """The command that installs the `extra` of this package: from the checkout where there is one, else from the
    registry. It works as it stands in the shell, and the folder, that started this process.
    """
    return f'{_pip()} install "{_place()}[{extra}]"'


def reinstalling() -> str:
    """The command that installs all of it anew, with what it needs."""
    return f'{_pip()} install --force-reinstall "{_place()}"'


def installing_packages(*names: str) -> str:
    """The command that installs packages of these `names` beside this one."""
    return f"{_pip()} install {' '.join(names)}"


def _place() -> str:
    """What pip is told to install."""
    folder = checkout()
    if folder is None:
        return NAME
    return "." if folder == Path.cwd().resolve() else str(folder)


def _stated(folder: Path) -> str | None:
    """The version that a checkout in `folder` states; None where there is none."""
    import tomllib

    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
        return str(project["version"]) if project["name"] == NAME else None
    except (OSError, KeyError, TypeError, ValueError):
        return None


def _pip() -> str:
    """The pip of this very Python, as the shell calls it."""
    import shutil
    from importlib.util import find_spec

    executable = os.path.abspath(sys.executable or "python")
    if os.path.dirname(os.path.abspath(shutil.which("pip") or "")) == os.path.dirname(executable):
        return "pip"
    with suppress(ValueError):  # on another drive
        below = os.path.relpath(executable)
        executable = executable if below.startswith(os.pardir) else below
    python = f'"{executable}"' if " " in executable else executable
    if find_spec("pip") is None and shutil.which("uv"):  # whose environments have no pip
        return f"uv pip --python {python}"
    return f"{python} -m pip"
