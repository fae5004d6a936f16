"""The file `bundle.json`: read as JSON that holds nothing odd, and sealed, so that a change of any byte shows.

The seal is no signature: anyone can compute it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from checkpoints.errors import ModelError

FORMAT = "2.1"
"""Format written by this version. A higher minor number only adds keys, graphs, modes and outputs; readers that know a
lower one leave these alone. Within the numbers that it knows, a reader refuses a mode that it does not."""

DESCRIPTION = "bundle.json"
"""Name of the description inside the folder."""

_MAX_BYTES = 4 << 20
_MAX_DEPTH = 32
_VERSION = re.compile(r"[0-9]{1,9}\.[0-9]{1,9}", re.ASCII)


def major(version: str) -> str:
    """The number before the first point."""
    return version.partition(".")[0]


def minor(version: str) -> int:
    """The number behind the first point; what is no version counts as the newest, of which least is known."""
    return int(version.split(".")[1]) if _VERSION.fullmatch(version) else 1_000_000


KNOWN = {"1": 3, major(FORMAT): minor(FORMAT)}
"""The highest known minor number of every major number that is read; others are refused (`checkpoints.upgrade`)."""

_SEAL = '"sha256": "%s"'
_OPEN_SEAL = _SEAL % ("0" * 64)


def seal(values: Mapping[str, Any]) -> str:
    """The text of a description with `values`, and in it, under `sha256`, its own hash: that of the text with
    zeros in the hash's place.
    """
    rest = {key: value for key, value in values.items() if key not in ("format", "sha256")}
    text = json.dumps({"format": values["format"], "sha256": "0" * 64, **rest}, indent=2, ensure_ascii=False) + "\n"
    return text.replace(_OPEN_SEAL, _SEAL % hashlib.sha256(text.encode()).hexdigest(), 1)


def is_ours(version: object) -> bool:
    """Whether this program reads the format `version`."""
    return isinstance(version, str) and bool(_VERSION.fullmatch(version)) and major(version) in KNOWN


def is_newer(version: str) -> bool:
    """Whether the format `version`, which this program reads, may say more than it knows."""
    return minor(version) > KNOWN[major(version)]


def value_of(values: Mapping[str, Any], key: str, kind: type, where: Path, what: str = "") -> Any:
    """What stands under `key` in a description out of the file `where`, in its part `what`. Raises `ModelError` unless
    it is there and of that `kind`.
    """
    if key not in values:
        raise ModelError(f'{where} lacks {what}"{key}"; fetch or export the model again.')
    value = values[key]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ModelError(f'{where} has a wrong type for {what}"{key}"; fetch or export the model again.')
    return value


def names_in(values: Mapping[str, Any], key: str, where: Path, what: str = "") -> tuple[str, ...]:
    """The same of a list of names."""
    names = value_of(values, key, list, where, what)
    if not all(isinstance(name, str) for name in names):
        raise ModelError(f'{where} has a wrong type for {what}"{key}"; fetch or export the model again.')
    return tuple(names)


def read_json(folder: Path) -> Any:
    """What `bundle.json` in `folder` holds, its keys not looked at yet.

    Raises `ModelError` when it is missing, too large, no JSON, JSON that nests deeper than any description or holds
    text that cannot be written down, or when its seal is missing (before format 1.1 there was none) or broken.
    """
    path = folder / DESCRIPTION
    if not folder.is_dir():
        raise ModelError(f"There is no model folder {folder}; check the path.")
    if not path.is_file():
        raise ModelError(f"{folder} holds no {DESCRIPTION}, so it is not a model; make one with `bunraku export`.")
    if path.stat().st_size > _MAX_BYTES:
        raise ModelError(f"{path} is too large to be a model's description; fetch or export the model again.")
    try:
        # Line ends of another system, as a checkout makes them, become ours again, as they were when sealed.
        text = path.read_bytes().replace(b"\r\n", b"\n").decode()
        values = json.loads(text)
        _check_plain(values)
    except (ValueError, RecursionError, OSError) as error:
        raise ModelError(f"{path} is not readable JSON ({error}); fetch or export the model again.") from error
    if isinstance(values, dict) and _needs_seal(values) and not _is_sealed(text, str(values.get("sha256"))):
        raise ModelError(
            f"{path} was changed after it was written (its hash differs); fetch or export the model again."
        )
    return values


def _check_plain(value: Any, depth: int = 0) -> None:
    """Raises `ValueError` for what would be trouble later: depth beyond all sense, and halves of characters."""
    if depth > _MAX_DEPTH:
        raise ValueError("nested too deeply")
    if isinstance(value, str):
        value.encode()
    for inner in (*value, *value.values()) if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check_plain(inner, depth + 1)


def _needs_seal(values: Mapping[str, Any]) -> bool:
    """Descriptions have a seal since format 1.1; those of unknown major numbers are refused for that."""
    version = values.get("format")
    return "sha256" in values or (is_ours(version) and not (major(str(version)) == "1" and minor(str(version)) < 1))


def _is_sealed(text: str, digest: str) -> bool:
    """Whether the description `text`, which holds `digest` as its hash, is as `seal` wrote it."""
    return hashlib.sha256(text.replace(_SEAL % digest, _OPEN_SEAL, 1).encode()).hexdigest() == digest
