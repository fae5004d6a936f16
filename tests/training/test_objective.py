"""Losses with known answers, and one step of every ready configuration."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_run import TINY_FIRST_ORDER, TINY_MODEL, thin_vgg19

from checkpoints.errors import OptionError
from training.config import Stage, load_config
from training.losses import equivariance, pixels, truth
from training.losses.backbones import _vgg19_stages, efficientnet_lite0, vgg19
from training.losses.perceptual import PerceptualPyramid
from training.models.liveportrait.config import VolumeConfig
from training.models.parts.random_warp import RandomWarp
from training.models.parts.sampling import coordinate_grid
from training.models.registry import build
from training.objectives import ADVERSARIAL, LOSSES, Objective, Schedule
from training.objectives.batch_pass import Pass
from training.objectives.space import SPACE_LOSSES

WIDEST = {
    **dict.fromkeys(("detector_width", "detector_block_expansion", "dense_block_expansion", "block_expansion"), 8),
    **dict.fromkeys(("detector_max_features", "dense_max_features", "max_features"), 32),
    "background_width": 8,
    "disentangle_widths": (16, 16, 16),
}
"""Channels that are enough for one step."""

SMALLEST_VOLUME = {
    "resolution": 64,
    "volume_blocks": 1,
    "motion_depths": (1, 1, 1, 1),
    "motion_widths": (8, 8, 16, 16),
    **dict.fromkeys(("appearance_width", "volume_channels", "volume_depth", "dense_width", "generator_hidden"), 8),
    **dict.fromkeys(("dense_max", "warped_width", "generator_width"), 32),
    **dict.fromkeys(("dense_blocks", "generator_blocks", "canonical_blocks"), 1),
}
"""The same for families whose features lie in space: a convolution there costs a hundred of those in the plane."""

READY = sorted((Path(__file__).parents[2] / "training" / "configs").glob("*.toml"))

ANCHORS = {"dam", "hdam_root", "hdam", "orthogonality", "completeness"}
NOT_PLAIN_TPSMM = ANCHORS | {"smoothness", "equivariance_jacobian", "equivariance_affine", *SPACE_LOSSES}
TPSMM_LOSSES = [name for name in LOSSES if name not in NOT_PLAIN_TPSMM | ADVERSARIAL and not name.startswith("distil_")]


def batch(size: int, pairs: int = 2, points: int = 50) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        "source": torch.rand(pairs, 3, size, size, generator=generator),
        "driving": torch.rand(pairs, 3, size, size, generator=generator),
        "seed": torch.arange(pairs),
        "source_points": torch.rand(pairs, points, 2, generator=generator) - 0.5,
        "driving_points": torch.rand(pairs, points, 2, generator=generator) - 0.5,
        "source_visible": torch.ones(pairs, points, dtype=torch.bool),
        "driving_visible": torch.ones(pairs, points, dtype=torch.bool),
        "flow": coordinate_grid(64, 64, torch.zeros(())).expand(pairs, -1, -1, -1).clone(),
        "flow_visible": torch.ones(pairs, 64, 64, dtype=torch.bool),
        "background": torch.eye(3).repeat(pairs, 1, 1),
        "source_turn": torch.eye(3).repeat(pairs, 1, 1),
        "driving_turn": torch.eye(3).repeat(pairs, 1, 1),
    }


def test_flow_loss_is_the_end_point_error_where_visible():
    flow = coordinate_grid(8, 8, torch.zeros(())).expand(2, -1, -1, -1)
    moved = flow + torch.tensor([0.3, 0.4])
    visible = torch.zeros(2, 8, 8, dtype=torch.bool)
    visible[:, :4] = True
    hidden_wrong = moved.clone()
    hidden_wrong[:, 4:] += 7
    assert truth.flow_loss(flow, flow, visible) < 1e-3
    assert truth.flow_loss(hidden_wrong, flow, visible) == pytest.approx(0.5, abs=1e-4)


def test_flow_of_no_motion_costs_nothing_at_any_size():
    grids = {size: coordinate_grid(size, size, torch.zeros(1))[None] for size in (8, 16)}
    seen = torch.ones(1, 16, 16, dtype=torch.bool)
    assert truth.flow_loss(grids[8], grids[16], seen) < 1e-3


def test_hidden_points_count_less_than_visible_ones():
    points = torch.zeros(1, 2, 2)
    wrong = torch.tensor([[[0.5, 0.0], [0.0, 0.0]]])
    seen = truth.points_loss(points, wrong, torch.tensor([[True, True]]))
    hidden = truth.points_loss(points, wrong, torch.tensor([[False, True]]))
    assert hidden == pytest.approx(float(seen) * truth.HIDDEN_WEIGHT)


def focused(*splines: int, weight: float = 5.0) -> Pass:
    return Pass(build("tpsmm", TINY_MODEL), batch(64), focus=splines, focus_weight=weight)


def test_focus_weighs_points_of_its_splines_and_leaves_the_mean():
    weight = focused(1).point_weight(6)
    assert weight.mean() == pytest.approx(1)
    assert weight.tolist() == pytest.approx([1 / 3] * 3 + [5 / 3] * 3)
    error = torch.zeros(1, 6, 2)
    error[0, 5, 0] = 0.5
    seen = torch.ones(1, 6, dtype=torch.bool)
    plain = truth.points_loss(error, torch.zeros(1, 6, 2), seen)
    assert truth.points_loss(error, torch.zeros(1, 6, 2), seen, weight=weight) == pytest.approx(float(plain) * 5 / 3)
    assert focused().point_weight(6) is None


def test_focus_weighs_the_places_about_its_points():
    run = focused(0)
    points, _ = run.surface_points("driving", 6)
    weight = run.place_weight((64, 64))
    assert weight.shape == (2, 1, 64, 64)
    assert 1 <= weight.min() < 1.1
    at_points = torch.nn.functional.grid_sample(weight, points[:, None, :3], align_corners=True)
    assert at_points.min() > 4
    assert focused().place_weight((64, 64)) is None


def test_focus_asks_for_what_lies_there():
    """The same error costs more inside the focus than outside, in every loss of pictures and flow."""
    weight = torch.ones(1, 1, 16, 16)
    weight[..., :8] = 4
    left, right, none = torch.zeros(3, 1, 3, 16, 16)
    left[..., 2:6, 2:6], right[..., 2:6, 10:14] = 1, 1
    for loss in (pixels.pixel_loss, pixels.gradient_loss):
        assert loss(left, none, weight) == pytest.approx(4 * float(loss(right, none, weight)))
        assert loss(left, none) == pytest.approx(float(loss(right, none)))
    grid = coordinate_grid(16, 16, torch.zeros(1))[None]
    seen = torch.ones(1, 16, 16, dtype=torch.bool)
    inside, outside = grid.clone(), grid.clone()
    inside[:, :, :8] += 1
    outside[:, :, 8:] += 1
    costs = [float(truth.flow_loss(flow, grid, seen, weight)) for flow in (inside, outside)]
    assert costs[0] == pytest.approx(4 * costs[1], rel=0.01)


@pytest.mark.parametrize("family", ["tpsmm", "fomm"])
def test_focus_on_splines_that_are_not_there(family):
    model = build("tpsmm", TINY_MODEL) if family == "tpsmm" else build("fomm", TINY_FIRST_ORDER)
    with pytest.raises(OptionError, match=r"splines \[4\]"):
        Pass(model, batch(64), focus=(4,)).point_weight(6)


def test_deformation_loss_sees_only_what_changes():
    """Points that are wrong alike in both frames, or move as one, cost nothing; a part that opens less does."""
    true_source, true_driving = torch.rand(2, 1, 6, 2)
    offset, move = torch.rand(1, 6, 2), torch.tensor([0.3, -0.1])
    moved = (true_driving + offset + move) - (true_source + offset)
    assert truth.shape_loss(moved, true_driving - true_source, 2) < 1e-6
    assert truth.shape_loss(0.5 * moved, true_driving - true_source, 2) > 0.01


def test_shape_loss_ignores_where_a_group_is():
    points = torch.rand(2, 10, 2)
    moved = points.clone()
    moved[:, :5] += 0.3
    moved[:, 5:] -= 0.2
    assert truth.shape_loss(moved, points, groups=2) < 1e-6


def test_displacement_loss_ignores_where_the_points_sit():
    source, driving = torch.rand(2, 10, 2), torch.rand(2, 10, 2)
    beside = torch.rand(1, 10, 2)
    seen = torch.ones(2, 10, dtype=torch.bool)
    moved = (driving + beside) - (source + beside)
    assert truth.displacement_loss(moved, driving - source, seen) < 1e-6
    assert truth.displacement_loss(moved + 0.3, driving - source, seen) > 0.1


def test_occlusion_loss_prefers_the_truth():
    visible = torch.zeros(1, 16, 16, dtype=torch.bool)
    visible[:, :8] = True
    right = visible[:, None].float()
    assert truth.occlusion_loss([right], visible) < 0.01 < 1 < truth.occlusion_loss([1 - right], visible)


def test_background_loss_is_the_distance_of_moved_places():
    identity = torch.eye(3)[None]
    shifted = identity.clone()
    shifted[:, :2, 2] = torch.tensor([0.3, -0.4])
    assert truth.background_loss(identity, identity) < 1e-3
    assert truth.background_loss(shifted, identity) == pytest.approx(0.5, abs=1e-3)


def test_gradient_loss_ignores_a_constant_offset():
    image = torch.rand(1, 3, 8, 8)
    assert pixels.gradient_loss(image + 0.1, image) < 1e-6
    assert pixels.pixel_loss(image + 0.1, image) == pytest.approx(0.1, abs=1e-6)


def test_equivariant_points_and_jacobians_cost_nothing():
    warp = RandomWarp.draw(torch.tensor([3]), torch.zeros(()), "l1")
    seen = torch.rand(1, 6, 2) - 0.5  # points found in the warped picture
    jacobians = torch.eye(2) + 0.1 * torch.rand(1, 6, 2, 2)
    carried = warp.jacobians(seen) @ jacobians
    assert equivariance.value_loss(warp.points(seen), warp.points(seen)) == 0
    assert equivariance.jacobian_loss(carried, warp.jacobians(seen), jacobians) < 1e-6
    assert equivariance.jacobian_loss(jacobians, warp.jacobians(seen), jacobians) > 1e-3


def test_a_warp_depends_on_its_seed_and_not_on_the_batch():
    points = torch.rand(1, 4, 2).expand(2, -1, -1)
    both = RandomWarp.draw(torch.tensor([5, 6]), torch.zeros(())).points(points)
    alone = RandomWarp.draw(torch.tensor([6]), torch.zeros(())).points(points[:1])
    assert torch.allclose(both[1], alone[0], atol=1e-6)
    assert not torch.allclose(both[0], both[1], atol=1e-3)


def test_perceptual_loss_grows_with_blur():
    pyramid = PerceptualPyramid(efficientnet_lite0())
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    blurred = [torch.nn.functional.avg_pool2d(image, k, 1, k // 2) for k in (3, 7)]
    losses = [float(pyramid(x, image)) for x in (image, *blurred)]
    assert losses[0] == 0 < losses[1] < losses[2]


def test_vgg19_reads_torchvisions_layout(tmp_path):
    from safetensors.torch import save_file

    positions = [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28]
    convolutions = [m for stage in _vgg19_stages() for m in stage.modules() if isinstance(m, torch.nn.Conv2d)]
    assert len(convolutions) == len(positions)
    state = {}
    for position, convolution in zip(positions, convolutions, strict=True):
        state[f"features.{position}.weight"] = torch.randn_like(convolution.weight) * 0.01
        state[f"features.{position}.bias"] = torch.zeros_like(convolution.bias)
    save_file(state, tmp_path / "model.safetensors")
    maps = vgg19(tmp_path / "model.safetensors")(torch.rand(1, 3, 32, 32))
    assert [tuple(m.shape) for m in maps] == [
        (1, 64, 32, 32), (1, 128, 16, 16), (1, 256, 8, 8), (1, 512, 4, 4), (1, 512, 2, 2)
    ]  # fmt: skip
    assert all(float(m.min()) >= 0 for m in maps)


def test_a_stage_with_true_flow_trains_the_inpainting_network_alone():
    """Under the identity as true flow, all visible, the warped source is the source; no other network is asked."""
    model = build("tpsmm", TINY_MODEL)
    objective = Objective(model, efficientnet_lite0)
    losses = {"pixel": 1.0, "warped_source": 1.0}
    objective.start_stage(Stage(name="s", steps=1, losses=losses, true_motion=True, true_flow=True), None)
    pairs = batch(64, points=6)
    axis = torch.linspace(-1, 1, pairs["flow"].shape[1])
    pairs["flow"] = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1).expand_as(pairs["flow"])
    pairs["flow_visible"] = torch.ones_like(pairs["flow_visible"])
    pairs["driving"] = pairs["source"].clone()
    found = objective(pairs, Schedule(0, 0))
    found["pixel"].backward()
    touched = {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None}
    assert touched <= {"inpainting_network"}
    assert found["warped_source"] < 1e-5


def test_the_true_background_moves_the_first_candidate():
    model = build("tpsmm", TINY_MODEL)
    pairs = batch(64, points=6)
    pairs["background"][:, 0, 2] = 0.25
    given = Pass(model, pairs, true_background=True)
    assert torch.equal(
        given.motion.extra["sparse_flows"][:, 0, 0, 0], torch.tensor([[-0.75, -1.0]] * len(given.source))
    )
    assert Pass(model, pairs).background is None


def test_a_coarse_stage_moves_on_smaller_maps_without_the_generator():
    model = build("tpsmm", TINY_MODEL)
    pairs = batch(64, points=6)
    fine, coarse = (Pass(model, pairs, true_motion=True, coarse=times).motion.flow for times in (1, 2))
    assert coarse.shape[1] * 2 == fine.shape[1]
    coarse.square().mean().backward()
    assert {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None} == {
        "dense_motion_network"
    }


def test_a_detector_that_learns_alone_is_told_of_its_own_points():
    """Not of those that an untrained second look puts in their stead: through these no gradient reaches it."""
    model = build("tpsmm", {**TINY_MODEL, "glances": [0], "glance_size": 16, "glance_width": 4})
    objective = Objective(model)
    untaught = []
    for train in (("kp_detector",), ("kp_detector", "glance_network")):
        stage = Stage(name="s", steps=1, train=train, losses={"truth_points": 1.0})
        model.zero_grad()
        objective.start_stage(stage, None)
        objective(batch(64, points=6), Schedule(0, 0))["truth_points"].backward()
        slopes = model.kp_detector.fg_encoder.fc.weight.grad.unflatten(0, (model.groups, -1))
        untaught.append((slopes.flatten(1).abs().sum(1) == 0).tolist())
    assert untaught == [[False, False], [True, False]]


def test_a_model_with_fewer_points_is_tied_to_some_of_the_true_ones():
    model = build("tpsmm", TINY_MODEL)
    pairs = batch(64, points=12)
    run = Pass(model, pairs)
    points, visible = run.surface_points("source", 6)
    assert torch.equal(points, pairs["source_points"][:, ::2])
    assert torch.equal(visible, pairs["source_visible"][:, ::2])
    with pytest.raises(OptionError, match="have 12 surface points and cannot teach 13"):
        run.surface_points("driving", 13)


@pytest.mark.parametrize("option", ["true_motion", "true_background", "true_flow"])
def test_a_stage_that_wants_the_truth_says_so_where_there_is_none(option):
    model = build("tpsmm", TINY_MODEL)
    pictures = {name: value for name, value in batch(64, points=6).items() if name in ("source", "driving", "seed")}
    with pytest.raises(OptionError, match="use synthetic data"):
        _ = Pass(model, pictures, **{option: True}).motion


@pytest.mark.parametrize("name", TPSMM_LOSSES)
def test_every_loss_is_finite_and_reaches_a_network(name):
    model = build("tpsmm", {**TINY_MODEL, "background": True, "background_width": 4, "disentangle": True})
    torch.nn.init.normal_(model.bg_predictor.bg_encoder.fc.bias)  # at the identity, its start, the loss is flat
    objective = Objective(model, efficientnet_lite0)
    objective.start_stage(Stage(name="s", steps=1, losses={name: 1.0}, background_from=0), None)
    losses = objective({**batch(64, points=6)}, Schedule(20, 0))
    losses[name].backward()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert torch.isfinite(losses[name])
    assert sum(float(g.abs().sum()) for g in gradients) > 0


def test_disentanglement_uses_true_cross_identity_pairs_where_there_are_some():
    model = build("tpsmm", {**TINY_MODEL, "disentangle": True}).eval()
    pairs = batch(64, points=6)
    stretched = Pass(model, pairs)
    assert not torch.allclose(stretched.other_motion.points, stretched.driving_motion.points)
    before, after = stretched.driving_motion.points.detach(), stretched.other_motion.points.detach()
    scale = (before * after).sum(1, keepdim=True) / before.square().sum(1, keepdim=True)
    assert torch.allclose(after, before * scale, atol=1e-5)  # one factor an axis, the same for every point
    assert float((scale - 1).abs().max()) <= 0.25 + 1e-4
    true = Pass(model, {**pairs, "target": pairs["source"]})
    assert torch.allclose(true.other_motion.points, model.detect(pairs["driving"]).points, atol=1e-5)
    assert torch.allclose(true.driving_motion.points, true.source_motion.points, atol=1e-5)


def test_spline_dropout_follows_the_published_schedule():
    objective = Objective(build("tpsmm", TINY_MODEL))
    objective.start_stage(Stage(name="s", epochs=100, losses={"pixel": 1.0}, spline_dropout=(0.1, 0.3)), None)
    found = [objective.spline_dropout(Schedule(e, 0)) for e in (0, 0.9, 1, 5, 6.7, 7, 10, 34.9, 35)]
    assert found == pytest.approx([0.1, 0.1, 0.13, 0.25, 0.28, 0.3, 0.3, 0.3, 0])


@pytest.mark.parametrize("path", READY, ids=lambda path: path.stem)
def test_every_ready_configuration_takes_a_step(path):
    config = load_config(path.stem)
    with torch.device("meta"):  # the published widths must make a model; computing with them would take minutes
        whole = build(config.family, config.model).config
    in_space = isinstance(whole, VolumeConfig)
    widest = WIDEST | SMALLEST_VOLUME if in_space else WIDEST
    narrow = {name: min(getattr(whole, name), width) for name, width in widest.items() if hasattr(whole, name)}
    model = build(config.family, {**config.model, **narrow})
    objective = Objective(model, thin_vgg19 if config.perceptual == "vgg19" else efficientnet_lite0)
    if any(ADVERSARIAL & set(stage.losses) for stage in config.stages):
        objective.add_discriminator(config.discriminator)
    for stage in config.stages:
        sizes = [getattr(model.config, name, 0) for name in ("motion_size", "detector_size")]  # what both can reduce
        if in_space:
            sizes = [model.output_resolution(model.config.resolution)]
        size = max(sizes) or stage.size
        objective.start_stage(replace(stage, background_from=min(stage.background_from, 0)), None)
        model.train()
        losses = objective(batch(size), Schedule(20, 0))
        torch.stack(list(losses.values())).sum().backward()
        assert all(torch.isfinite(value) for value in losses.values())
