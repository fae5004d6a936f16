"""Graphs as ONNX Runtime has optimised them for this machine, kept in the user's cache: they open in less than half the
time, which is a part of how long the first frame takes.

What is kept belongs to one graph's bytes, one version of ONNX Runtime and one processor, and is only ever opened as it
was written: a file holds the hash of the rest of it. What cannot be kept, read or trusted is done without.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import onnxruntime as ort

from runtime.graphs.gpu import user_cache

SWITCH = "BUNRAKU_KEEP_GRAPHS"
"""The environment variable that turns this off with "0"."""
LEAST, MOST = 100_000, 32_000_000
"""Bytes of graphs that are kept: smaller ones open at once, and larger ones would fill the disk."""
ALL = 300_000_000
"""Bytes of all that is kept; what was not used for longest goes."""

_SUFFIX = ".graph"
_HASH = hashlib.sha256().digest_size

RUNTIME: str = ort.__version__

Open = Callable[[bytes], ort.InferenceSession]


def open_kept(model: bytes, options: ort.SessionOptions, opened: Open) -> ort.InferenceSession:
    """What `opened` makes, with `options`, of the graph `model` for the CPU, or of what is kept of it. Raises what
    `opened` does where it opens the graph itself.
    """
    level = options.graph_optimization_level
    if os.environ.get(SWITCH) == "0" or not LEAST <= len(model) <= MOST:
        return opened(model)
    try:
        path = _place(model, str(level))
    except RuntimeError:  # nobody's home
        return opened(model)
    kept = _read(path)
    if kept is not None:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        try:
            return opened(kept)
        except Exception:  # ONNX Runtime's exceptions share no base class; it can still open the graph itself
            options.graph_optimization_level = level
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, ignore_cleanup_errors=True) as folder:
            return _optimised(model, options, opened, Path(folder), path)
    except OSError:
        return opened(model)


def _optimised(
    model: bytes, options: ort.SessionOptions, opened: Open, folder: Path, path: Path
) -> ort.InferenceSession:
    """The graph opened, and what became of it kept at `path`; nobody else sees what is written to `folder` for that."""
    written = folder / "optimised.onnx"
    options.optimized_model_filepath = os.fspath(written)
    try:
        session = opened(model)
    except Exception:  # the graph's fault, or that of a disk without room; without writing, the graph tells
        options.optimized_model_filepath = ""
        return opened(model)
    with contextlib.suppress(OSError):
        content = written.read_bytes()
        written.write_bytes(hashlib.sha256(content).digest() + content)
        written.replace(path)
        _tidy(path.parent)
    return session


def _place(model: bytes, level: str) -> Path:
    """Where this graph is kept for this machine."""
    named = hashlib.sha256(model)
    for word in (RUNTIME, level, platform.system(), platform.machine(), processor()):
        named.update(f"\0{word}".encode())
    return user_cache() / "graphs" / f"{named.hexdigest()}{_SUFFIX}"


@cache
def processor() -> str:
    """What this machine computes with, by which ONNX Runtime chooses kernels and layouts, and which must not change;
    where it is not told, the machine.
    """
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    told = sorted({line for line in lines if line.startswith(("model name", "flags", "Features", "CPU part"))})
    return "\n".join(told) or f"{platform.node()} {platform.processor()}"


def _read(path: Path) -> bytes | None:
    """What is kept at `path`; None where there is nothing, or not what we wrote, or somebody else did."""
    try:
        with path.open("rb") as file:
            if hasattr(os, "getuid") and os.fstat(file.fileno()).st_uid != os.getuid():
                return None
            written, content = file.read(_HASH), file.read()
        if hashlib.sha256(content).digest() != written:
            return None
        os.utime(path)  # used now
    except OSError:
        return None
    return content


def _tidy(folder: Path) -> None:
    """Leave no more than `ALL` bytes in `folder`: what was used last."""
    found = [(path, path.stat()) for path in folder.glob(f"*{_SUFFIX}")]
    total = 0
    for path, known in sorted(found, key=lambda each: -each[1].st_mtime):
        total += known.st_size
        if total > ALL:
            path.unlink(missing_ok=True)
