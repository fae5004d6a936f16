"""The tab in which the webcam moves the photo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from checkpoints.contract import Mode
from demo import faults, words
from demo.answers import camera_field, photo_field, sentences, visitor_of
from demo.control_panel import as_parts
from demo.fields import Field, field
from demo.live import Live
from demo.pace import is_heavy
from demo.studio import Studio
from runtime.control.parts import ALL
from runtime.media.picture import read_image
from runtime.values import Bytes

_EVERY = 0.08
"""Seconds between two pictures of the webcam at the most; where the answer takes longer, the newest one counts."""

_CAMERA = {"video": {"width": {"ideal": 480}, "height": {"ideal": 480}, "facingMode": "user"}}
"""More pixels would only take time on the way."""


@dataclass
class _Stage:
    photo: gr.Image
    camera: gr.Image
    result: gr.Image
    speed: gr.Markdown
    photo_said: gr.HTML
    said: gr.HTML
    rest: gr.Button


def live_panel(studio: Studio) -> gr.Dropdown:
    """Lay out the panel in the Blocks that are open; returns the choice of models."""
    names = studio.shelf.names
    stage = _stage(studio)
    with gr.Accordion(words.MORE, open=False, elem_classes="fold"):
        model = gr.Dropdown(names, value=names[0], label=words.MODEL, info=words.MODEL_HINT, visible=len(names) > 1)
        fields = [field(name, studio.shelf.bundle(), "live") for name in ("mode", "strength", "parts")]
    _connect(studio, stage, model, fields)
    return model


def _stage(studio: Studio) -> _Stage:
    gr.Markdown(words.LIVE_HELP, elem_classes="hint")
    with gr.Row(equal_height=False, elem_id="live"):
        with gr.Column(min_width=240):
            photo = photo_field(
                value=next(map(str, studio.samples.photos), None),
                label=words.LIVE_PHOTO,
                placeholder=words.PHOTO_EMPTY,
                sources=["upload", "clipboard", "webcam"],
                alt_text="The photo that you move",
                elem_id="live-photo",
                elem_classes="input-block",
            )
            photo_said = faults.field()
        camera = camera_field(
            studio,
            label=words.LIVE_CAMERA,
            webcam_options=gr.WebcamOptions(mirror=True, constraints=_CAMERA),
            alt_text="You, as your webcam sees you",
            elem_id="camera",
            elem_classes="input-block",
        )
        result = gr.Image(
            label=words.LIVE_RESULT,
            interactive=False,
            streaming=True,
            format="jpeg",
            buttons=["fullscreen"],
            alt_text="The photo, moved by you",
            elem_id="live-result",
            elem_classes="input-block",
        )
    said = faults.field()
    speed = gr.Markdown(elem_id="speed", elem_classes=["hint", "spoken"], min_height=26)
    return _Stage(photo, camera, result, speed, photo_said, said, gr.Button(words.LIVE_RESET, elem_id="rest"))


def _connect(studio: Studio, stage: _Stage, model: gr.Dropdown, fields: Sequence[Field]) -> None:
    live = Live()

    def move(
        frame: Bytes | None,
        source: str | None,
        name: str,
        mode: Mode,
        strength: float,
        parts: list[str],
        request: gr.Request | None = None,
    ) -> tuple[Any, str]:
        if frame is None:
            return None, ""
        visitor = visitor_of(request)
        with sentences():
            source, _ = studio.pair(source, "webcam")
            with studio.naming(source):
                engine = studio.shelf.engine(name)
                moved = live.move(
                    visitor,
                    engine,
                    source,
                    frame,
                    mode=mode,
                    strength=strength,
                    parts=as_parts(parts) if engine.has_parts else ALL,
                    limits=studio.reading,
                )
        return moved.frame, words.live_speed(moved.rate, moved.seconds) if moved.face else words.LIVE_NO_FACE

    def begin_rest(request: gr.Request) -> None:
        live.rest(visitor_of(request))

    def arrive(source: str | None, request: gr.Request) -> str:
        """Look at a photo before the camera is on, since then there is time to choose another."""
        studio.visitors.at_leave(visitor_of(request), live.forget)
        if source is None:
            return gr.skip()
        with sentences(source), studio.naming(source):
            read_image(source, None, studio.reading)
        return ""

    def suit(name: str) -> tuple[Any, str]:
        bundle, pace = studio.shelf.bundle(name), studio.shelf.known_pace(name)
        modes = words.modes(bundle)
        return gr.Radio(modes, value=modes[0][1]), words.live_slow(pace) if is_heavy(bundle) else ""

    _listen(studio, stage, model, fields, (move, begin_rest, arrive, suit))


def _listen(
    studio: Studio, stage: _Stage, model: gr.Dropdown, fields: Sequence[Field], calls: Sequence[Callable[..., Any]]
) -> None:
    move, begin_rest, arrive, suit = calls
    private: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    streamed = stage.camera.stream(
        move,
        [stage.camera, stage.photo, model, *fields],
        [stage.result, stage.speed],
        stream_every=_EVERY,
        time_limit=studio.limits.live_seconds,
        concurrency_limit=studio.limits.live_at_once,
        concurrency_id="live",
        show_progress="hidden",
        api_visibility="private",
    )
    faults.tell(studio.faults, streamed, stage.said)
    came = stage.photo.change(arrive, stage.photo, stage.photo_said, **private)
    faults.tell(studio.faults, came, stage.photo_said, stage.photo)
    stage.rest.click(begin_rest, None, None, **private)
    model.change(suit, model, [fields[0], stage.speed], **private)
