"""The perceptual network's weights in a file that can be carried to a machine without its package."""

import sys

import pytest
import torch

from checkpoints.errors import ModelError
from training.bare import backbone
from training.losses.backbones import open_backbone


def test_the_carried_file_gives_the_same_maps(tmp_path, monkeypatch, capsys):
    path = tmp_path / "lite0.safetensors"
    monkeypatch.setattr(sys, "argv", ["backbone", str(path)])
    assert backbone.main() == 0
    assert capsys.readouterr().out.strip() == str(path)
    assert path.stat().st_size < 7 * 2**20
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        carried = open_backbone("efficientnet-lite0", str(path))(image)
        packaged = open_backbone("efficientnet-lite0")(image)
    assert len(carried) == len(packaged) == 5
    for ours, theirs in zip(carried, packaged, strict=True):
        assert float((ours - theirs).abs().mean()) < 0.01 * float(theirs.abs().mean())


def test_a_file_of_something_else_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"none.safetensors: holds no weights of efficientnet-lite0"):
        open_backbone("efficientnet-lite0", str(tmp_path / "none.safetensors"))
