"""The tab of the models: what each is, and how to get more."""

from __future__ import annotations

from collections.abc import Sequence
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


def models_panel(
    studio: Studio, page: gr.Blocks, tab: gr.Tab, choices: Sequence[gr.Dropdown], compared: gr.CheckboxGroup
) -> None:
    """Lay out the panel in the Blocks that are open, in `tab`; the `choices` of models in other tabs, and what may be
    `compared`, learn of new ones.
    """
    names, pulling = studio.shelf.names, bool(studio.limits.pull)
    gr.Markdown(words.MODELS_HELP, elem_classes="hint")
    shown = gr.Radio(names, value=names[0], label=words.MODELS_SHOWN, elem_id="models")
    with gr.Row(equal_height=False):
        with gr.Column(min_width=300):
            about = gr.Markdown(summary(studio.shelf.bundle()), elem_id="summary")
        with gr.Column(min_width=300):
            made = gr.Image(
                label=words.MODELS_SPECIMEN,
                interactive=False,
                buttons=[],
                alt_text=words.MODELS_SPECIMEN,
                elem_id="specimen",
            )
    said = faults.field()
    with gr.Row(equal_height=True, visible=pulling):
        name = gr.Textbox(label=words.MODELS_PULL, info=words.MODELS_PULL_HINT, scale=3, elem_id="pull")
        get = gr.Button(words.MODELS_PULL_GO, scale=1)
    pull_said = faults.field()
    news = gr.Markdown(elem_classes="spoken", min_height=26)
    with gr.Accordion(words.MODELS_DETAILS, open=False, elem_classes="fold"):
        details = gr.Markdown(card(studio.shelf.bundle()), elem_id="card")
    specimens = Specimens(studio)

    def models() -> list[dict[str, str]]:
        """The page's models: name, family and licence of each."""
        found = {name: studio.shelf.bundle(name) for name in studio.shelf.names}
        return [{"name": name, "family": each.family, "licence": each.licence} for name, each in found.items()]

    def describe(name: str) -> tuple[str, str]:
        with sentences():
            return summary(studio.shelf.bundle(name)), card(studio.shelf.bundle(name))

    def show(name: str) -> Any:
        with sentences():
            picture = specimens.of(name)
        return gr.Image(value=picture, visible=picture is not None)

    def pull(model: str) -> str:
        with sentences():
            if not model.strip():
                raise OptionError(words.MODELS_NO_NAME)
            if HubName.parse(model.strip()) is None:  # a folder of this machine is nobody's business
                raise OptionError(words.MODELS_BAD_NAME.format(name=model.strip()))
            return words.MODELS_PULLED.format(name=studio.shelf.add(model.strip()))

    def refresh() -> tuple[Any, ...]:
        """What there is to choose now; a model may have come since this page was built."""
        names = studio.shelf.names
        for field in (*choices, cast(Any, shown)):
            field.choices = [(name, name) for name in names]  # what Gradio checks the answers of scripts against
        compared.choices = [(label, label) for label in labels(studio)]
        dropdowns = (gr.Dropdown(choices=names, visible=len(names) > 1) for _ in choices)
        return *dropdowns, gr.Radio(choices=names), gr.CheckboxGroup(choices=labels(studio))

    fields = [*choices, shown, compared]
    private: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    described = shown.change(describe, shown, [about, details], queue=False, **private)
    at_work: dict[str, Any] = {"concurrency_id": "animate", "concurrency_limit": studio.limits.at_once, **private}
    pictured = [event(show, shown, made, **at_work) for event in (tab.select, shown.change)]
    for each in (described, *pictured):
        faults.tell(studio.faults, each, said)
    page.load(refresh, None, fields, queue=False, **private)
    gr.api(models, api_name="models", queue=False)
    if pulling:
        for event in (get.click, name.submit):
            fetched = event(pull, name, news, concurrency_id="pull", concurrency_limit=1, api_visibility="private")
            fetched.success(refresh, None, fields, queue=False, **private)
            faults.tell(studio.faults, fetched, pull_said)
