"""The pictures of one stream, cut to the model's square one after another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PIL import Image

from runtime.framing.faces import Face
from runtime.framing.follow import Cuts, follow
from runtime.framing.framer import Framer
from runtime.framing.window import Window
from runtime.media.limits import DEFAULT_LIMITS, Limits
from runtime.media.picture import Picture, read_image, square
from runtime.motion.modes import Motion
from runtime.motion.smoothing import OneEuro
from runtime.values import Bytes

_AGAIN = 0.5
"""Seconds after which a face is looked for again where there was none."""


class Cutter:
    """Cuts the pictures of one stream to the model's square, one after another."""

    def __init__(self, framer: Framer, size: int, rate: float, limits: Limits = DEFAULT_LIMITS) -> None:
        """`size`: pixels along the model's side. `rate`: pictures a second, for following smoothly."""
        self._framer = framer
        self._limits = limits
        self._size = size
        self._every = max(1, round(_AGAIN * rate))
        self._smooth = OneEuro(1.0, rate)
        self.reset()

    def reset(self) -> None:
        """The next picture begins a new stream."""
        self._last: Face | None = None
        self._before: Window | None = None  # around the last face that was seen
        self._first = True  # nothing was framed yet
        self._seen: tuple[int, int] | None = None
        self.cut()

    def cut(self) -> None:
        """With the next picture something else begins."""
        self.begins = True
        """Whether the last picture began something else: the stream, or what is shown after a cut."""
        self._window: Window | None = None
        self._framed = False
        self._since = 0
        self._cuts = Cuts()
        self._smooth.reset()

    def __call__(self, picture: Picture, *, watch: bool = True) -> Bytes:
        """The square of the next picture: uint8 (size, size, 3). Without `watch`, cuts are told by `cut`."""
        off = self._framer.driving_crop == "off"
        image = read_image(picture, self._size if off else None, self._limits)
        begins = not self._framed
        if image.size != self._seen:  # the first one, or another camera
            begins, self._seen, self._before = True, image.size, None
        if watch and self._framer.framing.watches_faces and self._cuts(image):
            begins = True
        self.begins = begins
        if begins:
            self._frame(image)
        elif self._last is None and self._framer.looks_for_faces and self._since % self._every == 0:
            self.begins = self._look_again(image)
        self._since += 1
        if self._framer.driving_crop == "follow":
            self._window = self._followed(image)
        if self._window is None:
            return square(image, self._size, self._framer.fit)
        return self._window.cut(image, self._size)

    def _frame(self, image: Image.Image) -> None:
        """Choose the square anew."""
        self._framed, self._since = True, 0
        self._smooth.reset()
        if not self._framer.looks_for_faces:
            self._window = self._framer.driving([image])
            return
        faces = self._framer.search(image)
        last = self._last
        (self._last,) = follow([faces], self._framer.driving_face, last)
        if self._last is None and self._before is not None:
            self._window = self._before  # one picture that shows nobody says nothing of the others
            return
        what = f"{'the first' if self._first else 'a'} picture of {self._framer.video_name}"
        self._first = False
        self._window = self._framer.choose([faces], [image], last, what)
        if self._last is not None:
            self._before = self._window

    def _look_again(self, image: Image.Image) -> bool:
        """Whether a face has come where there was none."""
        faces = self._framer.search(image)
        (self._last,) = follow([faces], self._framer.driving_face)
        if self._last is not None:
            self._window = self._before = self._framer.around_all([(image, self._last)])
        return self._last is not None

    def _followed(self, image: Image.Image) -> Window | None:
        """Around the face nearest to the last one; where there is none, the square stays."""
        faces = self._framer.search(image)
        if not faces:
            return self._window
        last = self._window or Window.centered(image.size)
        face = min(faces, key=lambda face: float(np.hypot(*np.subtract(face.center, last.center))))
        window = self._framer.followed(image, face)
        scale = 2 / max(image.size)  # the filter expects coordinates of a picture that reaches from -1 to 1
        state = np.array([[window.center, (window.side, 0.0)]]) * scale
        (x, y), (side, _) = self._smooth(Motion(state.astype(np.float32))).points[0] / scale
        return replace(Window.around(float(x), float(y), float(side)), manner=window.manner)
