"""Plain values into dataclasses: what fits is taken without loss, what does not is named with its place."""

import tomllib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.config import RunConfig
from training.schema import Unreadable, limited, read

READY = sorted((Path(__file__).parents[2] / "training" / "configs").glob("*.toml"))


@dataclass(frozen=True)
class Inner:
    share: float = limited(0.5, ge=0, lt=1)


@dataclass(frozen=True)
class Outer:
    name: str
    count: int = limited(1, gt=0)
    sizes: tuple[float, ...] = ()
    pair: tuple[int, int] | None = None
    mode: Literal["a", "b"] = "a"
    on: bool = False
    parts: dict[str, Inner] = field(default_factory=dict)
    rows: tuple[Inner, ...] = limited((), least=0)
    free: dict[str, Any] = field(default_factory=dict)


@given(
    st.fixed_dictionaries(
        {"name": st.text()},
        optional={
            "count": st.integers(1, 99) | st.integers(1, 99).map(float),
            "sizes": st.lists(st.floats(-9, 9) | st.integers(-9, 9)),
            "pair": st.none() | st.lists(st.integers(), min_size=2, max_size=2),
            "mode": st.sampled_from(["a", "b"]),
            "on": st.booleans(),
            "rows": st.lists(st.fixed_dictionaries({}, optional={"share": st.floats(0, 0.9)})),
            "parts": st.dictionaries(st.text(), st.fixed_dictionaries({"share": st.floats(0, 0.9)})),
        },
    )
)
def test_what_is_written_is_read_again(values):
    found = read(Outer, values)
    assert read(Outer, asdict(found)) == found
    for key, value in values.items():
        stored = asdict(found)[key]
        assert (list(stored) if isinstance(stored, tuple) else stored) == value or key == "rows"
    assert all(isinstance(row, Inner) for row in (*found.rows, *found.parts.values()))


@pytest.mark.parametrize(
    ("values", "place", "message"),
    [
        ({}, ("name",), "required"),
        ({"name": 3}, ("name",), "string"),
        ({"name": "x", "count": 1.5}, ("count",), "integer"),
        ({"name": "x", "count": True}, ("count",), "integer"),
        ({"name": "x", "count": 0}, ("count",), "greater than 0"),
        ({"name": "x", "sizes": [1, "2"]}, ("sizes", 1), "number"),
        ({"name": "x", "pair": [1]}, ("pair",), "2 entries"),
        ({"name": "x", "mode": "c"}, ("mode",), "'a' or 'b'"),
        ({"name": "x", "on": 1}, ("on",), "true or false"),
        ({"name": "x", "rows": [{}, {"share": 1}]}, ("rows", 1, "share"), "less than 1"),
        ({"name": "x", "rows": [{}, {"shar": 1}]}, ("rows", 1, "shar"), "no such key"),
        ({"name": "x", "parts": {"k": 3}}, ("parts", "k"), "table"),
        ({"name": "x", "parts": []}, ("parts",), "table"),
    ],
)
def test_what_does_not_fit_is_named(values, place, message):
    with pytest.raises(Unreadable) as caught:
        read(Outer, values)
    (problem,) = caught.value.problems
    assert problem.place == place
    assert message in problem.message


@pytest.mark.parametrize("path", READY, ids=lambda path: path.stem)
def test_ready_configurations_read_as_pydantic_reads_them(path):
    pydantic = pytest.importorskip("pydantic", reason="pydantic, which comes with gradio, is the oracle")
    values = tomllib.loads(path.read_text())
    assert read(RunConfig, values) == pydantic.TypeAdapter(RunConfig).validate_python(values)
