"""Have a page move a picture: python animate.py photo.jpg driving.mp4 -o moving.mp4 [mode=absolute strength=0.5 ...]"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

from gradio_client import Client, handle_file


def animate(page: str, source: Path, driving: Path, output: Path, **options: Any) -> str:
    """Write `output`, the picture `source` moved as `driving` moves; returns the page's sentence about it. `options`
    are those of `runtime.animate`. Raises `gradio_client.exceptions.AppError` with the page's words.
    """
    client = Client(page, verbose=False)
    video, sentence, _ = client.predict(
        source=handle_file(source), driving=handle_file(driving), api_name="/animate", **options
    )
    shutil.copyfile(video["video"] if isinstance(video, dict) else video, output)
    return str(sentence)


def option(word: str) -> tuple[str, Any]:
    """A name and a value out of "name=value": numbers, true and false as JSON has them, everything else as text."""
    name, _, value = word.partition("=")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("driving", type=Path)
    parser.add_argument("options", nargs="*", type=option, metavar="NAME=VALUE")
    parser.add_argument("-o", "--output", type=Path, default=Path("moving.mp4"))
    parser.add_argument("--page", default="http://127.0.0.1:7860")
    args = parser.parse_intermixed_args()
    print(animate(args.page, args.source, args.driving, args.output, **dict(args.options)))


if __name__ == "__main__":
    main()
