"""`python -m training.bare.backbone FILE`: EfficientNet-Lite0's weights for machines that cannot install its package.

The perceptual loss uses the stages up to the last tapped one: six MB in 16 bits, to be carried along and named as
`perceptual_weights`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from safetensors.torch import save_file

from checkpoints.errors import BunrakuError
from training.bare.parts import halved
from training.checkpoint import write_atomically
from training.losses.backbones import packaged_efficientnet

UNUSED = ("_conv_head.", "_bn1.", "_fc.")
"""What comes after the last tapped stage, and half of the weights."""


def main() -> int:
    """Write the file."""
    parser = argparse.ArgumentParser(prog="python -m training.bare.backbone", description=__doc__)
    parser.add_argument("file", type=Path)
    path = parser.parse_args().file
    try:
        state = {name: value for name, value in packaged_efficientnet().items() if not name.startswith(UNUSED)}
        tensors = {name: value.contiguous() for name, value in halved(state).items()}
        write_atomically(path, lambda to: save_file(tensors, to))
    except BunrakuError as error:
        print(f"bunraku: error: {error}", file=sys.stderr)
        return 2
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
