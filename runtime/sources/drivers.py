"""Motions that are to be played together: at one rate, and as long as somebody still moves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from typing import TypeVar

from runtime.motion.driving import Clip
from runtime.motion.modes import Motion

T = TypeVar("T")


def at_rate(clip: Clip, rate: Fraction) -> Clip:
    """`clip` read at that `rate`, where it is a video; what has frames of its own keeps them: see `resampled`."""
    if clip.video is None or clip.rate == rate:
        return clip
    return replace(clip, rate=rate, total=clip.video.count(rate))


def frames_at(clip: Clip, rate: Fraction) -> int | None:
    """How many frames `clip` gives at that `rate`, where that is known."""
    if clip.total is None or clip.rate == rate:
        return clip.total
    return max(1, round(clip.total * rate / clip.rate))


def resampled(frames: Iterable[T], own: Fraction, rate: Fraction) -> Iterator[T]:
    """What is shown at second n / `rate`, for every n, of `frames` that come at their `own` rate."""
    if own == rate:
        yield from frames
        return
    number = 0
    for index, frame in enumerate(frames):
        # Half a frame's time, of the faster of the two, is forgiven, as where videos are read.
        until = (index + 1) / own - 1 / (2 * max(own, rate))
        while number / rate < until:
            yield frame
            number += 1


def singly(motions: Iterable[Motion]) -> Iterator[Motion]:
    """The frames of `motions`, one at a time."""
    for motion in motions:
        for index in range(len(motion)):
            yield motion[index : index + 1]


def held(frames: Iterator[T]) -> Iterator[T]:
    """`frames`, and then the last one again and again. Nothing where there is none."""
    last: list[T] = []
    for frame in frames:
        last = [frame]
        yield frame
    while last:
        yield last[0]


def together(frames: Sequence[Iterator[T]]) -> Iterator[list[T]]:
    """One frame of each, as long as any of them goes on; what has ended keeps its last one."""
    last: list[T | None] = [None] * len(frames)
    while True:
        new = [next(each, None) for each in frames]
        if all(frame is None for frame in new):
            return
        last = [old if frame is None else frame for old, frame in zip(last, new, strict=True)]
        yield [frame for frame in last if frame is not None]


def in_batches(frames: Iterator[list[Motion]], size: int) -> Iterator[list[Motion]]:
    """The motions of several people, `size` frames at a time."""
    while part := list(islice(frames, size)):
        yield [Motion.concatenate(each) for each in zip(*part, strict=True)]
