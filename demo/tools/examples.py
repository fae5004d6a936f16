"""The page's examples and the engine's, drawn: `python -m demo.tools.examples` writes demo/assets/photos, clips and
movements, and runtime/assets/sample.jpg and sample.mp4, anew. With names, only these: `... curls talk sample`.

Nobody in them exists: they are people of `bunraku synth` in calm light, who look into the camera and smile a little.
Needs what training needs.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from imageio_ffmpeg import get_ffmpeg_exe
from PIL import Image

from demo.samples import CLIPS, MOVEMENTS, PHOTOS
from demo.tools.motions import FRAMES, MOTIONS, RATE, REST, Motion, greeting, pose_of
from demo.tools.painting import painted
from runtime import animate, templates
from runtime.commands.animate import SAMPLE as BUNDLED
from runtime.media.video import probe, read_frames
from runtime.media.writer import VideoWriter
from runtime.values import Bytes
from training.data.synth.core.lens import Lens
from training.data.synth.core.renderer import SceneSpec
from training.data.synth.core.seeds import Array, linear
from training.data.synth.person.identity import Identity
from training.data.synth.person.performance import Pose
from training.data.synth.person.pose import pose_vertices
from training.data.synth.person.render import HeadRenderer
from training.data.synth.person.scene import Camera, Clothes, Light, Scene

Colour = tuple[float, float, float]
"""sRGB in [0, 1]."""

PHOTO_SIZE, SAMPLE_SIZE, CLIP_SIZE = 768, 512, 256
CLIP_BYTES, SAMPLE_BYTES = 59_000, 94_000
"""Of a file at most: they come with every installation."""
_THUMB = 128
_SIDE = 192
"""Of a drawn backdrop, as in `training.data.synth.core.backdrop`."""

_HOPEFUL = 2_000_000
"""Where the seeds begin among which people were chosen by eye; training has never seen them."""


def _sitter(who: int, top: Colour, bottom: Colour, cloth: Colour, *, glow: float = 0.22, key: float = 0.85) -> Sitter:
    return Sitter(_HOPEFUL + who, _scene(top, bottom, cloth, glow, key))


class Sitter:
    """Somebody, somewhere."""

    def __init__(self, seed: int, scene: Scene) -> None:
        self.seed, self.scene = seed, scene


class Portraits(HeadRenderer):
    """Draws one sitter in one pose."""

    def __init__(self) -> None:
        super().__init__("cpu")
        self._sitter: Sitter | None = None
        self._pose_now: Pose | None = None

    def picture(self, sitter: Sitter, pose: Pose, size: int) -> Bytes:
        """uint8 (size, size, 3)."""
        if sitter is not self._sitter:
            self._actors.clear()
            self._plates.clear()
        self._sitter, self._pose_now = sitter, pose
        frames = self._render([SceneSpec(sitter.seed, 0, sitter.seed)], np.zeros(1), size, True, 0.0)
        return np.asarray(frames.image[0].numpy())

    def scene(self, seed: int) -> Scene:
        """The sitter's."""
        assert self._sitter is not None
        return self._sitter.scene

    def identity(self, seed: int) -> Identity:
        """The seed's person, nearer to everybody's mean and made up less."""
        return _kinder(super().identity(seed))

    def _vertices(self, specs: list[SceneSpec], actors: list[Any], times: Array) -> torch.Tensor:
        assert self._pose_now is not None
        return pose_vertices(self.asset, actors, self._pose_now)


def _kinder(who: Identity, share: float = 0.62) -> Identity:
    brow = who.brow.copy()
    brow[1:4] = max(brow[1], 0.004), 0.3 * brow[2], min(brow[3], 0.004)
    return replace(
        who,
        coefficients=(share * who.coefficients).astype(np.float32),
        blotches=0.5 * who.blotches,
        freckles=0.5 * who.freckles,
        blush=np.append(who.blush[:3], 0.35 * who.blush[3]).astype(np.float32),
        blood=(1 + 0.6 * (who.blood - 1)).astype(np.float32),
        moles=np.zeros_like(who.moles),
        liner=0.0,
        lashes=(0.55 * who.lashes + 0.45 * who.skin * 0.4).astype(np.float32),
        lid_strength=0.5 * who.lid_strength,
        lip_strength=0.8 * who.lip_strength,
        gloss=0.5 * who.gloss,
        brow=brow,
    )


def _scene(top: Colour, bottom: Colour, cloth: Colour, glow: float, key: float) -> Scene:
    still = np.array([[0, 5, 0], [0, 5, 0]], np.float32)
    camera = Camera(1.5, 0.38, np.array([0, 0.0], np.float32), 0.0, 0.0, still, 0.0)
    main = linear(np.array(cloth))
    clothes = Clothes(
        colours=np.stack([main, main, 0.8 * main]).astype(np.float32), pattern=0, scale=0.02,
        neckline=np.array([0.15, 0, 0.05], np.float32), lift=0.008, collar=0.008, shine=0.06,
    )  # fmt: skip
    return Scene(camera, _light(key), clothes, _backdrop(top, bottom, glow), None, Lens(0.12, 0.0, 0.0, 0.5))


def _light(key: float) -> Light:
    """A large warm lamp from the right, a cool fill, and a rim that parts hair from backdrop."""

    def direction(azimuth: float, elevation: float) -> list[float]:
        return [np.sin(azimuth) * np.cos(elevation), -np.sin(elevation), -np.cos(azimuth) * np.cos(elevation)]

    warm, cool = np.array([1.05, 1, 0.95]), np.array([0.95, 1, 1.06])
    fill, sky = 0.33 * key, 0.59 * key
    return Light(
        sky=(sky * cool).astype(np.float32), ground=(0.7 * sky * warm).astype(np.float32),
        directions=np.array([direction(0.55, 0.5), direction(-0.95, 0.2), direction(np.pi - 0.5, 0.5)], np.float32),
        colours=np.stack([key * warm, fill * cool, 0.5 * cool]).astype(np.float32), softness=0.5, exposure=0.83,
    )  # fmt: skip


def _backdrop(top: Colour, bottom: Colour, glow: float) -> Array:
    """(3, 192, 192) linear: a wall, lit behind one shoulder."""
    y, x = np.meshgrid(*2 * [np.linspace(-1, 1, _SIDE, dtype=np.float32)], indexing="ij")
    share = np.clip(0.5 + 0.35 * y + 0.12 * x, 0, 1)[..., None]
    lamp = np.exp(-((x + 0.25) ** 2 + (y + 0.1) ** 2) / 0.35)[..., None]
    wall = (np.array(top) * (1 - share) + np.array(bottom) * share) * (0.9 + glow * lamp)
    return linear(np.clip(wall, 0, 1)).transpose(2, 0, 1).astype(np.float32)


SITTERS: dict[str, Sitter] = {
    "curls": _sitter(46, (0.80, 0.77, 0.72), (0.62, 0.59, 0.55), (0.32, 0.42, 0.47)),
    "evening": _sitter(71, (0.62, 0.58, 0.60), (0.42, 0.38, 0.40), (0.66, 0.52, 0.36), key=0.9),
    "white-hair": _sitter(34, (0.60, 0.66, 0.66), (0.44, 0.50, 0.52), (0.30, 0.32, 0.40)),
}
PAINTED: dict[str, Sitter] = {
    "painting": _sitter(90, (0.30, 0.24, 0.18), (0.17, 0.13, 0.10), (0.34, 0.14, 0.12), glow=0.5),
}
ACTORS: dict[str, Sitter] = {
    "nod": _sitter(66, (0.72, 0.75, 0.76), (0.56, 0.58, 0.60), (0.30, 0.40, 0.36)),
    "look-around": _sitter(92, (0.78, 0.75, 0.70), (0.60, 0.58, 0.54), (0.36, 0.38, 0.46)),
    "sway": _sitter(53, (0.70, 0.72, 0.70), (0.54, 0.55, 0.53), (0.50, 0.40, 0.34)),
    "talk": _sitter(26, (0.76, 0.74, 0.74), (0.58, 0.56, 0.58), (0.58, 0.55, 0.50)),
    "laugh": _sitter(75, (0.74, 0.76, 0.72), (0.58, 0.60, 0.56), (0.55, 0.36, 0.34)),
}
SAMPLE: tuple[Sitter, Sitter] = (
    _sitter(59, (0.66, 0.72, 0.70), (0.48, 0.54, 0.53), (0.62, 0.46, 0.40)),
    _sitter(47, (0.74, 0.72, 0.68), (0.58, 0.56, 0.53), (0.34, 0.40, 0.50)),
)
"""Who is in the picture that comes with the engine, and who moves them."""


def main(words: Sequence[str] = ()) -> None:
    """Draw all of them, or those of `words`."""
    torch.set_num_threads(1)
    portraits = Portraits()

    def chosen(sitters: dict[str, Sitter]) -> dict[str, Sitter]:
        return {name: sitter for name, sitter in sitters.items() if not words or name in words}

    for folder in (PHOTOS, CLIPS, MOVEMENTS):
        folder.mkdir(exist_ok=True)
    for name, sitter in chosen(SITTERS | PAINTED).items():
        picture = portraits.picture(sitter, pose_of(REST), PHOTO_SIZE)
        _save(PHOTOS / f"{name}.jpg", painted(picture) if name in PAINTED else picture)
    for name, sitter in chosen(ACTORS).items():
        _film(CLIPS / f"{name}.mp4", portraits, sitter, MOTIONS[name], FRAMES, CLIP_BYTES)
    for who in chosen({"sample": SAMPLE[0]}).values():
        _save(BUNDLED[0], portraits.picture(who, pose_of(REST), SAMPLE_SIZE))
        _film(BUNDLED[1], portraits, SAMPLE[1], greeting, 2 * FRAMES, SAMPLE_BYTES)
    for name in templates():
        if not words or name in words:
            _thumbnail(name)


def _save(path: Path, picture: Bytes) -> None:
    Image.fromarray(picture).save(path, quality=90, optimize=True)


def _film(path: Path, portraits: Portraits, sitter: Sitter, motion: Motion, frames: int, most: int) -> None:
    """A clip of at most `most` bytes."""
    with VideoWriter(path, (CLIP_SIZE, CLIP_SIZE), Fraction(RATE)) as writer:
        for frame in range(frames):
            writer.write(portraits.picture(sitter, motion(frame), CLIP_SIZE))
    whole = path.read_bytes()
    for quality in range(18, 34):
        if path.stat().st_size <= most:
            return
        path.write_bytes(whole)
        _press(path, quality)
    raise ValueError(f"{path.name}: too much moves for {most} bytes; choose somebody with less hair")


def _press(path: Path, quality: int) -> None:
    """Encodes a clip anew, slowly, with x264's constant rate factor `quality`, and keeps what it says of itself."""
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / path.name
        command = [get_ffmpeg_exe(), "-v", "error", "-i", str(path), "-map_metadata", "0", "-c:v", "libx264"]
        command += ["-preset", "veryslow", "-crf", str(quality), "-movflags", "+faststart+use_metadata_tags"]
        subprocess.run([*command, str(small)], check=True)
        path.write_bytes(small.read_bytes())


def _thumbnail(name: str) -> None:
    """What a motion of the engine's makes of the first photo, small."""
    photo = next(iter(sorted(PHOTOS.glob("*.jpg"))))
    with tempfile.TemporaryDirectory() as folder:
        made = animate(photo, name, output=Path(folder) / "made.mp4", progress=lambda done, total: None)
        with VideoWriter(MOVEMENTS / f"movement-{name}.mp4", (_THUMB, _THUMB), made.rate) as writer:
            for frame in read_frames(probe(Path(folder) / "made.mp4"), _THUMB, "crop"):
                writer.write(frame)


if __name__ == "__main__":
    main(sys.argv[1:])
