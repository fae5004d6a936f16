"""Which faces of a picture are meant: what users may say, and what it means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from checkpoints.errors import OptionError
from runtime.values import is_whole

Faces = int | str | Sequence[int]
"""Which faces of a picture: a number from 1 (the largest) on, several ("1,3", or a sequence), or "all"."""

ALL = "all"


def check_faces(faces: Faces | None) -> None:
    """Raises `OptionError` unless `faces` is a number from 1 on, several different ones, "all", or None."""
    if isinstance(faces, str) and faces == ALL:
        return
    numbers = faces if isinstance(faces, list | tuple) else [faces]
    for face in numbers:
        check_face(face)
    if not numbers or len(set(numbers)) < len(numbers) or (isinstance(faces, list | tuple) and None in numbers):
        raise OptionError(f"face is {faces!r}; name each face once: 1, or 1,3, or all.")


def several_faces(faces: Faces | None) -> bool:
    """Whether `faces` may be more than one."""
    return not (faces is None or isinstance(faces, int))


def read_faces(word: str) -> Faces:
    """What a word on the command line means: "2", "1,3" (or "1;3"), or "all". Raises `OptionError` for others."""
    if word == ALL:
        return word
    try:
        numbers = [int(part) for part in word.replace(";", ",").split(",")]
    except ValueError as error:
        raise OptionError(f'face is "{word}"; it must be a whole number, several (1,3), or all.') from error
    return numbers[0] if len(numbers) == 1 else numbers


def check_face(face: Any, name: str = "face") -> None:
    """Raises `OptionError` unless `face`, the option called `name`, counts from 1 on, or is None."""
    if face is not None and not (is_whole(face) and face >= 1):
        more = "" if name != "face" else "; several are 1,3 or all"
        raise OptionError(f"{name} is {face!r}; it must be a whole number: the largest is 1, the next one 2{more}.")
