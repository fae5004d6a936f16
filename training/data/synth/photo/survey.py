"""Which photographs of a folder can be set in motion, and which of these are held out."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from checkpoints.errors import InputError, OutputError

from ..core.photos import Photos, read_photo
from ..person.head import load_head
from .render import SURVEYED, PhotoRenderer, sit
from .study import Unfit, study

RECORD = "photographs.json"
"""File beside the shards that keeps what was found, so that a repeated command need not look again."""
_HELD_OUT = 10
"""One in so many photographs is held out, by its contents."""
_VERSION = 2
"""Of the verdicts: another one makes old records void."""


@dataclass(frozen=True)
class Survey:
    """What became of every photograph of a folder."""

    photos: Photos
    verdicts: dict[str, str]
    """Name -> why it cannot be moved; empty where it can."""

    def usable(self, split: str) -> Photos:
        """Those that can be moved, of "train" or "test". Raises `InputError` when there are none."""
        held = split == "test"
        names = tuple(n for n, why in self.verdicts.items() if not why and is_held_out(self.photos, n) == held)
        if not names:
            raise InputError(
                f"{self.photos.folder}: none of its {len(self.verdicts)} photographs can be set in motion for {split} "
                f"({self.summary()}); use portraits seen from the front, faces at least 28 pixels from eye to eye."
            )
        return replace(self.photos, names=names)

    def summary(self) -> str:
        """One line: how many remain, and why others do not."""
        reasons = Counter(why for why in self.verdicts.values() if why)
        left_out = ", ".join(f"{why}: {count}" for why, count in reasons.most_common())
        held = sum(not why and is_held_out(self.photos, name) for name, why in self.verdicts.items())
        remain = sum(not why for why in self.verdicts.values())
        return f"{remain} of {len(self.verdicts)} photographs fit, {held} of them held out" + (
            f"; left out: {left_out}" if left_out else ""
        )


def is_held_out(photos: Photos, name: str) -> bool:
    """Whether a photograph belongs to the test split: by its contents, whatever folder it lies in."""
    digest = hashlib.sha256((photos.folder / name).read_bytes()).digest()
    return int.from_bytes(digest[:4], "big") % _HELD_OUT == 0


def _verdict(photos: Photos, name: str, renderer: PhotoRenderer) -> str:
    """Why a photograph cannot be moved; empty where it can."""
    asset = load_head()
    try:
        found = study(asset, np.asarray(read_photo(photos.folder / name)))
        sit(asset, found, renderer.identity(0), SURVEYED)
    except Unfit as why:
        return str(why)
    return ""


def survey(photos: Photos, record: Path | None = None, progress: bool = False) -> Survey:
    """Looks at every photograph; under a second each on one core. `record`: a file in which that is kept.

    Raises `OutputError` when the record cannot be written.
    """
    from tqdm import tqdm

    head = {"sha256": photos.digest, "version": _VERSION}
    if record is not None and record.is_file():
        try:
            known = json.loads(record.read_text("utf-8"))
            if {key: known[key] for key in head} == head and list(known["verdicts"]) == list(photos.names):
                return Survey(photos, known["verdicts"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass  # not ours, or damaged: look again, and write it anew
    renderer = PhotoRenderer("cpu", None, photos)
    names = tqdm(photos.names, unit="photo", disable=not progress)
    found = Survey(photos, {name: _verdict(photos, name, renderer) for name in names})
    if record is not None:
        try:
            record.write_text(json.dumps(head | {"verdicts": found.verdicts}, indent=1), "utf-8")
        except OSError as error:
            why = error.strerror or error
            raise OutputError(f"{record}: cannot be written ({why}); choose another folder.") from error
    return found
