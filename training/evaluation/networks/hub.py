"""Weights that are too large to ship."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from checkpoints.errors import ModelError, first_line

Opened = TypeVar("Opened")


def open_fetched(path: Path, purpose: str, opener: Callable[[Path], Opened]) -> Opened:
    """What `opener` makes of a fetched file. Raises `ModelError`, naming the file, when it is damaged."""
    try:
        return opener(path)
    except Exception as error:  # ONNX Runtime's and safetensors' exceptions share no base class
        raise ModelError(
            f"{path}: cannot be opened for {purpose} ({first_line(error)}); delete the file, "
            "so that it is fetched again"
        ) from error


def fetch(repository: str, name: str, purpose: str) -> Path:
    """The file `name` of a Hub repository, from the cache or the network.

    Raises `ModelError` saying for which `purpose` it is needed when it cannot be fetched.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(hf_hub_download(repository, name))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise ModelError(
            f"{purpose} needs {name} of {repository}, which could not be fetched from the Hub ({first_line(error)}); "
            "connect to the network once, or leave it out of --also"
        ) from error
