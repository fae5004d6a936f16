"""The tab of the models: what each is, and how to get more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import gradio as gr

from checkpoints.errors import OptionError
from checkpoints.hub import HubName
from demo import faults, words
from demo.answers import sentences
from demo.cards import card, summary
from demo.compare_panel import labels
from demo.specimen import Specimens
from demo.studio import Studio

_PRIVATE: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


@dataclass
class _Shown:
    """What shows a model."""

    choice: gr.Radio
    about: gr.Markdown
    picture: gr.Image
    details: gr.Markdown
    said: gr.HTML


@dataclass
class _Pull:
    """What gets one more."""

    name: gr.Textbox
    get: gr.Button
    said: gr.HTML
    news: gr.Markdown


def models_panel(
    studio: Studio, page: gr.Blocks, tab: gr.Tab, choices: Sequence[gr.Dropdown], compared: gr.CheckboxGroup
) -> None:
    """Lay out the panel in the Blocks that are open, in `tab`; the `choices` of models in other tabs, of which the
    first also offers that one be chosen, and what may be `compared`, learn of new ones.
    """
    shown, pull = _lay_out(studio)

    def refresh() -> tuple[Any, ...]:
        """What there is to choose now; a model may have come since this page was built."""
        names = studio.shelf.names
        plain = [(name, name) for name in names]
        for field in (*choices, cast(Any, shown.choice)):
            field.choices = words.models(names) if field is choices[0] else plain  # what answers are checked against
        compared.choices = [(label, label) for label in labels(studio)]
        dropdowns = (gr.Dropdown(choices=cast(Any, field).choices, visible=len(names) > 1) for field in choices)
        return *dropdowns, gr.Radio(choices=names), gr.CheckboxGroup(choices=labels(studio))

    def models() -> list[dict[str, str]]:
        """The page's models: name, family and licence of each."""
        found = {name: studio.shelf.bundle(name) for name in studio.shelf.names}
        return [{"name": name, "family": each.family, "licence": each.licence} for name, each in found.items()]

    fields = [*choices, shown.choice, compared]
    _connect_shown(studio, tab, shown)
    page.load(refresh, None, fields, queue=False, **_PRIVATE)
    gr.api(models, api_name="models", queue=False)
    if studio.limits.pull:
        for event in (pull.get.click, pull.name.submit):
            fetched = event(
                _puller(studio),
                pull.name,
                pull.news,
                concurrency_id="pull",
                concurrency_limit=1,
                api_visibility="private",
            )
            fetched.success(refresh, None, fields, queue=False, **_PRIVATE)
            faults.tell(studio.faults, fetched, pull.said)


def _lay_out(studio: Studio) -> tuple[_Shown, _Pull]:
    names, bundle, pace = studio.shelf.names, studio.shelf.bundle(), studio.shelf.known_pace()
    gr.Markdown(words.MODELS_HELP, elem_classes="hint")
    choice = gr.Radio(names, value=names[0], label=words.MODELS_SHOWN, elem_id="models")
    with gr.Row(equal_height=False):
        with gr.Column(min_width=300):
            about = gr.Markdown(summary(bundle, pace), elem_id="summary")
        with gr.Column(min_width=300):
            picture = gr.Image(
                label=words.MODELS_SPECIMEN,
                interactive=False,
                buttons=[],
                alt_text=words.MODELS_SPECIMEN,
                elem_id="specimen",
            )
    said = faults.field()
    with gr.Row(equal_height=True, visible=bool(studio.limits.pull)):
        name = gr.Textbox(label=words.MODELS_PULL, info=words.MODELS_PULL_HINT, scale=3, elem_id="pull")
        get = gr.Button(words.MODELS_PULL_GO, scale=1)
    pull = _Pull(name, get, faults.field(), gr.Markdown(elem_classes="spoken", min_height=26))
    with gr.Accordion(words.MODELS_DETAILS, open=False, elem_classes="fold"):
        details = gr.Markdown(card(bundle), elem_id="card")
    return _Shown(choice, about, picture, details, said), pull


def _connect_shown(studio: Studio, tab: gr.Tab, shown: _Shown) -> None:
    specimens = Specimens(studio)

    def describe(name: str) -> tuple[str, str]:
        with sentences():
            bundle = studio.shelf.bundle(name)
            return summary(bundle, studio.shelf.known_pace(name)), card(bundle)

    def show(name: str) -> Any:
        with sentences():
            picture = specimens.of(name)
        return gr.Image(value=picture, visible=picture is not None)

    # What was measured meanwhile is told, too, when the tab is opened again.
    tab.select(describe, shown.choice, [shown.about, shown.details], queue=False, **_PRIVATE)
    described = shown.choice.change(describe, shown.choice, [shown.about, shown.details], queue=False, **_PRIVATE)
    at_work: dict[str, Any] = {"concurrency_id": "animate", "concurrency_limit": studio.limits.at_once, **_PRIVATE}
    pictured = [event(show, shown.choice, shown.picture, **at_work) for event in (tab.select, shown.choice.change)]
    for each in (described, *pictured):
        faults.tell(studio.faults, each, shown.said)


def _puller(studio: Studio) -> Callable[[str], str]:
    def pull(model: str) -> str:
        with sentences():
            if not model.strip():
                raise OptionError(words.MODELS_NO_NAME)
            if HubName.parse(model.strip()) is None:  # a folder of this machine is nobody's business
                raise OptionError(words.MODELS_BAD_NAME.format(name=model.strip()))
            return words.MODELS_PULLED.format(name=studio.shelf.add(model.strip()))

    return pull
