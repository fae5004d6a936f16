"""dlib and the weights that a package of its own brings: nothing is fetched, and nothing of it is a dependency."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from checkpoints.errors import ModelError
from checkpoints.installation import installing_packages

PACKAGES = ("dlib-bin", "face_recognition_models")


def load_dlib(wanted_by: str) -> Any:
    """The module dlib. Raises `ModelError`, which names the option it is `wanted_by`, where it is not installed."""
    try:
        import dlib
    except ImportError as error:
        raise _missing(wanted_by) from error
    return dlib


def weights(name: str, wanted_by: str) -> Path:
    """The file of weights `name`, found without importing its package, whose import needs what newer setuptools lack.
    Raises `ModelError` likewise.
    """
    spec = find_spec("face_recognition_models")
    file = Path(spec.origin).parent / "models" / name if spec is not None and spec.origin else None
    if file is None or not file.is_file():
        raise _missing(wanted_by)
    return file


def _missing(wanted_by: str) -> ModelError:
    return ModelError(f"{wanted_by} needs packages; install them with: {installing_packages(*PACKAGES)}")
