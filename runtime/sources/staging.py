"""Who is moved by whom: everything opened and framed, before the first frame is made."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from contextvars import copy_context
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from checkpoints.bundle import Bundle
from checkpoints.contract import FROM_REFERENCE
from checkpoints.errors import BunrakuWarning, InputError, OptionError
from runtime.animator import Animator
from runtime.auto import AUTO, AutoModel
from runtime.control.pose import is_track
from runtime.engine import Engine
from runtime.framing.framer import Framer
from runtime.framing.search import search_everywhere
from runtime.graphs.sessions import Device
from runtime.media.background import Background
from runtime.media.fetch import local
from runtime.media.picture import Picture, check_file, read_image
from runtime.media.probe import VideoInfo
from runtime.media.video import exact_rate
from runtime.motion.driving import Clip, Framed, frame_clip, open_clip
from runtime.motion.modes import Motion
from runtime.motion.seamless import SEAMLESS
from runtime.prepared import Prepared
from runtime.result.compare import check_compare
from runtime.sources.drivers import at_rate, frames_at, resampled
from runtime.sources.footage import Footage, Look, count_people
from runtime.sources.given import open_source, source_frame

if TYPE_CHECKING:
    from runtime.animate import Request


@dataclass(frozen=True)
class Staging:
    """Everybody who is moved, and what moves them."""

    animators: tuple[Animator, ...]
    """One for each person; their sources are prepared (of a video, its first frame)."""
    order: tuple[int, ...]
    """Their numbers in the order in which they are pasted back: who is nearer covers who is farther away."""
    drivers: tuple[Framed, ...]
    """One for all, or one for each."""
    rate: Fraction
    """Frames a second of the result."""
    footage: Footage | None = None
    """The video that is moved; None where it is a still picture."""
    ends_with_source: bool = False
    """Whether the result is as long as the source."""

    @property
    def total(self) -> int | None:
        """How many frames there will be, played once, where that is known."""
        if self.footage is not None and self.ends_with_source:
            return frames_at(self.footage.clip, self.rate)
        counts = [frames_at(framed.clip, self.rate) for framed in self.drivers]
        known = [count for count in counts if count is not None]
        return max(known) if len(known) == len(counts) else None

    def sound(self, wanted: str) -> VideoInfo | None:
        """What has the sound that is `wanted` (see `Sound`); None for silence. Warns where one is asked for by name and
        there is none.
        """
        whose = ("source" if self.ends_with_source else "driving") if wanted == "auto" else wanted
        found = self.drivers[0].clip.video if whose == "driving" else None
        if whose == "source" and self.footage is not None:
            found = self.footage.clip.video
        if wanted in ("source", "driving") and (found is None or found.audio is None):
            said = f"The {wanted} has no sound: the result will be silent; ask for none, or leave the option sound out."
            warnings.warn(said, BunrakuWarning, stacklevel=3)
        return found

    def prepared(self) -> Iterator[tuple[list[Prepared], tuple[bool, ...]]]:
        """Of every frame of the video that is moved, everybody in it, ready to be moved, and whether they are there."""
        if self.footage is not None:
            for look in resampled(self.footage, self.footage.rate, self.rate):
                yield _prepared(self.animators, look, strict=False), look.seen


def stage(asked: Request, views: Sequence[Picture], stack: ExitStack) -> Staging:
    """Open the sources `views` and what drives them, as `asked`; what has to be kept open meanwhile goes onto the
    `stack`. Raises a `BunrakuError` where something cannot be used, or an option does not fit the others.
    """
    views = [stack.enter_context(local(view, asked.urls, asked.limits)) for view in views]
    drivings = [stack.enter_context(local(each, asked.urls, asked.limits)) for each in asked.all_drivings]
    model = asked.model
    with ThreadPoolExecutor(1, "bunraku-look") as team:
        looking = team.submit(copy_context().run, _looked_at, asked, views, drivings)
        try:
            engine = _opening(model, asked.device)
        finally:
            source, views, clips, rate = looking.result()  # what is wrong with these is said first
    if isinstance(engine, AutoModel):
        engine = engine.engine_for(source, views, clips)
    ends_with_source = source is not None and asked.timing == "source"
    several = asked.moves_several
    common = asked.common() | {"face": None if several else asked.face, "paste_back": asked.paste_back or several}
    first = Animator(engine, fps=float(rate), **common)
    if several:
        _check_several(asked, first.framer, len(views))
    with ThreadPoolExecutor(1, "bunraku-frame") as team:  # both take about as long
        # With our context, so that what is warned of in there reaches whoever listens out here.
        framed = team.submit(copy_context().run, lambda: tuple(frame_clip(clip, first.framer) for clip in clips))
        alone = [asked.face if isinstance(asked.face, int) else None]
        numbers = _numbers(asked, source, views, len(clips)) if several else alone
        animators = (first, *(Animator(engine, fps=float(rate), **common) for _ in numbers[1:]))
        if source is None:
            order, footage = _sit(animators, views, numbers if several else None), None
        else:
            framers = [first.framer.of_source(number) for number in numbers]
            footage = Footage(source, framers, Background.of(asked.background).filling)
            order = _begin(animators, footage)
        return Staging(animators, order, framed.result(), rate, footage, ends_with_source)


def _opening(model: str | os.PathLike[str] | Engine | Bundle | AutoModel, device: Device) -> Engine | AutoModel:
    """An engine that is being opened, or what will choose one."""
    if isinstance(model, Engine | AutoModel):
        return model
    return AutoModel(partial(Engine.opening, device=device)) if model == AUTO else Engine.opening(model, device=device)


def _looked_at(
    asked: Request, views: list[Picture], drivings: Sequence[object]
) -> tuple[Clip | None, list[Picture], list[Clip], Fraction]:
    """The source where it moves, still pictures where it does not, what drives, and the result's frames a second."""
    source, views = _opened(asked, views)
    if source is not None and asked.loop == SEAMLESS:
        raise OptionError("A source that moves is played as it is; leave seamless out, or give source_frame.")
    leads = source is not None and asked.timing == "source"
    clips = _clips(asked, drivings, source.rate if source is not None and leads else None)
    rate = source.rate if source is not None and leads else clips[0].rate
    return None if source is None else at_rate(source, rate), views, clips, rate


def _opened(asked: Request, views: list[Picture]) -> tuple[Clip | None, list[Picture]]:
    """The source where it moves, and still pictures where it does not."""
    only = views[0]
    clip = None
    if len(views) == 1 and isinstance(only, str | os.PathLike) and os.fspath(only):
        if not os.path.isdir(only):  # of names that are too long, too
            check_file(Path(only))
        clip = open_source(Path(only), asked.limits, _rate(asked))
    if clip is not None and asked.source_frame is not None:
        filling = Background.of(asked.background).filling
        return None, [source_frame(clip, asked.source_frame, str(only), filling)]
    for view in views if clip is None else ():
        if isinstance(view, str | os.PathLike):
            check_file(Path(view))  # before the model is opened, which takes its time
    if clip is None and asked.timing == "driving":
        said = "timing is driving, but the source is one picture, which has neither rate nor length; leave timing out."
        warnings.warn(said, BunrakuWarning, stacklevel=2)
    if clip is None and asked.source_frame:
        raise OptionError(f"source_frame is {asked.source_frame}, but the source is one picture; leave it out.")
    return clip, views


def _rate(asked: Request) -> Fraction | None:
    return None if asked.fps is None else exact_rate(asked.fps)


def _clips(asked: Request, drivings: Sequence[object], rate: Fraction | None) -> list[Clip]:
    """What drives, at that `rate`, or else at that of the first one; what has none of its own, at its own."""
    clips: list[Clip] = []
    for driving in drivings:
        # Recorded motion says itself that it cannot be read at another rate, where that was asked for by hand.
        wanted = _rate(asked) if rate is None and not clips else None
        clip = open_clip(driving, wanted, asked.limits, asked.start, asked.end)  # type: ignore[arg-type]
        if clip.pictures is not None and wanted is None and asked.fps is not None:  # they have no rate of their own
            clip = open_clip(driving, _rate(asked), asked.limits, asked.start, asked.end)  # type: ignore[arg-type]
        rate = rate or clip.rate
        clips.append(at_rate(clip, rate))
        if asked.compare or asked.show:
            check_compare(clip, asked.loop)
    _check_recorded(asked, [clip.motion.motion for clip in clips if clip.motion is not None], len(clips))
    return clips


def _check_recorded(asked: Request, recorded: Sequence[Motion], drivers: int) -> None:
    """Raises `OptionError` where all that drives is recorded motion, and an option is about drivers of another kind."""
    if len(recorded) < drivers:
        return
    if asked.driving_face is not None:
        raise OptionError(
            f"driving_face is {asked.driving_face}, but recorded motion is of one face; leave driving_face out."
        )
    if asked.reference != "first" and asked.mode in FROM_REFERENCE and all(map(is_track, recorded)):
        raise OptionError(
            f"reference is {asked.reference}, but a track of poses counts from the picture itself; leave reference out."
        )


def _check_several(asked: Request, framer: Framer, views: int) -> None:
    if framer.framing.subject != "face":
        raise OptionError(f"face is {asked.face!r}, but the model is not one of faces; leave face out.")
    if asked.crop != "auto":
        raise OptionError("Several faces are framed one by one; leave crop out.")
    if views > 1:
        raise OptionError("Several views show one person; leave face, or the other views, out.")


def _numbers(asked: Request, source: Clip | None, views: Sequence[Picture], drivers: int) -> list[int | None]:
    """Which faces are moved, from 1 on, in the order of what drives them."""
    if isinstance(asked.face, int):
        raise OptionError(f"There are {drivers} driving videos but one face; give a face for each (face=1,2).")
    if asked.face is None:
        return list(range(1, drivers + 1))
    if not isinstance(asked.face, str):
        numbers = list(asked.face)
    else:
        if source is not None:
            found = count_people(source)
        else:
            found = len(search_everywhere(read_image(views[0], None, asked.limits)))
        if not found:
            raise InputError("No face was found in the source; leave face=all out.")
        numbers = list(range(1, found + 1))
    if drivers > 1 and len(numbers) != drivers:
        raise OptionError(f"There are {drivers} driving videos for {len(numbers)} faces; give one, or one for each.")
    return list(numbers)


def _sit(animators: Sequence[Animator], views: list[Picture], numbers: list[int | None] | None) -> tuple[int, ...]:
    """Have everybody in a still picture ready to be moved; returns the order in which they are pasted back."""
    if numbers is None:
        animators[0].set_source(views)
        return (0,)
    image, cut_out = animators[0].read(views[0])
    faces = search_everywhere(image)
    seats = [animators[0].framer.seat_of(image, faces, number or 1) for number in numbers]
    return _seated(animators, Look(image, cut_out, tuple(seats), (True,) * len(seats)))


def _begin(animators: Sequence[Animator], footage: Footage) -> tuple[int, ...]:
    """The same for a video, of which the first frame that shows everybody is got ready."""
    look = footage.first()
    if look is None:
        raise InputError("The source has no frames; give another one.")
    return _seated(animators, look)


def _seated(animators: Sequence[Animator], look: Look) -> tuple[int, ...]:
    for animator, prepared in zip(animators, _prepared(animators, look), strict=True):
        animator.use(prepared)
    sizes = [0.0 if seat.window is None else seat.window.side for seat in look.seats]
    return tuple(sorted(range(len(sizes)), key=lambda index: sizes[index]))


def _prepared(animators: Sequence[Animator], look: Look, *, strict: bool = True) -> list[Prepared]:
    """Everybody in one frame, ready to be moved; not `strict`: also where nobody is seen."""
    found: list[Prepared] = []
    for animator, seat in zip(animators, look.seats, strict=True):
        beside = found[0].finish if found else None
        found.append(animator.prepare([look.image], [seat], cut_out=look.cut_out, beside=beside, strict=strict))
    return found
