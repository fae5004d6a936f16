"""Every kind of stage that ready configurations have, on devices that are not there: a GPU must not be where it fails
first.
"""

import sys
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from no_device import Fetched, fake_cuda, mixed_precision
from tiny_run import thin_vgg19
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

from training.config import RunConfig, Stage, load_config
from training.losses.adversarial import PatchDiscriminator
from training.losses.perceptual import PerceptualPyramid
from training.models.registry import build
from training.objectives import ADVERSARIAL, Objective, Schedule

CONFIGS = sorted((Path(__file__).parents[2] / "training" / "configs").glob("*.toml"), key=lambda path: path.stem)
HALVES = (torch.bfloat16, torch.float16)


def loaded(name: str) -> RunConfig:
    return load_config(name, ["data.path=somewhere"])


def kind(config: RunConfig, stage: Stage) -> str:
    """What of a stage and its model has a say in types and devices: which losses, networks and switches there are, not
    how large, wide or heavy something is.
    """
    switches = {name: value for name, value in config.model.items() if isinstance(value, bool | str) or not value}
    losses = sorted(name for name, weight in stage.losses.items() if weight)
    used = {name: getattr(stage, name) not in (None, False, 1, ()) for name in USED}
    return repr((config.family, config.data.views, sorted(switches.items()), losses, stage.train, used))


USED = (
    *("coarse", "eval_mode", "focus", "joint_detection", "spline_dropout", "teacher"),
    *("true_background", "true_flow", "true_motion"),
)
"""Of a stage, whatever else the objective reads."""


def distinct() -> dict[str, list[str]]:
    """Names of the stages of each configuration that are of no kind that an earlier one has."""
    seen, found = set(), {}
    for path in CONFIGS:
        config = loaded(path.stem)
        new = {kind(config, stage): stage.name for stage in config.stages}
        if chosen := [name for what, name in new.items() if what not in seen]:
            found[path.stem] = chosen
        seen |= set(new)
    return found


READY = distinct()


def batch(size: int, device: str, config: RunConfig) -> dict[str, torch.Tensor]:
    """Everything a data set could give, for two pairs."""
    maps = (2, 64, 64)
    made = {
        "source": torch.rand(2, 3, size, size),
        "driving": torch.rand(2, 3, size, size),
        "seed": torch.arange(2),
        "source_points": torch.rand(2, 50, 2) - 0.5,
        "driving_points": torch.rand(2, 50, 2) - 0.5,
        "source_visible": torch.ones(2, 50, dtype=torch.bool),
        "driving_visible": torch.ones(2, 50, dtype=torch.bool),
        "source_turn": torch.eye(3).repeat(2, 1, 1),
        "driving_turn": torch.eye(3).repeat(2, 1, 1),
        "flow": torch.rand(*maps, 2) - 0.5,
        "flow_visible": torch.ones(maps, dtype=torch.bool),
        "background": torch.eye(3).repeat(2, 1, 1),
    }
    if config.data.views > 1:
        made["references"] = torch.rand(2, config.data.views - 1, 3, size, size)
    return {name: value.to(device) for name, value in made.items()}


def objective(config: RunConfig, device: str) -> Objective:
    """On `device`, its perceptual network with fresh weights."""
    with torch.device(device):
        model = build(config.family, config.model)
        backbone = thin_vgg19()
        result = Objective(model, lambda: backbone)
        if any(ADVERSARIAL & set(stage.losses) for stage in config.stages):
            result.add_discriminator(config.discriminator)
    return result


def stages(config: RunConfig, of: Objective, chosen: Collection[str] = ()):
    """Each stage of a run, or the `chosen` ones, begun, with the components that it trains."""
    for stage in config.stages:
        if chosen and stage.name not in chosen:
            continue
        for name, component in of.model.named_children():
            component.requires_grad_(not stage.train or name in stage.train)
            component.train(not stage.train or name in stage.train)
        of.start_stage(replace(stage, background_from=min(stage.background_from, 0)), None)
        yield stage


@pytest.fixture(autouse=True)
def in_place(monkeypatch):
    """Modules of fake tensors cannot be moved; these are where they belong already."""
    for module in (PerceptualPyramid, PatchDiscriminator):
        monkeypatch.setattr(module, "to", lambda self, device: self)


@pytest.mark.skipif(sys.platform != "linux", reason="fake CUDA tensors are made here by a trick of Linux builds")
@pytest.mark.parametrize("name", READY)
def test_every_stage_under_cudas_mixed_precision(name):
    """Types go together under CUDA's own rules, no tensor was left on the host, and nothing waits for a value."""
    config = loaded(name)
    with fake_cuda():
        trained = objective(config, "cuda:0")
        for stage in stages(config, trained, READY[name]):
            for dtype in HALVES if name.endswith("-lite") else HALVES[:1]:
                with mixed_precision("cuda", dtype), Fetched() as fetched:
                    losses = trained(batch(stage.size, "cuda:0", config), Schedule(20, 0))
                assert set(losses) >= {"pixel"} & set(stage.losses)
                assert {(value.device.type, value.dtype) for value in losses.values()} == {("cuda", torch.float32)}
                assert fetched.names == [], stage.name


@pytest.mark.parametrize("name", READY)
def test_every_stage_on_the_meta_device(name):
    """Forward and backward without a value, in float32: nothing in them depends on what a tensor holds."""
    config = loaded(name)
    trained = objective(config, "meta")
    for stage in stages(config, trained, READY[name]):
        losses = trained(batch(stage.size, "meta", config), Schedule(20, 0))
        torch.stack(list(losses.values())).sum().backward()
        assert any(each.grad is not None for each in trained.model.parameters()), stage.name


@pytest.mark.parametrize("dtype", HALVES, ids=str)
@pytest.mark.parametrize("name", ["faces-lite", "fomm-lite", "hdam-lite", "mraa-lite", "dime-lite"])
def test_gradients_under_mixed_precision(name, dtype):
    """Backward, too, with the types of mixed precision; one configuration of every family."""
    config = loaded(name)
    with FakeTensorMode():
        trained = objective(config, "cpu")
        for stage in stages(config, trained):
            with mixed_precision("cpu", dtype):
                losses = trained(batch(stage.size, "cpu", config), Schedule(20, 0))
            torch.stack(list(losses.values())).sum().backward()
            for each in trained.model.parameters():
                assert each.grad is None or each.grad.dtype == torch.float32


def test_what_these_tests_would_see():
    """A value that is asked for, and a tensor that is fetched, do not go unnoticed."""
    with fake_cuda(), Fetched() as fetched:
        values = torch.ones(3, device="cuda:0")
        with pytest.raises(DataDependentOutputException):
            float(values.sum())
        with pytest.raises(RuntimeError, match="device"):
            values + torch.ones(3)
        values.cpu()
    assert len(fetched.names) == 1
    with FakeTensorMode(), pytest.raises(RuntimeError, match="should be the same"):
        torch.nn.functional.conv2d(torch.zeros(1, 3, 8, 8), torch.zeros(2, 3, 3, 3), torch.zeros(2).half())
