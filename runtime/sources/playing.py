"""The frames of a result, one after another: everybody moved, and pasted into one picture where they are several."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager

import numpy as np

from checkpoints.contract import FROM_REFERENCE
from checkpoints.errors import BunrakuWarning
from checkpoints.parameters import TAKES
from runtime.animator import Animator
from runtime.control.declared import faces_itself
from runtime.control.pose import is_track
from runtime.graphs.sessions import keep_borrowed
from runtime.many.pipeline import prefetch
from runtime.motion.driving import read_motion, reference_of
from runtime.motion.modes import Motion
from runtime.motion.seamless import SEAMLESS, has_cuts, seamless
from runtime.options import Options
from runtime.prepared import Prepared
from runtime.progress import Progress
from runtime.sources.drivers import held, in_batches, resampled, singly, together
from runtime.sources.staging import Staging
from runtime.values import Bytes

Step = tuple[list[Motion], list[Prepared] | None]
"""Motions of everybody for the next frames; where the source moves, of one, and everybody in it."""


def play(
    staging: Staging, asked: Options, report: Progress, total: int | None, begin: Callable[[], object]
) -> Generator[Bytes, None, None]:
    """The frames one by one, computed in batches while the next ones are being decoded; `begin` is called before the
    first one of each time that all is played.
    """
    done = 0
    with _motions(staging) as motions:
        again: Sequence[Sequence[Motion]] | None = None
        counted = asked.reference != "first" and asked.mode in FROM_REFERENCE
        totals = [framed.clip.total for framed in staging.drivers]
        still = asked.mode in FROM_REFERENCE and 1 in totals and None not in totals
        if counted or asked.neutral or still or asked.loop == SEAMLESS:
            known = [Motion.concatenate(list(each)) for each in motions]
            again = looked_through(staging.animators, known, asked, float(staging.rate))
        elif asked.turns > 1:
            again = [list(each) for each in motions]
        for _ in range(asked.turns):
            begin()
            turn = motions if again is None else [iter(each) for each in again]
            with closing(_steps(staging, turn)) as steps:
                for moved, prepared in steps:
                    _use(staging.animators, prepared)
                    yield from _frames(staging, moved)
                    done += len(moved[0])
                    report(done, total)


def looked_through(
    animators: Sequence[Animator], driving: Sequence[Motion], asked: Options, rate: float
) -> list[list[Motion]]:
    """The batches of streams, one for all `animators` or one for each, of which all frames are known before the first
    one is made. `rate`: frames a second.
    """
    each_driven = list(driving) * len(animators) if len(driving) == 1 else driving
    for animator, known in zip(animators, each_driven, strict=True):
        reference = None
        if asked.mode in FROM_REFERENCE and not is_track(known):
            if asked.reference != "first":
                reference = reference_of(animator.source.motion[:1], known, asked.reference)
            elif len(known) == 1:
                reference = faces_itself(animator.source.motion[:1], known)
                if reference is None and not asked.neutral:
                    _say_still(asked.mode)
            elif asked.loop == SEAMLESS and not has_cuts(known):
                reference = known[:1]  # which need not be the first one in the circle
        animator.reset(reference)
        animator.learn(known)
    if asked.loop == SEAMLESS:
        driving = [seamless(each, rate) for each in driving]
    batch = animators[0].engine.batch
    return [[each[start : start + batch] for start in range(0, len(each), batch)] for each in driving]


def _say_still(mode: str) -> None:
    warnings.warn(
        f"One picture drives: in the mode {mode} there is no motion to follow. Its pose is taken with mode=absolute "
        "(--mode absolute).",
        BunrakuWarning,
        stacklevel=2,
    )


@contextmanager
def _motions(staging: Staging) -> Iterator[list[Iterator[Motion]]]:
    """What each driver does, in batches. Detected in threads of their own: while the last frames of one batch are
    rendered, the next batch is looked at.
    """
    engine, watched = staging.animators[0].engine, any(animator.watches for animator in staging.animators)
    with ExitStack() as stack:
        found = []
        for framed in staging.drivers:
            motions = stack.enter_context(prefetch(read_motion(framed, engine, expression=watched), depth=2))
            own = framed.clip.rate
            found.append(motions if own == staging.rate else resampled(singly(motions), own, staging.rate))
        yield found


def _steps(staging: Staging, motions: Sequence[Iterator[Motion]]) -> Generator[Step, None, None]:
    people = len(staging.animators)
    if staging.footage is None:
        if len(motions) == 1:
            yield from (([motion] * people, None) for motion in motions[0])
        else:
            frames = together([singly(each) for each in motions])
            yield from ((moved, None) for moved in in_batches(frames, staging.animators[0].engine.batch))
        return
    one_by_one = together([singly(each) for each in motions])
    with keep_borrowed(), prefetch(staging.prepared(), depth=1) as ready:
        ends = staging.ends_with_source
        pairs = zip(ready if ends else held(ready), held(one_by_one) if ends else one_by_one, strict=False)
        for (prepared, seen), moved in pairs:
            each = moved * people if len(moved) == 1 else moved
            yield [motion if here else _rest(motion) for motion, here in zip(each, seen, strict=True)], prepared


def _rest(motion: Motion) -> Motion:
    """The same frames for somebody who is not there: whatever the square shows stays as it is."""
    return motion.with_arrays({TAKES: np.zeros((len(motion), 1), np.float32)})


def _use(animators: Sequence[Animator], prepared: Sequence[Prepared] | None) -> None:
    if prepared is not None:
        for animator, source in zip(animators, prepared, strict=True):
            animator.use(source)


def _frames(staging: Staging, moved: Sequence[Motion]) -> Iterator[Bytes]:
    """The next frames of the result."""
    if len(staging.animators) == 1:
        yield from staging.animators[0].poses(moved[0])
        return
    pieces = [animator.pieces(motion) for animator, motion in zip(staging.animators, moved, strict=True)]
    for index in range(len(moved[0])):
        whole = staging.animators[0].finish.whole
        for number in staging.order:
            staging.animators[number].finish.lay(whole, pieces[number][index])
        yield np.array(whole)
