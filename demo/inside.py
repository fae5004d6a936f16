"""What a model sees and does in one frame, as pictures for people."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from io import BytesIO
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from checkpoints.bundle import Bundle
from checkpoints.contract import Mode
from runtime import Engine
from runtime.framing.framer import Framer, Framing
from runtime.media.limits import DEFAULT_LIMITS, Limits
from runtime.media.picture import read_image, square
from runtime.motion.driving import frame_clip, open_clip, read_squares
from runtime.motion.modes import Drive, Motion
from runtime.result.structure import Structure, draw, hue
from runtime.values import Bytes

PANELS = ("source", "driving", "image", "flow", "occlusion", "masks", "structure")
"""In the order in which they are shown; those after the third are there where the model gives them."""

MOST_FRAMES = 250
"""Frames of a video that are looked at: ten seconds, some four megabytes while a visitor looks."""

SHOWN = 384
"""Pixels along a side of what is shown."""

_FAR = 0.5
"""Way that is shown in full colour, where the picture reaches from -1 to 1."""
_KEPT = 8
"""Visitors whose last look is remembered."""


class Inside:
    """One photo and one video, as one model sees them."""

    def __init__(self, engine: Engine, source: str, driving: str, mode: Mode, limits: Limits = DEFAULT_LIMITS) -> None:
        """Encode the file `source` and detect the motion of the file `driving`, both framed around the face. Raises a
        `BunrakuError` when one of them, or the mode, cannot be used, or is beyond the `limits`.
        """
        engine.check_mode(mode)
        framer = Framer(Framing.of(engine.bundle.framing), "crop", "auto", "auto", None)
        image = read_image(source, limits=limits)
        window = framer.source(image)
        size = engine.resolution
        self._engine = engine
        self._mode = mode
        self._square = square(image, size) if window is None else window.cut(image, size)
        self._source = engine.encode(self._square[None])
        self._still = engine.structure(self._square[None])
        self._frames: list[bytes] = []
        self._seen: list[tuple[Structure, int]] = []
        motions = []
        frames = read_squares(frame_clip(open_clip(driving, limits=limits), framer), size)
        while batch := list(islice(frames, min(engine.batch, MOST_FRAMES - len(self._frames)))):
            seen = engine.structure(np.stack(batch))
            motions.append(seen.motion)
            self._seen += ((seen, number) for number in range(len(batch)))
            self._frames += map(_packed, batch)
        self._motion = Motion.concatenate(motions)

    def __len__(self) -> int:
        """Frames that can be looked at."""
        return len(self._frames)

    def panels(self, frame: int) -> dict[str, Bytes]:
        """Pictures uint8 (SHOWN, SHOWN, 3) of that frame, by the names of `panels_of`."""
        source = self._source.motion[:1]
        driving = self._motion[frame : frame + 1]
        drive = Drive(disentangle=self._engine.disentangle)
        pose = drive(self._mode, source, driving, self._motion[:1])
        found = self._engine.look_inside(self._source, pose)
        bundle = self._engine.bundle
        picture, shown = _large(found["image"][0]), _large(np.asarray(Image.open(BytesIO(self._frames[frame]))))
        panels = {
            "source": draw(_large(self._square), self._still, 0, bundle),
            "driving": draw(shown, *self._seen[frame], bundle),
            "image": picture,
        }
        if "structure" in panels_of(bundle):
            panels["structure"] = draw(picture, self._engine.structure(found["image"]), 0, bundle)
        drawings: dict[str, Callable[[NDArray[np.float32]], Bytes]] = {
            "flow": draw_flow,
            "occlusion": draw_occlusion,
            "masks": draw_masks,
        }
        return panels | {name: draw(found[name][0]) for name, draw in drawings.items() if name in found}


def panels_of(bundle: Bundle) -> tuple[str, ...]:
    """Those of PANELS that the model gives."""
    given = {"source", "driving", *bundle.outputs}
    if "anchors" in bundle.graphs["motion"].outputs:
        given.add("structure")
    return tuple(name for name in PANELS if name in given)


class Looks:
    """The last look of each of a few visitors, so that another frame of it is quick. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: OrderedDict[str, tuple[tuple[str, ...], Inside]] = OrderedDict()

    def look(self, visitor: str, key: tuple[str, ...], make: Callable[[], Inside]) -> Inside:
        """What was made for the visitor with this `key`, or else is made now."""
        with self._lock:
            known, inside = self._last.get(visitor, ((), None))
        if inside is None or known != key:
            inside = make()
        with self._lock:
            self._last[visitor] = (key, inside)
            self._last.move_to_end(visitor)
            while len(self._last) > _KEPT:
                self._last.popitem(last=False)
        return inside

    def forget(self, visitor: str) -> None:
        """Drop what `visitor` has looked at."""
        with self._lock:
            self._last.pop(visitor, None)


def draw_flow(flow: NDArray[np.float32]) -> Bytes:
    """A backward flow (h, w, 2) as colour: the hue is the direction to where a pixel is fetched from, and its strength
    how far that is; white stays.
    """
    height, width = flow.shape[:2]
    grid = np.stack(np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height)), axis=-1)
    way = flow - grid
    hue = (np.arctan2(way[..., 1], way[..., 0]) / (2 * np.pi) % 1) * 255
    strength = np.clip(np.hypot(way[..., 0], way[..., 1]) / _FAR, 0, 1) * 255
    hsv = np.stack([hue, strength, np.full_like(hue, 255)], axis=-1).astype(np.uint8)
    return _large(np.asarray(Image.fromarray(hsv, "HSV").convert("RGB")))


def draw_occlusion(occlusion: NDArray[np.float32]) -> Bytes:
    """An occlusion map (1, h, w) in [0, 1] in grey; white is seen."""
    grey = np.rint(np.clip(occlusion[0], 0, 1) * 255).astype(np.uint8)
    return _large(np.repeat(grey[..., None], 3, axis=-1))


def draw_masks(masks: NDArray[np.float32]) -> Bytes:
    """Masks (K + 1, h, w) as one picture: the colour of the strongest, as bright as it is sure; the first, background,
    is grey.
    """
    colours = [(0.6, 0.6, 0.6)] + [
        tuple(value / 255 for value in hue(k, len(masks) - 1)) for k in range(len(masks) - 1)
    ]
    picked = np.array(colours)[masks.argmax(axis=0)] * masks.max(axis=0)[..., None]
    return _large(np.rint(np.clip(picked, 0, 1) * 255).astype(np.uint8))


def _large(picture: Bytes) -> Bytes:
    return np.asarray(Image.fromarray(picture).resize((SHOWN, SHOWN), Image.Resampling.BICUBIC))


def _packed(picture: Bytes) -> bytes:
    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()
