"""Equivariance detection, its command, and HDAM started from a DAM whose dead anchors are known."""

import argparse

import pytest
import torch
from tiny_run import TINY_FIRST_ORDER, run_config

from checkpoints.errors import InputError, ModelError
from training.checkpoint import load_model, save_model
from training.commands import anchors
from training.config import RunConfig
from training.dead_anchors import anchor_losses, dead
from training.initial import initial_model
from training.models.base import Motion
from training.models.parts.sampling import coordinate_grid
from training.models.registry import build
from training.schema import read


class _Follower(torch.nn.Module):
    """Finds the centre of what is bright (anchor 0), and believes that anchor 1 is always at one place."""

    align_corners = True
    warp_distance = "l1"

    def __init__(self, place: tuple[float, float]) -> None:
        super().__init__()
        self.place = torch.nn.Parameter(torch.tensor(place))

    def detect(self, image: torch.Tensor) -> Motion:
        grid = coordinate_grid(*image.shape[-2:], image)
        weight = image.mean(1)[..., None]
        centre = (weight * grid).sum((1, 2)) / weight.sum((1, 2))
        return Motion(torch.stack([centre, self.place.expand_as(centre)], 1))


@pytest.mark.parametrize("place", [(0.0, 0.0), (-0.8, 0.9)])
def test_an_anchor_that_follows_nothing_is_dead(place):
    grid = coordinate_grid(64, 64, torch.zeros(()))
    spot = torch.exp(-(grid - torch.tensor([0.2, -0.1])).square().sum(-1) / 0.02)
    picture = (255 * spot).byte().expand(16, 3, 64, 64)
    samples = [{"source": picture, "driving": picture, "seed": torch.arange(16) + 16 * i} for i in range(4)]
    losses = anchor_losses(_Follower(place), samples)
    assert losses.shape == (2,)
    assert losses[0] < 0.15
    assert losses[1] > 0.35
    assert dead(losses) == (1,)


def test_all_dead_or_nothing_to_measure_is_an_error():
    with pytest.raises(InputError, match="train longer"):
        dead(torch.tensor([0.5, 0.4]))
    with pytest.raises(InputError, match="no picture"):
        anchor_losses(_Follower((0.0, 0.0)), [])


@pytest.fixture
def checkpoint(tmp_path):
    torch.manual_seed(0)
    model = build("dam", {**TINY_FIRST_ORDER, "num_intermediate": 0})
    save_model(tmp_path / "dam.safetensors", model, {"licence": "Apache-2.0"})
    return tmp_path / "dam.safetensors"


def command(*words: str) -> int:
    parser = argparse.ArgumentParser()
    anchors.add_arguments(parser)
    return anchors.run(parser.parse_args(words))


def test_the_command_writes_dead_anchors_and_keeps_the_weights(checkpoint, frame_folders, tmp_path, capsys):
    before, _ = load_model(checkpoint)
    measured = tmp_path / "measured.safetensors"
    assert command(str(checkpoint), str(frame_folders), "--threshold", "1000", "-o", str(measured)) == 0
    assert capsys.readouterr().out.strip().endswith(str(measured))
    _, metadata = load_model(measured)
    assert metadata["config"]["dead_anchors"] == []
    losses = metadata["training"]["equivariance_detection"]["losses"]
    threshold = (sorted(losses)[1] + sorted(losses)[2]) / 2
    assert command(str(checkpoint), str(frame_folders), "--threshold", str(threshold)) == 0
    after, metadata = load_model(checkpoint)
    wanted = [index for index, loss in enumerate(losses) if loss > threshold]
    assert metadata["config"]["dead_anchors"] == wanted
    assert metadata["training"]["licence"] == "Apache-2.0"
    assert capsys.readouterr().out.count("dead\n") == 2
    for name, value in before.state_dict().items():
        assert torch.equal(value, after.state_dict()[name]), name


def test_only_anchors_can_be_dead(frame_folders, tmp_path):
    save_model(tmp_path / "fomm.safetensors", build("fomm", TINY_FIRST_ORDER))
    with pytest.raises(ModelError, match="fomm"):
        command(str(tmp_path / "fomm.safetensors"), str(frame_folders))


@pytest.mark.parametrize("single", [True, False])
def test_hdam_starts_from_dam_and_leaves_its_dead_anchors_out(tmp_path, single):
    torch.manual_seed(0)
    settings = {**TINY_FIRST_ORDER, "single_jacobian_map": single}
    first = build("dam", {**settings, "num_intermediate": 0, "dead_anchors": [2]})
    with torch.no_grad():
        for parameter in first.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    save_model(tmp_path / "dam.safetensors", first)
    changes = {"family": "dam", "model": {**settings, "num_intermediate": 3}, "init": str(tmp_path / "dam.safetensors")}
    model = initial_model(read(RunConfig, run_config(tmp_path, **changes))).eval()
    assert model.config.dead_anchors == (2,)
    image = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        old, new = first.eval().detect(image), model.detect(image)
    assert torch.allclose(old.points, new.points, atol=1e-6)
    assert torch.allclose(old.jacobians, new.jacobians, atol=1e-6)
    assert torch.allclose(old.extra["anchor_points"][:, -1], new.extra["anchor_points"][:, -1], atol=1e-6)
    assert new.extra["anchor_points"].shape == (2, 8, 2)
    assert (new.extra["attention"][..., 2] == 0).all()
    assert torch.allclose(new.extra["attention"].sum(-1), torch.ones(2, 3))
