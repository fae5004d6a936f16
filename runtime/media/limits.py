"""Limits on what is read: so that a picture of a few kilobytes cannot fill the memory, nor a clip the day."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from checkpoints.errors import InputError, OptionError
from runtime.values import plain

_UNITS = {"k": 10**3, "m": 10**6, "g": 10**9}

_PICTURE_BYTES = 10**9
"""Some of Pillow's readers take a file into memory whole; no picture within any sane limit of pixels is larger."""


@dataclass(frozen=True)
class Limits:
    """What is refused as too large; each a number above 0, `math.inf` for no limit. Raises `OptionError`."""

    pixels: float = 120e6
    """Of a picture, and of a frame of a video, before any of it is unpacked (the largest phone cameras give 108
    million)."""
    seconds: float = 3600.0
    """Of a driving video or motion file, as played."""
    bytes: float = 16e9
    """Of a file."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = plain(getattr(self, field.name))
            object.__setattr__(self, field.name, value)
            if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
                raise OptionError(f"The limit of {field.name} is {value!r}; it must be a number above 0, or inf.")

    @classmethod
    def parse(cls, text: str) -> Limits:
        """From words such as "pixels=50M,seconds=600,bytes=2G"; what is not named keeps its default."""
        known = [field.name for field in fields(cls)]
        values: dict[str, float] = {}
        for word in filter(None, text.split(",")):
            name, _, number = word.strip().partition("=")
            if name not in known or name in values:
                raise OptionError(f'There is no limit "{word.strip()}"; write {"=N,".join(known)}=N.')
            values[name] = _number(number, name)
        return cls(**values)

    def __str__(self) -> str:
        return ",".join(f"{field.name}={_short(getattr(self, field.name))}" for field in fields(self))

    def check_size(self, name: Any, width: int, height: int) -> None:
        """Raises `InputError` when a picture or video `name` of that size has too many pixels."""
        if width * height > self.pixels:
            raise self.too_many_pixels(name)

    def too_many_pixels(self, name: Any) -> InputError:
        """The error for a picture or video `name` of more than `pixels`."""
        return InputError(
            f"{name} has more than {_short(self.pixels)} pixels; make it smaller, or raise the limit of pixels."
        )

    def check_seconds(self, name: Any, seconds: float) -> None:
        """Raises `InputError` when `name` plays longer than `seconds`."""
        if seconds > self.seconds:
            raise InputError(
                f"{name} is longer than {_short(self.seconds)} seconds; cut it shorter, or raise the limit of seconds."
            )

    def check_bytes(self, path: Path, *, picture: bool = False) -> None:
        """Raises `InputError` when the file `path` is too large."""
        most = min(self.bytes, _PICTURE_BYTES) if picture else self.bytes
        if path.stat().st_size > most:
            raise InputError(f"{path} has more than {_short(most)} bytes; use a smaller file, or raise the limit.")


DEFAULT_LIMITS = Limits()


def _number(text: str, name: str) -> float:
    unit = _UNITS.get(text[-1:].lower(), 1)
    try:
        value = float(text[:-1] if unit > 1 else text) * unit
    except ValueError as error:
        raise OptionError(f'The limit of {name} is "{text}"; give a number, such as 600, 50M or 2G.') from error
    if math.isnan(value):
        raise OptionError(f'The limit of {name} is "{text}"; give a number, such as 600, 50M or 2G.')
    return value


def _short(value: float) -> str:
    """120000000 as "120M"; what is no round number of millions as it is."""
    for unit in ("g", "m"):
        factor = _UNITS[unit]
        if math.isfinite(value) and value >= factor and value % (factor / 10) == 0:
            return f"{value / factor:g}{unit.upper()}"
    return str(int(value)) if float(value).is_integer() else f"{value:g}"
