"""What a published file may hold as a weight; told from shapes, strides and types, before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
"""Types of weights that become float32."""
COUNTERS = (torch.int64, torch.int32)
"""Types of what normalisations count batches in, which nothing reads."""
COUNTER = ".num_batches_tracked"


def problem(name: str, tensor: Tensor) -> str | None:
    """Why `tensor` is no weight, as a phrase; None where it is one."""
    if tensor.is_meta:
        return "has a shape but no values (a tensor on the device meta)"
    if tensor.layout != torch.strided:
        return f"is stored as {tensor.layout}, not as plain numbers"
    if tensor.is_quantized:
        return f"is quantised ({tensor.dtype})"
    allowed = COUNTERS if name.endswith(COUNTER) else FLOATS
    if tensor.dtype not in allowed:
        return f"is of type {tensor.dtype}, not a real number"
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        return f"claims {tensor.numel()} numbers, more than the file holds for it"
    if not tensor.is_contiguous() and 0 in tensor.stride():
        return "repeats itself (a stride of 0)"
    return None


def problems(networks: Mapping[str, Mapping[str, Tensor]], most: int) -> list[str]:
    """What is wrong with the tensors of a file, a phrase each; `most` is how many bytes all of them may take."""
    every = {f"{network}.{name}": tensor for network, state in networks.items() for name, tensor in state.items()}
    found = [f"{name} {why}" for name, tensor in every.items() if (why := problem(name, tensor))]
    if not found:
        total = sum(tensor.numel() * tensor.element_size() for tensor in every.values())
        if total > most:
            found.append(f"its tensors share storage and take {total} bytes in all, of a file of {most}")
    return found


def value_problem(name: str, tensor: Tensor) -> str | None:
    """What is wrong with the values of a weight that `problem` let through; None where nothing is."""
    if not tensor.is_floating_point():
        return None
    if not tensor.isfinite().all():
        return "not finite"
    if not tensor.to(torch.float32).isfinite().all():
        return "beyond float32"
    if name.endswith("running_var") and (tensor < 0).any():
        return "negative variances"
    return None
