"""Who somebody is: shape, skin, eyes, brows, hair, all drawn from the identity seed alone."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from ..core.seeds import Array, Draw, along, linear
from .beard import Beard, sample_beard
from .glasses import Glasses, sample_glasses
from .hair import HairStyle, sample_style
from .hairdo import Comb, sample_comb
from .performance import ACTIONS
from .rest import sample_rest

# sRGB, from the fairest to the darkest skin.
_SKIN = np.array(
    [(0.97, 0.83, 0.75), (0.92, 0.73, 0.61), (0.83, 0.62, 0.48), (0.68, 0.48, 0.355), (0.50, 0.345, 0.25),
     (0.35, 0.235, 0.175), (0.23, 0.165, 0.13)]
)  # fmt: skip
_HAIR = np.array(
    [(0.035, 0.03, 0.03), (0.09, 0.06, 0.045), (0.20, 0.125, 0.08), (0.36, 0.23, 0.13), (0.42, 0.19, 0.09),
     (0.60, 0.44, 0.26), (0.80, 0.66, 0.42), (0.55, 0.54, 0.53), (0.86, 0.85, 0.83)]
)  # fmt: skip
_IRIS = np.array(
    [(0.16, 0.085, 0.04), (0.28, 0.16, 0.07), (0.37, 0.27, 0.12), (0.30, 0.36, 0.20), (0.30, 0.45, 0.55),
     (0.45, 0.53, 0.58)]
)  # fmt: skip


@dataclass(frozen=True)
class Identity:
    """Looks as numbers; colours are linear light."""

    coefficients: Array
    """(K,) weights of the shape basis."""
    age: float
    gender: float
    skin: Array
    blood: Array
    """Multiplies the skin's colour where it is redder: nose, cheeks, ears."""
    blotches: float
    freckles: float
    wrinkles: float
    lips: Array
    lip_strength: float
    lid_colour: Array
    lid_strength: float
    gloss: float
    hair_colour: Array
    streaks: float
    strands: float
    hair: HairStyle
    beard: float
    """0: shaved, 1: dense; `beard_kind` says where."""
    beard_kind: int
    brow_colour: Array
    brow: Array
    """(5,): height, arch, tilt, thickness (metres) and density."""
    iris: Array
    iris_size: float
    pupil_size: float
    sclera: Array
    teeth: Array
    lashes: Array
    noise_offset: Array
    """(2,) place in the noise texture."""
    beard_shape: Beard = field(default_factory=lambda: Beard(0.0, 0.0))
    beard_colour: Array = field(default_factory=lambda: np.zeros(3, np.float32))
    glasses: Glasses | None = None
    rest: Array = field(default_factory=lambda: np.zeros(len(ACTIONS), np.float32))
    """(52,) what a face does when it does nothing, in the order of `performance.ACTIONS`."""
    comb: Comb | None = None
    """How the hair lies; None: no hair is drawn one by one."""
    blush: Array = field(default_factory=lambda: np.zeros(4, np.float32))
    """(4,): colour and strength of the rouge on the cheeks."""
    liner: float = 0.0
    """Strength of the line around the eyes, 0: none."""
    moles: Array = field(default_factory=lambda: np.zeros((4, 3), np.float32))
    """(4, 3): x and y on the mean face and radius in metres; radius 0: none."""


def _shape(draw: Draw, coefficients: Array) -> tuple[Array, int]:
    """Between two of the sampled people, nearer to the first, with a little noise on every axis."""
    people = len(coefficients)
    first, second = draw.pick(people), draw.pick(people)
    share = draw.between(0, 0.35)
    mixed = coefficients[first] * (1 - share) + coefficients[second] * share
    noise = np.clip(draw.generator.standard_normal(mixed.shape), -2, 2) * 0.25
    return (mixed + noise).astype(np.float32), first


def _moles(draw: Draw) -> Array:
    """(4, 3), see `Identity.moles`."""
    places = draw.generator.uniform([-0.065, -0.06, 0.0008], [0.065, 0.10, 0.0022], (4, 3))
    places[:, 2] *= draw.generator.random(4) < 0.22
    return places.astype(np.float32)


def _adorned(who: Identity, draw: Draw, makeup: bool, natural: Array) -> Identity:
    """With beard, glasses, moles and make-up, from a stream of their own: the other looks do not depend on it.

    `natural` (3,): the colour of hair that is not dyed.
    """
    shape = sample_beard(draw, who.beard)
    shade = draw.between(0.6, 1.3)
    painted = draw.chance(0.75) and makeup
    rouge = linear(np.array([0.80, 0.30, 0.30]) * draw.generator.uniform(0.75, 1.15, 3))
    return replace(
        who, beard_shape=shape, beard_colour=(natural * shade).clip(0.003, 1).astype(np.float32),
        beard=max(who.beard, 0.85) if shape.thickness else who.beard, glasses=sample_glasses(draw, who.age),
        blush=np.append(rouge, draw.between(0.05, 0.3) * painted).astype(np.float32),
        liner=draw.between(0.15, 0.6) * painted, moles=_moles(draw),
    )  # fmt: skip


def _likeness(draw: Draw) -> float:
    """How far somebody's shape is from everybody's mean: mostly less than the asset's people, who are all extremes."""
    return 1.0 if draw.chance(0.06) else draw.between(0.45, 0.75)


def sample_identity(seed: int, people: Array, labels: Array) -> Identity:
    """The identity of a seed; `people` (S, K) and `labels` (S, 5) come from the asset."""
    draw = Draw(0x1DE471, seed)
    coefficients, first = _shape(draw, people)
    coefficients = (coefficients * _likeness(Draw(0x5A9E, seed))).astype(np.float32)
    age, gender, african, asian, caucasian = (float(v) for v in labels[first])
    tone = 0.78 * african + 0.30 * asian + 0.12 * caucasian + draw.normal(0.13)
    tone = float(np.clip(tone if draw.chance(0.8) else draw.between(0, 1), 0, 1))
    skin = along(_SKIN, tone) * (1 + draw.generator.uniform(-0.05, 0.05, 3))
    blond = (
        np.array([1, 1.6, 2, 2, 0.9, 1.8, 1.2, 0, 0]) if tone < 0.35 else np.array([6, 4, 1, 0.2, 0.1, 0.1, 0.05, 0, 0])
    )
    grey = max(0.0, age - 0.75) * 12
    hair_weights = tuple(blond + np.array([0, 0, 0, 0, 0, 0, 0, grey, grey]))
    hair = _HAIR[draw.pick(9, hair_weights)] * draw.between(0.75, 1.3)
    natural = hair
    if draw.chance(0.02):
        hair = draw.colour(0.7, 0.2, 0.7)
    brow = (
        along(np.stack([natural, _HAIR[0]]), draw.between(0.3, 0.95)) if tone < 0.5 else _HAIR[0] * draw.between(0.8, 2)
    )
    makeup = (1 - gender) * (age > 0.5) * draw.chance(0.5)
    natural_lips = skin * np.array([0.92, 0.69, 0.69])
    lips = (
        natural_lips
        if not makeup
        else along(np.stack([natural_lips, draw.colour(0.5, 0.2, 0.6) * [1.3, 0.5, 0.6]]), 0.6)
    )
    iris = _IRIS[draw.pick(6, (1, 1, 1, 1, 1.3, 0.8) if tone < 0.35 else (6, 3, 1, 0.1, 0.1, 0.05))]
    lash = draw.between(0.3, 0.6) if makeup else draw.between(0.05, 0.3)
    adult_man = gender * (age > 0.5)
    plain = Identity(
        coefficients=coefficients, age=age, gender=gender,
        skin=linear(np.clip(skin, 0.03, 1)),
        blood=(1 + np.array([0.10, -0.16, -0.14]) * draw.between(0.2, 1.3)).astype(np.float32),
        blotches=draw.between(0.04, 0.22), freckles=draw.between(0.3, 1) if tone < 0.4 and draw.chance(0.25) else 0.0,
        wrinkles=float(np.clip((age - 0.62) * 2.2, 0, 1)) * draw.between(0.3, 1),
        lips=linear(np.clip(lips, 0.02, 1)), lip_strength=draw.between(0.55, 1.0),
        lid_colour=linear(draw.colour(0.9, 0.1, 0.5)) if makeup else linear(skin * 0.72),
        lid_strength=draw.between(0.1, 0.45) if makeup else draw.between(0.1, 0.5),
        gloss=draw.between(0.1, 0.9),
        hair_colour=linear(np.clip(hair, 0.02, 1)), streaks=draw.between(0.2, 0.8), strands=draw.between(0.6, 1.6),
        hair=sample_style(draw, gender, age),
        beard=draw.between(0.3, 1.0) * float(draw.chance(0.55)) * adult_man, beard_kind=draw.pick(4),
        brow_colour=linear(np.clip(brow, 0.02, 1)),
        brow=np.array([draw.normal(0.0015), draw.between(0.001, 0.007), draw.normal(0.06),
                       draw.between(0.0025, 0.005) + 0.0014 * gender, draw.between(0.75, 1.15)], np.float32),
        iris=linear(iris * draw.between(0.8, 1.3)), iris_size=draw.between(0.40, 0.46),
        pupil_size=draw.between(0.35, 0.6), sclera=linear(np.array([0.93, 0.91, 0.89]) * draw.between(0.88, 1.02)),
        teeth=linear(np.array([0.95, 0.90, 0.80]) * draw.between(0.84, 1.02)),
        lashes=along(np.stack([linear(np.clip(skin * 0.75, 0.02, 1)), np.full(3, 0.01)]), lash),
        noise_offset=draw.generator.random(2).astype(np.float32),
    )  # fmt: skip
    combed = replace(
        plain, comb=sample_comb(Draw(0x57A4D, seed), plain.hair.kind, tone, age), rest=sample_rest(Draw(0x4E57, seed))
    )
    return _adorned(combed, Draw(0x1DE472, seed), makeup > 0 and gender < 0.5, linear(np.clip(natural, 0.02, 1)))
