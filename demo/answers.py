"""What every tab's functions need to answer a visitor: who asks, and errors as sentences."""

from __future__ import annotations

import base64
import binascii
import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from checkpoints.errors import BunrakuError, InputError
from demo import words
from demo.faults import FaultError, noted, place_of
from demo.studio import StoppedError, Studio
from runtime.media.picture import read_encoded, read_image
from runtime.values import Bytes

_VISITOR_OF_SCRIPTS = "-"

_FOLDERS = re.compile(r"(?<![\w.:/])(?:/|[A-Za-z]:\\)(?:[^/\\\s:'\"()]+[/\\])+")
"""The folders in a path from the root on."""


def visitor_of(request: gr.Request | None) -> str:
    """Who is asking: a browser tab, or a script's client."""
    return (request.session_hash if request else None) or _VISITOR_OF_SCRIPTS


@contextmanager
def sentences(photo: str | None = None, clip: str | None = None) -> Iterator[None]:
    """Errors that are a visitor's business are the answer, as the sentence they are; `photo` and `clip` are the files
    that one of them may be about.
    """
    try:
        yield
    except BunrakuError as error:  # shown as HTML, and it quotes a visitor's file name
        sentence = words.notice(nameless(str(error)))
        raise FaultError(html.escape(sentence, quote=False), place_of(sentence, photo, clip)) from error
    except StoppedError as error:
        raise FaultError(words.STOPPED) from error


def said(notices: tuple[str, ...]) -> str:
    """Sentences of the engine, under a result."""
    return "".join(f"\n\n{html.escape(sentence, quote=False)}" for sentence in _for_visitors(notices))


def remarks(notices: tuple[str, ...]) -> str:
    """The same for the places where faults appear, too (`demo.faults.field`)."""
    return noted(_for_visitors(notices))


def _for_visitors(notices: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(nameless(words.notice(notice)) for notice in notices)


def nameless(sentence: str) -> str:
    """`sentence` without the folders of this machine: files have the names that visitors gave them."""
    return _FOLDERS.sub("", sentence)


def photo_field(**options: Any) -> gr.Image:
    """A field for a photo whose value is the uploaded file, whatever it holds.

    Gradio would decode the picture and answer a damaged one with a traceback; the engine says what is wrong with it.
    (Not a subclass of gr.Image: Gradio writes a stub file beside the module of every subclass.)
    """
    photo = gr.Image(type="filepath", buttons=[], **options)
    photo.preprocess = _path_of  # type: ignore[method-assign]
    return photo


def photos_field(**options: Any) -> gr.File:
    """The same for several photos."""
    photos = gr.File(file_count="multiple", type="filepath", **options)
    photos.preprocess = _paths_of  # type: ignore[method-assign]
    return photos


def camera_field(studio: Studio, **options: Any) -> gr.Image:
    """A field for a webcam's pictures, whose value is uint8 (H, W, 3), within the page's limits; Gradio would unpack
    one of any size.
    """
    camera = gr.Image(sources=["webcam"], streaming=True, type="numpy", **options)
    camera.preprocess = partial(_frame_of, studio)  # type: ignore[method-assign]
    return camera


def _path_of(payload: Any) -> str | None:
    return None if payload is None else str(payload.path)


def _paths_of(payload: Any) -> list[str] | None:
    return None if payload is None else [str(each.path) for each in payload]


def _frame_of(studio: Studio, payload: Any) -> Bytes | None:
    if payload is None:
        return None
    with sentences():
        if payload.path:
            return np.asarray(read_image(payload.path, limits=studio.reading))
        try:
            data = base64.b64decode(payload.url.partition(",")[2], validate=True)
        except (binascii.Error, ValueError) as error:
            raise InputError("The webcam's picture is damaged; start it again.") from error
        return np.asarray(read_encoded(data, "The webcam's picture", studio.reading))


def cache_of(component: gr.components.Component) -> Path:
    """The folder whose files this page may serve."""
    return Path(component.GRADIO_CACHE)
