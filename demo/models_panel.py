"""The tab of the models: what each is, and how to get more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import gradio as gr

from checkpoints.errors import OptionError
from checkpoints.hub import HubName
from demo import words
from demo.answers import sentences
from demo.cards import card
from demo.compare_panel import labels
from demo.studio import Studio


def models_panel(studio: Studio, page: gr.Blocks, choices: Sequence[gr.Dropdown], compared: gr.CheckboxGroup) -> None:
    """Lay out the panel in the Blocks that are open; the `choices` of models in other tabs, and what may be `compared`,
    learn of new ones.
    """
    names = studio.shelf.names
    gr.Markdown(words.MODELS_HELP, elem_classes="hint")
    shown = gr.Radio(names, value=names[0], label=words.MODELS_SHOWN, elem_id="models")
    about = gr.Markdown(card(studio.shelf.bundle()), elem_id="card")
    news = gr.Markdown(elem_classes="spoken", min_height=26)
    pulling = bool(studio.limits.pull)
    with gr.Row(equal_height=True, visible=pulling):
        name = gr.Textbox(label=words.MODELS_PULL, info=words.MODELS_PULL_HINT, scale=3, elem_id="pull")
        get = gr.Button(words.MODELS_PULL_GO, scale=1)

    def models() -> list[dict[str, str]]:
        """The page's models: name, family and licence of each."""
        found = {name: studio.shelf.bundle(name) for name in studio.shelf.names}
        return [{"name": name, "family": each.family, "licence": each.licence} for name, each in found.items()]

    def describe(name: str) -> str:
        with sentences():
            return card(studio.shelf.bundle(name))

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
    shown.change(describe, shown, about, queue=False, **private)
    page.load(refresh, None, fields, queue=False, **private)
    gr.api(models, api_name="models", queue=False)
    if pulling:
        fetched = get.click(pull, name, news, concurrency_id="pull", concurrency_limit=1, api_visibility="private")
        name.submit(pull, name, news, concurrency_id="pull", api_visibility="private").success(
            refresh, None, fields, queue=False, **private
        )
        fetched.success(refresh, None, fields, queue=False, **private)
