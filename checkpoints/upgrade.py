"""Descriptions of older formats, read as the current one: the only place that knows what they said otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from checkpoints.description import major, value_of
from checkpoints.parameters import usual

TITLES = {
    "tpsmm": "Thin-Plate Spline Motion Model (Zhao and Zhang, CVPR 2022)",
    "fomm": "First Order Motion Model (Siarohin et al., NeurIPS 2019)",
    "mraa": "Motion Representations for Articulated Animation (Siarohin et al., CVPR 2021)",
    "dam": "Deformable Anchor Model (Tao et al., CVPR 2022)",
    "dime": "Differential Motion Evolution (DiME)",
}
"""Of the families that there were before format 2, whose descriptions say their own."""


def upgraded(values: Mapping[str, Any], where: Path) -> dict[str, Any]:
    """`values`, the JSON of the file `where`, as the current format says it; `format` stays what it was.

    The formats 1.0 to 1.3 knew `num_points` points in the plane, `jacobians` or none, and covariances where the graph
    `motion` gives them; the titles of families stood in the program. Raises `ModelError` where one of these keys is
    missing or of a wrong type.
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
    title = TITLES.get(value_of(values, "family", str, where))
    return {
        **({"title": title} if title else {}),
        **values,
        "motion": {name: parameter.to_json() for name, parameter in parameters.items()},
    }
