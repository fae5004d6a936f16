"""The moving picture at the top of the README: `python -m docs.moving OUT.webp PHOTO CLIP [PHOTO CLIP ...]`.

Each pair is shown in turn: the photo, the clip and what comes out, side by side. GitHub shows animated WebP; it is kept
below 2 MB by what its quality costs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from runtime import Engine, stream
from runtime.media.provenance import mark

MOST_BYTES = 2_000_000
TITLES = ("any picture", "any video", "moves")
_EVERY = 2
"""Frames of the clips, of which one is shown: half the rate is enough."""
_BAR = 28
"""Pixels above the pictures, for the titles."""
_WHITE, _INK = (255, 255, 255), (60, 60, 60)


def frames(photo: Path, clip: Path, engine: Engine) -> Iterator[Image.Image]:
    """Photo, clip and result side by side, with titles."""
    with stream(photo, clip, model=engine, compare=True, progress=False) as shown:
        for number, frame in enumerate(shown):
            if number % _EVERY == 0:
                yield titled(Image.fromarray(frame))


def titled(picture: Image.Image) -> Image.Image:
    """`picture`, which is three squares, with a title above each."""
    whole = Image.new("RGB", (picture.width, picture.height + _BAR), _WHITE)
    whole.paste(picture, (0, _BAR))
    draw = ImageDraw.Draw(whole)
    for place, title in enumerate(TITLES):
        middle = (2 * place + 1) * picture.width / (2 * len(TITLES))
        draw.text((middle, _BAR / 2), title, _INK, ImageFont.load_default(15), anchor="mm")
    return whole


def encoded(pictures: list[Image.Image], milliseconds: int) -> bytes:
    """The best animated WebP of the `pictures` that is small enough. Raises `ValueError` where none is."""
    for quality in range(90, 20, -10):
        file = BytesIO()
        options = {"quality": quality, "method": 6, "minimize_size": True, "loop": 0, "duration": milliseconds}
        pictures[0].save(file, "WEBP", save_all=True, append_images=pictures[1:], **options)
        if file.tell() < MOST_BYTES:
            return file.getvalue()
    raise ValueError("too much is shown for so small a file; take fewer pairs")


def main(words: list[str]) -> None:
    """Write it; the last line says how large it is."""
    if len(words) < 3 or len(words) % 2 == 0:
        sys.exit("usage: python -m docs.moving OUT.webp PHOTO CLIP [PHOTO CLIP ...]")
    out, engine = Path(words[0]), Engine()
    pairs = zip(map(Path, words[1::2]), map(Path, words[2::2]), strict=True)
    pictures = [picture for photo, clip in pairs for picture in frames(photo, clip, engine)]
    out.write_bytes(encoded(pictures, 40 * _EVERY))
    mark(out)
    print(f"{out}: {len(pictures)} frames, {out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main(sys.argv[1:])
