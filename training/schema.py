"""Plain values, as TOML and JSON have them, into dataclasses, checked against the annotations of their fields.

Our own and not pydantic's, because a run must also start where only torch is installed (`training.bare`), and two
readers of one configuration would part sooner or later.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

Place = tuple[str | int, ...]

_NAMES = {str: "a string", int: "an integer", float: "a number", bool: "true or false"}
_LIMITS = {
    "ge": ("greater than or equal to", lambda value, limit: value >= limit),
    "gt": ("greater than", lambda value, limit: value > limit),
    "le": ("less than or equal to", lambda value, limit: value <= limit),
    "lt": ("less than", lambda value, limit: value < limit),
}


@dataclass(frozen=True)
class Problem:
    """What is wrong with one value."""

    place: Place
    """Keys and indices that lead to it."""
    message: str
    value: Any


class Unreadable(ValueError):
    """Values that do not fit; `problems` names each of them."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(f"{'.'.join(map(str, each.place))}: {each.message}" for each in problems))
        self.problems = problems


def limited(default: Any = MISSING, **limits: float) -> Any:
    """A field of a dataclass whose number must be within `ge`, `gt`, `le`, `lt`, or which needs `least` entries."""
    return field(default=default, metadata={"limits": limits})


def read(kind: type[T], values: Any) -> T:
    """`values` as an instance of the dataclass `kind`; raises `Unreadable` with all that is wrong.

    Fields may be strings, numbers, booleans, literals, tuples, dicts by string, dataclasses of these, `Any`, or one of
    them or None. Whole numbers are taken for fractions and the other way round where nothing is lost, lists for tuples.
    """
    problems: list[Problem] = []
    result = _value(kind, values, (), problems)
    if problems:
        raise Unreadable(problems)
    return result


def _value(kind: Any, value: Any, place: Place, problems: list[Problem]) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if is_dataclass(kind):
        return _record(kind, value, place, problems)
    if origin in (Union, UnionType):
        (other,) = (each for each in arguments if each is not NoneType)
        return None if value is None else _value(other, value, place, problems)
    if origin is Literal:
        return _literal(arguments, value, place, problems)
    if origin is dict and isinstance(value, dict):
        return {key: _value(arguments[1], item, (*place, key), problems) for key, item in value.items()}
    if origin is tuple and isinstance(value, list | tuple):
        return _tuple(arguments, value, place, problems)
    if kind is float and type(value) in (int, float):
        return float(value)
    if kind is int and type(value) is float and value.is_integer():
        return int(value)
    if type(value) is kind:
        return value
    wanted = {dict: "a table", tuple: "a list"}.get(origin) or _NAMES[kind]
    problems.append(Problem(place, f"should be {wanted}", value))
    return value


def _literal(allowed: tuple[Any, ...], value: Any, place: Place, problems: list[Problem]) -> Any:
    if not any(type(value) is type(each) and value == each for each in allowed):
        *most, last = map(repr, allowed)
        problems.append(
            Problem(place, f"should be {', '.join(most)} or {last}" if most else f"should be {last}", value)
        )
    return value


def _tuple(kinds: tuple[Any, ...], value: Any, place: Place, problems: list[Problem]) -> tuple[Any, ...]:
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        kinds = (kinds[0],) * len(value)
    if len(kinds) != len(value):
        problems.append(Problem(place, f"should have {len(kinds)} entries", value))
        return tuple(value)
    return tuple(
        _value(kind, item, (*place, index), problems)
        for index, (kind, item) in enumerate(zip(kinds, value, strict=True))
    )


def _record(kind: Any, value: Any, place: Place, problems: list[Problem]) -> Any:
    if isinstance(value, kind):
        return value
    if not isinstance(value, dict):
        problems.append(Problem(place, "should be a table", value))
        return value
    hints, found, before = get_type_hints(kind), {}, len(problems)
    for each in fields(kind):
        here = (*place, each.name)
        if each.name in value:
            item = _value(hints[each.name], value[each.name], here, problems)
            if not any(problem.place[: len(here)] == here for problem in problems):
                _check_limits(each.metadata.get("limits", {}), item, here, problems)
            found[each.name] = item
        elif each.default is MISSING and each.default_factory is MISSING:
            problems.append(Problem(here, "is required", value))
    known = {each.name for each in fields(kind)}
    problems += [Problem((*place, key), "there is no such key", value[key]) for key in value if key not in known]
    return kind(**found) if len(problems) == before else value


def _check_limits(limits: dict[str, float], value: Any, place: Place, problems: list[Problem]) -> None:
    for name, limit in limits.items():
        if name == "least":
            if len(value) < limit:
                problems.append(Problem(place, f"should have at least {limit:g} entries", value))
            continue
        words, holds = _LIMITS[name]
        if not holds(value, limit):
            problems.append(Problem(place, f"should be {words} {limit:g}", value))
