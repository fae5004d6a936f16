"""The tab in which the webcam moves the photo."""

from __future__ import annotations

from typing import Any

import gradio as gr

from demo import words
from demo.answers import camera_field, photo_field, sentences, visitor_of
from demo.live import Live
from demo.studio import Studio
from runtime.media.picture import Bytes
from runtime.motion.modes import Mode

_EVERY = 0.08
"""Seconds between two pictures of the webcam at the most; where the answer takes longer, the newest one counts."""

_CAMERA = {"video": {"width": {"ideal": 480}, "height": {"ideal": 480}, "facingMode": "user"}}
"""More pixels would only take time on the way."""


def live_panel(studio: Studio) -> gr.Dropdown:
    """Lay out the panel in the Blocks that are open; returns the choice of models."""
    live, names = Live(), studio.shelf.names
    modes = words.modes(studio.shelf.bundle())
    gr.Markdown(words.LIVE_HELP, elem_classes="hint")
    with gr.Row(equal_height=True, elem_id="live"):
        photo = photo_field(
            value=next(map(str, studio.samples.photos), None),
            label=words.LIVE_PHOTO,
            sources=["upload", "clipboard", "webcam"],
            alt_text="The photo that you move",
            elem_id="live-photo",
            elem_classes="input-block",
        )
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
    speed = gr.Markdown(elem_id="speed", elem_classes="hint", min_height=26)
    rest = gr.Button(words.LIVE_RESET, elem_id="rest")
    with gr.Accordion(words.MORE, open=False, elem_classes="fold"):
        model = gr.Dropdown(names, value=names[0], label=words.MODEL, info=words.MODEL_HINT, visible=len(names) > 1)
        mode = gr.Radio(modes, value=modes[0][1], label=words.MODE, info=words.MODE_HINT)
        strength = gr.Slider(0, 2, value=1, step=0.05, label=words.STRENGTH, info=words.STRENGTH_HINT)

    def move(
        frame: Bytes | None,
        source: str | None,
        name: str,
        mode: Mode,
        strength: float,
        request: gr.Request | None = None,
    ) -> tuple[Any, str]:
        if frame is None:
            return None, ""
        visitor = visitor_of(request)
        with sentences():
            source, _ = studio.pair(source, "webcam")
            with studio.naming(source):
                engine = studio.shelf.engine(name)
                moved = live.move(visitor, engine, source, frame, mode=mode, strength=strength, limits=studio.reading)
        return moved.frame, words.live_speed(moved.rate, moved.seconds)

    def begin_rest(request: gr.Request) -> None:
        live.rest(visitor_of(request))

    def arrive(request: gr.Request) -> None:
        visitor = visitor_of(request)
        studio.visitors.at_leave(visitor, live.forget)

    def suit(name: str) -> Any:
        modes = words.modes(studio.shelf.bundle(name))
        return gr.Radio(modes, value=modes[0][1])

    private: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    camera.stream(
        move,
        [camera, photo, model, mode, strength],
        [result, speed],
        stream_every=_EVERY,
        time_limit=studio.limits.live_seconds,
        concurrency_limit=studio.limits.live_at_once,
        concurrency_id="live",
        show_progress="hidden",
        api_visibility="private",
    )
    photo.change(arrive, None, None, **private)
    rest.click(begin_rest, None, None, **private)
    model.change(suit, model, mode, **private)
    return model
