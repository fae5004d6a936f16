"""The C++ of `source/`, compiled for this very processor when a run starts: two seconds, where there is a compiler.

Own code, since no library has these chains of operations in one pass with their gradients. Without a compiler torch
computes everything.
"""

from __future__ import annotations

import ctypes
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import torch
from torch import Tensor

from checkpoints.errors import BunrakuWarning

SOURCE = Path(__file__).parent / "source" / "kernels.cpp"
FLAGS = (
    *("-std=c++17", "-O3", "-fopenmp", "-shared", "-fPIC"),
    # Not -ffast-math: a library linked with it has the whole process flush small numbers to zero.
    *("-fno-math-errno", "-fno-trapping-math", "-fno-signed-zeros"),
)
TUNED = (("-march=native", "-mprefer-vector-width=512"), ("-march=native",), ("-mcpu=native",), ())
"""What compilers take to write for this processor, the first that they take."""
_NAMES = {torch.float32: "float", torch.bfloat16: "bf16", torch.uint8: "bytes", torch.int16: "words"}
_opened: list[ctypes.CDLL | None] = []


def load_kernels() -> bool:
    """Compile and open the kernels, once for the process; False where that cannot be, which a warning tells.

    `BUNRAKU_KERNELS=0` in the environment leaves them out; `CXX` names the compiler. Linux only, where torch and
    compilers have one OpenMP in common: two in a process would take each other's cores.
    """
    if not _opened:
        wanted = os.environ.get("BUNRAKU_KERNELS") != "0" and sys.platform == "linux"
        _opened.append(_compiled() if wanted else None)
    return _opened[0] is not None


def usable(*tensors: Tensor | None) -> bool:
    """Whether the kernels are there and take these tensors, on the CPU, of one type, with values of their own, and what
    mixed precision makes of them.
    """
    if not _opened or _opened[0] is None or torch.compiler.is_exporting() or torch.compiler.is_compiling():
        return False
    if torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") not in _NAMES:
        return False
    given = [each for each in tensors if each is not None]
    kind = given[0].dtype
    return kind in _NAMES and all(
        type(each) is Tensor and each.device.type == "cpu" and each.dtype == kind for each in given
    )


def call(name: str, kind: torch.dtype, *arguments: Tensor | float | None) -> None:
    """Run the kernel `name` for values of type `kind`; tensors go as the addresses of their values."""
    assert _opened
    function = getattr(_opened[0], f"{name}_{_NAMES[kind]}")
    function(*(_argument(each) for each in arguments))


def _argument(value: Tensor | float | None) -> ctypes.c_void_p | ctypes.c_int64 | ctypes.c_float:
    if value is None:
        return ctypes.c_void_p(None)
    if isinstance(value, Tensor):
        return ctypes.c_void_p(value.data_ptr())
    return ctypes.c_float(value) if isinstance(value, float) else ctypes.c_int64(value)


def _compiled() -> ctypes.CDLL | None:
    """The kernels, or None after a warning."""
    compiler = os.environ.get("CXX") or next(filter(shutil.which, ("g++", "clang++", "c++")), "")
    said = "there is no C++ compiler (g++, clang++)"
    for tuned in TUNED if compiler else ():
        with tempfile.TemporaryDirectory() as folder:
            library = Path(folder) / "kernels.so"
            command = [*shlex.split(compiler), *FLAGS, *tuned, str(SOURCE), "-o", str(library)]
            try:
                done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=120)
                if done.returncode == 0:
                    return ctypes.CDLL(str(library))  # open, it needs its file no more
                said = done.stderr.strip()[:300]
            except (OSError, ValueError, subprocess.SubprocessError) as error:
                said = str(error)
    warnings.warn(f"training without its own kernels, a third slower: {said}", BunrakuWarning, stacklevel=4)
    return None
