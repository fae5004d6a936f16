"""The tab that shows what a model sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from checkpoints.contract import Mode
from demo import faults, words
from demo.answers import sentences, visitor_of
from demo.inside import MOST_FRAMES, PANELS, Inside, Looks, panels_of
from demo.studio import Studio
from runtime.values import Bytes


def inside_panel(studio: Studio, photo: gr.Image, clip: gr.Video) -> gr.Dropdown:
    """Lay out the panel in the Blocks that are open; `photo` and `clip` are the fields whose files are looked at.
    Returns the choice of models.
    """
    bundle, names = studio.shelf.bundle(), studio.shelf.names
    modes = words.modes(bundle)
    gr.Markdown(words.INSIDE_HELP, elem_classes="hint")
    with gr.Row(equal_height=True):
        model = gr.Dropdown(names, value=names[0], label=words.MODEL, elem_id="inside-model")
        mode = gr.Radio(modes, value=modes[0][1], label=words.OPTIONS["mode"].label, elem_id="inside-mode")
    go = gr.Button(words.INSIDE_GO, variant="primary", size="lg", elem_id="inside-go")
    frame = gr.Slider(
        1,
        MOST_FRAMES,
        value=12,  # at the first one nothing has moved yet
        step=1,
        label=words.FRAME,
        info=words.FRAME_HINT,
        elem_id="frame",
        elem_classes="sliders",
    )
    said = faults.field()
    panels = []
    with gr.Row(elem_id="panels"):
        for name in PANELS:
            with gr.Column(min_width=240, visible=name in panels_of(bundle)) as column:
                label, hint = words.INSIDE_PANELS[name]
                picture = gr.Image(
                    label=label,
                    interactive=False,
                    buttons=["fullscreen"],
                    alt_text=f"{label}. {hint}",
                    elem_classes="panel",
                )
                gr.Markdown(hint, elem_classes="hint")
            panels.append((column, picture))
    note = gr.Markdown(elem_classes=["spoken", "hint"])
    count = gr.State(MOST_FRAMES)
    pictures: list[Any] = [picture for _, picture in panels]
    _connect(studio, [photo, clip, frame, model, mode], (go, frame), [*pictures, frame, note, count], said)
    count.change(lambda most: gr.Slider(maximum=most), count, frame, queue=False, api_visibility="private")

    def suit(name: str) -> Sequence[Any]:
        bundle = studio.shelf.bundle(name)
        modes = words.modes(bundle)
        given = panels_of(bundle)
        return gr.Radio(modes, value=modes[0][1]), *(gr.Column(visible=panel in given) for panel in PANELS)

    columns: list[Any] = [column for column, _ in panels]
    model.change(suit, model, [mode, *columns], queue=False, show_progress="hidden", api_visibility="private")
    return model


def _connect(
    studio: Studio, inputs: list[Any], triggers: tuple[gr.Button, gr.Slider], outputs: list[Any], said: gr.HTML
) -> None:
    looks = Looks()

    def look(
        source: str | None = None,
        driving: str | None = None,
        frame: int = 1,
        model: str | None = None,
        mode: Mode = "relative",
        request: gr.Request | None = None,
    ) -> tuple[Any, ...]:
        """What a model sees in one frame of a video: the picture and the frame with their points (or the tree of
        anchors that binds them), the result, and where the model gives them the flow, the occlusion, the masks
        and the result with that tree as pictures; the number of the frame; a sentence.

        Args:
            source: The picture; without one, the example.
            driving: The video; without one, the example.
            frame: Number of the frame, from 1 on.
            model: One of the page's models.
            mode: As for animating.
        """
        photo, clip = studio.samples.pair(source, driving)
        visitor = visitor_of(request)
        with sentences():
            photo, clip = studio.pair(photo, clip)
            key = (photo, clip, model or "", mode)
            make = lambda: Inside(studio.shelf.engine(model), photo, clip, mode, studio.reading)  # noqa: E731
            with studio.naming(photo, clip):
                studio.most_frames(clip)
                inside = looks.look(visitor, key, make)
        studio.visitors.at_leave(visitor, looks.forget)
        number = min(max(1, int(frame)), len(inside))
        found: dict[str, Bytes] = inside.panels(number - 1)
        note = words.INSIDE_LIMIT.format(frames=MOST_FRAMES) if len(inside) == MOST_FRAMES else ""
        return *(found.get(name) for name in PANELS), number, note, len(inside)

    shared: dict[str, Any] = {"concurrency_id": "animate", "concurrency_limit": studio.limits.at_once}
    go, frame = triggers
    looked = go.click(look, inputs, outputs, api_name="look", show_progress_on=outputs[:3], **shared)
    again = frame.release(look, inputs, outputs, api_visibility="private", show_progress="hidden", **shared)
    for event in (looked, again):
        faults.tell(studio.faults, event, said)
