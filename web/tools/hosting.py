"""The built page on a server that only hands out files, as a static Space does, and remembers what it was asked for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Site:
    """A page that is up: `dist`, with the bundle in `model` as its model."""

    def __init__(self, dist: Path, model: Path) -> None:
        self.asked: list[str] = []
        """Paths that were asked for."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self, dist, model))
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """From now on nobody answers."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(SimpleHTTPRequestHandler):
    extensions_map = SimpleHTTPRequestHandler.extensions_map | {".mjs": "text/javascript", ".wasm": "application/wasm"}

    def __init__(self, site: Site, dist: Path, model: Path, *arguments: Any) -> None:
        self._site, self._model = site, model
        super().__init__(*arguments, directory=str(dist))

    def translate_path(self, path: str) -> str:
        plain = path.partition("?")[0]
        return str(self._model / plain[7:]) if plain.startswith("/model/") else super().translate_path(path)

    def log_message(self, *_: Any) -> None:
        self._site.asked.append(self.path)


@contextmanager
def serving(dist: Path, model: Path) -> Iterator[Site]:
    """The page with that model, while the block runs."""
    site = Site(dist, model)
    try:
        yield site
    finally:
        site.close()
