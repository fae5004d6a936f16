"""What went wrong, said where its cause is, until the next click.

An error reaches a script as the answer to its call. On the page it covers nothing: the event that comes after a failure
asks here for the sentence, and puts it beside the field that it is about.
"""

from __future__ import annotations

import html
import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import gradio as gr

from demo import words

Place = Literal["photo", "clip", "work"]
"""The field that a fault is about; "work" is neither of the two."""

_KEPT = 1000
"""Faults that are remembered; scripts fail and never ask."""


class FaultError(gr.Error):
    """An error of a visitor's, as HTML; no notice of Gradio's own appears."""

    def __init__(self, sentence: str, place: Place = "work") -> None:
        super().__init__(sentence, visible=False, print_exception=False)
        self.place: Place = place


@dataclass(frozen=True)
class Fault:
    """A sentence, as HTML, and what it is about."""

    sentence: str
    place: Place = "work"

    def shown(self) -> str:
        """For a field of `field`. No two are alike: what was said before is said again."""
        return f'<p class="fault" role="alert" data-fault="{secrets.token_hex(4)}">{self.sentence}</p>'


class Faults:
    """The last fault of each visitor and event. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: OrderedDict[tuple[str, int], Fault] = OrderedDict()

    def note(self, visitor: str, event: int, error: Exception) -> None:
        """Remember why the `event` of that number has failed."""
        sentence = html.escape(words.UNKNOWN) if not isinstance(error, gr.Error) else str(error.message)
        fault = Fault(sentence, getattr(error, "place", "work"))
        with self._lock:
            self._faults.pop((visitor, event), None)
            self._faults[visitor, event] = fault
            while len(self._faults) > _KEPT:
                self._faults.popitem(last=False)

    def take(self, visitor: str, event: int) -> Fault:
        """Why the `event` has failed; asked for once."""
        with self._lock:
            return self._faults.pop((visitor, event), Fault(html.escape(words.UNKNOWN)))


def place_of(sentence: str, photo: str | None, clip: str | None) -> Place:
    """What a `sentence` of the engine's is about: it begins with the file's name."""
    if sentence in (words.NO_PHOTO, words.NO_VIDEO):
        return "photo" if sentence == words.NO_PHOTO else "clip"
    files: dict[Place, str | None] = {"photo": photo, "clip": clip}
    found = [place for place, file in files.items() if file and sentence.startswith(f"{Path(file).name} ")]
    return found[0] if len(found) == 1 else "work"


def field() -> gr.HTML:
    """Where sentences appear; empty, it takes no room."""
    return gr.HTML("", elem_classes="said", padding=False)


def noted(sentences: tuple[str, ...]) -> str:
    """Remarks, for such a field; they stay."""
    return "".join(f'<p class="note">{html.escape(sentence, quote=False)}</p>' for sentence in sentences)


def tell(faults: Faults, event: Any, shows: gr.HTML, *clears: gr.components.Component) -> None:
    """When `event` fails, say why in `shows`, and empty the fields in `clears`, which hold what was wrong."""

    def failed(request: gr.Request) -> Any:
        fault = faults.take(request.session_hash or "", event["id"])
        said = "" if fault.sentence == words.STOPPED else fault.shown()
        return (said, *[None] * len(clears)) if clears else said

    event.failure(failed, None, [shows, *clears], queue=False, show_progress="hidden", api_visibility="private")
