"""Photos as iPhones store them (HEIC, ISO/IEC 23008-12). Pillow cannot read these; ffmpeg can, and turns them upright,
joins their tiles and hands on their colour profile. What it does not know is which of the other pictures in the file is
the main one's alpha: that is read from the file's boxes.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from PIL import Image

from checkpoints.errors import InputError
from runtime.media.cicp import apply_numbers
from runtime.media.ffmpeg import Ffmpeg, max_pixels
from runtime.media.items import describe
from runtime.media.limits import Limits

_BRANDS = tuple(b"ftyp" + brand for brand in (b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1"))
"""How such files begin, after four bytes of length."""


def is_heic(head: bytes) -> bool:
    """Whether a file with these first 12 bytes is one."""
    return head[4:12] in _BRANDS


def read_heic(path: Path, name: str, limits: Limits) -> Image.Image:
    """The main picture of the file `path`, of which errors speak as `name`: upright, with its colour profile, and in
    mode "RGBA" where it has alpha. Raises `InputError`.
    """
    image = _decoded(path, name, limits, [])
    with path.open("rb") as file:
        apply_numbers(image.info, file)
        file.seek(0)
        known = describe(file)
    item = known.alpha
    if item is None:
        return image
    tiled = [number for number, kind in known.kinds.items() if kind == b"grid"]  # as ffmpeg numbers what it joins
    chosen = ["-filter_complex", f"[0:g:{tiled.index(item)}]null"] if item in tiled else ["-map", f"0:#{item}"]
    alpha = _decoded(path, name, limits, [*chosen, "-pix_fmt", "gray"]).convert("L")
    profile = image.info.get("icc_profile")
    image = image.convert("RGB")
    image.putalpha(alpha if alpha.size == image.size else alpha.resize(image.size))
    if profile is not None:
        image.info["icc_profile"] = profile
    return image


def _decoded(path: Path, name: str, limits: Limits, chosen: list[str]) -> Image.Image:
    """The main picture, or the `chosen` one."""
    guards = ["-format_whitelist", "mov", "-protocol_whitelist", "file", *max_pixels(limits.pixels)]
    # Without "-map", so that ffmpeg joins the tiles that large photos are stored in.
    arguments = [*guards, "-i", f"file:{path.absolute()}", *chosen, "-frames:v", "1", "-c:v", "png", "-f", "image2pipe"]
    with Ffmpeg([*arguments, "pipe:1"], stdout=True) as ffmpeg:
        data = ffmpeg.stdout.read()
        if ffmpeg.finish() != 0 or not data:
            raise InputError(f"{name} cannot be read as HEIC ({ffmpeg.complaint()}); save it as JPEG.")
    return Image.open(BytesIO(data))
