"""Batch norm over two processes is batch norm of both batches together: values, gradients and statistics."""

import multiprocessing
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import nn

from training.sync_norm import synchronise


def _norm(dims: int) -> nn.Module:
    norm = nn.BatchNorm2d(5) if dims == 4 else nn.BatchNorm1d(5)
    with torch.no_grad():
        norm.weight.copy_(torch.linspace(0.5, 1.5, 5))
        norm.bias.copy_(torch.linspace(-1, 1, 5))
    return nn.Sequential(norm)


def _data(dims: int, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    shape = (6, 5, 7, 3) if dims == 4 else (6, 5)
    offset = torch.linspace(-4, 4, 6).view(-1, *[1] * (dims - 1))
    x = torch.randn(shape, generator=generator) * 2 + offset
    return x.to(dtype), torch.randn(shape, generator=generator).to(dtype)


def _run(norm: nn.Module, x: torch.Tensor, gradient: torch.Tensor) -> list[torch.Tensor]:
    x = x.clone().requires_grad_()
    y = norm(x)
    y.backward(gradient)
    assert x.grad is not None
    return [y.detach(), x.grad, *(each.grad for each in norm.parameters()), *norm.buffers()]


def _half(rank: int, meeting: str, dims: int, dtype: torch.dtype, result: Path, last: bool) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=2)
    norm = _norm(dims)
    synchronise(norm)
    # Batches of different sizes: what one sees counts by how much it is.
    x, gradient = (each[:4] if rank == 0 else each[4:] for each in _data(dims, dtype))
    if last:
        x, gradient = (each.contiguous(memory_format=torch.channels_last) for each in (x, gradient))
    torch.save(_run(norm, x, gradient), result / f"{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.parametrize(
    ("dims", "dtype", "last"),
    [(4, torch.float32, False), (4, torch.float32, True), (2, torch.float32, False), (4, torch.bfloat16, True)],
)
def test_two_processes_normalise_as_one(tmp_path, dims, dtype, last):
    start = multiprocessing.get_context("spawn")
    both = [
        start.Process(target=_half, args=(rank, str(tmp_path / "meeting"), dims, dtype, tmp_path, last))
        for rank in range(2)
    ]
    for each in both:
        each.start()
    for each in both:
        each.join()
        assert each.exitcode == 0
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    ours = [torch.cat([first[i], second[i]]) for i in range(2)] + [first[i] + second[i] for i in (2, 3)] + first[4:]
    alone = _run(_norm(dims), *_data(dims, dtype))
    tolerance = {"atol": 1e-5, "rtol": 1e-5} if dtype == torch.float32 else {"atol": 0.04, "rtol": 0.02}
    for mine, theirs in zip(ours, alone, strict=True):
        torch.testing.assert_close(mine, theirs, check_dtype=False, **tolerance)
    assert ours[0].dtype == dtype
