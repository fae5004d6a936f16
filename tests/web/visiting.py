"""What a test does on the page in the browser: open it, give it files, and take its frames as they are shown."""

from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Bytes = NDArray[np.uint8]

_KEEP = """
  window.kept = [];
  addEventListener("frame", (event) => window.kept.push(event.target.toDataURL("image/png")));
"""


def opened(context: Any, url: str) -> Any:
    """The page, when its model is ready; it keeps what its canvases show."""
    page = context.new_page()
    page.set_default_timeout(240_000)
    page.add_init_script(_KEEP)
    page.goto(url)
    page.get_by_text("Ready.", exact=True).wait_for()
    return page


def put(page: Any, photo: Path | None = None, clip: list[Path] | None = None) -> None:
    """Choose files."""
    for field, files in (("photo", [photo] if photo else []), ("clip", clip or [])):
        if files:
            page.locator(f"#{field} input[type=file]").set_input_files([str(each) for each in files])


def go(page: Any) -> str:
    """Animate to the end; the sentence under the result. What was shown before is kept no longer."""
    page.evaluate("() => { window.kept = []; }")
    page.get_by_role("button", name="Make it move").click()
    page.locator("#stop").wait_for(state="hidden")
    page.locator("#go").wait_for(state="visible")
    return str(page.locator("#caption").inner_text())


def shown(page: Any) -> Bytes:
    """All frames that were shown, (T, R, R, 3)."""
    pictures = [
        Image.open(BytesIO(base64.b64decode(url.partition(",")[2]))) for url in page.evaluate("() => window.kept")
    ]
    return np.stack([np.asarray(picture.convert("RGB")) for picture in pictures])
