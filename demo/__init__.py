"""The page: a photo, a video, one button. Also a Hugging Face Space (`app.py`).

Gradio would report its use to its makers, and share one folder of uploads with every other program that uses it; here
it is told otherwise before anything imports it.
"""

import os
import secrets
import tempfile
from pathlib import Path

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
_own = Path(tempfile.gettempdir()) / f"bunraku-page-{os.getpid()}-{secrets.token_hex(4)}"
os.environ["GRADIO_TEMP_DIR"] = os.path.abspath(os.environ.get("GRADIO_TEMP_DIR") or _own)
# Statistics for a page of monitoring that is not served (`enable_monitoring`); Gradio would make them at every error.
os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", "1000000000")
