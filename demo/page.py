"""The page as a whole: its parts, and how it is served."""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder
from starlette.middleware import Middleware

from checkpoints.errors import OptionError
from demo import appearance, words
from demo.animate_panel import animate_panel
from demo.compare_panel import compare_panel
from demo.endpoint import PlainEndpoint
from demo.gate import Gate, GatedBlocks
from demo.hand_panel import hand_panel
from demo.hangups import HangUps
from demo.inside_panel import inside_panel
from demo.live_panel import live_panel
from demo.models_panel import models_panel
from demo.room import blocked, check_cache, own_room, until_told
from demo.studio import Studio
from demo.sweep import end, keeping
from demo.uploads import Uploads


def build_page(studio: Studio) -> gr.Blocks:
    """The page for `studio`, to be served by `serve` (or launched with `launch_options`)."""
    with GatedBlocks(title=words.TITLE, analytics_enabled=False, delete_cache=_ages(studio)) as page:
        gr.HTML(_header(), elem_id="header")
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab(words.TAB_ANIMATE, id="animate"):
                photo, clip, model, pose = animate_panel(studio)
            with gr.Tab(words.TAB_HAND, id="hand") as by_hand:
                hand_panel(studio, photo, model, pose, by_hand)
            with gr.Tab(words.TAB_LIVE, id="live"):
                live_model = live_panel(studio)
            with gr.Tab(words.TAB_INSIDE, id="inside"):
                inside_model = inside_panel(studio, photo, clip)
            with gr.Tab(words.TAB_COMPARE, id="compare"):
                compared = compare_panel(studio, photo, clip)
            with gr.Tab(words.TAB_MODELS, id="models") as tab:
                models_panel(studio, page, tab, [model, live_model, inside_model], compared)
        page.unload(_leave(studio, Path(page.GRADIO_CACHE)))
    page.gate, page.claim = Gate(Path(page.GRADIO_CACHE)), studio.visitors.owns
    page.failed = studio.faults.note
    studio.visitors.spare(_files_in(page.get_config_file()))
    # Closed for those who would go past the queue, and so past the limits.
    return page.queue(max_size=studio.limits.waiting, default_concurrency_limit=1, api_open=False)


def launch_options(studio: Studio, page: gr.Blocks) -> dict[str, Any]:
    """What `Blocks.launch` is to be given for looks and safety."""
    cache = Path(get_upload_folder())
    gone = HangUps(lambda: page._queue, studio.visitors.stop)

    def left(session: str) -> None:
        studio.visitors.leave(session, cache)

    def shared(path: Path) -> bool:
        made = (files for files in page.temp_file_sets if files is not page.upload_file_set)
        return path in studio.visitors.spared or any(str(path) in files for files in made)

    return {
        "blocked_paths": blocked(cache),
        "app_kwargs": {
            "middleware": [
                Middleware(PlainEndpoint, cache=cache, most_bytes=studio.limits.upload_mb * 1e6, leave=left),
                Middleware(gone.around),
                Middleware(Uploads, cache=cache, shared=shared),
            ],
            "lifespan": keeping(cache, studio.visitors, *_ages(studio), beside=gone.watch),
        },
        "theme": appearance.theme(),
        "css_paths": appearance.STYLE,
        "css": appearance.style(),
        "favicon_path": appearance.EMBLEM,
        "js": appearance.script(),
        "footer_links": ["api", "settings"],
        "max_file_size": f"{studio.limits.upload_mb}mb",
        "run_history": False,  # photos of people have no business in the browser's storage
        "enable_monitoring": False,
        "ssr_mode": False,
    }


def serve(
    studio: Studio,
    *,
    host: str | None = None,
    port: int | None = None,
    share: bool = False,
    mcp: bool = False,
    wait: bool = True,
) -> gr.Blocks:
    """Serve the page at `host` and `port`; None takes GRADIO_SERVER_NAME and GRADIO_SERVER_PORT, where they are
    set, else this machine only and the first free port from 7860 on.

    `share` adds a public link through Gradio's servers, `mcp` a server of the Model Context Protocol, by which
    assistants use the page. With `wait`, returns when the page is stopped, else as soon as it is up. Raises
    `OptionError` when the port is taken, or the protocol's package is missing.
    """
    if mcp and importlib.util.find_spec("mcp") is None:
        raise OptionError(words.NO_MCP)
    cache = Path(get_upload_folder())
    check_cache(cache)
    page = build_page(studio)
    where: dict[str, Any] = {"server_name": host, "server_port": port, "share": share, "mcp_server": mcp or None}
    try:
        page.launch(**where, **launch_options(studio, page), prevent_thread_lock=True)
    except OSError as error:
        raise OptionError(f"The page cannot be served there ({error})") from error
    if wait:
        try:
            with own_room(), until_told():
                page.block_thread()
        finally:  # however it ends, visitors' files go with it
            studio.visitors.close()
            page.close()
            end(cache, studio.visitors)
    return page


def _ages(studio: Studio) -> tuple[int, int]:
    """Seconds between two looks for what is too old, and how old that is; found late, it is not kept longer."""
    keep = 60 * studio.limits.keep_minutes
    every = min(keep // 2, 300)
    return every, keep - every


def _files_in(config: Any) -> Iterator[Path]:
    """The files that the page itself names, for everybody: its examples."""
    if isinstance(config, dict):
        if isinstance(path := config.get("path"), str) and os.path.isabs(path):
            yield Path(path)
        config = list(config.values())
    if isinstance(config, list | tuple):
        for each in config:
            yield from _files_in(each)


def _header() -> str:
    emblem = re.sub(r"<svg", '<svg aria-hidden="true"', appearance.EMBLEM.read_text(encoding="utf-8"), count=1)
    return f"<header>{emblem}<div><h1>{words.TITLE}</h1><p>{words.LINE}</p></div></header>"


def _leave(studio: Studio, cache: Path) -> Any:
    """Who closes the page does not wait for the result any more, and leaves no file."""

    def leave(request: gr.Request) -> None:
        if request.session_hash:
            studio.visitors.leave(request.session_hash, cache)

    return leave
