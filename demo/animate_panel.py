"""The part of the page that animates a photo: fields, button, progress, result; and the same as an endpoint."""

from __future__ import annotations

import html
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from checkpoints.errors import BunrakuError
from demo import words
from demo.studio import StoppedError, Studio
from runtime.commands.animate import SAMPLE
from runtime.motion import Mode
from runtime.picture import Fit

_VISITOR_OF_SCRIPTS = "-"


def animate_panel(studio: Studio) -> None:
    """Lay out the panel in the Blocks that are open, and connect it to `studio`."""
    with gr.Row(elem_id="stage", equal_height=False):
        with gr.Column(scale=6, min_width=320):
            photo, clip = _inputs()
            options = _options(studio)
            go = gr.Button(words.GO, variant="primary", size="lg", elem_id="go")
            stop = gr.Button(words.STOP, variant="secondary", size="lg", visible=False, elem_id="stop")
            gr.Markdown(words.CONSENT.format(minutes=studio.limits.keep_minutes), elem_id="consent")
        with gr.Column(scale=5, min_width=320, elem_id="outcome"):
            result = gr.Video(
                label=words.RESULT, interactive=False, autoplay=True, loop=True, buttons=[], elem_id="result"
            )
            caption = gr.Markdown(elem_id="caption")
            download = gr.DownloadButton(words.DOWNLOAD, visible=False, size="lg", elem_id="download")
    _connect(studio, [photo, clip, *options], (go, stop), (result, caption, download))


def _inputs() -> tuple[gr.Image, gr.Video]:
    with gr.Row(elem_id="inputs", equal_height=True):
        with gr.Column(min_width=220):
            photo = gr.Image(
                label=words.PHOTO,
                sources=["upload", "clipboard"],
                type="filepath",
                buttons=[],
                alt_text="The photo that you chose",
                elem_id="photo",
            )
            photo.preprocess = partial(_as_it_came, photo.preprocess)  # type: ignore[method-assign]
            if SAMPLE[0].is_file():
                gr.Examples([[str(SAMPLE[0])]], photo, label=words.PHOTO_EXAMPLE, api_name="example_photo")
        with gr.Column(min_width=220):
            clip = gr.Video(
                label=words.CLIP, sources=["upload"], include_audio=True, buttons=[], loop=True, elem_id="clip"
            )
            if SAMPLE[1].is_file():
                gr.Examples([[str(SAMPLE[1])]], clip, label=words.CLIP_EXAMPLE, api_name="example_video")
    return photo, clip


def _as_it_came(usual: Callable[[Any], Any], payload: Any) -> str | None:
    """The file of an uploaded picture, whatever it holds, instead of what Gradio's `usual` preprocessing makes of it.

    That would decode the picture and answer a damaged one with a traceback; the engine says what is wrong with it.
    (Not a subclass of gr.Image: Gradio writes a stub file beside the module of every subclass.)
    """
    path = getattr(payload, "path", None)
    if path is None or (payload.url or "").startswith("data:"):
        found = usual(payload)
        return None if found is None else str(found)
    return str(path)


def _options(studio: Studio) -> list[gr.components.Component]:
    """The fields in the order of the endpoint's parameters."""
    modes = words.modes(studio.engine)
    mode = gr.Radio(modes, value=modes[0][1], label=words.MODE, info=words.MODE_HINT, elem_id="mode")
    with gr.Accordion(words.MORE, open=False, elem_id="more"):
        strength = gr.Slider(0, 2, value=1, step=0.05, label=words.STRENGTH, info=words.STRENGTH_HINT)
        smoothing = gr.Slider(0, 1, value=0, step=0.05, label=words.SMOOTHING, info=words.SMOOTHING_HINT)
        adapt_scale = gr.Checkbox(True, label=words.ADAPT)
        fit = gr.Radio(words.fits(), value="crop", label=words.FIT, info=words.FIT_HINT)
    return [mode, strength, smoothing, adapt_scale, fit]


def _connect(
    studio: Studio,
    inputs: list[gr.components.Component],
    buttons: tuple[gr.Button, gr.Button],
    outcome: tuple[gr.Video, gr.Markdown, gr.DownloadButton],
) -> None:
    """What happens on a click: the buttons change places, the work is done, they change back."""
    go, stop = buttons
    result, caption, download = outcome

    def animate(
        source: str,
        driving: str,
        mode: Mode = "relative",
        strength: float = 1.0,
        smoothing: float = 0.0,
        adapt_scale: bool = True,
        fit: Fit = "crop",
        request: gr.Request | None = None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008  # how Gradio finds it
    ) -> tuple[str, str]:
        """Move a picture as a video moves. Returns the video, with the driving video's sound, and a sentence on it.

        Args:
            source: The picture to move.
            driving: The video whose motion it takes.
            mode: "relative": move as the video moves from its first frame on; "absolute": take its poses as they
                are; "disentangled": take its poses in the picture's own proportions.
            strength: How much motion: 0 none, 1 all of it, 2 twice.
            smoothing: Against jitter, from 0 (off) to 1.
            adapt_scale: In relative mode, fit the motion to the size of what is moved.
            fit: How picture and video become square: "crop" or "pad".
        """
        progress(0, desc=words.DETECTING)
        try:
            take = studio.animate(
                source,
                driving,
                Path(result.GRADIO_CACHE),
                visitor=_visitor(request),
                report=lambda done, total: progress((done, total), desc=words.WORKING, unit="frames"),
                mode=mode,
                strength=strength,
                smoothing=smoothing,
                adapt_scale=adapt_scale,
                fit=fit,
            )
        except BunrakuError as error:  # shown as HTML, and it quotes a visitor's file name
            sentence = html.escape(str(error), quote=False)
            raise gr.Error(sentence, duration=None, print_exception=False) from error
        except StoppedError as error:
            raise gr.Error(words.STOPPED, visible=False, print_exception=False) from error
        return str(take.path), words.done(take.frames, take.fps, take.seconds)

    def stop_all(request: gr.Request) -> str:
        """Stop what this session is animating; nothing of it is kept."""
        studio.stop(_visitor(request))
        return words.STOPPED

    private: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    begun = go.click(_busy, None, [go, stop, download, caption], **private)
    made = begun.then(
        animate,
        inputs,
        [result, caption],
        api_name="animate",
        concurrency_limit=studio.limits.at_once,
        concurrency_id="animate",
        scroll_to_output=True,
        show_progress_on=[result],
    )
    for ended in (made.success, made.failure):  # Gradio's "then", for both, does not come after an error
        ended(_idle, result, [go, stop, download], **private)
    stop.click(stop_all, None, caption, api_name="stop", queue=False, show_progress="hidden", cancels=[made]).then(
        _idle, result, [go, stop, download], **private
    )


def _visitor(request: gr.Request | None) -> str:
    """Who is asking: a browser tab, or a script's client."""
    return (request.session_hash if request else None) or _VISITOR_OF_SCRIPTS


def _busy() -> tuple[gr.Button, gr.Button, gr.DownloadButton, str]:
    return gr.Button(visible=False), gr.Button(visible=True), gr.DownloadButton(visible=False), ""


def _idle(result: str | None) -> tuple[gr.Button, gr.Button, gr.DownloadButton]:
    return gr.Button(visible=True), gr.Button(visible=False), gr.DownloadButton(value=result, visible=bool(result))
