"""Descriptions of older formats, read as the current one: the only place that knows what they said otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from checkpoints.description import major, value_of
from checkpoints.parameters import usual


def upgraded(values: Mapping[str, Any], where: Path) -> dict[str, Any]:
    """`values`, the JSON of the file `where`, as the current format says it; `format` stays what it was.

    The formats 1.0 to 1.3 knew `num_points` points in the plane, `jacobians` or none, and covariances where the graph
    `motion` gives them. Raises `ModelError` where one of these keys is missing or of a wrong type.
    """
    values = dict(values)
    if major(value_of(values, "format", str, where)) != "1":
        return values
    graphs = value_of(values, "graphs", dict, where)
    motion = graphs.get("motion")
    gives = value_of(motion, "outputs", list, where, 'graph "motion": ') if isinstance(motion, dict) else ()
    parameters = usual(
        value_of(values, "num_points", int, where),
        jacobians=value_of(values, "jacobians", bool, where),
        covariances="covariances" in gives,
    )
    return values | {"motion": {name: parameter.to_json() for name, parameter in parameters.items()}}
