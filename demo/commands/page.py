"""`bunraku page`: the page on this machine."""

from __future__ import annotations

import argparse

from demo.limits import Limits
from runtime.engine import DEFAULT_MODEL
from runtime.graphs.sessions import DEVICES

HELP = "serve the page: a photo, a video, one button"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = "Limits for public pages come from the environment; see docs/page.md."
    add = parser.add_argument
    add("--host", help="address to serve at; 0.0.0.0 lets other machines in (this machine only)")
    add("--port", type=int, help="port to serve at (the first free one from 7860 on)")
    add("--share", action="store_true", help="add a public link, through Gradio's servers")
    add("--mcp", action="store_true", help="serve assistants, too (Model Context Protocol; needs gradio[mcp])")
    add("--model", default=DEFAULT_MODEL, help="embedded model, folder, or owner/name on the Hub (%(default)s)")
    more = "one more model to offer; may be repeated"
    add("--offer", action="append", default=[], metavar="MODEL", help=more)
    add("--device", choices=DEVICES, default="auto", help="where to compute (%(default)s)")


def run(args: argparse.Namespace) -> int:
    """Serve until stopped. Returns 0, or raises a `BunrakuError`."""
    from demo.page import serve  # Gradio takes seconds to import
    from demo.studio import Studio

    studio = Studio(args.model, *args.offer, device=args.device, limits=Limits().with_environment())
    serve(studio, host=args.host, port=args.port, share=args.share, mcp=args.mcp)
    return 0
