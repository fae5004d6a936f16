"""What every tab's functions need to answer a visitor: who asks, and errors as sentences."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from checkpoints.errors import BunrakuError
from demo import words
from demo.studio import StoppedError

_VISITOR_OF_SCRIPTS = "-"


def visitor_of(request: gr.Request | None) -> str:
    """Who is asking: a browser tab, or a script's client."""
    return (request.session_hash if request else None) or _VISITOR_OF_SCRIPTS


@contextmanager
def sentences() -> Iterator[None]:
    """Errors that are a visitor's business appear on the page, as the sentence they are."""
    try:
        yield
    except BunrakuError as error:  # shown as HTML, and it quotes a visitor's file name
        sentence = html.escape(str(error), quote=False)
        raise gr.Error(sentence, duration=None, print_exception=False) from error
    except StoppedError as error:
        raise gr.Error(words.STOPPED, visible=False, print_exception=False) from error


def said(notices: tuple[str, ...]) -> str:
    """Sentences of the engine, under a result."""
    return "".join(f"\n\n{html.escape(words.notice(notice), quote=False)}" for notice in notices)


def photo_field(**options: Any) -> gr.Image:
    """A field for a photo whose value is the uploaded file, whatever it holds.

    Gradio would decode the picture and answer a damaged one with a traceback; the engine says what is wrong with it.
    (Not a subclass of gr.Image: Gradio writes a stub file beside the module of every subclass.)
    """
    photo = gr.Image(type="filepath", buttons=[], **options)
    photo.preprocess = partial(_as_it_came, photo.preprocess)  # type: ignore[method-assign]
    return photo


def _as_it_came(usual: Callable[[Any], Any], payload: Any) -> str | None:
    path = getattr(payload, "path", None)
    if path is None or (payload.url or "").startswith("data:"):
        found = usual(payload)
        return None if found is None else str(found)
    return str(path)


def cache_of(component: gr.components.Component) -> Path:
    """The folder whose files this page may serve."""
    return Path(component.GRADIO_CACHE)
