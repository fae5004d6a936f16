"""Results a case, in a JSON-lines file: what has been measured is not measured again after a stop."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from checkpoints.errors import InputError, OutputError


@dataclass(frozen=True)
class Key:
    """What a result belongs to; two runs share results only when all of it is equal."""

    model: str
    """`Mover.identity`: the weights' hash."""
    task: str
    mode: str
    setting: str
    """Data, size, frames and measuring networks in one line."""
    case: str

    @property
    def digest(self) -> str:
        """A file name for what belongs to this key."""
        return hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()[:24]


class Store:
    """Results in memory and, with a folder, on disk: `results.jsonl`, and `features/` for Frechet distances."""

    def __init__(self, folder: Path | None) -> None:
        """Raises `OutputError` when the folder cannot be made, `InputError` when its results are damaged."""
        self.folder = folder
        self.values: dict[Key, dict[str, float]] = {}
        self._features: dict[tuple[Key, str], NDArray[np.floating]] = {}
        if folder is None:
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{folder}: cannot be made ({error.strerror}); choose another --report folder") from error
        if self._path.exists():
            self._read()

    @property
    def _path(self) -> Path:
        assert self.folder is not None
        return self.folder / "results.jsonl"

    def _read(self) -> None:
        text = self._path.read_text(encoding="utf-8")
        whole = text[: text.rfind("\n") + 1]
        if whole != text:  # killed while writing: that case is measured again
            self._path.write_text(whole, encoding="utf-8")
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                entry = json.loads(line)
                self.values[Key(**entry["key"])] = {name: float(value) for name, value in entry["values"].items()}
            except (ValueError, KeyError, TypeError) as error:
                raise InputError(f"{self._path}: line {number} is damaged; delete the line or the file") from error

    def has(self, key: Key, features: list[str]) -> bool:
        """Whether the values and all `features` of this key are there."""
        return key in self.values and all(self.features(key, name) is not None for name in features)

    def put(self, key: Key, values: dict[str, float], features: dict[str, NDArray[np.floating]]) -> None:
        """Add a result and flush it. Raises `OutputError` when the disk is full or read-only."""
        self._features |= {(key, name): array for name, array in features.items()}
        self.values[key] = values
        if self.folder is None:
            return
        try:
            for name, array in features.items():
                self._feature_path(key, name).parent.mkdir(exist_ok=True)
                np.save(self._feature_path(key, name), array.astype(np.float32), allow_pickle=False)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"key": asdict(key), "values": values}) + "\n")
        except OSError as error:
            raise OutputError(f"{self._path}: cannot be written ({error.strerror}); make room and run again") from error

    def features(self, key: Key, name: str) -> NDArray[np.floating] | None:
        """Features (T, D) of a result, or None."""
        if (key, name) not in self._features and self.folder is not None:
            path = self._feature_path(key, name)
            if path.exists():
                self._features[key, name] = np.load(path, allow_pickle=False)
        return self._features.get((key, name))

    def _feature_path(self, key: Key, name: str) -> Path:
        assert self.folder is not None
        return self.folder / "features" / f"{key.digest}-{name.replace('/', '-')}.npy"
