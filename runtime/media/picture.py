"""Pictures in: any file, Pillow image or array becomes the model's square of RGB bytes, never stretched."""

from __future__ import annotations

import contextlib
import os
import threading
import warnings
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Literal, TypeVar, cast, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, PngImagePlugin, UnidentifiedImageError

from checkpoints.errors import InputError, OptionError, first_line
from runtime.media.cicp import apply_numbers
from runtime.media.colour import cut_out
from runtime.media.given import Stream, is_stream, name_of, numpys, spooled, whole
from runtime.media.heic import is_heic, read_heic
from runtime.media.limits import DEFAULT_LIMITS, Limits
from runtime.media.tiff import beginning_at, check_planes, is_tiff, main_picture
from runtime.values import Bytes

Fit = Literal["crop", "pad"]
T = TypeVar("T")
FITS: tuple[str, ...] = get_args(Fit)
Picture = str | os.PathLike[str] | Image.Image | NDArray[np.generic] | Stream
"""A file, by its name, open, or as bytes; a Pillow image; or an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) of
uint8 in RGB order.
"""

MIN_SIDE = 16
"""Pictures and videos narrower or lower than this many pixels are refused: there is nothing to move in
them.
"""

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "PPM", "AVIF", "JPEG2000", "TGA", "ICO")
"""What Pillow may take a file for. It knows others, one of which (EPS) is a program that it has Ghostscript run."""

_MOVING = ("GIF", "PNG", "WEBP", "AVIF")
"""Which of them may hold pictures that follow one another in time."""

_WIDENED = {"L;2": 85, "L;4": 17}
"""By how much Pillow multiplies grey values of so many bits."""

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

    Orientation (EXIF) and colour profile are applied, transparency becomes the colour `background`, values of more
    bits and grey ones become sRGB of 8 bits (see `runtime.media.colour`). It has all its pixels, unless a `size` is
    given to which it will be reduced: then a file may come smaller, though not below four times that. Raises
    `InputError` when the picture cannot be read, is too small or too large.
    """
    picture = numpys(picture)
    if isinstance(picture, np.ndarray):
        name, image = "The array", _from_array(picture)
    elif isinstance(picture, Image.Image):
        name, image = "The picture", picture
    elif is_stream(picture):
        return _read_encoded(whole(picture, limits), name_of(picture, "The picture"), limits, background)
    elif isinstance(picture, str | os.PathLike):
        name = os.fspath(picture)
        image = _open(Path(picture), size, limits)
    else:
        raise InputError(
            f"The picture is {type(picture).__name__}; give a file, its bytes, a Pillow image or an array."
        )
    _check_size(image, name, limits)
    return _to_rgb(_loaded(image, name), name, background)


def _loaded(image: Image.Image, name: str) -> Image.Image:
    """`image`, whose pixels are there: Pillow reads files when it has to. Raises `InputError`."""
    try:
        image.load()
    except Exception as error:  # of a file that is closed, or damaged
        raise InputError(f"{name} cannot be read ({first_line(error)}); open it again.") from error
    return image


def read_encoded(data: bytes, name: str, limits: Limits = DEFAULT_LIMITS) -> Image.Image:
    """The picture `name` that a file with this `data` would hold, in RGB. Raises `InputError` as `read_image` does."""
    return _read_encoded(data, name, limits, "white")[0]


def _read_encoded(data: bytes, name: str, limits: Limits, background: str) -> tuple[Image.Image, bool]:
    try:
        image = _unpacked(BytesIO(data), name, None, limits)
    except UnidentifiedImageError as error:
        if not is_heic(data[:12]):
            raise _no_picture(name) from error
        with spooled(BytesIO(data), name, limits) as path:  # ffmpeg reads files only
            image = read_heic(path, name, limits)
        _check_size(image, name, limits)
    return _to_rgb(image, name, background)


def count_frames(path: Path) -> int | None:
    """How many pictures follow one another in the file `path`: 1 in all kinds that hold stills (pages, sizes,
    thumbnails), None where it is of no kind that is read as a picture.
    """
    check_file(path)
    with path.open("rb") as file:
        if is_heic(file.read(12)):
            return 1
    try:
        with _opened(path, str(path)) as image:
            moves = image.format in _MOVING and getattr(image, "is_animated", False)
            return int(getattr(image, "n_frames", 1)) if moves else 1
    except UnidentifiedImageError:
        return None
    except Exception:  # damaged: whoever reads the picture says so
        return 1


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


def one_or_many(given: T) -> T | Sequence[Picture]:
    """`given` as pictures that can be looked at again and again where it is one Pillow image, or an array of any
    library: of one picture, or (T, H, W, 3) of many. Anything else stays what it is.
    """
    plain = numpys(given)
    if isinstance(plain, Image.Image):
        return [plain]
    if isinstance(plain, np.ndarray):
        return list(plain) if plain.ndim == 4 else [plain]
    return given


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
            head = file.read(12)
        if is_heic(head):
            return read_heic(path, str(path), limits)
        raise _no_picture(str(path)) from error


def _unpacked(file: Path | BytesIO, name: str, size: int | None, limits: Limits) -> Image.Image:
    """The picture in `file`. Raises `InputError`, and `UnidentifiedImageError` where Pillow knows of none."""
    try:
        with _opened(file, name) as image:  # closes the file, keeps the pixels
            _check_size(image, name, limits)
            check_planes(image, name)
            _scale_transparency(image)
            # JPEG can be unpacked at a fraction of its size, which is much faster; never below four times the
            # target, so that the resampling filter still decides what the picture looks like.
            if size is not None:
                image.draft("RGB", (4 * size, 4 * size))
            image.load()
            with file.open("rb") if isinstance(file, Path) else contextlib.nullcontext(file) as opened:
                apply_numbers(image.info, opened)
    except (InputError, UnidentifiedImageError):
        raise
    except Exception as error:  # each of Pillow's decoders has errors of its own for damaged files
        raise InputError(f"{name} is damaged ({first_line(error)}); save the picture again.") from error
    return image


def _scale_transparency(image: Image.Image) -> None:
    """Say which value of a PNG picture is transparent in the range of its values as Pillow unpacks them: to 8 bits, but
    for grey ones of 16.
    """
    if not isinstance(image, PngImagePlugin.PngImageFile) or not image.tile:
        return
    clear, stored = image.info.get("transparency"), image.tile[0].args
    if stored in _WIDENED and isinstance(clear, int):
        image.info["transparency"] = clear * _WIDENED[str(stored)]
    elif stored == "RGB;16B" and isinstance(clear, tuple):
        image.info["transparency"] = tuple(value >> 8 for value in clear)


def _no_picture(name: str) -> InputError:
    return InputError(f"{name} is not a picture that can be read; use JPEG, PNG or WebP.")


def _opened(file: Path | BytesIO, name: str) -> Image.Image:
    """The picture that `file` is meant to show, of which only the head has been read, however large it says it is: our
    own limit is checked next.
    """
    with file.open("rb") if isinstance(file, Path) else contextlib.nullcontext(file) as opened:
        offset = main_picture(opened, name) if is_tiff(opened) else None
    if offset is None:
        return _head(file)
    return _head(BytesIO(beginning_at(file if isinstance(file, Path) else file.getvalue(), offset)))


def _head(file: Path | BytesIO) -> Image.Image:
    with _OPENING, warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(file, formats=_FORMATS)
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _from_array(array: NDArray[np.generic]) -> Image.Image:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
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
    return cut_out(image, name, background)


def source_views(source: Picture | Sequence[Picture]) -> list[Picture]:
    """The pictures of a source, which is one, a list of them, or an array (V, H, W, 3). Raises `InputError` when there
    is none.
    """
    source = one_or_many(source)
    if isinstance(source, str | os.PathLike) or is_stream(source):
        return [source]
    if not isinstance(source, Sequence):
        given = type(source).__name__
        raise InputError(f"The source is {given}; give a file, its bytes, a Pillow image, an array, or a list of them.")
    if not source:
        raise InputError("The list of source pictures is empty; give at least one.")
    return list(cast(Sequence[Picture], source))
