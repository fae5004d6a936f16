"""What can be chosen when a picture is moved: each option once.

The fields below are the keywords of `runtime.animate` and `runtime.Animator`, the options of the commands, the columns
of a batch's list and the parameters of the page's endpoint, in this order and with these defaults. Their docstrings are
the help of the commands and the endpoint's description. To construct the value is the whole check.

An option more is a field more: its type, its docstring, its default, and in `Option` the group in which the commands
list it, with what else is special of it. Then it has to be used; and for the page it needs words (`demo/words.py`).
"""

from __future__ import annotations

import ast
import os
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, dataclass, fields
from functools import wraps
from inspect import Parameter, Signature, getsource, signature
from itertools import pairwise
from types import UnionType
from typing import Annotated, Any, Concatenate, Literal, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

from checkpoints.contract import FROM_REFERENCE, Mode
from checkpoints.errors import OptionError
from runtime.control.parts import ALL, check_parts, check_strength, read_strength
from runtime.control.pose import check_pose, read_pose
from runtime.control.retargeting import NONE, Retargeting, check_retargeting, check_stitching, read_stitching
from runtime.framing.chosen import Faces, check_face, check_faces, read_faces, several_faces
from runtime.framing.framer import Crop, check_crop
from runtime.layers import LayersMode, check_layers
from runtime.media.background import check_background, check_transparent
from runtime.media.limits import DEFAULT_LIMITS, Limits
from runtime.media.picture import Fit, check_fit
from runtime.media.video import check_fps
from runtime.motion.driving import Reference, check_reference, check_span, read_reference
from runtime.motion.modes import check_mode
from runtime.motion.seamless import SEAMLESS, Loop, check_loop, read_loop
from runtime.motion.smoothing import check_rate, check_smoothing
from runtime.result.finish import check_size
from runtime.result.structure import Show, check_show
from runtime.sources.given import Sound, Timing, check_source_frame
from runtime.values import is_number, is_whole, plain

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")
T = TypeVar("T")

GROUPS = ("input", "motion", "framing", "output", "machine")
"""What the commands list options under."""


@dataclass(frozen=True)
class Option:
    """What there is to say of an option beside its type, default and docstring."""

    group: str
    """One of `GROUPS`."""
    check: Callable[[Any], object] | None = None
    """Raises `OptionError` for what it cannot be; by default only the type is looked at."""
    read: Callable[[str], Any] | None = None
    """Makes the value of a word on the command line, where the type does not tell how."""
    metavar: str | None = None
    """What stands for the value in the help of a command."""
    alone: Callable[[], str] | None = None
    """What a command prints, and does no more, where the option stands there without a value."""


def in_pair(value: Any) -> None:
    """What the option may be depends on another one: the options look at both themselves."""


def _check_source_crop(crop: Crop) -> None:
    check_crop(crop, "crop")


def _check_driving_face(face: int | None) -> None:
    check_face(face, "driving_face")


def _check_driving_crop(crop: Crop) -> None:
    check_crop(crop, "driving_crop", follow=True)


def told_limits() -> str:
    """The limits that hold, with what each is of."""
    values = dict(word.split("=") for word in str(DEFAULT_LIMITS).split(","))
    told = docstrings(Limits)
    return "\n".join(f"{f'{name}={value}':16}{told[name][0].lower()}{told[name][1:]}" for name, value in values.items())


@dataclass(frozen=True, kw_only=True)
class CommonOptions:
    """What streams and finished videos have in common. Raises `OptionError` for whatever cannot be."""

    mode: Annotated[Mode, Option("motion", check_mode)] = "relative"
    """How the driving motion is taken over: relative moves as the driving pictures move from their first one on,
    absolute takes their poses as they are, disentangled takes them in the picture's own proportions.
    """
    strength: Annotated[
        float | Mapping[str, float], Option("motion", check_strength, read_strength, metavar="HOW_MUCH")
    ] = 1.0
    """How much motion: 0 none, 1 all of it, 2 twice; or of single parts, mouth=1.4,head=0.5."""
    parts: Annotated[str | Sequence[str], Option("motion", check_parts, metavar="NAMES")] = ALL
    """Which parts of a face move: all, or some of head,mouth,eyes,brows,gaze; the others stay as they are in the
    picture.
    """
    pose: Annotated[Mapping[str, float] | None, Option("motion", check_pose, read_pose, metavar="NAME=N,...")] = None
    """From which pose the face starts, set by hand: yaw, pitch, roll in degrees, mouth, smile, pucker, eyes, wink,
    brows, gaze_x, gaze_y from -1 to 1; yaw=10,mouth=0.5.
    """
    neutral: Annotated[bool, Option("motion")] = False
    """In relative mode, count expressions from faces at rest: of a driver who begins with an open mouth or shut eyes,
    of a picture that smiles. All frames are looked at before one is made.
    """
    retargeting: Annotated[Retargeting, Option("motion", check_retargeting, metavar="NAMES")] = NONE
    """What opens as far as the driver's does, not by as much more than in its first picture: mouth, eyes, both (all),
    or none; of models with networks for it (LivePortrait).
    """
    stitching: Annotated[float, Option("motion", check_stitching, read_stitching, metavar="HOW_MUCH")] = 1.0
    """How much of what is around a moved face is kept in its place, by models with a network for it (LivePortrait): on
    (1), off (0), or between.
    """
    smoothing: Annotated[float, Option("motion", check_smoothing)] = 0.0
    """Against jitter, from 0 (off) to 1."""
    adapt_scale: Annotated[bool, Option("motion")] = True
    """In relative mode, fit the motion to the size of what is moved."""
    fit: Annotated[Fit, Option("framing", check_fit)] = "crop"
    """How pictures become square where no face is looked for: by cropping (crop), or with bars (pad)."""
    crop: Annotated[Crop, Option("framing", _check_source_crop, metavar="HOW")] = "auto"
    """The square of the picture: auto (around the face), points (around the model's own), center, off (see fit), or
    x,y,w,h in pixels. Of a square chosen by auto or points only what the picture shows is shown.
    """
    driving_crop: Annotated[Crop, Option("framing", _check_driving_crop, metavar="HOW")] = "auto"
    """The square of the driving pictures: the same, or follow (the face, wherever it goes)."""
    face: Annotated[Faces | None, Option("framing", check_faces, read_faces, metavar="N,...")] = None
    """Which face of the picture, 1 is the largest; several (1,3), or all: they are pasted back into the whole picture.
    """
    driving_face: Annotated[int | None, Option("framing", _check_driving_face, metavar="N")] = None
    """Which face of the driving pictures is followed: 1 is the largest of the first ones that show so many."""
    paste_back: Annotated[bool, Option("framing")] = False
    """Put the moving square back into the whole picture."""
    size: Annotated[int | None, Option("output", in_pair, metavar="PIXELS")] = None
    """Side of the moving square; by default the model's, and the picture's own where it is pasted back, which is then
    made so large, or small, as a whole.
    """
    detail: Annotated[bool, Option("output")] = True
    """Where the result is larger than the model's pictures, lend it the picture's own detail."""
    layers: Annotated[LayersMode, Option("motion", check_layers)] = "auto"
    """Move a person as a whole before a backdrop that stays, where one is seen (auto), or leave all to the model
    (off).
    """
    background: Annotated[str | os.PathLike[str], Option("output", check_background, metavar="WHAT")] = "keep"
    """What is behind the person: keep (the picture's own backdrop, white where it is transparent), a colour (a name, or
    #rrggbb; where the picture is transparent, nothing else is changed), a picture's file, or transparent (into .webm,
    .webp or PNG frames).
    """
    limits: Annotated[Limits, Option("input", None, Limits.parse, "NAME=N,...", told_limits)] = DEFAULT_LIMITS
    """Refuse larger inputs: pixels of a picture, seconds, bytes of a file; inf for no limit. Alone, it tells them."""

    def __post_init__(self) -> None:
        for name, (hint, option) in described(type(self)).items():
            value = plain(getattr(self, name))
            if isinstance(value, str) and option.read is not None and str in get_args(hint):
                value = option.read(value)  # whose type admits text: the same as on the command line
            object.__setattr__(self, name, value)
            if option.check is not None and not (value is None and _is_optional(hint)):
                option.check(value)
            elif option.check is None and not _fits(value, hint):
                raise OptionError(f"{name} is {value!r}; it must be {_meant(hint)}.")
        check_size(self.size)
        if self.neutral and self.mode not in FROM_REFERENCE:
            raise OptionError(
                f"Faces at rest count where motion is counted from one; leave neutral or {self.mode} out."
            )

    def common(self) -> dict[str, Any]:
        """The options that streams have too, by name."""
        return {field.name: getattr(self, field.name) for field in fields(CommonOptions)}


@dataclass(frozen=True, kw_only=True)
class StreamOptions(CommonOptions):
    """What can be chosen for a stream of driving frames."""

    fps: Annotated[float, Option("motion", check_rate)] = 25.0
    """Frames a second to expect, for smoothing."""


@dataclass(frozen=True, kw_only=True)
class Options(CommonOptions):
    """What can be chosen for a video. Raises `OptionError` for whatever cannot be."""

    reference: Annotated[Reference, Option("motion", check_reference, read_reference)] = "first"
    """In relative mode, the driving frame that the motion is counted from: first, best (the one most like the picture)
    or a number from 0 on. But for the first, all frames are looked at before one is made.
    """
    fps: Annotated[float | None, Option("output", check_fps)] = None
    """Frames a second; by default the video's own, and 25 for pictures."""
    source_frame: Annotated[int | None, Option("input", check_source_frame, metavar="N")] = None
    """Of a source that moves (a video, an animated picture, a folder of frames), move only this frame, 0 being the
    first, as a still picture.
    """
    timing: Annotated[Timing, Option("motion")] = "source"
    """Of a source that moves: whose rate and length the result has. Whoever ends earlier stays as they are then."""
    sound: Annotated[Sound, Option("output")] = "auto"
    """Whose sound the result has: auto (that of whoever gives the length: the driving video, or a source that moves),
    source, driving or none.
    """
    start: Annotated[float, Option("input", in_pair, metavar="SECONDS")] = 0.0
    """Where in the driving video to begin."""
    end: Annotated[float | None, Option("input", in_pair, metavar="SECONDS")] = None
    """Where in it to stop; by default at its end."""
    loop: Annotated[Loop, Option("output", check_loop, read_loop, metavar="N")] = 1
    """How often it is played; or seamless: once, without sound, so that it can be played again and again without a
    leap.
    """
    compare: Annotated[bool, Option("output")] = False
    """Show picture and driving frame beside the result."""
    show: Annotated[Show | None, Option("output", in_pair, metavar="WHAT")] = None
    """The same, and draw on all three what the model finds in them: structure (its points, or the anchors that bind
    them).
    """
    urls: Annotated[bool, Option("input")] = False
    """Fetch picture and video where they are http(s) addresses."""
    label: Annotated[bool, Option("output")] = False
    """Write into the pictures that they were made by AI."""
    sign: Annotated[str | os.PathLike[str] | None, Option("output", metavar="FILE.pem")] = None
    """Sign the result (C2PA) with this key and its certificates."""

    @property
    def turns(self) -> int:
        """How often the motion is played."""
        return 1 if self.loop == SEAMLESS else int(self.loop)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_show(self.show, self.paste_back or several_faces(self.face))
        check_span(self.start, self.end)
        check_transparent(self.background, self.compare, self.show)


def described(options: type) -> Mapping[str, tuple[Any, Option]]:
    """Type and `Option` of every field of the class `options` that has one, by name."""
    if options not in _described:
        hints = get_type_hints(options, include_extras=True)
        _described[options] = {
            name: get_args(hint)[:2] for name, hint in hints.items() if get_origin(hint) is Annotated
        }
    return _described[options]


_described: dict[type, Mapping[str, tuple[Any, Option]]] = {}


def docstrings(options: type) -> dict[str, str]:
    """What the docstrings of the class's fields say, in one line each, by name. Read from the source, which only
    commands and the page need.
    """
    found: dict[str, str] = {}
    for kind in reversed([kind for kind in options.__mro__ if kind is not object]):
        body = ast.parse(textwrap.dedent(getsource(kind))).body[0]
        for field, after in pairwise(getattr(body, "body", [])):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(after, ast.Expr):
                found[field.target.id] = " ".join(str(ast.literal_eval(after.value)).split())
    return found


def defaults(options: type) -> dict[str, Any]:
    """The options of the class by name, with their defaults."""
    known: Sequence[Field[Any]] = fields(options)
    return {field.name: field.default for field in known if field.name in described(options)}


def read_word(options: type, name: str, word: str) -> Any:
    """The value of the option `name` that is written as `word`, in a list of pairs. Raises `OptionError` for words that
    cannot be one; whether the value can be, the options themselves check.
    """
    hint, option = described(options)[name]
    if option.read is not None:
        return option.read(word)
    kind = plain_type(hint)
    try:
        return _SWITCH[word.lower()] if kind is bool else kind(word)
    except (KeyError, ValueError) as error:
        raise OptionError(f'{name} is "{word}"; it must be {_meant(hint)}.') from error


def plain_type(hint: Any) -> type:
    """What a word is made into for an option of that type: bool, int, float or str."""
    kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return next((kind for kind in (bool, int, float) if kind in kinds), str)


def choices(hint: Any) -> tuple[str, ...]:
    """The words that an option of that type may be, where it is one of a few."""
    return tuple(get_args(hint)) if get_origin(hint) is Literal else ()


_SWITCH = dict.fromkeys(("yes", "true", "on", "1"), True) | dict.fromkeys(("no", "false", "off", "0"), False)


def _is_optional(hint: Any) -> bool:
    return type(None) in get_args(hint)


def _fits(value: Any, hint: Any) -> bool:
    """Whether `value` is of the type `hint`; numbers are no booleans."""
    if get_origin(hint) in (Union, UnionType):
        return any(_fits(value, kind) for kind in get_args(hint))
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    if hint in (int, float):
        return is_whole(value) if hint is int else is_number(value)
    return isinstance(value, get_origin(hint) or hint)


def _meant(hint: Any) -> str:
    """What a value of the type `hint` is, in words."""
    if choices(hint):
        return " or ".join(choices(hint))
    kinds = [kind for kind in (get_args(hint) or (hint,)) if kind is not type(None)]
    words = {bool: "True or False", int: "a whole number", float: "a number", str: "a text", Limits: "runtime.Limits"}
    return " or ".join(words.get(kind, getattr(get_origin(kind) or kind, "__name__", str(kind))) for kind in kinds)


def called_with(options: Callable[P, T]) -> Callable[[Callable[[T], R]], Callable[P, R]]:
    """A function of one value of the class `options` is called with the fields of that class: they are its keywords,
    for people, `inspect` and type checkers alike.
    """

    def wrap(function: Callable[[T], R]) -> Callable[P, R]:
        known = _signature(options)

        @wraps(function)
        def call(*given: P.args, **named: P.kwargs) -> R:
            _check_call(known, function.__qualname__, given, named)
            return function(options(*given, **named))

        _declare(call, known.replace(return_annotation=signature(function).return_annotation))
        return call

    return wrap


def made_with(options: Callable[P, T]) -> Callable[[Callable[[S, T], None]], Callable[Concatenate[S, P], None]]:
    """The same for the `__init__` of a class."""

    def wrap(function: Callable[[S, T], None]) -> Callable[Concatenate[S, P], None]:
        known = _signature(options)

        @wraps(function)
        def call(self: S, /, *given: P.args, **named: P.kwargs) -> None:
            _check_call(known, function.__qualname__, given, named)
            function(self, options(*given, **named))

        itself = Parameter("self", Parameter.POSITIONAL_OR_KEYWORD)
        _declare(call, known.replace(parameters=[itself, *known.parameters.values()]))
        return call

    return wrap


def _declare(function: Any, told: Signature) -> None:
    """What `inspect.signature` says of `function`."""
    function.__signature__ = told


def _signature(options: Callable[..., Any]) -> Signature:
    hints = get_type_hints(options)
    found = signature(options)
    return found.replace(
        parameters=[each.replace(annotation=hints[name]) for name, each in found.parameters.items()],
        return_annotation=None,
    )


def _check_call(known: Signature, name: str, given: Sequence[Any], named: Mapping[str, Any]) -> None:
    """Raises `TypeError` with the words, and the name, of the function that was meant."""
    try:
        known.bind(*given, **named)
    except TypeError as error:
        raise TypeError(f"{name}() {error}") from None
