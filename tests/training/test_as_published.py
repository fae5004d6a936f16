"""What the published recipes say, and what the ready configurations of their names do."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from golden_data import shared
from tiny_run import TINY_FIRST_ORDER, run_config

from checkpoints.errors import OptionError
from training.config import Discriminator, RunConfig, Stage, load_config
from training.data.pairs import PairDataset
from training.losses import equivariance
from training.losses.adversarial import PatchDiscriminator
from training.models.registry import build
from training.objectives import Objective
from training.objectives.batch_pass import Pass
from training.schema import read
from training.trainer import Trainer

RECONSTRUCTION = {
    # epochs, repeats, milestones, batch, weight of the adversarial loss
    "fomm-vox": (100, 75, (60, 90), 40, 0),
    "fomm-vox-adv": (50, 75, (), 36, 1),
    "fomm-taichi": (100, 150, (60, 90), 30, 0),
    "fomm-taichi-adv": (50, 150, (), 27, 1),
    "fomm-fashion": (100, 50, (60, 90), 27, 1),
    "fomm-bair": (20, 1, (12, 18), 36, 1),
    "fomm-nemo": (100, 8, (60, 90), 36, 1),
    "fomm-mgif": (100, 25, (60, 90), 36, 1),
    "tpsmm-vox": (100, 75, (70, 90), 28, 0),
    "tpsmm-taichi": (100, 150, (70, 90), 28, 0),
    "tpsmm-ted": (100, 150, (70, 90), 12, 0),
    "tpsmm-mgif": (100, 50, (70, 90), 28, 0),
    "mraa-vox": (100, 75, (60, 90), 14, 0),
    "mraa-taichi": (100, 150, (60, 90), 14, 0),
    "mraa-ted": (100, 150, (60, 90), 6, 0),
    "mraa-ted-youtube": (100, 150, (60, 90), 20, 0),
    "mraa-mgif": (100, 50, (60, 90), 14, 0),
    "dam-vox": (100, 75, (60, 90), 48, 0),
    "hdam-vox": (100, 75, (60, 90), 48, 0),
    "dam-taichi": (100, 150, (60, 90), 48, 0),
    "hdam-taichi": (100, 150, (60, 90), 48, 0),
    "dam-mgif": (100, 25, (60, 90), 48, 1),
    "hdam-mgif": (100, 25, (60, 90), 48, 1),
    "dam-fashion": (100, 50, (60, 90), 48, 1),
    "hdam-fashion": (100, 50, (60, 90), 48, 1),
}
DISENTANGLEMENT = {
    # epochs, repeats, milestones, bottleneck
    "tpsmm-vox": (200, 300, (140, 180), 128),
    "tpsmm-taichi": (100, 150, (70, 90), 128),
    "tpsmm-ted": (30, 500, (20, 25), 128),
    "tpsmm-mgif": (100, 50, (70, 90), 128),
    "mraa-vox": (30, 2000, (20, 25), 64),
    "mraa-taichi": (30, 150, (20, 25), 64),
    "mraa-ted": (30, 150, (20, 25), 64),
    "mraa-ted-youtube": (30, 500, (20, 25), 64),
    "mraa-mgif": (60, 50, (60, 90), 64),
}
DROPOUT = {"vox": (0.1, 0.3), "taichi": (0.0, 0.7), "ted": (0.0, 0.5), "mgif": (0.2, 0.5)}
SPECTRAL = {"fomm-bair", "fomm-nemo", "fomm-mgif", "dam-mgif", "hdam-mgif"}
"""Adversarial runs whose discriminator is normalised by its singular values."""


@pytest.mark.parametrize("name", RECONSTRUCTION)
def test_a_recipe_of_a_papers_name_is_the_published_one(name) -> None:
    config = load_config(name)
    stage = config.stages[0]
    assert (stage.epochs, config.data.repeats, stage.milestones, stage.batch, stage.losses.get("adversarial", 0)) == (
        RECONSTRUCTION[name]
    )
    assert (stage.lr, stage.betas) == (2e-4, (0.5, 0.999))
    adversarial = "adversarial" in stage.losses
    assert stage.losses.get("feature_matching") == (10 if adversarial else None)
    if adversarial:
        assert config.discriminator == Discriminator(32, 4, 512, name in SPECTRAL, name.endswith("-adv"))
    assert not stage.joint_detection
    assert len(config.stages) == 1 + (name in DISENTANGLEMENT)
    if config.family == "mraa":
        assert stage.losses["equivariance"] == stage.losses["equivariance_affine"] == 10
    if config.family == "tpsmm":
        assert stage.spline_dropout == DROPOUT[name.partition("-")[2]]


@pytest.mark.parametrize("name", DISENTANGLEMENT)
def test_disentanglement_is_as_long_as_published(name) -> None:
    config = load_config(name)
    stage = config.stages[1]
    with torch.device("meta"):
        model = build(config.family, config.model).config
    assert model.id_bottleneck == model.pose_bottleneck
    assert (stage.epochs, stage.repeats, stage.milestones, model.id_bottleneck) == DISENTANGLEMENT[name]
    assert (stage.train, stage.batch, stage.lr, stage.losses) == (("avd_network",), 256, 1e-3, {"disentangle": 1.0})


def test_every_published_recipe_is_compared() -> None:
    from pathlib import Path

    import training

    names = {path.stem for path in (Path(training.__file__).parent / "configs").glob("*.toml")}
    data = ("vox", "taichi", "ted", "ted-youtube", "mgif", "fashion", "bair", "nemo", "vox-adv", "taichi-adv")
    published = {name for name in names if name.partition("-")[2] in data}
    assert published - set(RECONSTRUCTION) == {"dime-vox", "monkeynet-vox"}  # without published code


def pairs(count: int = 3) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(4)
    pictures = {name: torch.rand(count, 3, 64, 64, generator=generator) for name in ("source", "driving")}
    return pictures | {"driving": pictures["driving"] ** 3, "seed": torch.arange(count)}


def test_a_training_detector_sees_source_and_driving_frame_apart() -> None:
    torch.manual_seed(0)
    model = build("fomm", TINY_FIRST_ORDER).train()
    batch = pairs()
    alone = [model.detect(batch[name]).points for name in ("source", "driving")]
    together = model.detect(torch.cat([batch["source"], batch["driving"]])).points.chunk(2)
    apart, joint = Pass(model, batch), Pass(model, batch, joint_detection=True)
    for index, name in enumerate(("source_motion", "driving_motion")):
        assert torch.allclose(getattr(apart, name).points, alone[index], atol=1e-4)
        assert torch.allclose(getattr(joint, name).points, together[index], atol=1e-4)
    assert (alone[0] - together[0]).abs().max() > 1e-2  # or nothing was shown
    calls = []
    model.eval().kp_detector.register_forward_hook(lambda *_: calls.append(1))
    _ = Pass(model, batch).driving_motion
    assert len(calls) == 1  # with fixed statistics it makes no difference, and one pass is faster


def axes(count: int) -> np.ndarray:
    random = np.random.default_rng(3)
    return random.normal(size=(2, count, 2, 2)) * 0.2 + np.eye(2) * np.array([0.5, -0.3])


def test_equivariance_of_axes_is_the_published_formula() -> None:
    """|I - sign(V_00) V| with V = A(X)^-1 DW A(X'), by numpy's own inverse."""
    ours, warp, theirs = axes(5), np.eye(2) + 0.1 * axes(5), -axes(5)
    value = np.linalg.inv(ours) @ (warp @ theirs)
    expected = np.abs(np.eye(2) - value * np.sign(value[..., :1, :1])).mean()
    tensors = [torch.from_numpy(each) for each in (ours, warp, theirs)]
    assert float(equivariance.affine_loss(*tensors)) == pytest.approx(expected, rel=1e-9)
    flipped = [tensors[0], tensors[1], tensors[2] * torch.tensor([1.0, -1, 1, -1, 1])[None, :, None, None]]
    assert float(equivariance.affine_loss(*flipped)) == pytest.approx(expected, rel=1e-9)
    assert float(equivariance.jacobian_loss(*tensors)) > 1.5 * expected  # which counts the sign


def test_axes_that_follow_a_warp_cost_nothing() -> None:
    there = torch.from_numpy(axes(4))
    warp = torch.eye(2, dtype=there.dtype) + 0.1 * torch.from_numpy(axes(4))
    assert float(equivariance.affine_loss(warp @ there, warp, -there)) < 1e-12


@pytest.mark.parametrize("keypoints", [False, True])
def test_the_discriminator_is_the_published_one(keypoints) -> None:
    """Unpadded 4x4 convolutions of stride 1, norms in all but the first block, averages in all but the last."""
    torch.manual_seed(1)
    config = Discriminator(block_expansion=4, num_blocks=3, max_features=16, spectral_norm=False, keypoints=keypoints)
    judge = PatchDiscriminator(3 + 5 * keypoints, config)
    image = torch.rand(2, 3 + 5 * keypoints, 40, 40)
    maps, verdict = judge(image)
    weights = [value for value in judge.state_dict().values() if value.dim() == 4]
    assert [tuple(weight.shape) for weight in weights] == [(8, 3 + 5 * keypoints, 4, 4), (16, 8, 4, 4), (16, 16, 4, 4),
                                                           (1, 16, 1, 1)]  # fmt: skip
    convolutions = [module for module in judge.modules() if isinstance(module, torch.nn.Conv2d)]
    x = image
    for index, convolution in enumerate(convolutions[:3]):
        x = F.conv2d(x, convolution.weight, convolution.bias)
        x = F.leaky_relu(F.instance_norm(x) if index else x, 0.2)
        x = F.avg_pool2d(x, 2) if index < 2 else x
        assert torch.allclose(maps[index], x, atol=1e-5)
    assert torch.allclose(verdict, F.conv2d(x, convolutions[3].weight, convolutions[3].bias), atol=1e-5)


def test_the_discriminator_has_the_shapes_of_the_published_file() -> None:
    manifest, _ = shared("fomm")
    listed = {name: tuple(shape) for name, shape, _ in manifest["components"]["discriminator"]["tensors"]}
    published = {tuple(shape) for name, shape in listed.items() if name.endswith(("weight_orig", "conv.weight"))}
    judge = PatchDiscriminator(3, Discriminator(keypoints=False))
    ours = {tuple(value.shape) for name, value in judge.state_dict().items() if value.dim() == 4}
    assert ours == published
    # The last convolution, too, is divided by its largest singular value.
    assert any(name.endswith("conv.weight_orig") and shape == (1, 512, 1, 1) for name, shape in listed.items())
    with torch.no_grad():
        assert torch.linalg.matrix_norm(judge.eval().judge.weight.flatten(1), 2) == pytest.approx(1, abs=1e-3)


def test_a_discriminator_without_heat_maps_sees_the_picture_alone() -> None:
    model = build("fomm", TINY_FIRST_ORDER)
    objective = Objective(model)
    objective.add_discriminator(Discriminator(keypoints=False))
    objective.discriminator.eval()  # in training every call takes a step towards the singular value
    run = Pass(model, pairs())
    assert objective.discriminator.layers[0][0].in_channels == 3
    assert torch.equal(objective.judged(run.target, run)[1], objective.discriminator(run.target)[1])
    objective.add_discriminator()
    assert objective.discriminator.layers[0][0].in_channels == 3 + model.config.num_points


def test_pictures_too_small_for_the_discriminator_are_refused() -> None:
    objective = Objective(build("fomm", TINY_FIRST_ORDER))
    with pytest.raises(OptionError, match="size=64 or more"):
        objective.start_stage(Stage(name="s", steps=1, size=32, losses={"adversarial": 1.0}), None)
    maps, verdict = PatchDiscriminator(3, Discriminator(keypoints=False))(torch.rand(2, 3, 64, 64))
    assert maps[-1].shape[-2:] == verdict.shape[-2:] == (2, 2)


def test_a_stage_may_draw_its_clips_more_often(tmp_path) -> None:
    stage = run_config(tmp_path)["stages"][0] | {"epochs": 2.0, "steps": 0}
    longer = stage | {"name": "more", "repeats": 12}
    config = read(RunConfig, run_config(tmp_path, stages=[stage, longer]))
    trainer = Trainer.__new__(Trainer)
    trainer.config, trainer.dataset = config, PairDataset([1, 2, 3, 4], 0)  # type: ignore[arg-type]
    trainer.accelerator = type("One", (), {"num_processes": 1})()
    assert [trainer._length(each) for each in config.stages] == [4, 48]
