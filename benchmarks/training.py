"""Pairs a second of the stages of a training run, and the share of every operator, beside an older revision's.

    python -m benchmarks.training --baseline v0.1 --processes 2

Each measurement is a process of its own on one core (or one process a core, with `--processes`); old and new take
turns, and the best of each counts. Seconds are those of the processor, which others' work changes little.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout
from pathlib import Path
from typing import Any

from benchmarks.subjects import ROOT, default_cache
from checkpoints.errors import BunrakuError, OptionError
from training.commands import synth

STAGES = ("points", "glance", "coarse", "dense", "inpainting", "painting", "together", "everything", "disentanglement")
CHILD = Path(__file__).with_name("training_child.py")
CLIPS, FRAMES, SIZE = 32, 4, 128
"""Synthetic clips that are rendered where no data are given."""


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    result = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__.split("\n")[0])
    add = result.add_argument
    add("--config", default="faces-lite", help="the run (%(default)s)")
    add("--stage", action="append", metavar="NAME", help=f"measure this one; may be repeated ({', '.join(STAGES)})")
    add("--precision", action="append", choices=("no", "bf16"), help="may be repeated (default: no and bf16)")
    add("--baseline", metavar="REVISION", help="measure this revision, too, in a work tree of its own")
    add("--processes", type=int, default=1, help="that train together, each on a core (%(default)s)")
    add("--steps", type=int, default=4, help="steps of a measurement, of which the fastest counts (%(default)s)")
    add("--rounds", type=int, default=2, help="measurements of each (%(default)s)")
    add("--operators", type=int, default=8, help="operators to list (%(default)s)")
    add("--data", type=Path, metavar="FOLDER", help="shards to train on (default: rendered once and kept)")
    add("--json", type=Path, metavar="FILE", help="write the figures there, too")
    return result


def rendered_shards() -> Path:
    """A few synthetic clips with truth, rendered at first use."""
    folder = default_cache() / "training-shards"
    options = argparse.ArgumentParser()
    synth.add_arguments(options)
    size = ["--clips", str(CLIPS), "--frames", str(FRAMES), "--size", str(SIZE)]
    with redirect_stdout(sys.stderr):
        synth.run(options.parse_args([str(folder), "--format", "shard", "--quiet", *size]))
    return folder


@contextmanager
def work_tree(revision: str) -> Iterator[Path]:
    """A copy of the repository as it was at `revision`. Raises `OptionError` where git has none."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "tree"
        git = ["git", "-C", str(ROOT), "worktree"]
        made = subprocess.run([*git, "add", "--detach", str(place), revision], capture_output=True, text=True)
        if made.returncode:
            raise OptionError(f"--baseline {revision}: git makes no work tree of it: {made.stderr.strip()}")
        try:
            yield place
        finally:
            subprocess.run([*git, "remove", "--force", str(place)], capture_output=True)


def _environment(tree: Path) -> dict[str, str]:
    """One thread a process, packages of `tree`, and nothing from beside the script, whose name would hide one.

    Nor what importing this revision's packages set: each tree decides by itself whether to ask for huge pages.
    """
    kept = {name: value for name, value in os.environ.items() if name != "THP_MEM_ALLOC_ENABLE"}
    return {**kept, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(tree), "PYTHONSAFEPATH": "1"}


def run_child(tree: Path, args: argparse.Namespace, stage: str, precision: str, data: Path) -> dict[str, Any]:
    """One measurement of the code in `tree`; see `training_child.measure`."""
    command = [sys.executable]
    if args.processes > 1:
        command += ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(args.processes)]
    command += [str(CHILD), args.config, stage, precision, str(args.steps), f"data.path={data}"]
    done = subprocess.run(command, cwd=tree, env=_environment(tree), capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        raise OptionError(f"stage {stage} in {tree} failed: {done.stderr.strip()[-2000:]}")
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def best_of(trees: dict[str, Path], args: argparse.Namespace, stage: str, precision: str, data: Path) -> dict[str, Any]:
    """The fastest measurement of every tree, all taking turns."""
    best: dict[str, Any] = {}
    for _ in range(args.rounds):
        for name, tree in trees.items():
            found = run_child(tree, args, stage, precision, data)
            if name not in best or found["cpu"] < best[name]["cpu"]:
                best[name] = found
    return best


def report(stage: str, precision: str, best: dict[str, Any], processes: int, operators: int) -> str:
    """The figures of one stage as text: rate, ratio, loss, and where the time goes."""
    lines = [f"\n{stage}, {'float32' if precision == 'no' else precision}, {processes} process(es)"]
    for name, found in best.items():
        rate = processes * found["batch"] / found["cpu"]
        count = sum(calls for _, _, calls in found["operators"])
        lines.append(
            f"  {name:8} {rate:8.1f} pairs a second  {1e3 * found['cpu']:8.0f} ms a step  {count:6.0f} operators"
            f"  loss {found['loss']:.3f}"
        )
    if len(best) == 2:
        before, after = best.values()
        lines.append(f"  ratio    {before['cpu'] / after['cpu']:8.2f}")
    for name, found in best.items():
        spent = sum(seconds for _, seconds, _ in found["operators"])
        top = [f"{label} {seconds / spent:.0%}" for label, seconds, _ in found["operators"][:operators]]
        lines.append(f"  {name:8} {', '.join(top)}")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print. Returns 0, or 2 after a problem, which stderr tells."""
    args = parser().parse_args(argv)
    figures: dict[str, Any] = {}
    try:
        data = args.data.resolve() if args.data else rendered_shards()
        with work_tree(args.baseline) if args.baseline else nullcontext() as old:
            trees = {"before": old, "after": ROOT} if old else {"now": ROOT}
            for stage in args.stage or STAGES:
                for precision in args.precision or ("no", "bf16"):
                    best = figures[f"{stage} {precision}"] = best_of(trees, args, stage, precision, data)
                    print(report(stage, precision, best, args.processes, args.operators), flush=True)
    except BunrakuError as error:
        print(f"training: error: {error}", file=sys.stderr)
        return 2
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
