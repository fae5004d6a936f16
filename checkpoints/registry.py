"""Where a model comes from: embedded in the package, a folder, or a repository on the Hugging Face Hub."""

from __future__ import annotations

import difflib
import os
import re
from pathlib import Path

from checkpoints.bundle import DESCRIPTION, Bundle
from checkpoints.errors import ModelError

EMBEDDED = Path(__file__).resolve().parent / "embedded"
"""Folder of the models that come with the package, one sub-folder a model."""

_HUB_NAME = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+?)(@(?P<revision>[\w./-]+))?", re.ASCII)


def available_models() -> list[str]:
    """Names of the embedded models, sorted."""
    if not EMBEDDED.is_dir():
        return []
    return sorted(folder.name for folder in EMBEDDED.iterdir() if (folder / DESCRIPTION).is_file())


def load_model(model: str | os.PathLike[str]) -> Bundle:
    """Find and verify a model.

    `model` is an embedded name ("faces-lite"), a folder that holds a bundle, or `owner/name[@revision]` on
    the Hub (downloaded once, then read from the cache). A folder that exists wins over the Hub. Raises
    `ModelError` when there is no such model, naming those that are close, or when it is damaged.
    """
    if isinstance(model, str) and model in available_models():
        return Bundle.load(EMBEDDED / model)
    folder = Path(model).expanduser()
    if folder.is_dir() or not isinstance(model, str):
        return Bundle.load(folder)
    hub = _HUB_NAME.fullmatch(model)
    if hub and not model.startswith("."):
        return Bundle.load(_download(hub["repository"], hub["revision"]))
    if os.sep in model or model.startswith("."):
        return Bundle.load(folder)  # names the missing folder
    raise ModelError(_unknown(model))


def _unknown(model: str) -> str:
    names = available_models()
    near = difflib.get_close_matches(model, names, n=3, cutoff=0.5)
    hint = f" did you mean {' or '.join(near)}?" if near else ""
    embedded = ", ".join(names) if names else "none"
    return (
        f'There is no model "{model}";{hint} give an embedded one ({embedded}), a folder, or '
        "owner/name of a model on the Hub."
    )


def _download(repository: str, revision: str | None) -> Path:
    """The bundle's files of one Hub repository, in the local cache."""
    # Imported here: it costs start-up time and only those who name a Hub model need it.
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    shown = repository + (f"@{revision}" if revision else "")
    try:
        return Path(snapshot_download(repository, revision=revision, allow_patterns=[DESCRIPTION, "*.onnx"]))
    except LocalEntryNotFoundError as error:
        raise ModelError(
            f'The model "{shown}" is not in the cache and the Hub cannot be reached; check the connection.'
        ) from error
    except (HfHubHTTPError, HFValidationError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise ModelError(f'The model "{shown}" cannot be fetched from the Hub ({reason}); check the name.') from error
    except OSError as error:
        raise ModelError(f'The model "{shown}" cannot be fetched from the Hub ({error}).') from error
