"""What the page says. Written for people who have never read a paper."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from checkpoints.bundle import Bundle
from demo.option_words import GROUP_RESULT, GROUPS, MODES, OPTIONS, Words
from demo.pace import SLOW, Estimate
from runtime.auto import AUTO

__all__ = ["GROUPS", "GROUP_RESULT", "MODES", "OPTIONS", "Words"]  # with all that is below

TITLE = "Bunraku"
LINE = "Any picture, moved by any video."

TAB_ANIMATE = "Animate"
TAB_LIVE = "Live"
TAB_INSIDE = "Look inside"
TAB_COMPARE = "Compare"
TAB_MODELS = "Models"

PHOTO = "1. Photo"
CLIP = "2. Video to follow"
RESULT = "3. Result"
PICTURE = "3. Result, as a moving picture"
PHOTO_EMPTY = "Drop a photo of a face here, or click"
CLIP_EMPTY = "Drop a video of somebody who moves, or click"
RESULT_EMPTY = "Your moving picture appears here"
PHOTO_EXAMPLE = "Or take one of these (nobody in them exists)"
CLIP_EXAMPLE = "Or take one of these"
FIGURE_EXAMPLE = "Or a whole figure, with a video of its kind"
NOTHING_YET = "Nothing here yet"
EXAMPLE_FOR = "Example for"
NO_PHOTO = "There is no photo yet; drop one into the first field, or take an example."
NO_VIDEO = "There is no video yet; drop one into the second field, or take an example."
UNKNOWN = "Something went wrong here; try again."
VIEWS = "More pictures of the same person (optional)"

PREVIEW = "This part will move"
PART = "Which part of the photo moves"
HOW = "Which part should move?"
_HOW = {"auto": "Around the face", "center": "The middle", "off": "All of it", "hand": "A square that I place"}
HOW_HINT = "Click the picture above to put the square there, or use the three sliders."
ACROSS = "Left to right"
DOWN = "Top to bottom"
SIZE = "Size"
PERCENT = "In percent of the photo."
FACE = "Which face, if there are several"
FACE_HINT = "1 is the largest; 1,3 for two of them, who move alike in the whole photo."
FACES = {
    "": "Leave it to the page",
    "1": "The largest",
    "2": "The second largest",
    "3": "The third",
    "all": "All faces",
}
STRENGTHS = "How much of each part"
STRENGTHS_HINT = "They count on top of the strength above; 0 leaves a part still."
FOOTAGE = "A video of somebody, to be moved instead of the photo"
FOOTAGE_FOLD = "Move a video instead of a photo, or several people"
FOOTAGE_HINT = "Whoever is seen in it goes on as they do, and gets the movements of the other video on top."
DRIVINGS = "Videos for further faces"
DRIVINGS_HINT = (
    "In a photo of several people the video to follow moves the largest face, the first of these the next one, and so "
    "on. To have one video move everybody, leave this empty and choose all faces."
)
TEMPLATE_EXAMPLE = "Or a movement that needs no video"
TAB_HAND = "By hand"
HAND_HELP = "Pose the photo of the tab Animate (or the example) by hand: the picture follows."
HAND_RESULT = "As you have posed it"
HAND_EMPTY = "Move a slider, and the posed photo appears here"
HAND_USE = "Use as starting point"
HAND_USED = (
    'The tab Animate starts from this pose now; empty the field "Pose to start from" there for the photo\'s own.'
)
HAND_RESET = "Back to the photo's own"
HAND = {
    "yaw": "Turn (degrees)",
    "pitch": "Nod (degrees)",
    "roll": "Tilt (degrees)",
    "mouth": "Mouth: shut or open",
    "smile": "Corners of the mouth: down or up",
    "pucker": "Lips rounded",
    "eyes": "Eyes: shut or wide",
    "wink": "Wink: left or right",
    "brows": "Brows: down or up",
    "gaze_x": "Look: left or right",
    "gaze_y": "Look: down or up",
}
"""Of every control of `runtime.Animator.pose`."""

MORE = "Fine tuning"
MODEL = "Model"
MODEL_HINT = "The tab Models says what each is good for."
MODEL_AUTO = "Chosen by what photo and video show"
NO_TEMPLATE = 'There is no motion "{name}" here; choose one of {known}.'
NO_PARTS = "Nothing is left to move; choose at least one part of the face."
NOT_BEHIND = "The page has nothing of that name to put behind the person; choose a colour."
KIND = "Kind of file"
_KINDS = {
    ".mp4": "Video (MP4)",
    ".webm": "Video (WebM)",
    ".gif": "Moving picture (GIF), silent",
    ".webp": "Moving picture (WebP), silent",
}

GO = "Make it move"
STOP = "Stop"
DOWNLOAD = "Download"
SHARE = "Share"
MEASURING = "How fast this model is here is being measured, once ..."
BEST_SLOW = "Best quality, slow on this machine"
ONLY_SLOW = "Slow on this machine"
DETECTING = "Looking at the photo"
WORKING = "Moving the photo"
STOPPED = "Stopped."
REFUSED = "This file is not here; upload it first (what was uploaded is deleted after a while)."
NO_ESTIMATE = "The video does not say how long it is, so nobody knows how long this will take."

NO_MCP = "An MCP server needs the package mcp; install it with: pip install 'gradio[mcp]'."
POST_ONLY = "Send a form by POST: source and driving as files."
POST_FORM = "Send a form (multipart/form-data) with the files source and driving."
POST_LARGE = "A file is larger than what may be uploaded here."
POST_FILE = "{name} has to be a file."
POST_CHOICE = '{name} is "{word}"; choose one of {known}.'
POST_WORD = "{name} has to be a word or a number, not a file."
POST_NAME = "There is no field {name} here; there are {known}."
POST_FULL = "Too many are waiting; try again in a while."

CONSENT = (
    "Only animate people who have agreed to it, and never to deceive. Every result says, in the file itself, "
    "that it was made by AI. Your files are deleted when you leave, or after {minutes} minutes."
)

LIVE_HELP = "Your webcam moves the photo, right away. Look straight ahead when you start; nothing is recorded."
LIVE_PHOTO = "Photo"
LIVE_CAMERA = "You"
LIVE_RESULT = "The photo, moved by you"
LIVE_RESET = "This is my resting pose"
LIVE_SPEED = "{rate:.1f} frames a second; each takes {milliseconds:.0f} milliseconds to make here."

LIVE_HEAVY = "This model is large: without a graphics card, a picture of it takes many seconds."
LIVE_SLOW = "This model is slow on this machine: a picture takes about {pace:.3g} seconds."
LIVE_FIRST = "Here you are."
LIVE_START = "Start"
LIVE_EMPTY = "Press Start below your own picture, and the photo moves here"
LIVE_NO_FACE = "No face is seen in the webcam's picture; the photo rests until there is one."

INSIDE_HELP = (
    "See what the model sees, in the photo and video of the tab Animate (or the examples): the points it follows, "
    "where every pixel comes from, and what it must make up."
)
INSIDE_EMPTY = "What the model sees appears here, after a click on Look inside"
INSIDE_GO = "Look inside"
FRAME = "Moment"
FRAME_HINT = "Number of the video's frame, from 1 on."
INSIDE_PANELS = {
    "source": ("Photo, with its points", "Each colour is one part."),
    "driving": ("Video, with its points", "The same parts, as the video shows them."),
    "image": ("Result", "The photo in the video's pose."),
    "structure": (
        "Result, with what binds its points",
        "The white dot leads the coloured ones, each of which leads a part: the thicker a line, the stronger the tie.",
    ),
    "flow": ("Flow", "Where each pixel is fetched from: the colour tells the direction, its strength how far."),
    "occlusion": ("What is seen", "Bright: taken from the photo. Dark: hidden there, so the model makes it up."),
    "masks": ("Parts", "Which part's movement each pixel follows, in the colours of the points; grey stays."),
}
INSIDE_LIMIT = "Only the first {frames} frames of a video are looked at here."

COMPARE_HELP = "The photo and video of the tab Animate (or the examples), several ways, side by side."
COMPARE_WAYS = "What to compare"
COMPARE_WAYS_HINT = "Two to four. More models come in through the tab Models."
COMPARE_EMPTY = "Several results side by side, after a click on Compare"
COMPARE_GO = "Compare"
COMPARE_RESULT = "Side by side"
COMPARE_NUMBER = "Choose two to four ways to compare, not {count}."
COMPARE_HEAD = ("Way", "Seconds a frame", "Seconds in all")
COMPARE_DRIVING = "the video"

MODELS_HELP = "The models that are installed here, who may use them for what, and where they come from."
MODELS_MAY = "May I use it?"
MODELS_LIMITS = "What it cannot do"
MODELS_DETAILS = "Figures and tables"
MODELS_SPECIMEN = "What it makes: photo, video, result"
SUBJECTS = {
    "face": "Moves people: photos, drawings and paintings that show a face.",
    "front": "Moves animals, cats and dogs among them, as a person's face does: whatever stands in front in the photo.",
    "points": "Moves whatever it was trained on, framed as its own points mark it.",
    "body": "Moves people from the waist up and whole, as another person moves.",
    "cartoon": "Moves drawn figures, people and animals, as another figure moves.",
}
"""By what a model was trained on, or says that it moves."""
SPEEDS = {
    "fast": "Fast: a clip of two seconds takes seconds on an ordinary computer.",
    "moderate": "Moderate: some frames a second on an ordinary computer.",
    "heavy": "Heavy: wants a graphics card.",
    "unknown": "How fast it is, nobody has recorded.",
}
FINEST = "Best quality: pictures of {side} pixels, from a large network."
FINEST_PACE = "Slow on this machine: {pace:.3g} seconds a frame, as measured here."
FINEST_UNKNOWN = "How slow on this machine, is measured when it is first chosen in Animate."
SEVERAL_VIEWS = "It takes several photos of the same person, and fuses them."
_FREE = "Yes, also commercially ({licence}): keep its notice where you pass the model on."
LICENCES = {
    **dict.fromkeys(("Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "CC-BY-4.0"), _FREE),
    "CC-BY-NC-4.0": "Yes, but not commercially ({licence}).",
    "CC-BY-NC-SA-4.0": "Yes, but not commercially ({licence}).",
    "NOASSERTION": "Nobody has recorded that: find out before you use or share it.",
}
LICENCE_OTHER = "Its licence is {licence}: read it before you use it."
LIMITS = (
    "what the photo does not show, the inside of a mouth or the other side of a head, is guessed",
    "it moves what is like its training data; anything else comes out distorted",
)
MODELS_LOOKING = "It is being made ..."
MODELS_PULL = "Get a model from the Hugging Face Hub"
MODELS_PULL_HINT = "Its name there, such as owner/name or owner/name@version."
MODELS_PULL_GO = "Get it"
MODELS_PULLED = "{name} is here now; every tab offers it."
MODELS_SHOWN = "Installed"
MODELS_BAD_NAME = '"{name}" is not a name on the Hub; write owner/name or owner/name@version.'
MODELS_NO_NAME = "Write the model's name first, such as owner/name."

_ADVICE = re.compile(r",? or raise the limit(?: of \w+)?(?=\.)")
"""What the engine advises those whose machine it is, and nobody else."""


def choices(words: Mapping[Any, str]) -> list[tuple[str, Any]]:
    """The same as (what a visitor reads, value)."""
    return [(text, value) for value, text in words.items()]


def modes(bundle: Bundle) -> list[tuple[str, str]]:
    """The driving modes that a model offers, as (what a visitor reads, value)."""
    return [(text, mode) for mode, (text, _) in MODES.items() if mode in bundle.modes]


def models(names: Sequence[str]) -> list[tuple[str, str]]:
    """The models of these names, and that one of them be chosen, as (what a visitor reads, value)."""
    return [*((name, name) for name in names), (MODEL_AUTO, AUTO)]


def offered(name: str) -> list[Any]:
    """What the field of that name offers; nothing where it takes any value."""
    return list(_KINDS) if name == "kind" else list((OPTIONS[name].choices if name in OPTIONS else None) or ())


def kinds() -> list[tuple[str, str]]:
    """The kinds of file, as (what a visitor reads, extension)."""
    return choices(_KINDS)


def crops() -> list[tuple[str, str]]:
    """The ways to choose the part of a photo, as (what a visitor reads, value)."""
    return choices(_HOW)


def way(model: str, mode: str) -> str:
    """One way to animate, for Compare."""
    return f"{model}: {MODES[mode][1]}"


def estimate(about: Estimate | None) -> str:
    """The sentence on how long it will take."""
    if about is None:
        return NO_ESTIMATE
    if about.pace < SLOW:
        return f"This will take about {duration(about.seconds)} ({about.frames} frames)."
    quality = BEST_SLOW if about.finest else ONLY_SLOW
    each = f"{about.frames} frames, {about.pace:.3g} seconds each, as measured here"
    return f"{quality}: this will take about {duration(about.seconds)} ({each})."


def duration(seconds: float) -> str:
    """About so many seconds, in words."""
    if round(seconds) < 90:
        return f"{max(1, round(seconds))} seconds"
    return f"{round(seconds / 60)} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def doing(what: str, left: float | None) -> str:
    """What is being done, and for about how many seconds more, where that is known and long."""
    return what if left is None or left < 60 else f"{what}, about {duration(left)} left"


def done(frames: int, fps: float, seconds: float) -> str:
    """The sentence under a finished video of `frames` at `fps` frames a second that took `seconds` to make."""
    length = f"{frames / fps:.1f} seconds of video" if fps else f"{frames} frames"
    return f"{frames} frames, {length}, made in {max(seconds, 0.1):.1f} seconds."


def live_slow(pace: float | None) -> str:
    """What to expect of a large model in the tab Live; `pace`: seconds a frame on this machine, where known."""
    if pace is None:
        return LIVE_HEAVY
    return LIVE_SLOW.format(pace=pace) if pace >= SLOW else ""


def live_speed(rate: float | None, seconds: float) -> str:
    """The sentence under a live picture that took `seconds`, with `rate` of them a second lately."""
    if rate is None:
        return LIVE_FIRST
    return LIVE_SPEED.format(rate=rate, milliseconds=1000 * seconds)


def notice(message: str) -> str:
    """What the engine says, with the page's fields instead of the engine's options."""
    for option, field in {
        "Choose the part with crop=x,y,w,h.": f'Choose the part under "{PART}".',
        "Choose another with face=2.": f'Choose another under "{PART}".',
        "Choose another with driving_face=2.": f'Choose another under "{MORE}".',
        "Choose another with reference=N (--reference).": f'Choose another under "{MORE}".',
        "Choose the part with driving_crop.": f'Choose the part under "{MORE}".',
        "may do better: model=auto.": f'may do better: "{MODEL_AUTO}", under "{MORE}".',
    }.items():
        message = message.replace(option, field)
    return _ADVICE.sub("", message)
