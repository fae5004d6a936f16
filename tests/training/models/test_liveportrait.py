"""LivePortrait's networks against numbers of the published implementation, and of linear algebra."""

import numpy as np
import pytest
import torch
from golden_data import difference, liveportrait_state, pictures, shared
from torch import nn

from training.models.liveportrait import retargeting
from training.models.liveportrait.appearance import AppearanceExtractor
from training.models.liveportrait.config import LivePortraitConfig
from training.models.liveportrait.extractor import MotionExtractor, degrees, posed, rotation
from training.models.liveportrait.published import folded, stripped
from training.models.liveportrait.spade import SpadeGenerator
from training.models.liveportrait.warping import WarpingModule, look_shifted, look_up, volume_grid

TINY = LivePortraitConfig(
    resolution=64,
    num_points=3,
    appearance_width=4,
    volume_channels=4,
    volume_depth=4,
    volume_blocks=1,
    motion_depths=(1, 1),
    motion_widths=(8, 16),
    dense_width=4,
    dense_max=16,
    dense_blocks=2,
    compressed=2,
    warped_width=16,
    generator_width=16,
    generator_blocks=1,
    generator_hidden=8,
)


def published(component: str, module: nn.Module) -> nn.Module:
    """`module` with the golden data's weights of a `component`."""
    module.load_state_dict(folded(stripped(liveportrait_state(component))), strict=True)
    return module.eval()


@pytest.fixture(scope="module")
def arrays():
    return shared("liveportrait")[1]


def sub(values: torch.Tensor) -> torch.Tensor:
    """Every fourth slice, and every eighth row and column, as the arrays have them."""
    return values[:, 2::4, 4::8, 4::8]


@pytest.fixture(scope="module")
def golden(arrays):
    """What the networks that see pictures give of source and driving frames."""
    with torch.no_grad():
        volume = published("appearance_feature_extractor", AppearanceExtractor(LivePortraitConfig()))(
            pictures(arrays["source"])
        )
        extractor = published("motion_extractor", MotionExtractor(LivePortraitConfig()))
        frames = [pictures(arrays["source"]), pictures(arrays["driving"])]
        source, driving = (extractor(each) for each in frames)
    return volume, source, driving


def points_of(found: dict[str, torch.Tensor]) -> torch.Tensor:
    return posed(*(found[name] for name in ("points", "rotation", "expression", "scale", "translation")))


@pytest.mark.published
def test_volume_pose_and_points(golden, arrays):
    volume, source, driving = golden
    assert difference(sub(volume[0]), arrays["feature_sub"])[0] < 1e-4
    assert difference(volume[0].mean((2, 3)), arrays["feature_mean"])[0] < 1e-5
    assert difference(source["rotation"][0].T, arrays["source_R"])[0] < 1e-6
    assert difference(driving["rotation"].transpose(1, 2), arrays["driving_R"])[0] < 1e-6
    assert difference(points_of(source)[0], arrays["source_x"])[0] < 5e-6
    assert difference(points_of(driving), arrays["driving_x"])[0] < 5e-6


@pytest.mark.published
def test_stitching_eyes_and_lips(golden, arrays):
    source = points_of(golden[1])
    relative = torch.from_numpy(arrays["relative_x"])
    with torch.no_grad():
        network = published("retarget_shoulder", retargeting.stitching(21))
        stitched = retargeting.stitched(network, source, relative)
        assert difference(stitched, arrays["relative_x_stitched"])[0] < 2e-6
        for part, component in (("eye", "retarget_eye"), ("lip", "retarget_mouth")):
            network = published(component, retargeting.eyes(21) if part == "eye" else retargeting.lips(21))
            moved = retargeting.opened(network, source, torch.from_numpy(arrays[f"{part}_ratios"]))
            assert difference(moved, arrays[f"{part}_delta"])[0] < 2e-6


@pytest.mark.published
def test_deformation_and_picture(golden, arrays):
    volume, source, driving = golden
    module = published("warping_module", WarpingModule(LivePortraitConfig()))
    with torch.no_grad():
        dense = module.dense_motion_network
        found = dense(dense.squeezed(volume), points_of(source), points_of(driving)[1:])
        deformation, occlusion, masks = found
        features = module(volume, deformation, occlusion)
        picture = published("spade_generator", SpadeGenerator(LivePortraitConfig()))(features)
    assert difference(deformation[0, 8], arrays["standard_f1_deformation_slice8"])[0] < 1e-5
    assert difference(sub(masks[0]), arrays["standard_f1_mask_sub"])[0] < 1e-4
    assert difference(occlusion[0], arrays["standard_f1_occlusion"])[0] < 1e-5
    assert difference(features[0, :, 4::8, 4::8], arrays["standard_f1_warped_sub"])[0] < 3e-4
    assert difference(picture[0, :, 4::8, 4::8], arrays["standard_f1_prediction_sub"])[0] < 3e-4
    assert difference(picture[0], arrays["standard_f1_prediction"])[0] < 2e-3  # which are of 16 bits


def test_small_networks_fit_together_and_learn():
    torch.manual_seed(0)
    appearance, extractor = AppearanceExtractor(TINY), MotionExtractor(TINY)
    warping, generator = WarpingModule(TINY), SpadeGenerator(TINY)
    volume = appearance(torch.rand(2, 3, 64, 64))
    assert volume.shape == (2, 4, 4, 16, 16)
    found = extractor(torch.rand(4, 3, 64, 64))
    points = points_of(found)
    assert points.shape == (4, 3, 3)
    dense = warping.dense_motion_network
    deformation, occlusion, masks = dense(dense.squeezed(volume), points[:2], points[2:])
    assert deformation.shape == (2, 4, 16, 16, 3)
    assert torch.allclose(masks.sum(1), torch.ones(2, 4, 16, 16), atol=1e-5)
    picture = generator(warping(volume, deformation, occlusion))
    assert picture.shape == (2, 3, 128, 128)
    picture.square().mean().backward()
    for module in (appearance, extractor, warping, generator):
        blind = [
            name for name, each in module.named_parameters() if each.grad is None or not each.grad.isfinite().all()
        ]
        assert blind == []


def test_a_turn_by_three_angles():
    zero = torch.zeros(1, 1)
    down = rotation(torch.full((1, 1), 90.0), zero, zero)[0] @ torch.tensor([0.0, 1.0, 0.0])
    assert torch.allclose(down, torch.tensor([0.0, 0.0, 1.0]), atol=1e-6)
    roll = rotation(zero, zero, torch.full((1, 1), 90.0))[0] @ torch.tensor([1.0, 0.0, 0.0])
    assert torch.allclose(roll, torch.tensor([0.0, 1.0, 0.0]), atol=1e-6)
    yaw = rotation(zero, torch.full((1, 1), 90.0), zero)[0] @ torch.tensor([0.0, 0.0, 1.0])
    assert torch.allclose(yaw, torch.tensor([1.0, 0.0, 0.0]), atol=1e-6)
    every = rotation(*torch.tensor([[20.0], [-35.0], [10.0]])[:, :, None])[0]
    assert torch.allclose(every @ every.T, torch.eye(3), atol=1e-6)


def test_angles_are_means_of_bins():
    logits = torch.full((1, 66), -1e9)
    logits[0, 32] = logits[0, 33] = 0.0
    assert degrees(logits).item() == pytest.approx(0.0, abs=1e-5)
    logits[0, 33] = -1e9
    assert degrees(logits).item() == pytest.approx(-1.5, abs=1e-5)


def test_no_motion_magnifies_a_little_as_the_published_weights_expect():
    volume = torch.ones(1, 1, 4, 8, 8)
    seen = look_up(volume, volume_grid((4, 8, 8), volume)[None])[0, 0]
    assert seen[0, 0, 0] == pytest.approx(0.125)  # of a corner, half lies outside along each axis
    assert seen[1, 3, 3] == pytest.approx(1.0)


def test_spectral_norms_are_folded_as_they_are_stored():
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((3, 2, 3, 3)).astype(np.float32)
    u, v = rng.standard_normal(3).astype(np.float32), rng.standard_normal(18).astype(np.float32)
    state = {"module.conv.weight_orig": weight, "module.conv.weight_u": u, "module.conv.weight_v": v, "conv.bias": u}
    plain = folded(stripped(state))
    assert set(plain) == {"conv.weight", "conv.bias"}
    wanted = weight / (u.astype(float) @ weight.reshape(3, -1).astype(float) @ v.astype(float))
    assert difference(plain["conv.weight"], wanted)[0] < 1e-6


def test_a_shifted_grid_is_looked_up_axis_by_axis_as_at_any_places():
    torch.manual_seed(0)
    volume, shifts = torch.randn(2, 3, 4, 6, 8), torch.rand(2, 5, 3) * 3 - 1.5
    shifts[:, 0] = 0
    grid = volume_grid(volume.shape[2:], volume)
    wanted = [look_up(volume, grid + shift[:, None, None, None]) for shift in shifts.unbind(1)]
    assert torch.allclose(look_shifted(volume, shifts), torch.stack(wanted, 1), atol=2e-5)
    assert torch.equal(look_shifted(volume[:1], shifts)[0], look_shifted(volume, shifts)[0])
