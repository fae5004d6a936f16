"""The page's fields for the engine's options, and its endpoint's parameters, from the options themselves: the page adds
no more than its words (`demo.words.OPTIONS`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from inspect import Parameter
from typing import Any, get_args

import gradio as gr

from checkpoints.bundle import Bundle
from checkpoints.contract import STITCHING
from checkpoints.errors import OptionError
from demo import words
from demo.control_panel import ControlPanel, parts_field
from runtime.control.hand import OPENS, switches_of
from runtime.media.background import Background
from runtime.options import Options, defaults, described, docstrings, read_word

Field = gr.components.FormComponent

BY_PART = ("crop", "face")
"""Options whose fields belong to the part of the photo (`demo.part_panel`)."""

NAMES = tuple(name for name in described(Options) if name in {*words.OPTIONS, *BY_PART})
"""Of the options that the page has, in the engine's order."""

_DEFAULTS = defaults(Options)


def lay_out(bundle: Bundle, also: Mapping[str, gr.components.Component]) -> dict[str, Field]:
    """A field for each option with words, in their groups, in whatever is open; by the options' names. `also` has
    fields of the page's own, by the group that they come last in.
    """
    fields: dict[str, Field] = {}
    for title, names in words.GROUPS.items():
        gr.Markdown(f"### {title}", elem_classes="group")
        with gr.Row(elem_classes="group-fields"):
            if "parts" in names:
                control = ControlPanel()
                fields |= {"parts": control.parts, "strength": control.strength}
            fields |= {name: field(name, bundle) for name in names if name not in fields}
            if title in also:
                also[title].render()
    return fields


def field(name: str, bundle: Bundle, place: str = "option") -> Field:
    """The field of one option; `place` begins its id in the page."""
    said, default, shown = words.OPTIONS[name], _DEFAULTS[name], _is_of_use(name, bundle)
    if name == "mode":
        modes = words.modes(bundle)
        return gr.Radio(modes, value=modes[0][1], **_said(name, place))
    if name == "parts":
        return parts_field(place)
    if said.text:
        return gr.Textbox("", max_lines=1, **_said(name, place))
    if said.choices is not None:
        value = default if default is not None else next(iter(said.choices))
        return gr.Radio(words.choices(said.choices), value=value, visible=shown, **_said(name, place))
    if said.most is not None:
        return gr.Slider(0, said.most, value=default, step=0.05, visible=shown, **_said(name, place))
    if not isinstance(default, bool):
        return gr.Number(0, minimum=0, min_width=140, **_said(name, place))
    return gr.Checkbox(default, **_said(name, place))


def _said(name: str, place: str = "option") -> dict[str, Any]:
    said = words.OPTIONS[name]
    return {"label": said.label, "info": said.hint, "elem_id": f"{place}-{name}"}


def _is_of_use(name: str, bundle: Bundle) -> bool:
    """Whether the model has what the option is about, where not all have."""
    wanted = {"stitching": {STITCHING}, "retargeting": {*OPENS}}.get(name)
    return wanted is None or not wanted.isdisjoint(switches_of(bundle))


def parameters() -> list[Parameter]:
    """The endpoint's parameters for the options: the engine's names and defaults."""
    return [
        Parameter(
            name, Parameter.POSITIONAL_OR_KEYWORD, default=_DEFAULTS[name], annotation=described(Options)[name][0]
        )
        for name in NAMES
    ]


def told() -> Iterator[str]:
    """A line on each of them, as Gradio reads them in a docstring."""
    known = docstrings(Options)
    for name in NAMES:
        empty = "" if _DEFAULTS[name] is not None else ' 0, or "", stands for none.'
        yield f"{name}: {known[name]}{empty}"


def chosen(values: Mapping[str, Any]) -> dict[str, Any]:
    """What the engine is told where the fields hold these `values`. A field for a number cannot be empty: 0 in it, or
    no words, stand for None where that can be, and else for the default. Raises `OptionError` for files, which only the
    commands take.
    """
    found: dict[str, Any] = {}
    for name in NAMES:
        value, (hint, option) = values[name], described(Options)[name]
        if name == "parts" and not value:
            raise OptionError(words.NO_PARTS)
        if value is None or (not value and type(None) in get_args(hint)):
            value = _DEFAULTS[name]
        elif option.read is not None and isinstance(value, str):
            value = read_word(Options, name, value)
        found[name] = value
    _check_behind(found["background"])
    return found


def _check_behind(background: str) -> None:
    """Raises `OptionError` for files, which would be the server's: whether there is one is nobody's business."""
    try:
        if Background.of(background).file is None:
            return
    except OptionError:
        pass
    raise OptionError(words.NOT_BEHIND)
