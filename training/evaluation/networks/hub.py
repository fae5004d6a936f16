"""Weights that are too large to ship."""

from __future__ import annotations

from pathlib import Path

from checkpoints.errors import ModelError


def fetch(repository: str, name: str, purpose: str) -> Path:
    """The file `name` of a Hub repository, from the cache or the network.

    Raises `ModelError` saying for which `purpose` it is needed when it cannot be fetched.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(hf_hub_download(repository, name))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(
            f"{purpose} needs {name} of {repository}, which could not be fetched from the Hub ({reason}); "
            "connect to the network once, or leave it out of --also"
        ) from error
