"""`bunraku import FILE --family NAME --config NAME -o CHECKPOINT`: published weights become a checkpoint of ours."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "turn published weights (.pth.tar of TPSMM, FOMM, MRAA or DAM) into a checkpoint for `bunraku export`"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command. Names of families and data sets are checked where they are known."""
    parser.add_argument("file", type=Path, help="the published file")
    parser.add_argument("--family", required=True, metavar="tpsmm|fomm|mraa|dam", help="what kind of model it is")
    config = "the yaml file published with it, or the data set: vox, taichi, ted, mgif, fashion, bair, nemo"
    parser.add_argument("--config", required=True, metavar="FILE|NAME", help=config)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="checkpoint (.safetensors)")
    parser.add_argument("--resolution", type=int, help="side of the pictures, where the yaml file does not tell (256)")
    corners = (
        "grid sampling with aligned corners. FOMM's files were trained when that was PyTorch's default; some of them "
        "look better with it (default: as the published code runs today)"
    )
    parser.add_argument("--align-corners", action=argparse.BooleanOptionalAction, help=corners)
    licence = "licence of the weights as an SPDX expression, where you know it (default: NOASSERTION)"
    parser.add_argument("--licence", default="NOASSERTION", help=licence)


def run(args: argparse.Namespace) -> int:
    """Import; the last line on stdout is the checkpoint's path."""
    import sys

    from checkpoints.errors import OptionError
    from export.published.loading import import_weights
    from export.published.settings import DATA, FACES, known_settings, read_settings
    from training.checkpoint import save_model

    if args.output.suffix != ".safetensors":
        raise OptionError(f"{args.output} must end in .safetensors, the only format that checkpoints have.")
    from_file = Path(args.config).suffix in (".yaml", ".yml")
    if from_file:
        settings = read_settings(Path(args.config), args.family, args.resolution)
    else:
        settings = known_settings(args.family, args.config)
        if args.resolution not in (None, settings.get("resolution", 256)):
            raise OptionError(f"--resolution goes with a yaml file; {args.config} has its own.")
    if args.align_corners is not None:
        settings["align_corners"] = args.align_corners
    imported = import_weights(args.file, args.family, settings, observe=not from_file)
    name = Path(args.config).stem
    training = {
        "name": f"{args.family}-{name}",
        "imported": {**imported.source, "config": name, "left_out": list(imported.left_out)},
        "data": DATA.get(name, "not recorded; see the publication of these weights"),
        "licence": args.licence,
    }
    if name in DATA and name not in FACES:
        training["framing"] = {"subject": name}
    save_model(args.output, imported.model, training)
    if imported.left_out:
        print(f"left out: {', '.join(imported.left_out)}", file=sys.stderr)
    print(args.output)
    return 0
