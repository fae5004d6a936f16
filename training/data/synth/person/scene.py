"""Where somebody is: light, camera, clothes and background, all drawn from the scene seed alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.backdrop import sample_backdrop
from ..core.lens import Lens, sample_lens
from ..core.seeds import Array, Draw, linear
from .prop import Prop, sample_prop

_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)
_MIDDLE, _METERING = 0.28, 0.5
"""Luminance of a face that a camera is content with, and the share of the way there, in stops."""
_PROPS = 0x9809
"""Of the stream of draws that props have to themselves."""


@dataclass(frozen=True)
class Camera:
    """A perspective camera that looks at the head; it drifts slowly, and the background with it."""

    distance: float
    """From the eyes, metres."""
    head_width: float
    """Share of the frame's width that the head takes when it is nearest its rest."""
    offset: Array
    """(2,) of the head's centre in the frame, in [-1, 1] units."""
    tilt: float
    """Rotation about the horizontal axis, radians; positive looks from above."""
    roll: float
    drift: Array
    """(2, 3): amplitude in [-1, 1] units, period in seconds, phase."""
    drift_roll: float

    def background(self, time: Array) -> Array:
        """(N, 2, 3): affine maps from the backdrop's plane to the frame at times (N,)."""
        phase = 2 * np.pi * time[:, None] / self.drift[:, 1] + self.drift[:, 2]
        shift = self.drift[:, 0] * np.sin(phase)
        angle = self.roll + self.drift_roll * np.sin(phase[:, 0] * 0.7)
        cos, sin = np.cos(angle), np.sin(angle)
        rows = [np.stack([cos, -sin, shift[:, 0]], 1), np.stack([sin, cos, shift[:, 1]], 1)]
        return np.stack(rows, 1).astype(np.float32)


@dataclass(frozen=True)
class Light:
    """Sky and ground light and three lamps, linear light, in the camera's frame."""

    sky: Array
    ground: Array
    directions: Array
    """(3, 3) unit vectors towards key, fill and rim lamp."""
    colours: Array
    """(3, 3)."""
    softness: float
    exposure: float
    """Before the camera has looked at who is before it, see `metered`."""

    def metered(self, skin: Array) -> float:
        """The exposure for a face of a colour (3,), linear: cameras make pale faces darker and dark ones lighter, some
        half of the way to middle grey.
        """
        front = np.clip(-self.directions[:, 2], 0, 1) @ self.colours + (self.sky + self.ground) / 2
        level = float(front * skin @ _LUMINANCE) * self.exposure
        return self.exposure * float(np.clip((_MIDDLE / max(level, 1e-4)) ** _METERING, 0.5, 3.0))


@dataclass(frozen=True)
class Clothes:
    """A garment painted on the torso and lifted off it."""

    colours: Array
    """(3, 3) linear: main, second, collar."""
    pattern: int
    """0 plain, 1 stripes across, 2 stripes down, 3 checks, 4 mottled, 5 two halves (jacket over a shirt)."""
    scale: float
    neckline: Array
    """(3,): height (y, metres), depth of the V in front, half width of the V."""
    lift: float
    collar: float
    shine: float


@dataclass(frozen=True)
class Scene:
    """Everything a scene seed decides."""

    camera: Camera
    light: Light
    clothes: Clothes
    backdrop: Array
    """(3, 192, 192) linear light, covering [-1.5, 1.5] of the backdrop's plane."""
    prop: Prop | None
    """What passes before the face."""
    lens: Lens


def _stand(draw: Draw) -> tuple[float | None, float]:
    """Distance (None: any) and further tilt of a camera: a phone at arm's length, a long lens, a webcam from below."""
    kind = draw.pick(4, (6, 1.5, 1.5, 1))
    distance = (None, draw.between(0.32, 0.5), draw.between(2.2, 4.5), draw.between(0.5, 0.8))[kind]
    return distance, -draw.between(0.1, 0.3) if kind == 3 else 0.0


def _camera(draw: Draw, framing: Draw, stand: Draw) -> Camera:
    width = float(np.exp(draw.between(np.log(0.22), np.log(0.72))))
    room = max(0.0, 0.95 - 1.25 * width)
    offset = np.array([draw.normal(0.33), draw.normal(0.25) - 0.03], np.float32).clip(-1, 1) * room
    if framing.chance(0.75):  # as the engine's framing finds a face; the rest is anywhere, of any size
        width = framing.between(0.36, 0.6)
        offset = np.array([framing.normal(0.08), framing.normal(0.08)], np.float32)
    far, tilt = _stand(stand)
    still = draw.chance(0.6)
    drift = np.array(
        [[0 if still else draw.between(0, 0.05), draw.between(2, 7), draw.between(0, 6.28)] for _ in range(2)],
        np.float32,
    )
    distance = float(np.exp(draw.between(np.log(0.45), np.log(2.2))))
    return Camera(
        distance=far or distance, head_width=width, offset=offset,
        tilt=draw.normal(0.09) + tilt, roll=draw.normal(0.05), drift=drift,
        drift_roll=0 if still else draw.normal(0.02),
    )  # fmt: skip


def _lamp_colour(draw: Draw) -> Array:
    """From candle to blue sky, rarely a coloured lamp."""
    if draw.chance(0.05):
        return linear(np.clip(draw.colour(0.6, 0.6, 0.95), 0, 1))
    warm = draw.normal(0.16)
    return np.array([1 + warm, 1, 1 - warm], np.float32).clip(0.4, 1.6)


def _light(draw: Draw) -> Light:
    def direction(azimuth: float, elevation: float) -> list[float]:
        return [np.sin(azimuth) * np.cos(elevation), -np.sin(elevation), -np.cos(azimuth) * np.cos(elevation)]

    key = draw.normal(0.75)
    directions = [
        direction(key, draw.between(-0.1, 1.0)),
        direction(key + np.pi * draw.between(0.3, 0.7) * (1 if draw.chance(0.5) else -1), draw.between(-0.2, 0.6)),
        direction(np.pi + draw.normal(0.7), draw.between(0.2, 0.9)),
    ]
    strength = np.array([draw.between(0.35, 1.5), draw.between(0, 0.6), draw.between(0, 1.1) * draw.chance(0.5)])
    colours = np.stack([_lamp_colour(draw) for _ in range(3)]) * strength[:, None]
    ambient = draw.between(0.25, 0.9)
    sky = _lamp_colour(draw) * ambient * draw.between(0.9, 1.3)
    ground = _lamp_colour(draw) * ambient * draw.between(0.35, 0.95)
    total = float(strength[0] * 0.75 + strength[1] * 0.4 + ambient)
    return Light(
        sky.astype(np.float32), ground.astype(np.float32), np.array(directions, np.float32),
        colours.astype(np.float32), draw.between(0.1, 0.5), draw.between(0.75, 1.35) / total,
    )  # fmt: skip


def _clothes(draw: Draw) -> Clothes:
    colours = np.stack([linear(draw.colour(0.5, 0.06, 0.85)) for _ in range(3)])
    # Patterns are mostly of one tone: loud stripes are rare, and at 128 pixels they are all that a loss would see.
    contrast = draw.between(0.05, 0.45) if draw.chance(0.85) else 1.0
    colours[1:] = colours[0] + contrast * (colours[1:] - colours[0])
    v_neck = draw.chance(0.45)
    return Clothes(
        colours=colours, pattern=draw.pick(6, (4, 1, 1, 1, 1.5, 1.5)), scale=draw.between(0.012, 0.05),
        neckline=np.array([draw.between(0.128, 0.172), draw.between(0.04, 0.13) * v_neck, draw.between(0.03, 0.07)],
                          np.float32),
        lift=draw.between(0.003, 0.012), collar=draw.between(0, 0.012), shine=draw.between(0, 0.25),
    )  # fmt: skip


def has_prop(seed: int) -> bool:
    """Whether something passes before the face in the scene of a seed."""
    return sample_prop(Draw(_PROPS, seed), 1.0) is not None


def sample_scene(seed: int) -> Scene:
    """The scene of a seed."""
    draw = Draw(0x5CE9E, seed)
    camera, light = _camera(draw, Draw(0xF4A3E, seed), Draw(0xCA3E, seed)), _light(draw)
    clothes, backdrop = _clothes(draw), sample_backdrop(draw)
    # A stream of their own: without them a scene is what it was before there were any.
    prop = sample_prop(Draw(_PROPS, seed), camera.distance)
    return Scene(camera, light, clothes, backdrop, prop, sample_lens(Draw(0x1E25, seed), Draw(0x1E26, seed)))
