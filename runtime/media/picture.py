"""Pictures in: any file, Pillow image or array becomes the model's square of RGB bytes, never stretched."""

from __future__ import annotations

import contextlib
import os
import threading
import warnings
from io import BytesIO
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from checkpoints.errors import InputError, OptionError
from runtime.media.ffmpeg import Ffmpeg, max_pixels
from runtime.media.limits import DEFAULT_LIMITS, Limits
from runtime.values import Bytes

Fit = Literal["crop", "pad"]
FITS: tuple[str, ...] = get_args(Fit)
Picture = str | os.PathLike[str] | Image.Image | NDArray[np.generic]
"""A file, a Pillow image, or an array (H, W), (H, W, 3) or (H, W, 4) of uint8 in RGB order."""

_HEIC = tuple(b"ftyp" + brand for brand in (b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1"))
"""How HEIC files begin, after four bytes of length."""

MIN_SIDE = 16
"""Pictures and videos narrower or lower than this many pixels are refused: there is nothing to move in
them.
"""

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "PPM", "AVIF", "JPEG2000", "TGA", "ICO")
"""What Pillow may take a file for. It knows others, one of which (EPS) is a program that it has Ghostscript run."""

_OPENING = threading.Lock()
"""Held while Pillow's own limit of pixels, and the warnings about it, which are the whole process's, are set aside."""


def read_square(picture: Picture, size: int, fit: Fit = "crop", limits: Limits = DEFAULT_LIMITS) -> Bytes:
    """`picture` as uint8 (size, size, 3) in RGB: see `read_image` and `square`."""
    check_fit(fit)
    return square(read_image(picture, size, limits), size, fit)


def read_image(
    picture: Picture, size: int | None = None, limits: Limits = DEFAULT_LIMITS, background: str = "white"
) -> Image.Image:
    """`picture` as it is meant to be seen, in RGB: see `read_cut_out`."""
    return read_cut_out(picture, size, limits, background)[0]


def read_cut_out(
    picture: Picture, size: int | None = None, limits: Limits = DEFAULT_LIMITS, background: str = "white"
) -> tuple[Image.Image, bool]:
    """`picture` as it is meant to be seen, in RGB, and whether parts of it are transparent.

    Orientation (EXIF) is applied, transparency becomes the colour `background`, 16-bit and grey values are scaled
    to 8-bit RGB. It has all its pixels, unless a `size` is given to which it will be reduced: then a file may come
    smaller, though not below four times that. Raises `InputError` when the picture cannot be read, is too
    small or too large.
    """
    if isinstance(picture, np.ndarray):
        name, image = "The array", _from_array(picture)
    elif isinstance(picture, Image.Image):
        name, image = "The picture", picture
    else:
        name = str(picture)
        image = _open(Path(picture), size, limits)
    _check_size(image, name, limits)
    return _to_rgb(image, name, background)


def read_encoded(data: bytes, name: str, limits: Limits = DEFAULT_LIMITS) -> Image.Image:
    """The picture `name` that a file with this `data` would hold, in RGB. Raises `InputError` as `read_image` does."""
    try:
        image = _unpacked(BytesIO(data), name, None, limits)
    except UnidentifiedImageError as error:
        raise _no_picture(name) from error
    return _to_rgb(image, name, "white")[0]


def square(image: Image.Image, size: int, fit: Fit = "crop") -> Bytes:
    """`image` (RGB) as uint8 (size, size, 3).

    "crop" keeps the largest centred square, "pad" keeps everything and adds black bars.
    """
    if image.size == (size, size):
        return np.array(image)  # a copy: a camera may fill its buffer anew while this frame waits
    width, height = image.size
    if fit == "crop":
        side = min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        box = (left, top, left + side, top + side)
        return np.array(image.resize((size, size), Image.Resampling.BICUBIC, box=box))
    return np.array(ImageOps.pad(image, (size, size), Image.Resampling.BICUBIC, color="black"))


def check_fit(fit: str) -> None:
    """Raises `OptionError` unless `fit` is one of `FITS`."""
    if fit not in FITS:
        raise OptionError(f'There is no fit "{fit}"; choose one of {", ".join(FITS)}.')


def check_file(path: Path) -> None:
    """Raises `InputError` unless `path` is a file that can be opened."""
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder; give a file.")
        if not path.exists():
            raise InputError(f"{path} does not exist; check the path.")
        if not path.is_file():  # reading a pipe or a device might never end
            raise InputError(f"{path} is not a regular file; save it as one.")
    except OSError as error:  # a name too long, a folder that may not be entered
        raise InputError(f"{path} cannot be opened ({error.strerror}); check the path.") from error
    if not os.access(path, os.R_OK):
        raise InputError(f"{path} may not be read; check its permissions.")


def _open(path: Path, size: int | None, limits: Limits) -> Image.Image:
    check_file(path)
    limits.check_bytes(path, picture=True)
    try:
        return _unpacked(path, str(path), size, limits)
    except UnidentifiedImageError as error:
        with path.open("rb") as file:
            if file.read(12)[4:] in _HEIC:
                return _open_heic(path, limits)
        raise _no_picture(str(path)) from error


def _unpacked(file: Path | BytesIO, name: str, size: int | None, limits: Limits) -> Image.Image:
    """The picture in `file`. Raises `InputError`, and `UnidentifiedImageError` where Pillow knows of none."""
    try:
        with _opened(file) as image:  # closes the file, keeps the pixels
            _check_size(image, name, limits)
            # JPEG can be unpacked at a fraction of its size, which is much faster; never below four times the
            # target, so that the resampling filter still decides what the picture looks like.
            if size is not None:
                image.draft("RGB", (4 * size, 4 * size))
            image.load()
    except (InputError, UnidentifiedImageError):
        raise
    except Exception as error:  # each of Pillow's decoders has errors of its own for damaged files
        raise InputError(f"{name} is damaged ({error}); save the picture again.") from error
    return image


def _no_picture(name: str) -> InputError:
    return InputError(f"{name} is not a picture that can be read; use JPEG, PNG or WebP.")


def _opened(file: Path | BytesIO) -> Image.Image:
    """The picture of which only the head has been read, however large it says it is: our own limit is checked next."""
    with _OPENING, warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(file, formats=_FORMATS)
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _open_heic(path: Path, limits: Limits) -> Image.Image:
    """A photo as iPhones store it. Pillow cannot read these; ffmpeg can, and turns them upright too."""
    guards = ["-format_whitelist", "mov", "-protocol_whitelist", "file", *max_pixels(limits.pixels)]
    # Without "-map", so that ffmpeg joins the tiles that large photos are stored in.
    arguments = [*guards, "-i", f"file:{path.absolute()}", "-frames:v", "1", "-c:v", "png", "-f", "image2pipe"]
    with Ffmpeg([*arguments, "pipe:1"], stdout=True) as ffmpeg:
        data = ffmpeg.stdout.read()
        if ffmpeg.finish() != 0 or not data:
            raise InputError(f"{path} cannot be read as HEIC ({ffmpeg.complaint()}); save it as JPEG.")
    return Image.open(BytesIO(data))


def _from_array(array: NDArray[np.generic]) -> Image.Image:
    shape_fits = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))
    if array.dtype != np.uint8 or not shape_fits:
        raise InputError(
            f"The picture is an array of {array.dtype} with shape {array.shape}; "
            "give uint8 of shape (height, width, 3)."
        )
    if not array.size:
        raise InputError(f"The picture is an empty array with shape {array.shape}; give a picture.")
    return Image.fromarray(array)


def _check_size(image: Image.Image, name: str, limits: Limits) -> None:
    width, height = image.size
    if min(width, height) < MIN_SIDE:
        raise InputError(f"{name} has {width}x{height} pixels; at least {MIN_SIDE}x{MIN_SIDE} are needed.")
    limits.check_size(name, width, height)


def _to_rgb(image: Image.Image, name: str, background: str) -> tuple[Image.Image, bool]:
    """Upright, opaque, 8 bits, three channels; and whether that took some of the `background`."""
    # A damaged EXIF block says nothing about which way is up, but the pixels are fine.
    with contextlib.suppress(Exception):
        image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I") or image.mode == "F":
        image = _to_8_bits(image, name)
    if "A" in image.mode or "a" in image.mode or "transparency" in image.info:
        opaque, seen = Image.new("RGBA", image.size, background), image.convert("RGBA")
        transparent = bool((np.asarray(seen.getchannel("A")) < 255).any())
        return Image.alpha_composite(opaque, seen).convert("RGB"), transparent
    return image.convert("RGB"), False


def _to_8_bits(image: Image.Image, name: str) -> Image.Image:
    """Grey pictures of 16 bits ("I;16", "I") or floats in [0, 1]; Pillow's own conversion would clip them."""
    values = np.asarray(image, dtype=np.float64)
    if not np.isfinite(values).all():
        raise InputError(f"{name} holds values that are not numbers; save the picture again.")
    scale = 255.0 if image.mode == "F" else 255.0 / 65535.0
    return Image.fromarray(np.clip(np.rint(values * scale), 0, 255).astype(np.uint8))
