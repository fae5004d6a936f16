"""What the page says of the engine's options, in the order of their fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MODES = {
    "relative": ("Follow the movements, starting from the photo's own pose", "follows the movements"),
    "absolute": ("Copy the poses: the head goes just where the video's head is", "copies the poses"),
    "disentangled": ("Copy the poses, but keep the face's own proportions", "keeps proportions"),
}
"""Of every driving mode: what it does, and the same in a few words."""


@dataclass(frozen=True)
class Words:
    """What the page says of an option."""

    label: str
    hint: str | None = None
    choices: Mapping[Any, str] | None = None
    """What a visitor reads of each value, where there are few."""
    most: float | None = None
    """Where a slider from 0 on ends."""
    text: bool = False
    """Whether it is written."""


OPTIONS: Mapping[str, Words] = {
    "mode": Words(
        "How should the photo move?",
        "If the face bends out of shape, try another of these.",
        {mode: text for mode, (text, _) in MODES.items()},
    ),
    "reference": Words(
        "Movements count from",
        "Photo and video fit best where the poses are alike; looking for that moment takes a little longer.",
        {"first": "The video's first frame", "best": "The moment most like the photo"},
    ),
    "strength": Words("Strength", "0 is still, 1 as in the video, 2 twice as much.", most=2),
    "parts": Words(
        "What moves",
        "What is left out stays as it is in the photo.",
        {"head": "Head", "mouth": "Mouth", "eyes": "Eyelids", "brows": "Brows", "gaze": "Gaze"},
    ),
    "pose": Words("Pose to start from", "Set it in the tab By hand; empty for the photo's own.", text=True),
    "neutral": Words("Count expressions from faces at rest, if photo or video begins with a smile or an open mouth"),
    "retargeting": Words(
        "Open as far as in the video",
        "With LivePortrait only.",
        {"none": "Nothing", "mouth": "Mouth", "eyes": "Eyes", "all": "Both"},
    ),
    "stitching": Words("Keep what is around the face in its place", "With LivePortrait only.", most=1),
    "smoothing": Words("Calm", "Takes trembling away. Much of it makes quick movements lag.", most=1),
    "adapt_scale": Words("Fit the movements to the size of the face in the photo"),
    "driving_crop": Words(
        "Part of the video to watch",
        choices={
            "auto": "Around the face, standing still",
            "follow": "Around the face, wherever it goes",
            "center": "The middle",
            "off": "All of it",
        },
    ),
    "driving_face": Words("Whose face in the video to follow, 1 is the largest"),
    "fit": Words(
        "Making it square",
        "Where no face is looked for. Nothing is ever stretched.",
        {"crop": "Cut off the sides", "pad": "Keep everything, add bars"},
    ),
    "paste_back": Words("Give me the whole photo, with the moving part in it"),
    "background": Words(
        "What is behind the person",
        "Only where a person is seen. Nothing needs WebM or WebP as the kind of file.",
        {
            "keep": "What the photo shows",
            "white": "White",
            "black": "Black",
            "#00b140": "Green, for video editors",
            "transparent": "Nothing",
        },
    ),
    "size": Words(
        "Size of the result",
        "Larger ones take detail from the photo, and more time.",
        {0: "As the model makes it", 512: "512 pixels", 768: "768 pixels"},
    ),
    "loop": Words(
        "Played",
        choices={1: "Once", 3: "Three times", "seamless": "Once, without a seam where it is repeated, silent"},
    ),
    "timing": Words(
        "Length, if a video is moved",
        choices={"source": "Of the video that is moved", "driving": "Of the video to follow"},
    ),
    "sound": Words(
        "Sound",
        choices={
            "auto": "Of whoever gives the length",
            "source": "Of the video that is moved",
            "driving": "Of the video to follow",
            "none": "None",
        },
    ),
    "compare": Words("Put the photo and the video beside the result"),
    "show": Words(
        "Draw on photo, video and result, side by side",
        choices={"": "Nothing", "structure": "The points that the model follows"},
    ),
    "label": Words("Write into the pictures that they were made by AI"),
    "start": Words("Begin at (seconds into the video)"),
    "end": Words("End at (seconds into the video; 0 for all of it)"),
}
"""Of every option of the engine that the page has a field for, in the order of the fields. The part of the photo has
fields of its own.
"""
GROUP_RESULT = "What comes out"
_WANTED: Mapping[str, tuple[str, ...]] = {
    GROUP_RESULT: ("paste_back", "size", "background"),
    "How it moves": ("mode", "parts", "strength", "smoothing", "pose", "reference", "neutral", "adapt_scale"),
    "What of the video": ("driving_crop", "driving_face", "start", "end", "loop"),
    "If a video is moved": ("timing", "sound"),
}
GROUPS: Mapping[str, tuple[str, ...]] = {
    **_WANTED,
    "Seldom wanted": tuple(name for name in OPTIONS if not any(name in names for names in _WANTED.values())),
}
"""Of the options, by what a visitor reads above them; the wanted ones first."""
