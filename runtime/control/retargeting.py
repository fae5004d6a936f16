"""Lips and lids as far apart as is asked, of models that have networks to open them (LivePortrait, Guo et al. 2024,
arXiv:2407.03168, 3.3).

Such a network is told how far they are apart in the source and how far they shall be, and says how the source's points
move for that. The driver's motion comes on top of it, where the publication drops it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from checkpoints.contract import EYE_OPENING, LIP_OPENING
from checkpoints.errors import BunrakuWarning, OptionError
from runtime.control.parts import ALL, Strengths
from runtime.layers.frames import Array
from runtime.layers.openings import EYES, LIPS, UNSEEN, see_openings
from runtime.values import Bytes, Floats, is_number

RETARGETED = ("mouth", "eyes")
"""Parts of a face that are opened so, as `runtime.control.parts` has them."""
NONE = "none"

Retargeting = str | Sequence[str]

_SHUT = 0.03
"""Opening of lips from which on they are not shut (LivePortrait's published pipeline)."""
_ASLEEP, _USUAL = 0.16, 0.28
"""Openings of lids: an eye at rest that is less open than the first rests at the second, which is what some forty
portraits have in the middle. The published pipeline has 0.18 and 0.39.
"""
_WIDEST, _WIDER = 0.8, 0.4
"""How far a mouth opens by hand, and by how much of what they are eyes do."""
_SURE = 0.03
"""Change of an opening from which on it counts in full: below, the networks are not asked for nothing all at once."""


def check_retargeting(parts: Retargeting) -> None:
    """Raises `OptionError` unless `parts` are some of `RETARGETED`, all or none."""
    retargeted(parts)


def retargeted(parts: Retargeting) -> tuple[str, ...]:
    """The names in `parts`, in the order of `RETARGETED`. Raises `OptionError` where one is none."""
    if isinstance(parts, str):
        words = [word.strip().lower() for word in parts.split(",")]
    elif isinstance(parts, Sequence) and all(isinstance(word, str) for word in parts):
        words = list(parts)
    else:
        words = [""]
    if words in ([NONE], []):
        return ()
    if words == [ALL]:
        return RETARGETED
    if not set(words) <= set(RETARGETED):
        raise OptionError(f"retargeting is {parts!r}; it must be some of {', '.join(RETARGETED)}, or {ALL} or {NONE}.")
    return tuple(part for part in RETARGETED if part in words)


def check_stitching(stitching: float) -> None:
    """Raises `OptionError` unless `stitching` lies in [0, 1], or is a boolean."""
    if not isinstance(stitching, bool) and not (is_number(stitching) and 0 <= stitching <= 1):
        raise OptionError(f"stitching is {stitching!r}; it must lie between 0 (off) and 1 (on).")


def read_stitching(word: str) -> float:
    """The part that is written as a number, "on" or "off". Raises `OptionError` for words that are none; whether the
    number can be, `check_stitching` knows.
    """
    try:
        return {"on": 1.0, "off": 0.0}[word.lower()] if word.isalpha() else float(word)
    except (KeyError, ValueError) as error:
        raise OptionError(f'stitching is "{word}"; it must be on, off, or a number between 0 and 1.') from error


@dataclass(frozen=True)
class Since:
    """What a driver's lips and lids do, as `runtime.layers.openings.see_openings` has them."""

    driving: Floats | None
    """(T, 3); None where nobody looked."""
    reference: Floats | None
    """(1, 3): where motion counts from; None where it counts from the source itself."""
    strengths: Strengths


class Openings:
    """What `render` is told of the lips and lids of one source."""

    def __init__(
        self,
        switches: frozenset[str],
        square: Bytes,
        parts: tuple[str, ...],
        neutral: bool = False,
        first: Openings | None = None,
    ) -> None:
        """`switches`: what `render` may be told; `square` uint8 (R, R, 3): the source, which is looked at once somebody
        asks; `parts` open as far as the driver's do; with `neutral` the source comes to rest: of a video, to the lids
        of the `first` of its frames.
        """
        self._switches, self._square, self._parts, self._neutral = switches, square, parts, neutral
        self._first = first or self
        self._known: Floats | None = None
        self.forget()
        self.wanted = neutral or bool(parts)
        """Whether anything of it is asked for beside poses."""

    def forget(self) -> None:
        """A new stream begins."""
        self._last = np.full(3, UNSEEN)
        self._said = False

    @property
    def own(self) -> Floats:
        """(3,): those of the source."""
        if self._known is None:
            self._known = see_openings(self._square[None])[0]
        return self._known

    @property
    def seen(self) -> bool:
        """Whether there is a face in the source."""
        return bool(self.own[0] != UNSEEN)

    def told(self, mouth: Array, eyes: Array, since: Since | None = None) -> dict[str, Floats]:
        """The `checkpoints.contract.SWITCHES` of T frames whose mouth and eyes are opened by hand by `mouth` and `eyes`
        (T,), and beside follow a driver as `since` says.
        """
        found: dict[str, Floats] = {}
        if self._parts and since is not None:
            self._first._say_in_vain(since.driving is not None)
        driving = None if since is None or since.driving is None else self._first._held(since.driving)
        since = None if since is None or driving is None else replace(since, driving=driving)
        for name, part, columns, by_hand in (
            (LIP_OPENING, "mouth", LIPS, _mouth(mouth)),
            (EYE_OPENING, "eyes", EYES, _eyes(eyes)),
        ):
            if name not in self._switches:
                continue
            own = self.own[columns].astype(np.float64)
            wanted = np.full(len(mouth), own.mean())
            if self.seen:
                wanted = by_hand(self._begun(part, columns, len(mouth), since))
            weight = np.clip(np.abs(wanted - own.mean()) / _SURE, 0, 1)
            rows = np.concatenate([np.repeat(own[None], len(mouth), 0), wanted[:, None], weight[:, None]], 1)
            found[name] = rows.astype(np.float32)
        return found

    def _begun(self, part: str, columns: slice, count: int, since: Since | None) -> Array:
        """(T,): how far the `part` is open before anything is set by hand, less what the driver's motion adds to it."""
        start = np.full(count, self._rest(part) if self._neutral else self.own[columns].mean(dtype=np.float64))
        if since is None or since.driving is None or part not in self._parts:
            return start
        strength, now = float(getattr(since.strengths, part)), since.driving[:, columns].astype(np.float64).mean(1)
        then = self.own if since.reference is None or since.reference[0, 0] == UNSEEN else since.reference[0]
        # The driver's motion opens the source by its strength; what it lacks of the driver's own opening is asked for.
        lacking = now - strength * (now - then[columns].mean(dtype=np.float64))
        return np.where(now == UNSEEN, start, np.clip(lacking, 0, 1))

    def _rest(self, part: str) -> float:
        if part == "mouth":
            own = float(self.own[0])
            return 0.0 if own >= _SHUT else own
        own = float(self._first.own[EYES].mean(dtype=np.float64))
        return own if own >= _ASLEEP or own == UNSEEN else _USUAL

    def _say_in_vain(self, known: bool) -> None:
        """Warn once of a stream that is retargeted in vain; `known`: whether somebody looked at the driver."""
        if self._said or (known and self.seen):
            return
        self._said = True
        told = "The recorded motion does not say how far lips and lids are apart, so that {}; extract it again."
        if known:
            told = "No face is seen in the square that is moved, so that {}; choose another square with crop=x,y,w,h."
        warnings.warn(told.format("retargeting changes nothing"), BunrakuWarning, stacklevel=2)

    def _held(self, driving: Floats) -> Floats:
        """`driving`, in which whoever is not seen for a while does what they did."""
        held = np.array(driving)
        for index, row in enumerate(held):
            if row[0] == UNSEEN:
                held[index] = self._last
            else:
                self._last = row
        return held


def _mouth(by: Array) -> Callable[[Array], Array]:
    """Opens lips, or shuts what is open of them, by as much of the way as is set by hand."""
    return lambda start: np.where(by > 0, start + by * np.maximum(_WIDEST - start, 0), start * (1 + by))


def _eyes(by: Array) -> Callable[[Array], Array]:
    """Widens eyes, or shuts them."""
    return lambda start: start * np.where(by > 0, 1 + _WIDER * by, 1 + by)
