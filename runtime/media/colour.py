"""Colours as they are meant to be seen: whatever a picture's file stores becomes opaque sRGB of 8 bits a channel."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from checkpoints.errors import InputError

_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK", "LAB": "Lab"}
"""What a profile must be of to say something of pixels of that mode."""

_SAME = 2
"""A profile that moves no colour by more than this, of 255, is one of the many that stand for sRGB."""


def cut_out(image: Image.Image, name: str, background: str) -> tuple[Image.Image, bool]:
    """`image` of any of Pillow's modes in RGB, its transparent parts on the colour `background`, and whether it has
    any.

    A colour profile (ICC) in the file is applied where it is of the pixels' own kind and can be used; a damaged one
    says nothing, and is left alone. Raises `InputError` where values are no numbers, or of a range that nobody uses.
    """
    profile = image.info.get("icc_profile")
    colours, alpha = _apart(image, name)
    colours = _profiled(colours, profile)
    if alpha is None:
        return colours, False
    opaque = Image.new("RGBA", image.size, background)
    colours.putalpha(alpha)
    return Image.alpha_composite(opaque, colours).convert("RGB"), bool((np.asarray(alpha) < 255).any())


def _apart(image: Image.Image, name: str) -> tuple[Image.Image, Image.Image | None]:
    """`image` in a mode of `_SPACES`, and how opaque it is ("L"), where it says so."""
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image)
        clear = image.info.get("transparency")
        alpha = None if not isinstance(clear, int) else Image.fromarray(np.where(values == clear, 0, 255).astype("u1"))
        return Image.fromarray(_in_8_bits(values, name)), alpha
    if image.mode == "La":
        image = image.convert("LA")
    if image.mode == "LA":
        return image.getchannel("L"), image.getchannel("A")
    if "A" in image.mode.removeprefix("LAB") or "a" in image.mode or "transparency" in image.info:
        whole = image.convert("RGBA")
        return whole.convert("RGB"), whole.getchannel("A")
    if image.mode in _SPACES:
        return image, None
    return image.convert("L" if image.mode == "1" else "RGB"), None


def _in_8_bits(values: NDArray[np.generic], name: str) -> NDArray[np.uint8]:
    """Grey values of more bits, from 0 to what white is: of integers the most that they can be, of numbers with a point
    1, or where they go far beyond that what 8 and 16 bits can hold. Pillow's own conversion would clip them.
    """
    known = values.astype(np.float64)
    if not np.isfinite(known).all():
        raise InputError(f"{name} holds values that are not numbers; save the picture again.")
    largest = float(known.max(initial=0))
    if values.dtype.kind == "f":
        whites = (1.0, 255.0, 65535.0)
        white = next((each for each in whites if largest <= max(2.0, each)), None)
    else:
        white = next((each for each in (65535.0, 2.0**31 - 1, 2.0**32 - 1) if largest <= each), None)
    if white is None:
        raise InputError(f"{name} holds values of up to {largest:g}; save it with 8 or 16 bits.")
    return np.clip(np.rint(known * (255.0 / white)), 0, 255).astype(np.uint8)


def _profiled(image: Image.Image, profile: object) -> Image.Image:
    """`image` in sRGB, by its `profile` where that is good."""
    if not isinstance(profile, bytes) and image.mode != "LAB":
        return image.convert("RGB")
    try:
        given = _opened(profile)
        if given.profile.xcolor_space.strip() != _SPACES[image.mode]:
            return _plain(image)
        convert = ImageCms.buildTransform(
            given,
            ImageCms.createProfile("sRGB"),
            image.mode,
            "RGB",
            ImageCms.Intent.PERCEPTUAL,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        if image.mode in ("L", "RGB") and _changes_nothing(convert, image.mode):
            return image.convert("RGB")
        found = ImageCms.applyTransform(image, convert)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return _plain(image)
    return _plain(image) if found is None else found


def _plain(image: Image.Image) -> Image.Image:
    """`image` in RGB as if nothing were known of its colours."""
    return _profiled(image, None) if image.mode == "LAB" else image.convert("RGB")


def _opened(profile: object) -> ImageCms.ImageCmsProfile:
    """That profile; of Lab, which needs none, where there is none."""
    if isinstance(profile, bytes):
        return ImageCms.ImageCmsProfile(BytesIO(profile))
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))


def _changes_nothing(convert: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether colours of that `mode` are sRGB already: then pictures keep their very bytes."""
    steps = np.linspace(0, 255, 9 if mode == "RGB" else 256).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(27, 27, 3) if mode == "RGB" else steps[None]
    before = Image.fromarray(grid)
    after = ImageCms.applyTransform(before, convert)
    if after is None:
        return True
    moved = np.asarray(after, np.int64) - np.asarray(before.convert("RGB"), np.int64)
    return bool(np.abs(moved).max() <= _SAME)
