"""What a model makes of the page's examples, as one picture: photo, a frame of the video, result."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from threading import Lock

import numpy as np

from checkpoints.errors import BunrakuError
from demo import notices
from demo.samples import FIGURES
from demo.studio import Studio
from runtime import Animator, Engine
from runtime.framing.framing import Framing
from runtime.media.video import probe, read_frames
from runtime.values import Bytes

_MOMENT = 0.42
"""Share of the clip after which its motion is large."""
_KEPT = 16
_FIGURES = {"cartoon": "cartoon-girl", "body": "person"}
"""The example of what is no face, by what a model moves."""
SIDE = 256
"""Pixels of each of the three."""


class Specimens:
    """One picture of each model, made when it is first wanted. Safe to share between threads."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._lock = Lock()
        self._made: OrderedDict[str, Bytes | None] = OrderedDict()

    def of(self, name: str) -> Bytes | None:
        """uint8 (S, 3 S, 3), or None where there are no examples, or the model can do nothing with them. Raises
        `ModelError` for a name that is not offered.
        """
        self._studio.shelf.bundle(name)
        with self._lock:
            if name not in self._made:
                self._made[name] = self._make(name)
                if len(self._made) > _KEPT:
                    self._made.popitem(last=False)
            return self._made[name]

    def _make(self, name: str) -> Bytes | None:
        photo, clip = self._studio.samples.pair(None, None)
        if figure := _FIGURES.get(Framing.of(self._studio.shelf.bundle(name).framing).moves):
            photo, clip = str(FIGURES / f"{figure}.jpg"), str(FIGURES / f"{figure}.mp4")
        if photo is None or clip is None:
            return None
        try:
            with notices.heard():
                return _specimen(self._studio.shelf.engine(name), photo, clip)
        except BunrakuError:  # a model that cannot is not this page's fault, and is listed all the same
            return None


def _specimen(engine: Engine, photo: str, clip: str) -> Bytes:
    animator = Animator(engine, size=SIDE)
    animator.set_source(photo)
    frames = list(read_frames(probe(Path(clip)), SIDE, "crop"))
    animator.frame(frames[0])
    moment = frames[round(_MOMENT * (len(frames) - 1))]
    return np.hstack([animator.still, moment, animator.frame(moment)])
