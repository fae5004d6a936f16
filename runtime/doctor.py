"""Whether this installation works: what `bunraku doctor` looks at, one finding each, and what to do about a fault."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np

from checkpoints import installation
from checkpoints.bundle import Bundle
from checkpoints.card import as_work, gflops, speed
from checkpoints.errors import BunrakuError, first_line
from checkpoints.registry import load_model
from runtime.animate import animate
from runtime.engine import Engine
from runtime.graphs.cores import available_cores
from runtime.graphs.sessions import DEVICES
from runtime.media.ffmpeg import executable
from runtime.own import not_own

State = Literal["works", "fault", "absent"]
"""What is absent is not needed to move a picture."""

Sample = tuple[str | os.PathLike[str], str | os.PathLike[str]]
"""A picture and a video."""

_PACKAGES = ("numpy", "pillow", "imageio-ffmpeg", "safetensors", "huggingface-hub", "tqdm")
_RUNTIMES = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino")
"""Builds of ONNX Runtime: they overwrite one another."""
_ENCODERS = {"libx264": "mp4", "libvpx-vp9": "webm", "gif": "gif", "libwebp_anim": "webp"}
_EXTRAS = {
    "demo": ("bunraku page", ("gradio",)),
    "live": ("bunraku live", ("cv2", "pyvirtualcam")),
    "sign": ("--sign", ("c2pa",)),
    "cluster": ("bunraku batch --ray", ("ray",)),
    "train": ("bunraku train", ("torch", "accelerate", "scipy")),
    "export": ("bunraku export and import", ("torch", "onnx", "onnxscript")),
    "eval": ("bunraku evaluate", ("torch", "skimage", "scipy")),
}
"""What each extra is for, and the modules that it brings."""
_OURS = ("bunraku", "checkpoints", "demo", "export", "runtime", "training")
_SECONDS = 1.0
"""Of the self-test's driving video."""
_FEWER = 5.0
"""Frames of it a second for models of which one takes seconds on a CPU."""
_ROOM = 200e6
"""Bytes that temporary files may want."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    state: State
    words: str
    """What was found: of a fault, and of what is absent, with what to do."""


def examine(model: str, sample: Sample, device: str = "auto") -> Iterator[Finding]:
    """Look at everything, one finding after another; nothing is raised, and nothing left behind.

    `model` is a name or folder as everywhere, `sample` a picture and a video to try it with on `device`.
    """
    checks: list[tuple[str, Callable[[], Iterable[Finding]]]] = [
        ("system", _system),
        ("packages", _packages),
        ("names", _names),
        ("temporary files", _temporary),
        ("ffmpeg", _ffmpeg),
        ("model", partial(_model, model, sample, device)),
        ("extras", _extras),
    ]
    for what, check in checks:
        try:
            yield from check()
        except BunrakuError as error:
            yield Finding(what, "fault", str(error))
        except Exception as error:  # whatever it is, the others are still looked at
            told = f"{type(error).__name__}: {first_line(error)}"
            yield Finding(what, "fault", f"{told}; install again with: {installation.reinstalling()}")


def _system() -> Iterator[Finding]:
    cores = available_cores()
    system = f"Python {platform.python_version()} on {platform.platform(terse=True)}, {platform.machine()}"
    yield Finding("system", "works", f"{system}; {cores} core{'s' if cores > 1 else ''}")


def _packages() -> Iterator[Finding]:
    place = installation.checkout()
    came = f" from {place}" if place else ""
    found = {name: _version(name) for name in (*_RUNTIMES, *_PACKAGES)}
    listed = ", ".join(f"{name} {known}" for name, known in found.items() if known)
    yield Finding("packages", "works", f"bunraku {installation.version()}{came}; {listed}")
    if missing := [name for name in _PACKAGES if not found[name]]:
        told = f"{', '.join(missing)} missing; install with: {installation.installing_packages(*missing)}"
        yield Finding("packages", "fault", told)
    builds = [name for name in _RUNTIMES if found[name]]
    if len(builds) > 1:
        told = f"{' and '.join(builds)} overwrite one another; uninstall both, then: {installation.reinstalling()}"
        yield Finding("packages", "fault", told)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _names() -> Iterator[Finding]:
    """Only faults: files of the user's own that are called as ours are."""
    yield from (Finding("names", "fault", told) for name in _OURS if (told := not_own(name)))


def _temporary() -> Iterator[Finding]:
    folder = tempfile.gettempdir()
    with tempfile.TemporaryFile():
        pass
    room = _free(folder)
    if room is not None and room < _ROOM:
        told = f"{folder} has {room / 1e6:.0f} MB left; free some, or set TMPDIR to another folder"
        yield Finding("temporary files", "fault", told)


def _free(folder: str) -> int | None:
    try:
        found = os.statvfs(folder)
    except (AttributeError, OSError):  # Windows has none
        return None
    return found.f_bavail * found.f_frsize


def _ffmpeg() -> Iterator[Finding]:
    program = executable()
    chosen = ", chosen by IMAGEIO_FFMPEG_EXE" if os.environ.get("IMAGEIO_FFMPEG_EXE") else ""
    again = installation.installing_packages("--force-reinstall", "imageio-ffmpeg")
    advice = "unset IMAGEIO_FFMPEG_EXE" if chosen else f"install it again with: {again}"
    try:
        told = _said(program, "-version")
        encoders = set(re.findall(r"^ [VAS.]\S+ (\S+)", _said(program, "-encoders"), re.MULTILINE))
    except (OSError, subprocess.SubprocessError) as error:
        yield Finding("ffmpeg", "fault", f"{program}{chosen} does not run ({first_line(error)}); {advice}")
        return
    number = told.split(" ")[2] if told.startswith("ffmpeg version ") else "of an unknown version"
    lacking = [name for name in _ENCODERS if name not in encoders]
    if lacking:
        cannot = ", ".join(_ENCODERS[name] for name in lacking)
        yield Finding("ffmpeg", "fault", f"{program}{chosen} cannot write {cannot} ({', '.join(lacking)}); {advice}")
    else:
        yield Finding("ffmpeg", "works", f"{number}, writes {', '.join(_ENCODERS.values())} ({program}{chosen})")


def _said(program: str, word: str) -> str:
    done = subprocess.run(
        [program, "-hide_banner", word], capture_output=True, text=True, errors="replace", timeout=30, check=True
    )
    return done.stdout


def _model(model: str, sample: Sample, device: str) -> Iterator[Finding]:
    """The model, and what needs one."""
    bundle = load_model(model)
    size = sum(graph.bytes for graph in bundle.graphs.values()) / 1e6
    side, out, work = bundle.resolution, bundle.side_out, gflops(bundle)
    sizes = f"{side}x{side}" if out == side else f"{side}x{side} in, {out}x{out} out"
    cost = "" if work is None else f", {as_work(work)} a frame"
    words = f"{bundle.name} ({bundle.family}, {sizes}, {size:.0f} MB{cost}), all hashes right"
    yield Finding("model", "works", words)
    for name in (name for name in DEVICES if name not in ("auto", "cuda-graphs")):  # the latter is cuda's
        yield _device(bundle, name)
    try:
        yield _self_test(bundle, sample, device)
    except BunrakuError as error:
        yield Finding("self-test", "fault", str(error))


def _device(bundle: Bundle, device: str) -> Finding:
    try:
        Engine(bundle, device=device)  # type: ignore[arg-type]  # one of DEVICES
    except BunrakuError as error:
        return Finding(f"device {device}", "fault" if device == "cpu" else "absent", str(error))
    return Finding(f"device {device}", "works", "runs the model")


def _self_test(bundle: Bundle, sample: Sample, device: str) -> Finding:
    begin, first = time.monotonic(), 0.0

    def report(done: int, total: int | None) -> None:
        nonlocal first
        first = first or time.monotonic() - begin

    with tempfile.TemporaryDirectory(prefix="bunraku-") as folder:
        output = Path(folder, "sample.mp4")
        engine = Engine(bundle, device=device)  # type: ignore[arg-type]  # checked by the engine
        rate = _FEWER if speed(bundle) == "heavy" else None
        animation = animate(*sample, model=engine, output=output, end=_SECONDS, fps=rate, progress=report)
        took = time.monotonic() - begin
        frames = [frame.astype(np.int16) for frame in animation]
    moved = max(float(np.abs(frame - frames[0]).mean()) for frame in frames)
    if not moved > 0.5:
        told = "the sample was written but does not move; please report it with what stands above"
        return Finding("self-test", "fault", told)
    where = engine.device
    words = f"{len(frames)} frames of the sample moved in {took:.1f} s on {where}, the first after {first:.1f} s"
    return Finding("self-test", "works", words)


def _extras() -> Iterator[Finding]:
    for extra, (use, modules) in _EXTRAS.items():
        missing = [name for name in modules if find_spec(name) is None]
        if missing:
            told = f"needs {', '.join(missing)}; install with: {installation.installing(extra)}"
            yield Finding(use, "absent", told)
        else:
            yield Finding(use, "works", "is installed")
