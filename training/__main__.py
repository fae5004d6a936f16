"""`python -m training CONFIG ...` (and `accelerate launch -m training CONFIG ...`) is `bunraku train CONFIG ...`."""

from __future__ import annotations

import argparse
import sys

from checkpoints.errors import BunrakuError
from training.commands import train


def main() -> int:
    """Exit status: 0, or 2 with one line on stderr when the input is at fault."""
    parser = argparse.ArgumentParser(prog="python -m training", description=train.HELP)
    train.add_arguments(parser)
    try:
        return train.run(parser.parse_args())
    except BunrakuError as error:
        print(f"bunraku: error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
