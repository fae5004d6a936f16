"""`python -m benchmarks`: PyTorch as published and the engine, side by side, on this machine.

The first run traces and exports every model with random weights (minutes each) and keeps them.
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

from benchmarks import browser
from benchmarks.comparison import compare
from benchmarks.formats import format_costs
from benchmarks.growth import growth
from benchmarks.measure import Timing, compiled_pass, end_to_end
from benchmarks.operators import by_kind, profile, rewrite_gains
from benchmarks.peak import measure_peak
from benchmarks.plots import plot_growth, plot_rewrites
from benchmarks.subjects import CONFIGURATIONS, Subject, default_cache, subject
from benchmarks.tables import kinds_table, models_table, table
from checkpoints.contract import FRAMEWISE
from runtime.graphs.cores import available_cores

PARTS = ("models", "compiled", "rewrites", "profile", "formats", "growth", "browser")
"""What is measured: every model against PyTorch and a plain export; `torch.compile` of `faces-lite` and the full TPSMM;
each rewrite of the render graph of every model; where the time of every model goes; what each number format costs, of
every model; how `faces-lite`'s cost grows; the page in the browser beside the engine."""
QUICK = ("faces-lite", "tpsmm-full")
"""Models that are looked at more closely, and the only ones of a quick run."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="under a minute once the models are exported")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="write pictures of growth and rewrites there")
    parser.add_argument("--bundle", type=Path, metavar="FOLDER", help="measure this bundle in the place of faces-lite")
    parser.add_argument("--threads", type=int, default=available_cores(), help="for both sides (default: %(default)s)")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="folder of exported models")
    parser.add_argument("--only", choices=CONFIGURATIONS, help="measure one model")
    parser.add_argument("--part", choices=PARTS, action="append", help="measure this only; may be repeated")
    parser.add_argument("--budget", type=float, help="seconds for each timing (10; 2 when quick)")
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
        flags = next((line.split() for line in lines if line.startswith("flags")), [])
        name += next((f", {said}" for flag, said in (("avx512f", "AVX-512"), ("avx2", "AVX2")) if flag in flags), "")
    versions = f"onnxruntime {onnxruntime.__version__}, torch {torch.__version__}"
    return f"{name}, {threads} threads; {versions}; Python {platform.python_version()}"


def measure(chosen: Subject, threads: int, budget: float, quick: bool) -> dict[str, Any]:
    """A model against PyTorch and, unless quick, a plain export; `faces-lite` from file to file, too."""
    result = compare(chosen, threads, budget, plain=not quick)
    eager, engine, plain = result.torch, result.engine, result.plain
    found: dict[str, Any] = {
        "torch_pass": asdict(eager),
        "engine": asdict(engine),
        "speedup": result.speedup,
        "speedup_cpu": result.speedup_cpu,
        "gflops_a_second": engine.gflops / engine.frame.best,
        "share_of_peak": result.share_of_peak,
        "parity": chosen.bundle.parity,
    }
    print(f"\n{chosen.name}, in turn")
    print(f"  PyTorch, all recomputed each frame {_spoken(eager)} ({eager.calls} calls)")
    if plain is not None:
        found["plain"] = asdict(plain)
        print(f"  plain ONNX export, likewise        {_spoken(plain)}")
    print(f"  engine, motion + render            {_spoken(engine.frame)} (batches of {engine.batch})")
    print(f"  engine, source (once)              {_spoken(engine.source)}")
    print(
        f"  speed-up                           {found['speedup']:9.2f} x by the clock, {found['speedup_cpu']:.2f} in "
        "processor time"
    )
    print(f"  motion + render                    {engine.gflops:9.2f} GFLOP a frame")
    print(f"  share of a matrix product's rate   {found['share_of_peak']:9.0%}", flush=True)
    if chosen.name == "faces-lite":
        with tempfile.TemporaryDirectory() as folder:
            whole = end_to_end(chosen, Path(folder), 75 if quick else 200)
        found["end_to_end"] = asdict(whole)
        print(f"  decode, animate, encode            {whole.fps:9.1f} frames a second ({whole.frames} frames)")
        print(f"  processor time of all that         {1e3 * whole.cpu:9.1f} ms a frame")
        print(f"  first frame after process start    {whole.first_frame:9.2f} s")
        print(f"  peak resident memory               {whole.rss_mb:9.0f} MB", flush=True)
    return found


def _spoken(timing: Timing) -> str:
    return f"{1e3 * timing.best:9.1f} ms a frame by the clock, {1e3 * timing.cpu:9.1f} ms of processor time"


def _compiled(chosen: Subject, threads: int, budget: float) -> dict[str, Any] | None:
    timing = compiled_pass(chosen, threads, budget)
    said = "fails" if timing is None else f"{1e3 * timing.best:9.1f} ms a frame ({timing.calls} calls)"
    print(f"\n{chosen.name}: torch.compile, all recomputed each frame {said}", flush=True)
    return None if timing is None else asdict(timing)


def _rewrites(chosen: Subject, budget: float) -> list[tuple[str, float]]:
    rows = rewrite_gains(chosen.traced, budget)
    print(f"\n{chosen.name}: render, ms of processor time a frame, one thread")
    for label, milliseconds in rows:
        print(f"  {label:24} {milliseconds:9.1f}", flush=True)
    return rows


def _profile(chosen: Subject) -> dict[str, Any]:
    """On one thread: two share operators out, and their times then hold what waits."""
    tables = {}
    for graph in FRAMEWISE:
        print(f"\n{chosen.name}: {graph}, ms a frame on one thread")
        tables[graph] = profile(chosen.bundle.path(graph).read_bytes(), 1)
        for kind, count, milliseconds in tables[graph][:15]:
            print(f"  {kind:24} {count:4} nodes {milliseconds:9.2f}", flush=True)
    return tables | {"kinds": by_kind([row for rows in tables.values() for row in rows])}


def _formats(chosen: Subject) -> list[dict[str, Any]]:
    rows = [asdict(each) for each in format_costs(chosen)]
    print(f"\n{chosen.name}: number formats, one thread, processor time")
    print(table(rows), flush=True)
    return rows


def _growth(chosen: Subject, threads: int, budget: float) -> dict[str, list[dict[str, Any]]]:
    tables = growth(chosen, threads, budget)
    for what, rows in tables.items():
        print(f"\n{chosen.name}: by {what}")
        for row in rows:
            print("  " + ", ".join(f"{key} {value:.4g}" for key, value in row.items()), flush=True)
    return tables


def _browser() -> dict[str, Any] | None:
    print("\nthe default model in Chromium, on WebAssembly, and in the engine, in layers, file to file")
    if (lacking := browser.missing()) is not None:
        print(f"  not measured: {lacking}", flush=True)
        return None
    return browser.report(3)


def summary(results: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The figures that are followed over time, and everything else under `details`."""
    flat: dict[str, Any] = {}
    for name, found in results.items():
        if "speedup" in found:
            flat[f"{name.replace('-', '_')}_speedup"] = found["speedup"]
    if whole := results.get("faces-lite", {}).get("end_to_end"):
        flat["faces_lite_fps"] = whole["fps"]
        flat["first_frame_s"], flat["rss_mb"] = whole["first_frame"], whole["rss_mb"]
    if all("engine" in results.get(name, {}) for name in QUICK):
        published = results["tpsmm-full"]["torch_pass"]["best"]
        flat["faces_lite_against_published_tpsmm"] = published / results["faces-lite"]["engine"]["frame"]["best"]
        times = results["tpsmm-full"]["torch_pass"]["cpu"], results["faces-lite"]["engine"]["frame"]["cpu"]
        flat["faces_lite_against_published_tpsmm_cpu"] = times[0] / times[1]
    return flat | {"details": results}


def main(arguments: list[str] | None = None) -> int:
    """Run; returns the exit status."""
    args = _parser().parse_args(arguments)
    said = machine(args.threads)
    print(said)
    budget = args.budget or (2.0 if args.quick else 10.0)
    parts = args.part or (PARTS[:1] if args.quick else PARTS)
    names = [args.only] if args.only else list(QUICK if args.quick else CONFIGURATIONS)
    subjects = {name: subject(name, args.cache, args.bundle if name == "faces-lite" else None) for name in names}
    peak = measure_peak(args.threads, budget)
    print(f"peak: {peak.gflops:.0f} GFLOP/s in a matrix product, {peak.gbytes:.1f} GB/s copied")
    results: dict[str, dict[str, Any]] = {name: {} for name in names}
    for name, chosen in subjects.items():
        found, close = results[name], name in QUICK
        if "models" in parts:
            found |= measure(chosen, args.threads, budget, args.quick)
        if "compiled" in parts and close:
            found["compiled"] = _compiled(chosen, args.threads, budget)
        if "rewrites" in parts:
            found["rewrites"] = _rewrites(chosen, budget)
        if "profile" in parts:
            found["profile"] = _profile(chosen)
        if "formats" in parts:
            found["formats"] = _formats(chosen)
        if "growth" in parts and name == "faces-lite":
            found["growth"] = _growth(chosen, args.threads, budget)
        if "browser" in parts and name == "faces-lite":
            found["browser"] = _browser()
        if args.json:  # after every model: the whole takes long
            figures = {"machine": said, "peak": asdict(peak), **summary(results)}
            args.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    for found_table in (models_table(results), kinds_table(results)):
        if found_table:
            print(f"\n{found_table}")
    if args.plots:
        _draw(results, args.plots)
    return 0


def _draw(results: dict[str, dict[str, Any]], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rewritten = {name: found["rewrites"] for name, found in results.items() if "rewrites" in found}
    if rewritten:
        plot_rewrites(rewritten, folder / "rewrites.png")
    if tables := results.get("faces-lite", {}).get("growth"):
        plot_growth(tables, folder / "growth.png")


if __name__ == "__main__":
    sys.exit(main())
