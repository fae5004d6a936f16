"""`bunraku anchors CHECKPOINT DATA`: finds dead motion anchors and writes them into the checkpoint's configuration."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "find the motion anchors of a DAM model that follow nothing, and leave them out"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("checkpoint", type=Path, help="model.safetensors of a DAM run; it is rewritten")
    parser.add_argument("data", help="folder of the clips the model was trained on")
    parser.add_argument("--kind", choices=("clips", "shards"), default="clips", help="what the folder holds")
    parser.add_argument(
        "--threshold", type=float, default=0.3, help="weighted equivariance loss above which an anchor is dead (0.3)"
    )
    parser.add_argument("--pairs", type=int, help="pairs of frames to measure (default: one of every clip)")
    parser.add_argument("--batch", type=int, default=8, help="pairs at a time")
    parser.add_argument("--size", type=int, help="side of the pictures (default: the model's resolution)")
    parser.add_argument("-o", "--output", type=Path, help="write there and leave CHECKPOINT as it is")


def run(args: argparse.Namespace) -> int:
    """Measure and write; prints a table, then the path of the checkpoint."""
    import torch

    from checkpoints.errors import OptionError
    from training.checkpoint import load_model, save_model
    from training.config import Data
    from training.data.pairs import PairDataset, batches
    from training.data.sources import open_source
    from training.dead_anchors import anchor_losses, dead, without

    if args.batch < 1 or (args.pairs is not None and args.pairs < 1):
        raise OptionError("--batch and --pairs must be 1 or more")
    model, metadata = load_model(args.checkpoint)
    without(model, metadata["config"], ())
    if torch.cuda.is_available():
        model.to("cuda")
    dataset = PairDataset(open_source(Data(kind=args.kind, path=args.data)), seed=0)
    dataset.source.size = args.size or model.config.resolution
    wanted = args.pairs or len(dataset)
    batch = min(args.batch, wanted)
    losses = anchor_losses(model, batches(dataset, batch, 0, -(-wanted // batch)))
    found = dead(losses, args.threshold)
    print("anchor  equivariance")
    for index, loss in enumerate(losses.tolist()):
        print(f"{index:6}  {loss:12.4f}{'  dead' if index in found else ''}")
    training = {
        **metadata.get("training", {}),
        "equivariance_detection": {
            "losses": [round(loss, 5) for loss in losses.tolist()],
            "threshold": args.threshold,
            "pairs": -(-wanted // batch) * batch,
        },
    }
    path = args.output or args.checkpoint
    save_model(path, without(model, metadata["config"], found), training)
    print(path)
    return 0
