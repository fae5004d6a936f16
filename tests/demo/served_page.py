"""What a page that is up is to a test. Not in conftest.py: other folders have a module of that name."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Served:
    """A page that is up."""

    url: str
    cache: Path
    """Where uploads and results lie."""
    studio: Any
    queue: Any = None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
