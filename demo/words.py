"""What the page says. Written for people who have never read a paper."""

from __future__ import annotations

from runtime.engine import Engine

TITLE = "Bunraku"
LINE = "Any picture, moved by any video."

PHOTO = "1. Photo"
CLIP = "2. Video to follow"
RESULT = "3. Result"
PHOTO_EXAMPLE = "No photo at hand? Take this one."
CLIP_EXAMPLE = "No video at hand? Take this one."

MODE = "How should the photo move?"
MODE_HINT = "If the face bends out of shape, try another of these."
_MODES = {
    "relative": "Follow the movements, starting from the photo's own pose",
    "absolute": "Copy the poses: the head goes just where the video's head is",
    "disentangled": "Copy the poses, but keep the face's own proportions",
}

MORE = "Fine tuning"
STRENGTH = "Strength"
STRENGTH_HINT = "0 is still, 1 as in the video, 2 twice as much."
SMOOTHING = "Calm"
SMOOTHING_HINT = "Takes trembling away. Much of it makes quick movements lag."
FIT = "Making it square"
FIT_HINT = "Photo and video both become square; nothing is ever stretched."
_FITS = {"crop": "Cut off the sides", "pad": "Keep everything, add bars"}
ADAPT = "Fit the movements to the size of the face in the photo"

GO = "Make it move"
STOP = "Stop"
DOWNLOAD = "Download the video"
DETECTING = "Looking at the photo"
WORKING = "Moving the photo"
STOPPED = "Stopped."

CONSENT = (
    "Only animate people who have agreed to it, and never to deceive. Every result says, in the file itself, "
    "that it was made by AI. Your files are deleted after {minutes} minutes."
)


def modes(engine: Engine) -> list[tuple[str, str]]:
    """The driving modes that the engine's model offers, as (what a visitor reads, value)."""
    return [(text, mode) for mode, text in _MODES.items() if mode in engine.bundle.modes]


def fits() -> list[tuple[str, str]]:
    """The ways to make a picture square, as (what a visitor reads, value)."""
    return [(text, fit) for fit, text in _FITS.items()]


def done(frames: int, fps: float, seconds: float) -> str:
    """The sentence under a finished video of `frames` at `fps` frames a second that took `seconds` to make."""
    length = f"{frames / fps:.1f} seconds of video" if fps else f"{frames} frames"
    return f"{frames} frames, {length}, made in {max(seconds, 0.1):.1f} seconds."
