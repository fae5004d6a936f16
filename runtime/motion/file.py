"""Motion files: the recorded motion of a clip, to be played without the clip. Safetensors: numbers, no code."""

from __future__ import annotations

import json
import re
import warnings
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from checkpoints.bundle import Bundle
from checkpoints.contract import MOTION, PARAMETERS
from checkpoints.errors import BunrakuWarning, InputError, ModelError, OutputError
from runtime.motion.modes import Motion

SUFFIX = ".motion"
FORMAT = "1"

_PARTS = (*PARAMETERS, "eyes")
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

    @classmethod
    def of(cls, motion: Motion, rate: Fraction, bundle: Bundle) -> MotionFile:
        """`motion` as it was found by the model `bundle`."""
        return cls(motion, rate, bundle.family, bundle.name, bundle.graphs[MOTION].sha256)

    def check(self, bundle: Bundle) -> None:
        """Raises `ModelError` when the model `bundle` cannot play this; warns when it is not the very model."""
        name = self.path or "The motion"
        if self.family != bundle.family:
            raise ModelError(
                f'{name} holds motion of the family "{self.family}", and the model "{bundle.name}" is of the family '
                f'"{bundle.family}"; extract it again with this model.'
            )
        affine = self.motion.jacobians is not None
        if self.motion.points.shape[1] != bundle.num_points or affine != bundle.jacobians:
            raise ModelError(
                f'{name} was made by the model "{self.model}", whose points are not those of "{bundle.name}"; '
                "extract it again with this model."
            )
        if self.graph != bundle.graphs[MOTION].sha256:
            warnings.warn(
                f'{name} was made by another model ("{self.model}"); extract it again if it looks wrong.',
                BunrakuWarning,
                stacklevel=2,
            )


def save_motion(path: Path, recorded: MotionFile) -> None:
    """Write a motion file. Raises `OutputError` when `path` cannot be written; then nothing is left there."""
    from safetensors.numpy import save  # here: only motion files need it

    about = {
        "format": FORMAT,
        "fps": str(recorded.rate),
        "family": recorded.family,
        "model": recorded.model,
        "graph": recorded.graph,
    }
    parts = {name: getattr(recorded.motion, name) for name in _PARTS}
    data = save(
        {name: np.ascontiguousarray(part) for name, part in parts.items() if part is not None},
        {"bunraku_motion": json.dumps(about)},
    )
    aside = path.with_name(f".{path.name}.part")
    try:
        aside.write_bytes(data)
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise OutputError(f"{path} cannot be written ({error.strerror}); give another name.") from error


def load_motion(path: Path) -> MotionFile:
    """Read a motion file. Raises `InputError` when it is none, damaged, or of an unknown format."""
    from safetensors import SafetensorError, safe_open

    if path.stat().st_size > _MOST_BYTES:
        raise InputError(f"{path} is too large for a motion file; use another one.")
    try:
        with safe_open(path, "np") as file:
            about = json.loads((file.metadata() or {})["bunraku_motion"])
            parts = {name: file.get_tensor(name) for name in file.keys() if name in _PARTS}  # noqa: SIM118
        if about["format"] != FORMAT:
            told = str(about["format"])[:20]
            raise InputError(f"{path} has the format {told}, this program reads {FORMAT}; update bunraku.")
        if not _RATE.fullmatch(about["fps"]):
            raise ValueError("no frame rate")
        rate = Fraction(about["fps"])
        family, model, graph = (about[name] for name in ("family", "model", "graph"))
        f"{family}{model}{graph}".encode()  # halves of characters could not be shown later
    except (SafetensorError, *_DAMAGED) as error:
        raise InputError(
            f"{path} is not a motion file or is damaged; make one with `bunraku motion extract`."
        ) from error
    if not (0 < rate <= _MAX_RATE and all(isinstance(text, str) for text in (family, model, graph)) and _sound(parts)):
        raise InputError(f"{path} holds impossible motion; make it again with `bunraku motion extract`.")
    return MotionFile(Motion(**parts), rate, family, model, graph, path)


def _sound(parts: dict[str, np.ndarray]) -> bool:
    """Whether the arrays are a motion: of the same frames and points, float32, finite."""
    if "points" not in parts or parts["points"].ndim != 3:
        return False
    frames, points = parts["points"].shape[:2]
    linear = (frames, points, 2, 2)
    shapes: dict[str, tuple[int, ...]] = {"points": (frames, points, 2), "eyes": (frames, 2, 3)}
    shapes |= {"jacobians": linear, "covariances": linear}
    return bool(frames and points) and all(
        part.shape == shapes[name] and part.dtype == np.float32 and np.isfinite(part).all()
        for name, part in parts.items()
    )
