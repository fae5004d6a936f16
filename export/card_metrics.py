"""What was measured of a model, from `bunraku evaluate --json`, in the form that its card tells it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from checkpoints.errors import InputError

TASKS = ("reconstruction", "animation")


def read_metrics(path: Path) -> dict[str, dict[str, Any]]:
    """Metrics by task and data, rounded, of the one model in the file, and the unmoved source's where it stands there;
    the file may tell of several sets of data.

    Raises `InputError` for a file that is missing, is no such JSON, or tells of several models.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        sets = document.get("sets", [document])
        models = [row for row in sets[0]["models"] if "family" in row]
        found = {
            f"{task} of {row[task]['cases']} clips of {data}" + ("" if "family" in row else f", {row['name']}"): {
                name: float(f"{value:.4g}") for name, value in row[task]["metrics"].items()
            }
            for data, row in _rows(sets)
            for task in TASKS
            if task in row
        }
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); make it with `bunraku evaluate --json`"
        ) from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: is no result of `bunraku evaluate --json` ({error!r}); make it again") from error
    if len(models) != 1:
        raise InputError(f"{path}: tells of {len(models)} models; evaluate the one model alone")
    return found


def _rows(sets: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The data's name and every model's row, without the upper bound's."""
    for one in sets:
        for row in one["models"]:
            if row.get("bound") != "upper":
                yield Path(one["data"]).name, row
