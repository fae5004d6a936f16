"""CUDA tensors without CUDA: fake ones, which know shape, type and device of what is computed and no values."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

_CUDA, _META = 1, 14
"""Numbers of these devices in torch's enumeration (`c10/core/DeviceType.h`)."""


@contextmanager
def fake_cuda() -> Iterator[FakeTensorMode]:
    """Makes fake CUDA tensors where torch was built without CUDA.

    Such a build has nobody who would switch between CUDA's devices, which even fake tensors ask for: whoever does
    nothing for meta tensors does so for these, too. Operators of one process only, put back in the end.
    """
    library = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libc10.so"))
    guards = (ctypes.c_void_p * (_META + 1)).in_dll(library, "_ZN3c104impl26device_guard_impl_registryE")
    before = guards[_CUDA]
    if not before:
        guards[_CUDA] = guards[_META]
    try:
        with FakeTensorMode() as mode:
            yield mode
    finally:
        guards[_CUDA] = before


@contextmanager
def mixed_precision(kind: str, dtype: torch.dtype) -> Iterator[None]:
    """`torch.autocast(kind, dtype)`, which would refuse CUDA where there is none."""
    before = torch.get_autocast_dtype(kind)
    torch.set_autocast_enabled(kind, True)
    torch.set_autocast_dtype(kind, dtype)
    torch.autocast_increment_nesting()
    try:
        yield
    finally:
        torch.autocast_decrement_nesting()
        torch.clear_autocast_cache()
        torch.set_autocast_enabled(kind, False)
        torch.set_autocast_dtype(kind, before)


class Fetched(TorchDispatchMode):
    """Collects operators that bring a CUDA tensor to the host: each makes the host wait for the GPU."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        given = next((each for each in args if isinstance(each, torch.Tensor)), None)
        if isinstance(result, torch.Tensor) and given is not None and given.is_cuda and not result.is_cuda:
            self.names.append(str(function))
        return result
