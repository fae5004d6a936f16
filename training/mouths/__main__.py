"""`python -m training.mouths --photos FOLDER -o runs/mouth`: train the painter of mouths; the same command resumes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from checkpoints.errors import BunrakuError
from training.mouths.cuts import cut_mouths
from training.mouths.train import MODEL, Painting, Settings


def main(arguments: list[str] | None = None) -> int:
    """Cut the mouths, train, say where the weights are."""
    parser = argparse.ArgumentParser(prog="python -m training.mouths", description=__doc__)
    parser.add_argument("--photos", type=Path, required=True, help="folder of photographs of faces that you may use")
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/mouth"), help="folder of the run")
    parser.add_argument("--steps", type=int, default=Settings.steps, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=Settings.seed, help="default: %(default)s")
    args = parser.parse_args(arguments)
    try:
        cuts, held = cut_mouths(args.photos).split(args.seed)
        print(f"{len(cuts)} mouths to train on, {len(held)} held out", flush=True)
        for line in Painting(args.output, Settings(steps=args.steps, seed=args.seed)).run(cuts, held):
            print("  ".join(f"{name} {value:.4g}" for name, value in line.items()), flush=True)
    except BunrakuError as error:
        print(error, file=sys.stderr)
        return 2
    print(args.output / MODEL)
    return 0


if __name__ == "__main__":
    sys.exit(main())
