"""The page as a whole: its parts, and how it is served."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import gradio as gr

from checkpoints.errors import OptionError
from demo import look, words
from demo.animate_panel import animate_panel
from demo.compare_panel import compare_panel
from demo.inside_panel import inside_panel
from demo.live_panel import live_panel
from demo.models_panel import models_panel
from demo.studio import Studio


def build_page(studio: Studio) -> gr.Blocks:
    """The page for `studio`, to be served by `serve` (or launched with `launch_options`)."""
    keep = 60 * studio.limits.keep_minutes
    sweep = min(keep // 2, 300)  # seconds between two looks for what is too old; found late, it is not kept longer
    with gr.Blocks(title=words.TITLE, analytics_enabled=False, delete_cache=(sweep, keep - sweep)) as page:
        gr.HTML(_header(), elem_id="header")
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab(words.TAB_ANIMATE, id="animate"):
                photo, clip, model = animate_panel(studio)
            with gr.Tab(words.TAB_LIVE, id="live"):
                live_model = live_panel(studio)
            with gr.Tab(words.TAB_INSIDE, id="inside"):
                inside_model = inside_panel(studio, photo, clip)
            with gr.Tab(words.TAB_COMPARE, id="compare"):
                compared = compare_panel(studio, photo, clip)
            with gr.Tab(words.TAB_MODELS, id="models"):
                models_panel(studio, page, [model, live_model, inside_model], compared)
        page.unload(_leave(studio, Path(page.GRADIO_CACHE)))
    studio.visitors.spare(Path(page.GRADIO_CACHE))
    return page.queue(max_size=studio.limits.waiting, default_concurrency_limit=1)


def launch_options(studio: Studio) -> dict[str, Any]:
    """What `Blocks.launch` is to be given for looks and safety."""
    return {
        "theme": look.theme(),
        "css_paths": look.STYLE,
        "favicon_path": look.EMBLEM,
        "js": look.ACCESS.read_text(encoding="utf-8"),
        "footer_links": ["api", "settings"],
        "max_file_size": f"{studio.limits.upload_mb}mb",
        "run_history": False,  # photos of people have no business in the browser's storage
        "enable_monitoring": False,
        "ssr_mode": False,
    }


def serve(
    studio: Studio, *, host: str | None = None, port: int | None = None, share: bool = False, wait: bool = True
) -> gr.Blocks:
    """Serve the page at `host` and `port`; None takes GRADIO_SERVER_NAME and GRADIO_SERVER_PORT, where they are
    set, else this machine only and the first free port from 7860 on.

    `share` adds a public link through Gradio's servers. With `wait`, returns when the page is stopped, else as
    soon as it is up. Raises `OptionError` when the port is taken.
    """
    page = build_page(studio)
    where: dict[str, Any] = {"server_name": host, "server_port": port, "share": share}
    try:
        page.launch(**where, **launch_options(studio), prevent_thread_lock=True)
    except OSError as error:
        raise OptionError(f"The page cannot be served there ({error})") from error
    if wait:
        try:
            page.block_thread()
        finally:  # however it ends, visitors' files go with it
            page.close()
    return page


def _header() -> str:
    emblem = re.sub(r"<svg", '<svg aria-hidden="true"', look.EMBLEM.read_text(encoding="utf-8"), count=1)
    return f"<header>{emblem}<div><h1>{words.TITLE}</h1><p>{words.LINE}</p></div></header>"


def _leave(studio: Studio, cache: Path) -> Any:
    """Who closes the page does not wait for the result any more, and leaves no file."""

    def leave(request: gr.Request) -> None:
        if request.session_hash:
            studio.visitors.leave(request.session_hash, cache)

    return leave
