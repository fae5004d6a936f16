"""Batch normalisation over all processes, on any backend: torch's own SyncBatchNorm runs on GPUs only."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class _SumOverProcesses(torch.autograd.Function):
    """All-reduce whose gradient is summed over processes too."""

    @staticmethod
    def forward(context: object, values: Tensor) -> Tensor:
        result = values.clone()
        dist.all_reduce(result)
        return result

    @staticmethod
    def backward(context: object, gradient: Tensor) -> Tensor:
        result = gradient.clone()
        dist.all_reduce(result)
        return result


class SyncedBatchNorm(_BatchNorm):
    """Like BatchNorm, with the statistics of every process's batch together; the state dict is the same."""

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() < 2:
            raise ValueError(f"expected at least 2 dimensions, got {input.dim()}")

    def forward(self, x: Tensor) -> Tensor:
        """`x` (B, C, ...)."""
        if not self.training or not dist.is_initialized():
            return super().forward(x)
        axes = [axis for axis in range(x.dim()) if axis != 1]
        values = x.float()
        count = values.new_full((1,), values.numel() / values.shape[1])
        sums = torch.cat([values.sum(axes), values.square().sum(axes), count])
        sums = _SumOverProcesses.apply(sums)
        total = sums[-1]
        mean, square = (sums[:-1] / total).chunk(2)
        variance = (square - mean.square()).clamp(min=0)
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            momentum = self.momentum if self.momentum is not None else 0.1
            with torch.no_grad():
                self.num_batches_tracked += 1
                self.running_mean.lerp_(mean, momentum)
                self.running_var.lerp_(variance * total / (total - 1), momentum)
        shape = [1, -1] + [1] * (x.dim() - 2)
        scale = (self.weight * (variance + self.eps).rsqrt()).view(shape)
        return ((values - mean.view(shape)) * scale + self.bias.view(shape)).to(x.dtype)


def synchronise(module: nn.Module) -> None:
    """Replace every batch norm inside `module` by one that sees all processes; parameters and buffers are shared."""
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm1d | nn.BatchNorm2d):
            synced = SyncedBatchNorm(child.num_features, child.eps, child.momentum)
            synced.weight, synced.bias = child.weight, child.bias
            synced.running_mean, synced.running_var = child.running_mean, child.running_var
            synced.num_batches_tracked = child.num_batches_tracked
            synced.train(child.training)
            setattr(module, name, synced)
        else:
            synchronise(child)
