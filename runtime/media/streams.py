"""What streams a file holds: by listing all of its packets, which unpacks none of them.

ffmpeg's frame CRC format states time base, codec and layout of every stream, and time and length of every packet, as
numbers. Of its words only the lines of the listed streams are read, which begin like no line of a title or a comment:
those are indented further.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from runtime.media.ffmpeg import Ffmpeg, read_arguments
from runtime.media.limits import Limits

_UNKNOWN = -(2**62)
"""Times below are none (ffmpeg's AV_NOPTS_VALUE)."""
_KEY, _DISCARD = 1, 4
"""ffmpeg's flags of packets: one that needs no other, and one that is not to be shown (edit lists)."""

_PACKET = re.compile(r"(\d+),\s*(-?\d+),\s*(-?\d+),\s*(\d+),\s*\d+,\s*0x[0-9a-f]{8}(?:, F=0x([0-9A-F]+))?")
_FACT = re.compile(r"#(tb|media_type|codec_id|channel_layout_name) (\d+): (.*)")
_LINE = re.compile(r"^  Stream #0:(\d+)(?:\[\w+\])?(?:\([^()\n]*\))?: (?:Video|Audio): (.*)$", re.MULTILINE)
"""How ffmpeg shows a stream."""
_FORMAT = re.compile(r"^Input #0, ([\w,]+), from ", re.MULTILINE)
_DURATION = re.compile(r"^  Duration: (\d+):(\d\d):(\d\d(?:\.\d+)?)(?:, start: (\d+\.\d+))?", re.MULTILINE)
_OUTPUT = re.compile(r"^Output #0, framecrc, to 'pipe:1':$", re.MULTILINE)
_HDR = re.compile(r"\b(smpte2084|arib-std-b67)\b")
"""How ffmpeg names the two curves of HDR."""
_PIXELS = re.compile(r"\byuv(j?)\d\d\dp\w*(?:\(([^()]*)\))?")
"""How it names formats of pixels, whether one means full range, and what is said of its colours."""
MATRICES = {"bt709": 1, "fcc": 4, "bt470bg": 5, "smpte170m": 6, "smpte240m": 7, "bt2020nc": 9, "unknown": 2}
"""Matrices that ffmpeg's filters know, and their numbers (ITU-T H.273)."""


@dataclass
class Stream:
    """One stream of pictures or of sound."""

    number: int
    """Among those of its kind, covers left out: "0:V:number" or "0:a:number" to ffmpeg."""
    kind: str
    """"video" or "audio"."""
    codec: str = ""
    base: Fraction = Fraction(1)
    """Seconds of one tick."""
    layout: str = ""
    """Of sound: which loudspeakers."""
    default: bool = False
    """Whether the file names it as the one to play."""
    hdr: bool = False
    """Whether its brightness reaches beyond that of usual screens (PQ or HLG)."""
    matrix: str | None = None
    """ffmpeg's name of the matrix, where its decoder keeps to a pixel format that means full range even where the range
    changes; else None."""
    ticks: list[tuple[int, int]] = field(default_factory=list)
    """When each packet is to be shown, from the file's beginning, and for how long (0: unknown)."""

    @cached_property
    def times(self) -> list[int]:
        """Ticks at which something new is shown, in order, each once."""
        return sorted({tick for tick, _ in self.ticks})

    @property
    def end(self) -> Fraction:
        """Second at which its last packet is over."""
        times = self.times or [0]
        last = max((length for tick, length in self.ticks if tick == times[-1]), default=0)
        step = times[-1] - times[-2] if len(times) > 1 else 0
        return (times[-1] + (last or step)) * self.base

    @property
    def pause(self) -> Fraction:
        """Seconds for which a picture stays at most."""
        return max((after - before for before, after in pairwise(self.times)), default=0) * self.base


@dataclass(frozen=True)
class Listing:
    """What a file holds."""

    streams: list[Stream]
    container: str
    """ffmpeg's names of its format, "" where it knows none."""
    duration: float | None
    """In seconds, at least, as the container states it; None where it does not."""

    def best(self, kind: str) -> Stream | None:
        """The stream to use: the one that the file names as the default one, or else the first. A still beside moving
        pictures (a cover, the first frame of an animated AVIF) is none of them.
        """
        known = [stream for stream in self.streams if stream.kind == kind and stream.ticks]
        if kind == "video" and any(len(stream.times) > 1 for stream in known):
            known = [stream for stream in known if len(stream.times) > 1]
        return next((stream for stream in known if stream.default), known[0] if known else None)


def list_streams(path: Path, limits: Limits) -> Listing:
    """The streams of the file `path`, as far as the `limits` reach; none where ffmpeg cannot make it out."""
    for maps in (("0:V?", "0:a?"), ("0:V?",)):  # sound that makes no sense must not cost the pictures
        listing = _listed(path, limits, maps)
        if listing.best("video") is not None:
            break
    return listing


def _listed(path: Path, limits: Limits, maps: tuple[str, ...]) -> Listing:
    until = [] if math.isinf(limits.seconds) else ["-t", f"{limits.seconds + 1:.3f}"]
    arguments = ["-loglevel", "info", *until, *read_arguments(path, limits.pixels)]
    arguments += [word for each in maps for word in ("-map", each)]
    found: dict[int, Stream] = {}
    counts = {"video": 0, "audio": 0}
    with Ffmpeg([*arguments, "-c", "copy", "-copyinkf", "-f", "framecrc", "pipe:1"], stdout=True) as ffmpeg:
        listing = ffmpeg.stdout.read().decode("utf-8", "replace")
        ffmpeg.finish()
        log = ffmpeg.log()
    facts: dict[tuple[str, int], str] = {}
    for line in listing.split("\n"):
        if fact := _FACT.match(line):
            facts[fact[1], int(fact[2])] = fact[3]
        elif packet := _PACKET.match(line):
            index = int(packet[1])
            if index not in found:
                found[index] = _stream(facts, index)
            _add(found[index], packet)
    streams = [found[index] for index in sorted(found) if found[index].kind in counts]
    for index in sorted(index for name, index in facts if name == "media_type"):
        kind = facts["media_type", index]
        if index in found and kind in counts:
            found[index].number = counts[kind]
        counts[kind] = counts.get(kind, 0) + 1
    _mark(found, log)
    header = (_OUTPUT.split(log) or [""])[0]
    container, stated = _FORMAT.search(header), _DURATION.search(header)
    return Listing(streams, container[1] if container else "", _seconds(stated) if stated else None)


def _seconds(stated: re.Match[str]) -> float:
    """How long a file plays that says it ends, or lasts, so many seconds: some count from 0, wherever they start."""
    return max(0.0, int(stated[1]) * 3600 + int(stated[2]) * 60 + float(stated[3]) - float(stated[4] or 0))


def _stream(facts: dict[tuple[str, int], str], index: int) -> Stream:
    base = re.fullmatch(r"(\d+)/([1-9]\d*)", facts.get(("tb", index), ""))
    return Stream(
        number=index,
        kind=facts.get(("media_type", index), ""),
        codec=facts.get(("codec_id", index), ""),
        base=Fraction(int(base[1]), int(base[2])) if base else Fraction(1),
        layout=facts.get(("channel_layout_name", index), ""),
    )


def _add(stream: Stream, packet: re.Match[str]) -> None:
    decoded, shown, length = int(packet[2]), int(packet[3]), int(packet[4])
    if int(packet[5] or f"{_KEY}", 16) & _DISCARD:
        return
    tick = shown if shown > _UNKNOWN else decoded
    if tick > _UNKNOWN:
        stream.ticks.append((tick, length))


def _mark(found: dict[int, Stream], log: str) -> None:
    """Note what only the lines of the listed streams tell."""
    for index, told in _LINE.findall(_OUTPUT.split(log)[-1]):
        if int(index) in found:
            found[int(index)].default = "(default)" in told
            found[int(index)].hdr = _HDR.search(told) is not None
            found[int(index)].matrix = _kept(told) if found[int(index)].codec == "h264" else None


def _kept(told: str) -> str | None:
    """The matrix of a stream that begins, or ends, with full range; else None."""
    pixels = _PIXELS.search(told)
    said = pixels[2].split(", ") if pixels and pixels[2] else []
    if not pixels or not (pixels[1] or "pc" in said):
        return None
    return next((name for name in (each.split("/")[0] for each in said) if name in MATRICES), "unknown")


def own_rate(stream: Stream, guess: Fraction) -> Fraction:
    """Frames a second of a `stream` of pictures: at this rate none of them is lost, but for a few in a rush. It is
    ffmpeg's `guess` where that fits, which is exact (30000/1001).

    A screen recording may tick at 1000 or 90000 a second and hold 30 frames, and a video that freezes holds far fewer
    than its rate says: neither the clock nor the mean is the rate.
    """
    steps = sorted(after - before for before, after in pairwise(stream.times))
    if not steps:
        return guess if _FEWEST <= guess <= _MOST else Fraction(25)
    base = stream.base
    if _come_in_pairs(stream.times, base):
        base /= 2  # each from a frame to the one after the next
        steps = sorted(after - before for before, after in zip(stream.times, stream.times[2:], strict=False))
    quick, usual = steps[len(steps) // 10], steps[len(steps) // 2]
    pivot = usual if quick * 5 > usual * 4 else quick
    alike = [step for step in steps if abs(step - pivot) * 4 <= pivot]
    rate = len(alike) / (sum(alike) * base)
    if guess * 5 <= rate * 6 and rate * 5 <= guess * 6:
        return guess
    for known in _RATES:
        if abs(rate - known) * 100 <= known:
            return known
    return rate.limit_denominator(1001)


def _come_in_pairs(times: Sequence[int], base: Fraction) -> bool:
    """Whether frames that are handed over two at once, a moment apart, make a rate seem higher than any camera's: steps
    too short for one of `_QUICKEST` frames a second are many, and each stands between two long ones.
    """
    short = [(after - before) * base * _QUICKEST < 1 for before, after in pairwise(times)]
    return 2 < len(short) < 3 * sum(short) and not any(map(all, pairwise(short)))


_QUICKEST = 300
"""Frames a second of the quickest video that is not slow motion of a laboratory."""
_FEWEST, _MOST = 1, 1000
"""Frames a second that a single frame may be said to have."""
_RATES = (*map(Fraction, (10, 12, 15, 20, 24, 25, 30, 48, 50, 60)), Fraction(30000, 1001))
