"""Motion files: the recorded motion of a clip, to be played without the clip. Safetensors: numbers, no code.

Format 1 knew points in the plane with a matrix or two each, and what eyes do; format 2 says of every array what it is.
A motion that format 1 can hold is written as that, so that earlier versions play it. Tracks of poses
(`runtime.control.pose`) are of the family "pose", whatever model plays them.
"""

from __future__ import annotations

import json
import os
import re
import warnings
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import numpy as np

from checkpoints.bundle import Bundle
from checkpoints.contract import MOTION
from checkpoints.errors import BunrakuWarning, InputError, ModelError, OutputError
from checkpoints.parameters import (
    EYES,
    HEAD,
    LIGHT,
    LIMBS,
    LIPS,
    OPENINGS,
    RESIDUAL,
    TAKES,
    Parameter,
    parse_parameters,
    usual,
)
from runtime.control.hand import controls_of
from runtime.control.pose import POSE, is_track, shown
from runtime.control.templates import FOLDER as TEMPLATES
from runtime.media.given import called
from runtime.media.names import aside, destination
from runtime.motion.kinds import USUAL
from runtime.motion.modes import STORED, Motion

SUFFIX = ".motion"
FORMATS = ("1", "2")
"""Those that are read."""

_SEEN = {
    EYES: Parameter("eye", (2, 3)),
    LIPS: Parameter("lip", (7, 2)),
    HEAD: Parameter("head", (40, 3)),
    LIMBS: Parameter("limbs", (50, 3)),
    RESIDUAL: Parameter("residual", (64, 64, 3)),
    TAKES: Parameter("take", (1,)),
    OPENINGS: Parameter("opening", (3,)),
}
"""What no model finds, but the engine itself."""
_MOST_BYTES = 2 << 30
_MAX_RATE = 1000
_DAMAGED = (KeyError, ValueError, TypeError, ZeroDivisionError, OSError, RecursionError, AttributeError)
"""What reading nonsense ends in; the last of them for kinds of numbers that numpy lacks."""
_RATE = re.compile(r"[0-9]{1,20}(/[0-9]{1,20})?", re.ASCII)
"""Fractions can also be made of 1e999999999, which takes all memory."""


@dataclass(frozen=True)
class MotionFile:
    """The motion of a clip, and which model found it."""

    motion: Motion
    rate: Fraction
    """Frames a second."""
    family: str
    model: str
    """Name of the model."""
    graph: str
    """SHA-256 of the graph that found the motion, in hexadecimal."""
    path: Path | None = None
    whole: Motion | None = None
    """All that the file holds, where `motion` is a part of it, or is it at another rate."""

    @classmethod
    def of(cls, motion: Motion, rate: Fraction, bundle: Bundle) -> MotionFile:
        """`motion` as it was found by the model `bundle`."""
        return cls(motion, rate, bundle.family, bundle.name, bundle.graphs[MOTION].sha256)

    def check(self, bundle: Bundle) -> None:
        """Raises `ModelError` when the model `bundle` cannot play this; warns when it is not the very model, or cannot
        do all that a track of poses asks for.
        """
        name = called(self.path) if self.path else "The motion"
        if self.path and self.path.parent == TEMPLATES:
            name = f'The motion "{self.path.stem}"'
        if is_track(self.motion):
            self._check_track(bundle, name)
            return
        if self.family == POSE:
            raise ModelError(f"{name} holds a pose of which this program knows a part only; update bunraku.")
        if self.family != bundle.family:
            raise ModelError(
                f'{name} holds motion of the family "{self.family}", and the model "{bundle.name}" is of the family '
                f'"{bundle.family}"; extract it again with this model.'
            )
        if {key: what for key, what in self.motion.parameters.items() if key not in _SEEN} != bundle.motion:
            raise ModelError(
                f'{name} was made by the model "{self.model}", whose parameters of motion are not those of '
                f'"{bundle.name}"; extract it again with this model.'
            )
        if self.graph != bundle.graphs[MOTION].sha256:
            warnings.warn(
                f'{name} was made by another model ("{self.model}"); extract it again if it looks wrong.',
                BunrakuWarning,
                stacklevel=2,
            )

    def _check_track(self, bundle: Bundle, name: str) -> None:
        # What a motion is about does not depend on where it is cut.
        asked, known = shown(self.motion if self.whole is None else self.whole), controls_of(bundle)
        lacking = [control for control in asked if control not in known]
        if not known:
            raise ModelError(f'The points of the model "{bundle.name}" have no names; no pose moves them.')
        if lacking and len(lacking) == len(asked):
            raise ModelError(
                f'{name} moves {", ".join(lacking)}, for which the model "{bundle.name}" has no control; it has '
                f"{', '.join(known)}."
            )
        if lacking:
            warnings.warn(
                f'{name} also moves {", ".join(lacking)}, for which the model "{bundle.name}" has no control; that '
                "is left out.",
                BunrakuWarning,
                stacklevel=2,
            )


def save_motion(path: Path, recorded: MotionFile) -> None:
    """Write a motion file. Raises `OutputError` when `path` cannot be written; then nothing is left there."""
    from safetensors.numpy import save  # here: only motion files need it

    motion = recorded.motion
    about: dict[str, object] = {
        "format": "1" if _is_usual(motion.parameters) else "2",
        "fps": str(recorded.rate),
        "family": recorded.family,
        "model": recorded.model,
        "graph": recorded.graph,
    }
    if about["format"] == "2":
        about["motion"] = {name: what.to_json() for name, what in motion.parameters.items() if name not in _SEEN}
    arrays = {name: np.ascontiguousarray(array) for name, array in motion.arrays.items()}
    data = save(_parted(arrays), {"bunraku_motion": json.dumps(about)})
    target = destination(path)
    part = target.with_name(f"{aside(path)}{os.getpid()}.part")
    try:
        part.write_bytes(data)
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OutputError(f"{path} cannot be written ({error.strerror}); give another name.") from error


def is_motion(path: Path) -> bool:
    """Whether the file `path` is a motion file: by its name, or because it begins as one."""
    if path.suffix.lower() == SUFFIX:
        return True
    try:
        with path.open("rb") if path.is_file() else nullcontext(BytesIO()) as file:
            head = file.read(9)
    except OSError:
        return False
    return len(head) == 9 and head[8:] == b"{" and int.from_bytes(head[:8], "little") < _MOST_BYTES


def load_motion(path: Path) -> MotionFile:
    """Read a motion file. Raises `InputError` when it is none, damaged, or of an unknown format."""
    from safetensors import SafetensorError, safe_open

    if path.stat().st_size > _MOST_BYTES:
        raise InputError(f"{path} is too large for a motion file; use another one.")
    try:
        with safe_open(path, "np") as file:
            about = json.loads((file.metadata() or {})["bunraku_motion"])
            if about["format"] not in FORMATS:
                told = str(about["format"])[:20]
                raise InputError(f"{path} has the format {told}, this program reads {FORMATS[-1]}; update bunraku.")
            declared = None if about["format"] == "1" else parse_parameters(about["motion"])
            known = {*(USUAL if declared is None else (*declared, *_SEEN)), LIGHT}
            arrays = {name: file.get_tensor(name) for name in file.keys() if name in known}  # noqa: SIM118
        if not _RATE.fullmatch(about["fps"]):
            raise ValueError("no frame rate")
        rate = Fraction(about["fps"])
        family, model, graph = (about[name] for name in ("family", "model", "graph"))
        f"{family}{model}{graph}".encode()  # halves of characters could not be shown later
    except (SafetensorError, *_DAMAGED) as error:
        raise InputError(
            f"{path} is not a motion file or is damaged; make one with `bunraku motion extract`."
        ) from error
    arrays = _joined(arrays)
    parameters = _parameters(arrays, declared)
    words = all(isinstance(text, str) for text in (family, model, graph))
    if not (0 < rate <= _MAX_RATE and words and _sound(arrays, parameters)):
        raise InputError(f"{path} holds impossible motion; make it again with `bunraku motion extract`.")
    return MotionFile(Motion.of(arrays, parameters), rate, family, model, graph, path)


def _parted(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """As they are written: the residual in fewer bits, and its light by itself, as files of before have none."""
    if RESIDUAL not in arrays:
        return dict(arrays)
    way, light = np.split(arrays[RESIDUAL].astype(STORED), [2], axis=-1)
    return {**arrays, RESIDUAL: np.ascontiguousarray(way), LIGHT: np.ascontiguousarray(light)}


def _joined(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same, as they are read: a residual without light leaves light as it is."""
    light = arrays.pop(LIGHT, None)
    way = arrays.get(RESIDUAL)
    if way is None or way.ndim != 4 or way.dtype not in (STORED, np.float32):
        return arrays
    if light is None:
        light = np.zeros_like(way[..., :1])
    if light.shape != (*way.shape[:3], 1) or light.dtype != way.dtype:
        return arrays  # nothing that this program writes: its shape then tells
    return {**arrays, RESIDUAL: np.concatenate([way, light], -1).astype(np.float32)}


def _is_usual(parameters: Mapping[str, Parameter]) -> bool:
    """Whether format 1 can hold them."""
    shapes = {name: what for name, what in parameters.items() if name not in _SEEN}
    points = shapes["points"].shape[0] if "points" in shapes else 0
    return shapes == usual(points, jacobians="jacobians" in shapes, covariances="covariances" in shapes)


def _parameters(arrays: Mapping[str, np.ndarray], declared: Mapping[str, Parameter] | None) -> dict[str, Parameter]:
    """What a file's arrays are to be; before format 2 the points tell."""
    if declared is None:
        points = arrays["points"].shape[1] if "points" in arrays and arrays["points"].ndim == 3 else 0
        declared = usual(points, jacobians="jacobians" in arrays, covariances="covariances" in arrays)
    return {**declared, **{name: what for name, what in _SEEN.items() if name in arrays}}


def _sound(arrays: Mapping[str, np.ndarray], parameters: Mapping[str, Parameter]) -> bool:
    """Whether the arrays are those `parameters`, of the same frames, float32, finite."""
    if arrays.keys() != parameters.keys():
        return False
    frames = {len(array) if array.ndim else 0 for array in arrays.values()}
    return (
        len(frames) == 1
        and 0 not in frames
        and all(
            array.shape[1:] == parameters[name].shape
            and array.size > 0
            and array.dtype == np.float32
            and bool(np.isfinite(array).all())
            for name, array in arrays.items()
        )
    )
