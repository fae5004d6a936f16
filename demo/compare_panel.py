"""The tab that puts several models, or ways of one, side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from demo import faults, words
from demo.answers import cache_of, said, sentences, visitor_of
from demo.compare import Way, compare, first_choice, ways
from demo.studio import Studio


def compare_panel(studio: Studio, photo: gr.Image, clip: gr.Video) -> gr.CheckboxGroup:
    """Lay out the panel in the Blocks that are open; `photo` and `clip` are the fields whose files are used. Returns
    the choice of ways.
    """
    offered = labels(studio)
    gr.Markdown(words.COMPARE_HELP, elem_classes="hint")
    chosen = gr.CheckboxGroup(
        offered,
        value=[way.label for way in first_choice(studio)],
        label=words.COMPARE_WAYS,
        info=words.COMPARE_WAYS_HINT,
        elem_id="ways",
    )
    go = gr.Button(words.COMPARE_GO, variant="primary", size="lg", elem_id="compare-go")
    stop = gr.Button(words.STOP, variant="secondary", size="lg", visible=False, elem_id="compare-stop")
    said = faults.field()
    result = gr.Video(
        label=words.COMPARE_RESULT,
        interactive=False,
        autoplay=True,
        loop=True,
        buttons=["download"],
        elem_id="compared",
    )
    table = gr.Markdown(elem_id="compare-table", elem_classes="spoken")
    _connect(studio, [photo, clip, chosen], (go, stop), (result, table, said))
    return chosen


def _connect(
    studio: Studio,
    inputs: list[gr.components.Component],
    buttons: tuple[gr.Button, gr.Button],
    outcome: tuple[gr.Video, gr.Markdown, gr.HTML],
) -> None:
    """What happens on a click: the buttons change places, the work is done, they change back."""
    go, stop = buttons
    result, table, said = outcome
    compare_ways = _endpoint(studio, result)

    def stop_all(request: gr.Request) -> str:
        studio.stop(visitor_of(request))
        return words.STOPPED

    private: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    busy = lambda: (gr.Button(visible=False), gr.Button(visible=True), None, "", "")  # noqa: E731
    idle = lambda: (gr.Button(visible=True), gr.Button(visible=False))  # noqa: E731
    made = go.click(busy, None, [go, stop, *outcome], **private).then(
        compare_ways,
        inputs,
        [result, table],
        api_name="compare",
        concurrency_limit=studio.limits.at_once,
        concurrency_id="animate",
        show_progress_on=[result],
    )
    for ended in (made.success, made.failure):
        ended(idle, None, [go, stop], **private)
    faults.tell(studio.faults, made, said)
    stop.click(stop_all, None, table, cancels=[made], **private).then(idle, None, [go, stop], **private)


def _endpoint(studio: Studio, result: gr.Video) -> Callable[..., tuple[str, str]]:
    """What the button and `/compare` do."""

    def compare_ways(
        source: str | None = None,
        driving: str | None = None,
        chosen: list[str] | None = None,
        request: gr.Request | None = None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008  # how Gradio finds it
    ) -> tuple[str, str]:
        """The same picture and video, several ways: one video with all side by side, and a table with the seconds that
        each frame took.

        Args:
            source: The picture; without one, the example.
            driving: The video; without one, the example.
            chosen: Two to four of the page's ways, each a model and a driving mode.
        """
        by_label = {way.label: way for way in ways(studio)}
        progress(0, desc=words.DETECTING)
        with sentences():
            pair = studio.pair(*studio.samples.pair(source, driving))
            found = compare(
                studio,
                *pair,
                [by_label[label] for label in chosen if label in by_label] if chosen else first_choice(studio),
                cache_of(result),
                visitor=visitor_of(request),
                report=lambda done, total: progress((done, total), desc=words.WORKING, unit="frames"),
            )
        rows = [_row(way, take.seconds, take.frames) for way, take in found.takes.items()]
        head = f"| {' | '.join(words.COMPARE_HEAD)} |\n|---|---|---|"
        notices = dict.fromkeys(notice for take in found.takes.values() for notice in take.notices)
        return str(found.path), "\n".join([head, *rows]) + said(tuple(notices))

    return compare_ways


def labels(studio: Studio) -> list[str]:
    """What may be compared, in words."""
    return [way.label for way in ways(studio)]


def _row(way: Way, seconds: float, frames: int) -> str:
    return f"| {way.label} | {seconds / max(frames, 1):.3f} | {seconds:.1f} |"
