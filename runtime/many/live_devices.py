"""Cameras, windows and virtual cameras, by OpenCV and pyvirtualcam (the extra "live")."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from checkpoints.errors import InputError, OptionError, OutputError, first_line
from checkpoints.installation import installing
from runtime.many.live import RESET, STOP, Show
from runtime.media.limits import DEFAULT_LIMITS, Limits
from runtime.media.video import probe, read_whole
from runtime.values import Bytes

_TITLE = "Bunraku (q ends, r takes this pose as the rest)"
_LONGEST = 1280
"""Longer side in pixels of the frames of a video that plays camera."""

TARGETS = ("window", "virtual")


def _opencv() -> ModuleType:
    try:
        import cv2
    except ImportError as error:
        raise OptionError(f"OpenCV cannot be used ({error}); install it with: {installing('live')}") from error
    return cv2


def camera(name: str, *, mirror: bool = False, limits: Limits = DEFAULT_LIMITS) -> Iterator[Bytes]:
    """Frames of the camera number `name`, or of the video file of that name at its own pace: uint8 (H, W, 3) in RGB.

    `mirror` swaps left and right, as people know themselves. Raises `InputError` when there is no such camera or file.
    """
    frames = _device(int(name)) if name.isdecimal() else _paced(Path(name), limits)
    return (np.ascontiguousarray(frame[:, ::-1]) for frame in frames) if mirror else frames


def _device(number: int) -> Iterator[Bytes]:
    cv2 = _opencv()
    device = cv2.VideoCapture(number)
    try:
        if not device.isOpened():
            raise InputError(f"There is no camera number {number}, or another program uses it; try another number.")
        device.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # its own queue would be as much of a delay as ours
        while True:
            good, frame = device.read()
            if not good:
                raise InputError(f"The camera number {number} gives no frames any more; was it unplugged?")
            yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
    finally:
        device.release()


def _paced(path: Path, limits: Limits) -> Iterator[Bytes]:
    """The frames of a video, each at its time."""
    video = probe(path, limits)
    begin = time.monotonic()
    for number, frame in enumerate(read_whole(video, _LONGEST)):
        time.sleep(max(0.0, begin + float(number / video.rate) - time.monotonic()))
        yield frame


@contextmanager
def screen(target: str, size: tuple[int, int], fps: float) -> Iterator[Show]:
    """Shows results of `size` (width, height): in a "window", or as the "virtual" camera that other programs see.

    Raises `OptionError` for another word, and `OutputError` when this machine has no such thing.
    """
    openers: dict[str, Callable[..., Any]] = {"window": _window, "virtual": _virtual}
    if target not in openers:
        raise OptionError(f'There is no target "{target}"; choose one of {", ".join(TARGETS)}.')
    with openers[target](size, fps) as show:
        yield show


@contextmanager
def _window(size: tuple[int, int], fps: float) -> Iterator[Show]:
    cv2 = _opencv()
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        # Qt would end the process.
        raise OutputError("No window can be opened here: there is no screen (DISPLAY is not set); try --to virtual.")
    try:
        cv2.namedWindow(_TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)
        cv2.resizeWindow(_TITLE, *size)
    except cv2.error as error:
        raise OutputError("No window can be opened here: no screen, or an OpenCV without windows.") from error

    def show(frame: Bytes) -> object:
        cv2.imshow(_TITLE, cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        key = cv2.waitKey(1) & 0xFF
        if key in (ord("q"), 27) or cv2.getWindowProperty(_TITLE, cv2.WND_PROP_VISIBLE) < 1:
            return STOP
        return RESET if key == ord("r") else None

    try:
        yield show
    finally:
        cv2.destroyAllWindows()


@contextmanager
def _virtual(size: tuple[int, int], fps: float) -> Iterator[Show]:
    try:
        import pyvirtualcam
    except ImportError as error:
        raise OptionError(f"pyvirtualcam cannot be used ({error}); install it with: {installing('live')}") from error
    try:
        device = pyvirtualcam.Camera(*size, fps)
    except RuntimeError as error:
        raise OutputError(
            f"There is no virtual camera ({first_line(error)}); "
            "install v4l2loopback on Linux, or OBS on Windows and macOS."
        ) from error
    with device:
        yield device.send
