"""The Hugging Face Space: `python app.py` serves the page.

BUNRAKU_MODEL chooses the model, BUNRAKU_MODELS adds more, and the variables of `demo.limits` say what visitors may do
(docs/page.md).
"""

import os
import signal
import sys

from checkpoints.start import STOPPED, end_on_interrupt

if __name__ == "__main__":
    end_on_interrupt()  # until `main`, since the rest takes seconds to import

from demo.limits import Limits
from demo.page import serve
from demo.room import until_told
from demo.studio import Studio
from runtime.engine import DEFAULT_MODEL
from runtime.graphs.memory import stay_small

PUBLIC = Limits(upload_mb=100, megapixels=50, seconds=60, pull=0)
"""A stranger's video of an hour would keep a free Space's two cores from everybody else, and strangers' models would
fill its disk.
"""


def main() -> None:
    """Serve the page until the process is stopped, by SIGTERM in a container."""
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:  # nohup means what it says
        signal.signal(signal.SIGINT, signal.default_int_handler)  # from here on there is something to tidy up
    try:
        with until_told():
            _serve()
    except KeyboardInterrupt:
        print(STOPPED, file=sys.stderr)
        sys.exit(130)


def _serve() -> None:
    stay_small()
    model = os.environ.get("BUNRAKU_MODEL", "") or DEFAULT_MODEL
    more = [name.strip() for name in os.environ.get("BUNRAKU_MODELS", "").split(",") if name.strip()]
    serve(Studio(model, *more, limits=PUBLIC.with_environment()))


if __name__ == "__main__":
    main()
