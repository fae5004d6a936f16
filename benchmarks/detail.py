"""How much sharper results larger than the model are, and what it costs: `python -m benchmarks.detail`.

Synthetic truth, drawn at the largest size. "ideal" gives the engine what an ideal model of 256 pixels would (the true
picture made small, the true flow at 64 cells, the true visibility), so that what is measured is the lending of detail
alone; "faces-lite" is the default model in absolute mode, whose own errors of pose prevail in its pixel error.

"clean" scenes have neither a sensor's noise nor a thing before the face. Noise that is lent moves with the source: it
counts as energy, which the truth has too, and as pixel error, since the truth's noise is another one.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import maximum_filter, minimum_filter

from checkpoints.errors import ModelError
from runtime import Engine
from runtime.result.finish import Rendered
from runtime.values import Bytes
from training.data.synth import TEST_SEEDS, HeadRenderer, SceneSpec, true_flow
from training.data.synth.person.scene import sample_scene
from training.evaluation.networks.lpips import Lpips, lpips_vgg
from training.losses.backbones import efficientnet_lite0

TIMES = (0.2, 0.9, 1.6)
"""Seconds; the first is the source's."""
CELLS = 64
CALLS = 5
"""Of which the fastest counts."""
COLUMNS = ("L1", "L1 at edges", "perceptual", "energy")


@dataclass(frozen=True)
class Case:
    """One driving frame of one scene, at the size of the result."""

    kind: str
    source: Bytes
    truth: Bytes
    small: Bytes
    """The source as the model is shown it."""
    rendered: Rendered
    edges: NDArray[np.bool_]
    """(size, size): within a cell of where something is uncovered or hidden."""


def resized(picture: Bytes, size: int) -> Bytes:
    """`picture` as uint8 (size, size, 3): averaged when it becomes smaller, bicubic when larger."""
    how = Image.Resampling.BOX if size < len(picture) else Image.Resampling.BICUBIC
    return np.array(Image.fromarray(picture).resize((size, size), how))


def energy(picture: Bytes) -> float:
    """Mean length of the gradient, in 1/255 a pixel."""
    grey = picture.astype(np.float64).mean(axis=2)
    return float(np.hypot(np.diff(grey, axis=1)[:-1], np.diff(grey, axis=0)[:, :-1]).mean())


def perceptual() -> tuple[str, Lpips]:
    """LPIPS where VGG-16 can be had; else its form, unlearned, on EfficientNet-Lite0, which comes inside a wheel."""
    try:
        return "LPIPS (VGG-16)", lpips_vgg()
    except ModelError:
        backbone = efficientnet_lite0()
        with torch.inference_mode():
            widths = [stage.shape[1] for stage in backbone(torch.zeros(1, 3, 64, 64))]
        return "LPIPS's form on EfficientNet-Lite0, all weights 1", Lpips(backbone, [torch.ones(n) for n in widths])


def is_clean(seed: int) -> bool:
    """Whether a scene has neither a sensor's noise nor a thing before the face."""
    scene = sample_scene(seed)
    return scene.lens.noise == 0 and scene.prop is None


def scenes(count: int, wanted: Callable[[int], bool]) -> list[SceneSpec]:
    """The first of the test split whose scene is `wanted`."""
    found: list[SceneSpec] = []
    seed = TEST_SEEDS
    while len(found) < count:
        seed += 1
        if wanted(seed):
            found.append(SceneSpec(seed, seed, seed))
    return found


def cases(engine: Engine, specs: Sequence[SceneSpec], sizes: Sequence[int]) -> Iterator[Case]:
    """Every driving frame of every scene, in every size and kind."""
    renderer = HeadRenderer(batch=1)
    for spec in specs:
        drawn = renderer.render([spec] * len(TIMES), torch.tensor(TIMES, dtype=torch.float64), max(sizes))
        frames = list(drawn.image.numpy())
        small = [resized(frame, engine.resolution) for frame in frames]
        source = engine.encode(small[0][None])
        for index in range(1, len(TIMES)):
            flow, seen = true_flow(drawn[0:1], drawn[index : index + 1], CELLS)
            ideal = Rendered(small[index][None], flow.numpy(), seen[:, None].float().numpy())
            model = engine.render_dense(source, engine.detect(small[index][None]))
            visible = seen[0].numpy()
            border = maximum_filter(visible, 3) != minimum_filter(visible, 3)
            for size in sizes:
                edges = np.kron(border, np.ones((size // CELLS, size // CELLS), bool))
                large, truth = resized(frames[0], size), resized(frames[index], size)
                for kind, rendered in (("ideal", ideal), (engine.bundle.name, model)):
                    yield Case(kind, large, truth, small[0], rendered, edges)


def fastest(call: Callable[[], object]) -> float:
    """Processor time of the fastest of some calls, in milliseconds; the first, which allocates, is left out."""
    call()
    took = []
    for _ in range(CALLS):
        began = time.process_time()
        call()
        took.append(time.process_time() - began)
    return 1000 * min(took)


def figures(picture: Bytes, case: Case, distance: Lpips) -> tuple[float, ...]:
    """Those of `COLUMNS`."""
    error = np.abs(picture.astype(float) - case.truth).mean(axis=2)
    near = float(error[case.edges].mean()) if case.edges.any() else float("nan")
    return float(error.mean()), near, float(distance(picture[None], case.truth[None])[0]), energy(picture)


def quality(engine: Engine, specs: Sequence[SceneSpec], sizes: Sequence[int], folder: Path | None, name: str) -> None:
    """Print a row for every size and kind; where there is a `folder`, keep the pictures of it."""
    what, distance = perceptual()
    print(f"\n{name} scenes ({len(specs)}); plain -> lent; perceptual: {what}\n")
    print(f"| size | kind | {' | '.join(COLUMNS)} | energy of the truth |\n|{'---|' * (len(COLUMNS) + 3)}")
    rows: dict[tuple[int, str], list[list[tuple[float, ...]]]] = {}
    for number, case in enumerate(cases(engine, specs, sizes)):
        size = len(case.truth)
        image, flow, occlusion = (part[0] for part in _dense(case.rendered))
        pictures = resized(image, size), engine.detail(case.source, case.small)(image, flow, occlusion)
        row = [figures(picture, case, distance) for picture in pictures]
        rows.setdefault((size, case.kind), []).append([*row, (energy(case.truth),) * len(COLUMNS)])
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            strip = np.concatenate([case.source, *pictures, case.truth], axis=1)
            Image.fromarray(strip).save(folder / f"{name}-{size}-{case.kind}-{number:02}.png")
    for (size, kind), values in sorted(rows.items()):
        plain, lent, truth = np.nanmean(values, axis=0)
        columns = [f"{a:.3f} -> {b:.3f}" for a, b in zip(plain, lent, strict=True)]
        print(f"| {size} | {kind} | {' | '.join(columns)} | {truth[0]:.3f} |", flush=True)


def _dense(rendered: Rendered) -> tuple[NDArray[np.generic], NDArray[np.generic], NDArray[np.generic]]:
    assert rendered.flow is not None
    assert rendered.occlusion is not None
    return rendered.image, rendered.flow, rendered.occlusion


def speed(engine: Engine, sizes: Sequence[int]) -> None:
    """Print what a frame costs with and without lent detail, measured one after the other in this process."""
    frame = np.random.default_rng(0).integers(0, 256, (engine.resolution, engine.resolution, 3), np.uint8)
    source = engine.encode(frame[None])
    model = fastest(lambda: engine.render_dense(source, engine.detect(frame[None])))
    image, flow, occlusion = (part[0] for part in _dense(engine.render_dense(source, engine.detect(frame[None]))))
    print("\n| size | model, ms | plain enlarging, ms | lending, ms | frames/s plain | frames/s lent | ratio |")
    print("|---|---|---|---|---|---|---|")
    for size in sizes:
        detail = engine.detail(resized(frame, size), frame)
        plain = fastest(lambda size=size: resized(image, size))  # type: ignore[misc]
        lent = fastest(lambda detail=detail: detail(image, flow, occlusion))  # type: ignore[misc]
        rates = [1000 / (model + each) for each in (plain, lent)]
        print(
            f"| {size} | {model:.0f} | {plain:.1f} | {lent:.0f} | {rates[0]:.1f} | {rates[1]:.1f} "
            f"| {rates[1] / rates[0]:.2f} |",
            flush=True,
        )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detail", description=__doc__.split("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[512, 1024], help="multiples of 64 (%(default)s)")
    parser.add_argument("--scenes", type=int, default=4, help="of each group; 0 measures speed only (%(default)s)")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="keep source, plain, lent and truth here")
    args = parser.parse_args()
    engine = Engine(threads=1)
    print("Milliseconds of processor time on one thread a frame; decoding and encoding are not in it.")
    speed(engine, args.sizes)
    if args.scenes < 1:
        return
    quality(engine, scenes(args.scenes, is_clean), args.sizes, args.pictures, "clean")
    quality(engine, scenes(args.scenes, lambda seed: True), args.sizes, args.pictures, "all")


if __name__ == "__main__":
    main()
