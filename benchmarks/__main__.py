"""`python -m benchmarks`: PyTorch as published and the engine, side by side, on this machine.

The first run exports the full TPSMM and `faces-lite` with random weights (a minute or two) and keeps them.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.measure import EndToEnd, EngineTimes, Timing, end_to_end, engine_pass, torch_pass
from benchmarks.operators import profile, rewrite_gains
from benchmarks.subjects import CONFIGURATIONS, Subject, default_cache, subject
from runtime.cores import available_cores


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="under a minute once the models are exported")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    parser.add_argument("--bundle", type=Path, metavar="FOLDER", help="measure this bundle in the place of faces-lite")
    parser.add_argument("--threads", type=int, default=available_cores(), help="for both sides (default: %(default)s)")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="folder of exported models")
    parser.add_argument("--only", choices=CONFIGURATIONS, help="measure one model")
    parser.add_argument("--rewrites", action="store_true", help="only: the gain of every rewrite of the render graph")
    parser.add_argument("--profile", action="store_true", help="only: where the time of each graph goes, by operator")
    return parser


def machine(threads: int) -> str:
    """Processor, cores used, versions."""
    import onnxruntime
    import torch

    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), name)
        wide = any("avx512f" in line for line in lines if line.startswith("flags"))
        name += ", AVX-512" if wide else ""
    versions = f"onnxruntime {onnxruntime.__version__}, torch {torch.__version__}"
    return f"{name}, {threads} threads; {versions}; Python {platform.python_version()}"


def measure(chosen: Subject, threads: int, quick: bool) -> dict[str, Any]:
    """All figures of one subject."""
    budget = 2.0 if quick else 10.0
    eager = torch_pass(chosen, threads, budget)
    engine = engine_pass(chosen, threads, budget)
    frames = 75 if chosen.bundle.graphs["render"].gflops and engine.gflops < 20 else 13
    with tempfile.TemporaryDirectory() as folder:
        whole = end_to_end(chosen, Path(folder), frames if quick else 3 * frames)
    _print(chosen.name, eager, engine, whole)
    return {
        "torch_pass": asdict(eager),
        "engine": asdict(engine),
        "end_to_end": asdict(whole),
        "speedup": eager.best / engine.frame.best,
    }


def _print(name: str, eager: Timing, engine: EngineTimes, whole: EndToEnd) -> None:
    rate = engine.gflops / engine.frame.best
    print(f"\n{name}")
    print(f"  PyTorch, all recomputed each frame {1e3 * eager.best:9.1f} ms a frame ({eager.calls} calls)")
    print(f"  engine, motion + render            {1e3 * engine.frame.best:9.1f} ms a frame (batches of {engine.batch})")
    print(f"  engine, source (once)              {1e3 * engine.source.best:9.1f} ms")
    print(f"  speed-up                           {eager.best / engine.frame.best:9.2f} x")
    print(f"  motion + render                    {engine.gflops:9.2f} GFLOP a frame, {rate:.0f} GFLOP/s")
    print(f"  decode, animate, encode            {whole.fps:9.1f} frames a second ({whole.frames} frames)")
    print(f"  first frame after process start    {whole.first_frame:9.2f} s")
    print(f"  peak resident memory               {whole.rss_mb:9.0f} MB")


def _print_rewrites(chosen: Subject, threads: int, budget: float) -> None:
    print(f"\n{chosen.name}: render, ms a frame")
    for label, milliseconds in rewrite_gains(chosen.model, threads, budget):
        print(f"  {label:24} {milliseconds:9.1f}")


def _print_profile(chosen: Subject, threads: int) -> None:
    for graph in ("motion", "render"):
        print(f"\n{chosen.name}: {graph}, ms a frame")
        for kind, count, milliseconds in profile(chosen.bundle.path(graph).read_bytes(), threads)[:15]:
            print(f"  {kind:24} {count:4} nodes {milliseconds:9.2f}")


def summary(results: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The figures that are followed over time, and everything else under `details`."""
    flat: dict[str, Any] = {}
    if full := results.get("tpsmm-full"):
        flat["tpsmm_full_speedup"] = full["speedup"]
    if lite := results.get("faces-lite"):
        whole = lite["end_to_end"]
        flat["faces_lite_fps"] = whole["fps"]
        flat["faces_lite_speedup"] = lite["speedup"]
        flat["first_frame_s"], flat["rss_mb"] = whole["first_frame"], whole["rss_mb"]
    return flat | {"details": results}


def main(arguments: list[str] | None = None) -> int:
    """Run; returns the exit status."""
    args = _parser().parse_args(arguments)
    print(machine(args.threads))
    names = [args.only] if args.only else list(CONFIGURATIONS)
    results = {}
    for name in names:
        chosen = subject(name, args.cache, args.bundle if name == "faces-lite" else None)
        if args.rewrites:
            _print_rewrites(chosen, args.threads, 2.0 if args.quick else 10.0)
        elif args.profile:
            _print_profile(chosen, args.threads)
        else:
            results[name] = measure(chosen, args.threads, args.quick)
    if args.json and results:
        figures = {"machine": machine(args.threads), **summary(results)}
        args.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
