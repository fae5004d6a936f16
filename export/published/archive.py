"""Opening a published `.pth.tar`: tensors come out, and nothing of the file is ever run.

Such files are pickles, in a zip archive or, before PyTorch 1.6, on their own. PyTorch's `weights_only` reader takes
tensors and plain containers alone. It trusts what sizes an archive declares, so these are checked first.
"""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from checkpoints.errors import ModelError, first_line
from export.published.tensors import problems
from training.models.liveportrait.published import network_of


@dataclass(frozen=True)
class Archive:
    """What a published file holds, by its top-level keys."""

    networks: Mapping[str, Mapping[str, Tensor]]
    """State dicts, without the prefix that training on several GPUs puts before every name."""
    others: Mapping[str, object]
    """Everything else: optimisers, epochs."""


def open_archive(path: Path) -> Archive:
    """The contents of `path`, on the CPU.

    Raises `ModelError` where the file is missing, damaged, larger inside than outside, holds anything but tensors in
    plain containers, tensors that are no weights (`export.published.tensors`), or is no dictionary of networks.
    """
    content = _content(path)
    if _is_state(content):
        raise ModelError(f"{path} holds {_one_state(content)}")
    return _checked(path, content)


def open_component(path: Path) -> Archive:
    """The same for one of several files that a model was published in, which may be the state dict of one network: it
    has no name then, "".
    """
    content = _content(path)
    return _checked(path, {"": content} if _is_state(content) else content)


def _content(path: Path) -> Mapping[Any, Any]:
    """What a file holds, unpickled by the reader that takes tensors and plain containers alone."""
    import torch

    if not path.is_file():
        raise ModelError(f"{path}: no such file; give the .pth.tar of published weights.")
    if path.suffix.lower() in _OTHERS:
        raise ModelError(f"{path} {_OTHERS[path.suffix.lower()]}")
    _check_start(path)
    _check_sizes(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickles that are refused in the next moment
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ModelError(f"{path}: {_refusal(str(error))}") from error
    except Exception as error:  # a damaged file fails in as many ways as the reader has lines
        raise ModelError(f"{path} is damaged or no file of PyTorch ({first_line(error)}); fetch it again.") from error
    if not isinstance(content, Mapping):
        raise ModelError(f"{path} holds {type(content).__name__}, not networks by name; give a published checkpoint.")
    return content


def _checked(path: Path, content: Mapping[Any, Any]) -> Archive:
    networks = {str(key): _plain_names(value) for key, value in content.items() if _is_state(value)}
    wrong = problems(networks, path.stat().st_size)
    if wrong:
        more = f"; and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise ModelError(f"{path} holds what are no weights: {'; '.join(wrong[:_SHOWN])}{more}; fetch it again.")
    return Archive(networks, {str(key): value for key, value in content.items() if str(key) not in networks})


_SHOWN = 5
"""Tensors that a message names."""

_OTHERS = {
    ".safetensors": (
        "is in the format of our own checkpoints: export it with `bunraku export` if `bunraku train` or `bunraku "
        "import` wrote it; published weights that somebody converted lack what tells networks and settings, so import "
        "the .pth.tar that they were made from."
    ),
    ".onnx": (
        "is an ONNX graph: conversions of published weights are cut in other places than our bundles are, and their "
        "weights have lost their names, so import the .pth.tar that they were made from."
    ),
}
"""What is said of files in which published weights are passed on, too."""


def _one_state(state: Mapping[str, Tensor]) -> str:
    """Of a file with the tensors of one network, or of several with prefixes, and no names of networks around them."""
    first = next(iter(state))
    if network := network_of(state):
        return f"LivePortrait's {network} alone; import all of its files, or the folder that they were published in."
    return (
        f"one state dict ({first}, ...) where networks by name were expected; save it as published files are: "
        'torch.save({"generator": ..., "kp_detector": ...}, "model.pth.tar"), each network\'s tensors under its name.'
    )


_STARTS = {
    b"version https://git-lfs": "a pointer of Git LFS to the file; run `git lfs pull` where you cloned the repository",
    b"<": "a web page; open the address that it was fetched from, and download the file from there",
}
"""What is there in place of a file that was not fetched, by its first bytes."""


def _check_start(path: Path) -> None:
    with path.open("rb") as file:
        start = file.read(64).lstrip()
    for mark, what in _STARTS.items():
        if start.startswith(mark):
            raise ModelError(f"{path} is {what}.")


def _check_sizes(path: Path) -> None:
    """PyTorch stores its entries as they are; one that is packed, or all that overlap, could fill any memory."""
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise ModelError(f"{path} is a damaged archive ({first_line(error)}); fetch it again.") from error
    packed = any(entry.compress_type != zipfile.ZIP_STORED for entry in entries)
    if packed or sum(entry.file_size for entry in entries) > path.stat().st_size:
        raise ModelError(f"{path} declares more bytes than it has, so it is not opened; fetch it from its authors.")


def _refusal(reason: str) -> str:
    wanted = re.search(r"GLOBAL ([\w.]+)", reason)
    what = f"it asks for {wanted[1]}" if wanted else "it is in a format that holds more than tensors, or is damaged"
    return (
        f"is not opened, since it could run code: {what}; on a machine that you can afford to lose, load it with the "
        "code that wrote it (torch.load(..., weights_only=False)), and save its state dicts alone: torch.save({name: "
        'value for name, value in content.items() if name in ("generator", "kp_detector", ...)}, "clean.pth.tar").'
    )


def _is_state(value: object) -> bool:
    if not isinstance(value, Mapping) or not value:
        return False
    return all(isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in value.items())


def _plain_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    parallel = all(name.startswith("module.") for name in state)
    return {name.removeprefix("module.") if parallel else name: tensor for name, tensor in state.items()}
