"""A small search for the light model: widths, kinds of block and sizes of map against time and quality.

python -m benchmarks.search --data SHARDS --test TEST_SHARDS --json search.json --plot search.png

One network is varied at a time and trained from nothing, each candidate with the same steps, data and seed, while the
others stay as they are in `--init`, whose weights they keep. Time is that of the `render` graph as exported with all
rewrites, one thread, all candidates in turn. Finished candidates are not trained again, unfinished ones go on.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import onnxruntime
import torch

from benchmarks.measure import repeat
from benchmarks.subjects import TRAINED
from checkpoints.contract import RENDER
from checkpoints.errors import BunrakuError, OptionError
from export.convert import finish
from export.flops import count_gflops
from export.graphs import export_render
from export.rewrites.catalogue import REWRITES, rewrite
from export.timing import random_feeds, session_options
from export.wrappers import example
from training.ablation import Row, run_ablation
from training.config import load_config
from training.models.registry import build

CONFIG = "faces-lite"
_PLAIN = ['model.inpainting_blocks="plain"']
_INVERTED = ['model.inpainting_blocks="inverted"', "model.res_blocks=[2, 2, 0]"]


def _widths(least: int, most: int) -> list[str]:
    return [f"model.block_expansion={least}", f"model.max_features={most}"]


CANDIDATES: dict[str, dict[str, list[str]]] = {
    "inpainting_network": {
        "plain, 12 to 96 channels": [*_PLAIN, *_widths(12, 96)],
        "plain, 8 to 64 channels": [*_PLAIN, *_widths(8, 64)],
        "plain, 16 to 128 channels": _PLAIN,
        "plain, 12 to 96 channels, no residual blocks": [*_PLAIN, *_widths(12, 96), "model.res_blocks=[0, 0, 0]"],
        "depthwise, 16 to 128 channels (as it is)": [],
        "inverted bottlenecks, 16 to 128 channels": _INVERTED,
    },
    "dense_motion_network": {
        "plain, 16 to 128 channels, maps of 64 (as it is)": [],
        "plain, 8 to 64 channels": ["model.dense_block_expansion=8", "model.dense_max_features=64"],
        "plain, 24 to 192 channels": ["model.dense_block_expansion=24", "model.dense_max_features=192"],
        "plain, 16 to 128 channels, maps of 32": ["model.motion_size=32"],
        "depthwise, 24 to 192 channels": [
            'model.dense_blocks="separable"',
            "model.dense_block_expansion=24",
            "model.dense_max_features=192",
        ],
    },
}
"""What is tried for each network, as settings of the configuration."""

LOSSES = {
    "inpainting_network": "{ pixel = 10.0, gradient = 5.0 }",
    "dense_motion_network": "{ truth_flow = 10.0, warped_source = 5.0, truth_occlusion = 0.3 }",
}
NETWORKS = ("kp_detector", *LOSSES)


@dataclass(frozen=True)
class Result:
    """One candidate."""

    network: str
    candidate: str
    gflops: float
    """1e9 operations of `render`."""
    milliseconds: float
    """Processor time of `render`, one thread."""
    share: float
    """L1 of held-out pairs over that of the unmoved source."""
    flow_error: float
    """Mean end-point error where visible, in [-1, 1] units."""


def overrides(network: str, args: argparse.Namespace) -> list[str]:
    """The settings that all candidates for `network` share: one stage that trains it alone."""
    kept = [name for name in NETWORKS if name != network]
    stage = (
        f'{{ name = "search", steps = {args.steps}, warmup = {min(30, args.steps // 10)}, batch = 8, lr = 2e-3, '
        f"true_background = true, train = {json.dumps([network])}, losses = {LOSSES[network]}, size = 128, "
        'betas = [0.9, 0.99], decay = "cosine" }'
    )
    return [
        f"stages=[{stage}]",
        f"init={args.init}",
        f"init_parts={json.dumps(kept)}",
        f"data.path={args.data}",
        f"data.test_path={args.test}",
        "model.disentangle=false",
        'precision="no"',
        "ema=0.98",
        "save_every=100",
        "evaluate_every=1000000",
        "draw_every=1000000",
    ]


def measure_times(candidates: Mapping[str, Sequence[str]], rounds: int) -> dict[str, tuple[float, float]]:
    """1e9 operations and least milliseconds of `render`, every candidate once a round."""
    sessions, gflops = {}, {}
    for name, changes in candidates.items():
        settings = load_config(CONFIG, ["model.disentangle=false", *changes])
        model = build(settings.family, settings.model).eval()
        graph = export_render(model, example(model, model.config.resolution))
        rewrite(graph, REWRITES)
        render = finish(RENDER, graph)
        gflops[name] = count_gflops(render)
        sessions[name] = onnxruntime.InferenceSession(
            render.SerializeToString(), session_options(1), providers=["CPUExecutionProvider"]
        )
    feeds = {name: random_feeds(session) for name, session in sessions.items()}
    least = dict.fromkeys(sessions, float("inf"))
    for _ in range(rounds):
        for name, session in sessions.items():
            seconds = repeat(lambda: session.run(None, feeds[name]), 0.0).cpu  # noqa: B023 - called at once
            least[name] = min(least[name], 1e3 * seconds)
    return {name: (gflops[name], least[name]) for name in sessions}


def search(network: str, args: argparse.Namespace) -> list[Result]:
    """Train and measure every candidate for `network`."""
    candidates = CANDIDATES[network]
    rows = run_ablation(CONFIG, overrides(network, args), candidates, args.output / network, "cpu", args.pairs)
    times = measure_times(candidates, args.rounds)
    return [_result(network, row, times[row.variant]) for row in rows]


def _result(network: str, row: Row, times: tuple[float, float]) -> Result:
    return Result(network, row.variant, *times, row.l1 / row.unmoved_l1, row.flow_error or 0.0)


def as_table(results: Sequence[Result]) -> str:
    """Markdown, one row a candidate."""
    lines = ["| candidate | GFLOP | ms a frame | L1 of the unmoved source's | flow error |", "|---|---|---|---|---|"]
    lines += [
        f"| {each.candidate} | {each.gflops:.2f} | {each.milliseconds:.1f} | {each.share:.3f} | {each.flow_error:.4f} |"
        for each in results
    ]
    return "\n".join(lines)


def plot(results: Sequence[Result], path: Path) -> None:
    """Time against quality, a panel a network."""
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(each.network for each in results))
    figure = Figure(figsize=(6 * len(names), 3.6), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        rows = [each for each in results if each.network == name]
        axes.scatter([each.milliseconds for each in rows], [each.share for each in rows])
        for each in rows:
            axes.annotate(each.candidate, (each.milliseconds, each.share), fontsize=7, rotation=12)
        axes.set(title=name, xlabel="render, ms a frame on one thread", ylabel="L1 of the unmoved source's")
        axes.margins(x=0.25, y=0.2)
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=90)


def main(argv: Sequence[str] | None = None) -> int:
    """0 on success, 2 on bad input."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search", description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="folder of shards to train on")
    parser.add_argument("--test", required=True, help="folder of held-out shards")
    parser.add_argument("--init", default=TRAINED, help="whose other networks are kept (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=300, help="of each candidate (default: %(default)s)")
    parser.add_argument("--pairs", type=int, default=128, help="held-out pairs (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="of the timing (default: %(default)s)")
    parser.add_argument("--only", choices=tuple(CANDIDATES), help="one network alone")
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/search"), help="folder of the runs")
    parser.add_argument("--json", type=Path, help="write the rows here")
    parser.add_argument("--plot", type=Path, help="draw them here")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    results: list[Result] = []
    try:
        if min(args.steps, args.pairs, args.rounds) < 1:
            raise OptionError("--steps, --pairs and --rounds must be 1 or more")
        for network in [args.only] if args.only else CANDIDATES:
            found = search(network, args)
            results += found
            print(f"{network}\n\n{as_table(found)}\n", flush=True)
    except BunrakuError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if args.json:
        args.json.write_text(json.dumps([asdict(each) for each in results], indent=1) + "\n", encoding="utf-8")
    if args.plot:
        plot(results, args.plot)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
