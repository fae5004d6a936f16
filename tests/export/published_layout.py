"""Files as the authors of the families wrote them, with weights made up for any seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from golden_data import synthetic_weights

from export.published.components import BASES, STITCHING
from export.published.settings import published_of
from training.models.base import MotionModel
from training.models.liveportrait.published import NETWORKS, RETARGETING


def published(state: dict[str, torch.Tensor], family: str, extra: dict[str, Any] | None = None) -> dict[str, Any]:
    """The state by networks, with what training left beside them: an optimiser with its moments, and the epoch."""
    weight = torch.nn.Parameter(torch.ones(3))
    optimiser = torch.optim.Adam([weight])
    weight.sum().backward()
    optimiser.step()
    content: dict[str, Any] = {name: {} for name in published_of(family).networks + published_of(family).optional}
    for name, tensor in state.items():
        network, _, key = name.partition(".")
        content[network][key] = tensor
    content = {name: value for name, value in content.items() if value}
    return content | {"optimizer": optimiser.state_dict(), "epoch": 99} | (extra or {})


def drawn(
    shapes: dict[str, tuple[int, ...]], seed: int, monkeypatch: pytest.MonkeyPatch, *, plain: bool = False
) -> dict[str, torch.Tensor]:
    """Valid weights for tensors of these names and shapes, by the rules of `tests/golden/synthetic_weights.py`.

    With `plain`, without the gains and biases that keep motions well conditioned there: what a disentanglement network
    then makes of a motion is nearly singular here and there, and float32 far from float64.
    """
    usual = synthetic_weights._rng
    with monkeypatch.context() as patched:
        if plain:
            patched.setattr(synthetic_weights, "GAINS", [])
            patched.setattr(synthetic_weights, "_special_bias", lambda *_: None)
        patched.setattr(synthetic_weights, "_rng", lambda name: usual(f"{seed}/{name}"))
        made = {name: synthetic_weights.tensor(*name.split(".", 1), shape) for name, shape in shapes.items()}
    return {name: torch.from_numpy(value) for name, value in made.items()}


def untaught(model: MotionModel, seed: int) -> dict[str, torch.Tensor]:
    """Weights as a model of this kind begins with, and norm statistics that are not trivial."""
    torch.manual_seed(seed)
    for name, value in model.named_buffers():
        if name.endswith("running_mean"):
            value.normal_(0, 0.1)
        elif name.endswith("running_var"):
            value.uniform_(0.5, 1.5)
    return dict(model.state_dict())


def liveportrait_files(state: dict[str, torch.Tensor], folder: Path, subject: str = "human") -> Path:
    """The state of a LivePortrait in `folder`, as its authors' repository has it: a file for each network, weights of
    the generator's convolutions behind spectral norms, more in the last file than anybody needs. Returns `folder`.
    """
    networks: dict[str, dict[str, torch.Tensor]] = {}
    for name, value in state.items():
        network, _, key = name.partition(".")
        networks.setdefault(network, {})[key] = value.clone()
    networks["spade_generator"] = _normed(networks["spade_generator"])
    parent, (first, *_) = BASES[subject]
    base = folder / parent / first
    base.mkdir(parents=True)
    for network in NETWORKS:
        torch.save(networks[network], base / f"{network}.pth")
    stitching = folder / BASES["human"][0] / STITCHING
    stitching.parent.mkdir(parents=True, exist_ok=True)
    heads = {name: {f"module.{key}": value for key, value in networks[name].items()} for name in RETARGETING}
    torch.save(heads | {"optimizer": {"step": 3}, "lr": 0.1}, stitching)
    return folder


def _normed(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same with convolutions of blocks as PyTorch's spectral norm stores them, which divides by 3 here."""
    stored: dict[str, torch.Tensor] = {}
    for name, value in state.items():
        if not name.endswith(("conv_0.weight", "conv_1.weight", "conv_s.weight")):
            stored[name] = value
            continue
        left, _, right = torch.linalg.svd(value.flatten(1), full_matrices=False)
        norm = torch.linalg.matrix_norm(value.flatten(1), 2)
        stored |= {f"{name}_orig": 3 * value, f"{name}_u": left[:, 0].clone(), f"{name}_v": right[0] / norm}
    return stored
