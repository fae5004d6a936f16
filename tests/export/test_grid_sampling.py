"""Grid sampling on ONNX Runtime's fast path, and from gathers where there is none: of pictures and of volumes."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from test_rewrites import assert_same, export, operators
from torch import Tensor, nn

from export.rewrites import grid_fast, grid_gather


class Sample(nn.Module):
    """Grid sampling with a grid that reaches well outside the picture."""

    def __init__(self, aligned: bool, padding: str) -> None:
        super().__init__()
        self.aligned, self.padding = aligned, padding

    def forward(self, image: Tensor, grid: Tensor) -> Tensor:
        return F.grid_sample(image, grid, padding_mode=self.padding, align_corners=self.aligned)


def sampling_inputs() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    image = torch.randn(2, 3, 11, 17, generator=generator)
    grid = 3 * torch.rand(2, 6, 9, 2, generator=generator) - 1.5
    grid[:, 0, :4] = torch.tensor([[-1.0, -1.0], [1.0, 1.0], [0.0, 0.0], [1.0, -1.0]])
    return image, grid


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("padding", ["zeros", "border"])
def test_grid_fast_and_gather_equal_torch(aligned: bool, padding: str) -> None:
    module, inputs = Sample(aligned, padding), sampling_inputs()
    fast = export(module, *inputs)
    assert grid_fast.apply(fast) == (aligned or padding == "border")
    (sampler,) = [node for node in fast.graph if node.op_type == "GridSample"]
    assert sampler.attributes["align_corners"].as_int() == 0
    assert sampler.attributes["padding_mode"].as_string() == "zeros"
    # A coordinate on a pixel's edge may round to either side: 1e-5 of a pixel, hence the wider bound.
    assert_same(fast, module, *inputs, tolerance=2e-5)
    gather = export(module, *inputs)
    assert grid_gather.apply(gather) == 1
    assert "GridSample" not in operators(gather)
    assert_same(gather, module, *inputs, tolerance=2e-5)


def test_reflection_padding_is_left_alone() -> None:
    model = export(Sample(True, "reflection"), *sampling_inputs())
    assert grid_fast.apply(model) == 0
    assert grid_gather.apply(model) == 0


def volume_inputs() -> tuple[Tensor, Tensor]:
    """A volume whose sides all differ, and places in it, on its borders, outside, and far away."""
    generator = torch.Generator().manual_seed(2)
    volume = torch.randn(2, 3, 4, 6, 9, generator=generator)
    grid = 3 * torch.rand(2, 5, 3, 7, 3, generator=generator) - 1.5
    corners = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * 3)
    grid[:, 0, :2, :4] = corners.view(2, 4, 3)
    grid[:, 1, 0, 0] = 1e6
    return volume, grid


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("padding", ["zeros", "border"])
def test_volumes_are_sampled_by_gathers_as_by_torch(aligned: bool, padding: str) -> None:
    module, inputs = Sample(aligned, padding), volume_inputs()
    model = export(module, *inputs)
    assert grid_fast.apply(model) == 0  # the fast path is for pictures
    assert grid_gather.apply(model) == 1
    assert "GridSample" not in operators(model)
    assert operators(model).count("GatherND") == 8
    assert_same(model, module, *inputs, tolerance=2e-5)


def test_nearest_neighbours_of_a_volume_are_left_alone() -> None:
    class Nearest(nn.Module):
        def forward(self, volume: Tensor, grid: Tensor) -> Tensor:
            return F.grid_sample(volume, grid, mode="nearest", align_corners=False)

    assert grid_gather.apply(export(Nearest(), *volume_inputs())) == 0
