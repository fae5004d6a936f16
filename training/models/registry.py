"""Families by name: builds a model from plain configuration values, as they stand in checkpoints and TOML files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from checkpoints.errors import OptionError
from training.models.base import MotionModel
from training.models.facevid2vid.config import FaceVid2VidConfig
from training.models.facevid2vid.model import FaceVid2Vid
from training.models.first_order.dam import DAM, DAMConfig
from training.models.first_order.dime import DiME, DiMEConfig
from training.models.first_order.fomm import FOMM, FOMMConfig
from training.models.first_order.mraa import MRAA, MRAAConfig
from training.models.liveportrait.config import LivePortraitConfig
from training.models.liveportrait.model import LivePortrait
from training.models.tpsmm.config import TPSMMConfig
from training.models.tpsmm.model import TPSMM
from training.schema import Unreadable, read

FAMILIES: dict[str, tuple[type, type[MotionModel]]] = {
    "tpsmm": (TPSMMConfig, TPSMM),
    "fomm": (FOMMConfig, FOMM),
    "mraa": (MRAAConfig, MRAA),
    "dam": (DAMConfig, DAM),
    "dime": (DiMEConfig, DiME),
    "face-vid2vid": (FaceVid2VidConfig, FaceVid2Vid),
    "liveportrait": (LivePortraitConfig, LivePortrait),
}
"""Configuration dataclass and model class of every family."""


def build(family: str, config: Mapping[str, Any]) -> MotionModel:
    """A model with fresh weights. Raises `OptionError` naming an unknown family, key or a value that is not allowed."""
    if family not in FAMILIES:
        raise OptionError(f"there is no family {family!r}; known are {', '.join(FAMILIES)}")
    config_class, model_class = FAMILIES[family]
    known = [field.name for field in fields(config_class)]
    unknown = sorted(set(config) - set(known))
    if unknown:
        raise OptionError(f"model.{unknown[0]}: there is no such setting of {family}; known are {', '.join(known)}")
    try:
        checked: Any = read(config_class, dict(config))
    except Unreadable as error:
        problem = error.problems[0]
        key = ".".join(str(part) for part in problem.place)
        raise OptionError(f"model.{key}: {problem.message} (got {problem.value!r})") from error
    return model_class(checked)
