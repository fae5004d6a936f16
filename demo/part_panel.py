"""The part of the photo that will move: shown as soon as there is a photo, and corrected by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from demo import faults, words
from demo.answers import remarks, sentences
from demo.crop import BY_HAND, Place, Preview, pointed, preview
from demo.studio import Studio
from runtime.auto import AUTO
from runtime.media.picture import Fit
from runtime.options import Options, read_word


class PartPanel:
    """The fields; laid out in two places, then connected."""

    def __init__(self) -> None:
        """Lay out the folded fields, below a picture of the part that is there once there is a photo."""
        self.picture = gr.Image(
            label=words.PREVIEW,
            interactive=False,
            visible=False,
            buttons=[],
            alt_text="The photo, with a square around the part that will move",
            elem_id="part",
        )
        with gr.Accordion(words.PART, open=False, elem_id="part-fields", elem_classes="fold"):
            self.how = gr.Radio(words.crops(), value="auto", label=words.HOW, info=words.HOW_HINT)
            with gr.Row():
                self.across = gr.Slider(0, 100, value=50, step=0.5, label=words.ACROSS, min_width=140)
                self.down = gr.Slider(0, 100, value=50, step=0.5, label=words.DOWN, min_width=140)
                self.size = gr.Slider(5, 200, value=100, step=0.5, label=words.SIZE, min_width=140)
            self.face = gr.Dropdown(
                [(text, value) for value, text in words.FACES.items()],
                value="",
                label=words.FACE,
                info=words.FACE_HINT,
                allow_custom_value=True,
                elem_id="face",
            )
            self.crop = gr.Textbox("auto", label="crop", visible=False)  # what the engine is told

    def connect(self, studio: Studio, photo: gr.Image, model: gr.Dropdown, fit: gr.Radio, said: gr.HTML) -> None:
        """Show the part of `photo` whenever anything changes that it depends on; what the engine says, in `said`."""
        place = [self.across, self.down, self.size]
        inputs = [photo, model, self.how, self.face, fit, *place]
        outputs = [self.picture, self.crop, self.how, *place, said]

        def show(
            source: str | None,
            model: str,
            how: str,
            face: str | None,
            fit: Fit,
            across: float,
            down: float,
            size: float,
        ) -> Sequence[Any]:
            if source is None:
                return gr.Image(value=None, visible=False), "auto", "auto", 50, 50, 100, gr.skip()
            with sentences(source):
                found = preview(
                    source,
                    studio.shelf.bundle(model),
                    how,
                    Place(across, down, size),
                    fit,
                    read_word(Options, "face", face) if face else None,
                    studio.reading,
                )
            at, (shown, said) = found.place, _shown(found, model)
            return shown, found.crop, how, at.across, at.down, at.size, said

        def anew(source: str | None, model: str, fit: Fit) -> Sequence[Any]:
            return show(source, model, "auto", None, fit, 50, 50, 100)

        def by_hand(source: str | None, model: str, how: str, *rest: Any) -> Sequence[Any]:
            return show(source, model, BY_HAND, *rest)

        def at_click(
            source: str | None, model: str, across: float, down: float, size: float, event: gr.SelectData
        ) -> Sequence[Any]:
            spot = Place(across, down, size)
            if source:
                with sentences(source), studio.naming(source):
                    spot = pointed(source, event.index, spot, studio.reading)
            return show(source, model, BY_HAND, None, "crop", spot.across, spot.down, spot.size)

        quiet: dict[str, Any] = {
            "api_visibility": "private",
            "concurrency_id": "part",
            "concurrency_limit": 2,
            "show_progress": "hidden",
            "trigger_mode": "always_last",
        }
        came = photo.change(anew, [photo, model, fit], outputs, **quiet)
        faults.tell(studio.faults, came, said, photo)
        events = [field.input(show, inputs, outputs, **quiet) for field in (self.how, self.face, fit)]
        events.append(model.change(show, inputs, outputs, **quiet))  # an example may choose it, too
        events += [slider.input(by_hand, inputs, outputs, **quiet) for slider in place]
        for event in (*events, self.picture.select(at_click, [photo, model, *place], outputs, **quiet)):
            faults.tell(studio.faults, event, said)


def _shown(found: Preview, model: str) -> tuple[gr.Image, str]:
    """The picture of what was `found`, and what is to be said of it: nothing, where it is going to depend on the video
    which `model` it is, and so which part.
    """
    if model == AUTO and found.notices:
        return gr.Image(value=None, visible=False), ""
    return gr.Image(value=found.picture, visible=True), remarks(found.notices)
