"""`bunraku export CHECKPOINT -o FOLDER`: a trained checkpoint becomes a bundle that the engine runs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from checkpoints.bundle import Bundle

HELP = "turn a trained checkpoint into a bundle of ONNX graphs, proven against PyTorch"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command. Allowed values are checked by `export.convert.Options`, which needs heavy
    imports."""
    parser.add_argument("checkpoint", help="model.safetensors, a run's folder, or owner/name[@revision] on the Hub")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER", help="folder of the bundle")
    parser.add_argument("--name", help="the model's name (default: the name of the folder)")
    parser.add_argument("--resolution", type=int, help="side of the pictures in pixels (default: the model's own)")
    parser.add_argument("--precision", default="fp32", help="number format of the graphs (default: %(default)s)")
    target = "where the graphs are to run: engine (this program), or web (browsers) (default: %(default)s)"
    parser.add_argument("--target", default="engine", metavar="engine|web", help=target)
    weights = (
        "what weights are stored in: int16 (half the size), fp32, or auto: int16 where it changes no picture by 1/255 "
        "(default: auto; int16 for the web)"
    )
    parser.add_argument("--weights", metavar="auto|int16|fp32", help=weights)
    parser.add_argument(
        "--grid-sample",
        default="native",
        metavar="native|gather",
        help="grid sampling as the ONNX operator or, for runtimes without it, as gathers (default: %(default)s)",
    )
    parser.add_argument("--opset", type=int, help="ONNX operator set (default: the target's: 20; 19 for the web)")
    parser.add_argument(
        "--without",
        action="append",
        default=[],
        metavar="REWRITE",
        help="leave an exact rewrite out; may be repeated",
    )
    parser.add_argument("--no-rewrites", action="store_true", help="leave all rewrites out")
    add_tune(parser)
    parser.add_argument(
        "--frames",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="pictures or videos to compare on, the first frame is the source (default: synthetic heads)",
    )
    add_parity_limit(parser)
    parser.add_argument(
        "--metrics", type=Path, metavar="FILE", help="numbers for the model card, from `bunraku evaluate --json FILE`"
    )
    parser.add_argument(
        "--limit",
        action="append",
        default=[],
        metavar="TEXT",
        help="where the model fails, for its card; may be repeated",
    )


def add_tune(parser: argparse.ArgumentParser) -> None:
    """`--tune`, for every command that exports."""
    told = "leave out rewrites that do not pay on this machine's CPU, measured (minutes for large models)"
    parser.add_argument("--tune", action="store_true", help=told)


def add_parity_limit(parser: argparse.ArgumentParser) -> None:
    """`--parity-limit`, for every command that exports."""
    allowed = (
        "largest difference of a byte between graphs and PyTorch, in 1/255 (default: 2); beyond it the graphs must be "
        "as near to the model in float64 as PyTorch is"
    )
    parser.add_argument("--parity-limit", type=float, metavar="NUMBER", help=allowed)


def parity_limit(args: argparse.Namespace) -> float:
    """What `--parity-limit` says. Raises `OptionError` for what is no difference."""
    from checkpoints.errors import OptionError
    from export.parity import LIMIT

    if args.parity_limit is None:
        return LIMIT
    if not args.parity_limit > 0:
        raise OptionError(f"--parity-limit is {args.parity_limit:g}; it must be a number above 0, in 1/255.")
    return float(args.parity_limit)


def run(args: argparse.Namespace) -> int:
    """Export; prints a line a graph on stderr and the bundle's folder as the last line on stdout."""
    import sys

    from checkpoints.registry import find_checkpoint
    from export.card_metrics import read_metrics
    from export.convert import Options, convert
    from export.parity_frames import read, synthetic
    from export.rewrites.catalogue import REWRITES
    from export.targets import check_sizes, find_target
    from training.checkpoint import load_model

    target = find_target(args.target)
    model, info = load_model(find_checkpoint(args.checkpoint))
    training = dict(info.get("training") or {})
    if args.metrics:
        training["metrics"] = read_metrics(args.metrics)
    if args.limit:
        training["limits"] = args.limit
    options = Options(
        resolution=args.resolution or model.config.resolution,
        precision=args.precision,
        weights=args.weights or target.weights,
        grid_sample=args.grid_sample,
        opset=args.opset or target.opset,
        without=[rewrite.name for rewrite in REWRITES] if args.no_rewrites else args.without,
        target=args.target,
        tune=args.tune,
    )
    options.rewrites()
    check_sizes(target, options.resolution, model.output_resolution(options.resolution))
    limit = parity_limit(args)
    frames = read(args.frames, options.resolution) if args.frames else synthetic(options.resolution)
    name = args.name or args.output.resolve().name
    bundle = convert(model, args.output, frames, name=name, training=training, options=options, limit=limit)
    print(summary(bundle), file=sys.stderr)
    print(bundle.folder)
    return 0


def summary(bundle: Bundle) -> str:
    """A line a graph (GFLOP a frame, size, how weights are stored), one on parity, one a mode that float64 excused."""
    lines = [
        f"{name:12} {graph.gflops or 0:9.3f} GFLOP  {graph.bytes / 1e6:8.1f} MB, {graph.weights} weights"
        for name, graph in bundle.graphs.items()
    ]
    parity = bundle.parity
    lines.append(
        f"parity       max {parity['max_abs_difference']:g}/255, mean {parity['mean_abs_difference']:g}/255 "
        f"over {parity['frames']} frames in {len(parity['modes'])} modes against {parity['reference']}"
    )
    lines += [
        f"float64      {mode}: PyTorch max {each['torch_max']:g}/255, mean {each['torch_mean']:.3g}/255; graphs max "
        f"{each['graphs_max']:g}/255, mean {each['graphs_mean']:.3g}/255"
        for mode, each in parity.get("float64", {}).items()
    ]
    for name, note in parity.get("tuned", {}).items():
        left_out = ", ".join(note["left_out"]) or "no rewrite"
        lines.append(f"tuned        {name}: without {left_out}, {note['of_plain']:.2f} of the plain graph's time")
    return "\n".join(lines)
