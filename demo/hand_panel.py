"""The tab in which a photo is posed by hand."""

from __future__ import annotations

from typing import Any

import gradio as gr

from demo import faults, words
from demo.answers import cache_of, sentences, visitor_of
from demo.hand import Hand
from demo.studio import Studio
from runtime.control.hand import controls_of
from runtime.control.pose import CONTROLS


def hand_panel(studio: Studio, photo: gr.Image, model: gr.Dropdown, start: gr.Textbox, tab: gr.Tab) -> None:
    """Lay out the panel in the Blocks that are open, in `tab`; `photo` and `model` are the fields of the tab Animate,
    `start` its field for the pose to start from.
    """
    gr.Markdown(words.HAND_HELP, elem_classes="hint")
    with gr.Row(equal_height=False, elem_id="by-hand"):
        with gr.Column(min_width=280, elem_classes="sliders"):
            sliders = [_slider(name) for name in CONTROLS]
        with gr.Column(min_width=280):
            result = gr.Image(
                label=words.HAND_RESULT,
                interactive=False,
                type="filepath",
                buttons=["download", "fullscreen"],
                alt_text=words.HAND_RESULT,
                elem_id="posed",
            )
            said = faults.field()
            use = gr.Button(words.HAND_USE, variant="primary", size="lg", elem_id="use-pose")
            reset = gr.Button(words.HAND_RESET, size="lg", elem_id="reset-pose")
            told = gr.Markdown(elem_classes=["hint", "spoken"], elem_id="pose-used")
    hand = Hand(studio, cache_of(result))

    def posed(source: str | None, name: str, *values: float, request: gr.Request | None = None) -> str:
        source, _ = studio.samples.pair(source, None)
        with sentences(source):
            source, _ = studio.pair(source, "by hand")
            known = controls_of(studio.shelf.bundle(name))  # what it has not is not shown, whatever its slider says
            controls = {control: value for control, value in zip(CONTROLS, values, strict=True) if control in known}
            with studio.naming(source):
                return str(hand.pose(visitor_of(request), source, name, controls))

    def suit(name: str | None, *values: float) -> list[Any]:
        """Of the sliders those that the model has; the others are as in the photo."""
        with sentences():
            known = controls_of(studio.shelf.bundle(name))
        return [
            gr.Slider(visible=control in known, value=value if control in known else 0)
            for control, value in zip(CONTROLS, values, strict=True)
        ]

    quiet: dict[str, Any] = {
        "api_visibility": "private",
        "concurrency_id": "hand",
        "concurrency_limit": studio.limits.live_at_once,
        "show_progress": "hidden",
        "trigger_mode": "always_last",
    }
    inputs = [photo, model, *sliders]
    private: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    for event in (tab.select, model.change):
        faults.tell(studio.faults, event(suit, [model, *sliders], sliders, **private), said)
    for event in (tab.select, *(slider.input for slider in sliders)):
        faults.tell(studio.faults, event(posed, inputs, result, **quiet), said)
    use.click(lambda *values: (as_words(values), words.HAND_USED), sliders, [start, told], **private)
    back = reset.click(lambda: [*[0] * len(sliders), ""], None, [*sliders, told], **private)
    faults.tell(studio.faults, back.then(posed, inputs, result, **quiet), said)


def _slider(name: str) -> gr.Slider:
    low, high = CONTROLS[name]
    step = 1 if high > 1 else 0.05
    return gr.Slider(low, high, value=0, step=step, label=words.HAND[name], elem_id=f"hand-{name}", buttons=[])


def as_words(values: tuple[float, ...]) -> str:
    """The pose as the option `pose` has it in words; nothing for the photo's own."""
    return ",".join(f"{name}={value:g}" for name, value in zip(CONTROLS, values, strict=True) if value)
