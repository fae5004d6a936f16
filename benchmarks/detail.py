"""How much sharper results larger than the model are: `python -m benchmarks.detail [SIZE]`.

Synthetic truth, drawn at the result's size. "ideal" gives the engine what an ideal model of 256 pixels would (the true
picture made small, the true flow at 64 cells, the true visibility), so that what is measured is the lending of detail
alone; "faces-lite" is the default model in absolute mode, whose own errors of pose prevail in its pixel error.

Drawn frames carry sensor noise of their own: noise that is lent moves with the source and counts as energy,
but as pixel error too.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from runtime import Engine
from runtime.finish import Rendered
from runtime.picture import Bytes
from training.data.synth import TEST_SEEDS, HeadRenderer, SceneSpec, true_flow

SEEDS = (11, 202, 3003, 45)
TIMES = (0.2, 0.9, 1.6, 2.5)
CELLS = 64


def resized(picture: Bytes, size: int) -> Bytes:
    """`picture` as uint8 (size, size, 3): averaged when it becomes smaller, bicubic when larger."""
    how = Image.Resampling.BOX if size < len(picture) else Image.Resampling.BICUBIC
    return np.array(Image.fromarray(picture).resize((size, size), how))


def energy(picture: Bytes) -> float:
    """Mean length of the gradient, in 1/255 a pixel."""
    grey = picture.astype(np.float64).mean(axis=2)
    return float(np.hypot(np.diff(grey, axis=1)[:-1], np.diff(grey, axis=0)[:, :-1]).mean())


def cases(engine: Engine, size: int) -> Iterator[tuple[str, Bytes, Bytes, Bytes, Rendered]]:
    """Kind, source and truth (size, size, 3), the source as small as the model's, and what is rendered of it."""
    renderer = HeadRenderer(batch=1)
    for seed in SEEDS:
        spec = SceneSpec(TEST_SEEDS + seed, TEST_SEEDS + seed + 1, TEST_SEEDS + seed + 2)
        drawn = renderer.render([spec] * len(TIMES), torch.tensor(TIMES, dtype=torch.float64), size)
        large = list(drawn.image.numpy())
        small = [resized(frame, engine.resolution) for frame in large]
        source = engine.encode(small[0][None])
        for index in range(1, len(TIMES)):
            flow, seen = true_flow(drawn[0:1], drawn[index : index + 1], CELLS)
            ideal = Rendered(small[index][None], flow.numpy(), seen[:, None].float().numpy())
            yield "ideal", large[0], large[index], small[0], ideal
            found = engine.render_dense(source, engine.detect(small[index][None]))
            yield "faces-lite", large[0], large[index], small[0], found


def measure(size: int) -> dict[str, NDArray[np.float64]]:
    """A row a kind: error of plain enlarging, of lending; energy of both and of the truth; seconds a frame."""
    engine = Engine(threads=1)
    rows: dict[str, list[tuple[float, ...]]] = {}
    for kind, source, truth, small, rendered in cases(engine, size):
        detail = engine.detail(source, small)
        plain = resized(rendered.image[0], size)
        parts = (rendered.image[0], rendered.flow[0], rendered.occlusion[0])  # type: ignore[index]
        detail(*parts)  # the first call allocates
        began = time.process_time()
        lent = detail(*parts)
        seconds = time.process_time() - began
        errors = (float(np.abs(each.astype(float) - truth).mean()) for each in (plain, lent))
        rows.setdefault(kind, []).append((*errors, energy(plain), energy(lent), energy(truth), seconds))
    return {kind: np.mean(values, axis=0) for kind, values in rows.items()}


def main() -> None:
    """Print the table."""
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 1024
    print(f"| {size} pixels | L1 plain | L1 lent | energy plain | energy lent | energy truth | CPU ms |")
    print("|---|---|---|---|---|---|---|")
    for kind, row in measure(size).items():
        print(f"| {kind} | " + " | ".join(f"{value:.3f}" for value in row[:-1]) + f" | {1000 * row[-1]:.0f} |")


if __name__ == "__main__":
    main()
