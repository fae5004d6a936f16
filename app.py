"""The Hugging Face Space: `python app.py` serves the page.

BUNRAKU_MODEL chooses the model, BUNRAKU_MODELS adds more, and the variables of `demo.limits` say what visitors may do
(docs/page.md).
"""

import os
import signal
import sys
from types import FrameType

from demo.limits import Limits
from demo.page import serve
from demo.studio import Studio
from runtime.engine import DEFAULT_MODEL

PUBLIC = Limits(upload_mb=100, megapixels=50, seconds=60, pull=0)
"""A stranger's video of an hour would keep a free Space's two cores from everybody else, and strangers' models would
fill its disk.
"""


def main() -> None:
    """Serve the page until the process is stopped, by SIGTERM in a container."""
    signal.signal(signal.SIGTERM, _end)
    model = os.environ.get("BUNRAKU_MODEL", "") or DEFAULT_MODEL
    more = [name.strip() for name in os.environ.get("BUNRAKU_MODELS", "").split(",") if name.strip()]
    serve(Studio(model, *more, limits=PUBLIC.with_environment()))


def _end(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)  # unwinds, so that visitors' files are removed


if __name__ == "__main__":
    main()
