"""Which parts of a face move, and how much of each: fields for people, and the words that they mean to the engine."""

from __future__ import annotations

from typing import Any

import gradio as gr

from demo import words
from runtime.control.parts import ALL, PARTS

MOST = 2.0


def parts_field(place: str) -> gr.CheckboxGroup:
    """Which parts move, all of them at first."""
    said = words.OPTIONS["parts"]
    choices = words.choices(said.choices or {})
    return gr.CheckboxGroup(choices, value=list(PARTS), label=said.label, info=said.hint, elem_id=f"{place}-parts")


class ControlPanel:
    """The fields of the options `parts` and `strength`, whose values are `words` as on the command line."""

    def __init__(self) -> None:
        """Lay them out in whatever is open."""
        said = words.OPTIONS["strength"]
        chosen = parts_field("option")
        overall = gr.Slider(0, MOST, value=1, step=0.05, label=said.label, info=said.hint, elem_id="option-strength")
        with gr.Accordion(words.STRENGTHS, open=False, elem_classes="fold", elem_id="strengths"):
            gr.Markdown(words.STRENGTHS_HINT, elem_classes="hint")
            labels = words.OPTIONS["parts"].choices or {}
            single = [
                gr.Slider(0, MOST, value=1, step=0.05, label=labels[part], elem_id=f"strength-{part}") for part in PARTS
            ]
        self.parts = gr.Textbox(ALL, label="parts", visible=False)
        self.strength = gr.Textbox("1.0", label="strength", visible=False)
        quiet: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        chosen.change(as_parts, chosen, self.parts, **quiet)
        for slider in (overall, *single):
            slider.change(as_strength, [overall, *single], self.strength, **quiet)


def as_parts(names: list[str]) -> str:
    """The parts of those `names` as a word; nothing for none, which is refused when it is used."""
    return ALL if set(names) == set(PARTS) else ",".join(name for name in PARTS if name in names)


def as_strength(overall: float, *single: float) -> str:
    """The strength as a word: a number, or one for each part where they are not all alike."""
    if len(set(single)) == 1:
        return str(float(overall * single[0]))
    return ",".join(f"{part}={overall * value:g}" for part, value in zip(PARTS, single, strict=True))
