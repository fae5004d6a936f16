"""LivePortrait as it was published: a file for each network, in the folders of one repository."""

from __future__ import annotations

import hashlib
import os.path
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from checkpoints.errors import ModelError, OptionError
from export.published.archive import open_component
from export.published.loading import fitted
from training.models.base import MotionModel
from training.models.liveportrait.published import NETWORKS, RETARGETING, folded, network_of, observed, stripped
from training.models.registry import build

SUFFIX = ".pth"
STITCHING = f"retargeting_models/stitching_retargeting_module{SUFFIX}"
"""The file of `RETARGETING`; people's and animals' weights share it."""

BASES = {
    "human": ("liveportrait", ("base_models",)),
    "animals": ("liveportrait_animals", ("base_models_v1.1", "base_models")),
}
"""By what is moved: the folder of the repository, and those of the other networks in it, the preferred one first."""

COPYRIGHT = "Copyright (c) 2024 Kuaishou Visual Generation and Interaction Center"
LICENCE = "MIT"

DATA = {
    "human": "as published: some 69 million frames of people's heads, photographs and drawings (Guo et al. 2024)",
    "animals": "as published: heads of animals, cats and dogs among them",
}

_CUT: dict[str, Any] = {
    "driving": {"scale": 2.2, "rise": 0.1},
    "outside": "black",
    "filter": "area",
    "seam": 16 / 512,
}
FRAMING: dict[str, dict[str, Any]] = {
    "human": {
        "subject": "face",
        "head": 0.75,
        "middle": 0.48,
        "source": {"scale": 2.3, "rise": 0.125, "upright": True},
        **_CUT,
    },
    "animals": {"subject": "front", **_CUT},
}
"""How its pictures were cut (see `runtime.framing.framing.Framing`): by the outline of a face, black outside, and
pasted back with a seam of 16 of 512 pixels, as the published configuration says. `head` and `middle` are what these
squares come to where there is no outline (of 52 photographs, deviation 0.04). Animals' were cut by a detector's points
that is not free; people drive them."""


@dataclass(frozen=True)
class Files:
    """The files of one model."""

    paths: tuple[Path, ...]
    subject: str
    """One of `BASES`."""


def find_files(given: Sequence[Path], subject: str | None = None) -> Files:
    """The files of the model that `given` means: themselves, or a folder: the repository's, that of people or animals
    in it, or the one that holds the networks. Where a folder has both, `subject` chooses ("human" without it). Several
    folders stand for the files in them.

    Raises `ModelError` naming the file that is missing, `OptionError` for another subject.
    """
    if subject not in (None, *BASES):
        raise OptionError(f'--config is "{subject}"; of LivePortrait there are {", ".join(BASES)}.')
    if len(given) > 1 or not given[0].is_dir():
        parts = [part for path in given for part in Path(os.path.abspath(path)).parts[-3:]]
        told = "animals" if any("animals" in part for part in parts) else "human"
        held = [sorted(path.glob(f"*{SUFFIX}")) if path.is_dir() else [path] for path in given]
        return Files(tuple(path for paths in held for path in paths), subject or told)
    folder = given[0]
    found = [(kind, base) for kind in BASES if (base := _base(folder, kind)) is not None]
    for kind, base in found:
        if subject in (None, kind):
            return Files((*(_there(base / f"{name}{SUFFIX}") for name in NETWORKS), _stitching(base)), kind)
    wanted = "" if subject is None else f" of {subject}"
    parent, names = BASES[subject or "human"]
    raise ModelError(
        f"{folder} holds no published weights{wanted}: no {next(iter(NETWORKS))}{SUFFIX} in it, its base_models or "
        f"{parent}/{names[0]}; give the folder that they were published in."
    )


def _base(folder: Path, subject: str) -> Path | None:
    """The folder of the networks of a `subject` in or below `folder`."""
    parent, names = BASES[subject]
    inside = [folder / parent / name for name in names]
    animals = any("animals" in part for part in folder.resolve().parts[-2:])
    if animals == (subject == "animals"):
        inside += [*(folder / name for name in names), folder]
    return next((base for base in inside if any((base / f"{name}{SUFFIX}").exists() for name in NETWORKS)), None)


def _stitching(base: Path) -> Path:
    """The file that stitches, beside the folder `base`, in that of people, or in it."""
    parent = Path(os.path.abspath(base)).parent  # of "." as well
    shared = parent.parent / BASES["human"][0] / STITCHING
    beside = (parent / STITCHING, shared, base / Path(STITCHING).name)
    return _there(next((path for path in beside if path.exists()), beside[0]))


def _there(path: Path) -> Path:
    if not path.exists():
        raise ModelError(f"{path} is missing; the model needs it: fetch it from where the others are from.")
    return path


@dataclass(frozen=True)
class Assembled:
    """A model with published weights, in eval mode."""

    model: MotionModel
    left_out: tuple[str, ...]
    """Entries of the files that the model has no use for."""
    files: Mapping[str, Any]
    """By file name: bytes and sha256."""


def assemble(files: Files, resolution: int | None = None) -> Assembled:
    """The model of the networks in `files`, told by their tensors; `resolution` (of what goes in) defaults to 256.

    Raises `ModelError` for a file that is missing, is no network of the model, holds one that another file holds, or
    does not fit the others.
    """
    state: dict[str, Tensor] = {}
    holders: dict[str, Path] = {}
    left_out: list[str] = []
    for path in files.paths:
        networks, others = _networks(path)
        left_out += others
        for network, tensors in networks.items():
            if network in holders:
                raise ModelError(f"{path} and {holders[network]} both hold {network}; give each network once.")
            holders[network] = path
            state |= {f"{network}.{name}": value for name, value in folded(stripped(tensors)).items()}
    missing = [name for name in (*NETWORKS, *RETARGETING) if name not in holders]
    if missing:
        wanted = [STITCHING if name in RETARGETING else f"{name}{SUFFIX}" for name in missing]
        raise ModelError(f"{_named(files.paths)} lack {', '.join(dict.fromkeys(wanted))}; give all files of the model.")
    settings = observed(state) | ({} if resolution is None else {"resolution": resolution})
    with torch.device("meta"):  # a file that does not fit may ask for any size
        fitted(build("liveportrait", settings).state_dict(), state, files.paths[0].parent, _ADVICE)
    model = build("liveportrait", settings)
    with torch.no_grad():
        model.load_state_dict(fitted(model.state_dict(), state, files.paths[0].parent, _ADVICE))
    return Assembled(model.eval(), tuple(left_out), {path.name: _hashed(path) for path in files.paths})


_ADVICE = "Fetch all files again, from one place."


def _networks(path: Path) -> tuple[dict[str, dict[str, Tensor]], list[str]]:
    """Networks of the model in a file, by name, and what else is there."""
    archive = open_component(path)
    if "" in archive.networks:
        network = network_of(archive.networks[""])
        if network is None:
            first = next(iter(archive.networks[""]))
            raise ModelError(f"{path} holds no network of LivePortrait ({first}, ...); give {', '.join(NETWORKS)}.")
        return {network: dict(archive.networks[""])}, []
    held = {name: dict(archive.networks[name]) for name in RETARGETING if name in archive.networks}
    if not held:
        found = ", ".join([*archive.networks, *archive.others]) or "nothing"
        raise ModelError(f"{path} holds no network of LivePortrait; it holds {found}.")
    return held, [name for name in (*archive.networks, *archive.others) if name not in held]


def _named(paths: Sequence[Path]) -> str:
    return ", ".join(str(path) for path in paths)


def _hashed(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def provenance(files: Files, assembled: Assembled, licence: str | None, origin: str | None) -> dict[str, Any]:
    """What the checkpoint says of how it came to be; `origin`: where the files are from."""
    suffix = "" if files.subject == "human" else f"-{files.subject}"
    return {
        "name": f"liveportrait{suffix}",
        "imported": {
            **({"origin": origin} if origin else {}),
            "files": dict(assembled.files),
            "left_out": list(assembled.left_out),
        },
        "data": DATA[files.subject],
        "licence": licence or LICENCE,
        **({} if licence else {"copyright": COPYRIGHT}),
        "framing": FRAMING[files.subject],
    }
