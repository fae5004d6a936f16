"""`bunraku import FILE...`: published weights become a bundle that can be animated with, or a checkpoint of ours."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export.commands.export import add_parity_limit, add_tune, parity_limit, summary

if TYPE_CHECKING:
    from export.published.archive import Archive
    from training.models.base import MotionModel

HELP = "turn published weights (TPSMM, FOMM, MRAA, DAM, LivePortrait) into a model to animate with, or a checkpoint"

FRAMES = 3
"""Driving pictures that an import is compared on: models of published size take seconds for each."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command. Names of families and data sets are checked where they are known."""
    file = "the published file; of LivePortrait all its files, or the folder that they were published in"
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE|FOLDER", help=file)
    family = "what kind of model it is (default: told by its tensors)"
    parser.add_argument("--family", metavar="tpsmm|fomm|mraa|dam|liveportrait", help=family)
    config = (
        "the yaml file published with it, or the data set: vox, taichi, ted, ted-youtube, mgif, fashion, bair, nemo; "
        "of LivePortrait: human, animals (default: told by its tensors and its name)"
    )
    parser.add_argument("--config", metavar="FILE|NAME", help=config)
    output = (
        "folder of the bundle, or a checkpoint for `bunraku export` (.safetensors) (default: a folder FAMILY-DATA here)"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FOLDER|FILE", help=output)
    resolution = "side of the pictures that go in, where neither the yaml file nor its name tells (LivePortrait: 256)"
    parser.add_argument("--resolution", type=int, help=resolution)
    corners = (
        "grid sampling with aligned corners. FOMM's files were trained when that was PyTorch's default; some of them "
        "look better with it (default: as the published code runs today)"
    )
    parser.add_argument("--align-corners", action=argparse.BooleanOptionalAction, help=corners)
    licence = "licence of the weights as an SPDX expression, if you know it (default: NOASSERTION; LivePortrait: MIT)"
    parser.add_argument("--licence", help=licence)
    origin = "where the files are from, to be recorded, such as owner/name@commit of the Hub"
    parser.add_argument("--origin", help=origin)
    add_tune(parser)
    add_parity_limit(parser)


@dataclass(frozen=True)
class _Wanted:
    """What the file is, as the user or the file itself says."""

    family: str
    name: str
    """Of the configuration."""
    data: str | None
    """The data set, one of `export.published.settings.DATA`."""
    settings: dict[str, Any]
    known: bool
    """Whether the settings are those known by a data set's name, which the file's tensors complete."""


def run(args: argparse.Namespace) -> int:
    """Import; the last line on stdout is the checkpoint's path, or the command that animates with the bundle."""
    from checkpoints.paths import check_output

    if args.output is not None:
        check_output(args.output)
    limit = parity_limit(args)
    several = len(args.files) > 1 or args.files[0].is_dir() or args.family == "liveportrait"
    model, training = _assembled(args) if several else _single(args)
    output = args.output or Path(training["name"])
    if output.suffix:
        from training.checkpoint import save_model

        save_model(output, model, training)
        print(output)
    else:
        _export(model, output, training, limit, args.tune)
        where = output if output.is_absolute() else f"./{output}"
        print(f"bunraku animate photo.jpg driving.mp4 --model {where}")
    return 0


def _single(args: argparse.Namespace) -> tuple[MotionModel, dict[str, Any]]:
    """A model that was published as one file, and where it is from."""
    from export.published.archive import open_archive
    from export.published.loading import import_weights

    (file,) = args.files
    archive = open_archive(file)
    wanted = _wanted(args, archive)
    if args.align_corners is not None:
        wanted.settings["align_corners"] = args.align_corners
    imported = import_weights(file, archive, wanted.family, wanted.settings, observe=wanted.known)
    training = _provenance(wanted, imported.source, imported.left_out, args.licence or "NOASSERTION")
    if args.origin:
        training["imported"] = {"origin": args.origin, **training["imported"]}
    size = imported.model.config.resolution
    _say(f"{wanted.family}, {wanted.data or 'no known data set'}, {size} pixels", imported.left_out)
    return imported.model, training


def _assembled(args: argparse.Namespace) -> tuple[MotionModel, dict[str, Any]]:
    """LivePortrait, which was published as several files, and where it is from."""
    from checkpoints.errors import OptionError
    from export.published.components import assemble, find_files, provenance

    if args.family not in (None, "liveportrait"):
        raise OptionError(f"{args.family} was published as one file; give that.")
    if args.align_corners is not None:
        raise OptionError("--align-corners goes with FOMM and its descendants; leave it out for LivePortrait.")
    files = find_files(args.files, args.config)
    assembled = assemble(files, args.resolution)
    size = assembled.model.config.resolution
    sizes = f"{size} pixels in, {assembled.model.output_resolution(size)} out"
    _say(f"liveportrait, {files.subject}, {sizes}", assembled.left_out)
    return assembled.model, provenance(files, assembled, args.licence, args.origin)


def _say(told: str, left_out: tuple[str, ...]) -> None:
    import sys

    print(f"imported: {told}", file=sys.stderr)
    if left_out:
        print(f"left out: {', '.join(left_out)}", file=sys.stderr)


def _wanted(args: argparse.Namespace, archive: Archive) -> _Wanted:
    from checkpoints.errors import OptionError
    from export.published.recognition import recognise_data, recognise_family
    from export.published.settings import known_data_set, known_settings, read_settings

    family = args.family or recognise_family(args.files[0], archive)
    if args.config is not None and Path(args.config).suffix in (".yaml", ".yml"):
        path = Path(args.config)
        described = read_settings(path, family, args.resolution)
        return _Wanted(family, path.stem, described.data, described.settings, known=False)
    data = known_data_set(family, args.config) if args.config else recognise_data(args.files[0], archive, family)
    settings = known_settings(family, data)
    if args.resolution not in (None, settings.get("resolution", 256)):
        raise OptionError(f"--resolution goes with a yaml file; {data} has its own.")
    return _Wanted(family, data, data, settings, known=True)


def _provenance(wanted: _Wanted, source: Mapping[str, Any], left_out: tuple[str, ...], licence: str) -> dict[str, Any]:
    """What the checkpoint's file says of its training."""
    from export.published.settings import DATA, FACES

    unknown = "not recorded; see the publication of these weights"
    return {
        "name": f"{wanted.family}-{wanted.name}",
        "imported": {**source, "config": wanted.name, "left_out": list(left_out)},
        "data": DATA[wanted.data] if wanted.data else unknown,
        "licence": licence,
        **({"framing": {"subject": wanted.data}} if wanted.data and wanted.data not in FACES else {}),
    }


def _export(model: MotionModel, folder: Path, training: dict[str, Any], limit: float, tune: bool) -> None:
    import sys

    from export.convert import Options, convert
    from export.parity_frames import synthetic

    size = model.config.resolution
    # Whether 16 bits would do is found by rendering everything a few times more; `bunraku export` does it.
    options = Options(resolution=size, weights="fp32", tune=tune)
    frames = synthetic(size, FRAMES)
    bundle = convert(model, folder, frames, name=folder.resolve().name, training=training, options=options, limit=limit)
    print(summary(bundle), file=sys.stderr)
