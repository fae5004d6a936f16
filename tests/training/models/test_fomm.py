"""FOMM against the published implementation's numbers; Monkey-Net and light variants."""

import pytest
import torch
from first_order_golden import FRAMES, check_full, check_picture, frame, run
from golden_data import difference, local, pictures, shared

from checkpoints.errors import OptionError
from training.models.parts.random_warp import RandomWarp
from training.models.parts.sampling import coordinate_grid
from training.models.registry import build

LIGHT = {
    "detector_block_expansion": 8, "detector_max_features": 64, "detector_num_blocks": 4, "heat_kernel": 3,
    "dense_block_expansion": 8, "dense_max_features": 64, "dense_num_blocks": 4, "mask_kernel": 3,
    "block_expansion": 8, "max_features": 32, "num_bottleneck_blocks": 2, "final_kernel": 3,
}  # fmt: skip


@pytest.fixture(scope="module")
def golden():
    manifest, arrays = local("fomm")
    arrays["source"] = local("tpsmm")[1]["source"]  # the same picture, kept once
    return run("fomm", {}, manifest, arrays, ("generator", "kp_detector"), "jacobian")


def test_points_and_jacobians(golden):
    for name, motion in (("source", golden.source), ("driving", golden.driving)):
        points, jacobians = (x[0] if name == "source" else x for x in (motion.points, motion.jacobians))
        assert difference(points, golden.arrays[f"{name}_kp"])[0] < 1e-4
        assert difference(jacobians, golden.arrays[f"{name}_jacobian"])[0] < 1e-4


@pytest.mark.parametrize("mode", ["standard", "relative"])
def test_flow_occlusion_and_prediction(golden, mode):
    result = golden.results[mode]
    arrays = {name: value[FRAMES[mode]] for name, value in golden.arrays.items() if name.startswith(f"{mode}_")}
    assert difference(result.flow[:, 2::4, 2::4], arrays[f"{mode}_flow_sub"])[0] < 5e-4
    assert difference(result.occlusions[0][..., 2::4, 2::4], arrays[f"{mode}_occlusion_sub"])[0] < 1e-3
    check_picture(result.image[..., 4::8, 4::8], arrays[f"{mode}_prediction_sub"])


@pytest.mark.parametrize("mode", ["standard", "relative"])
def test_full_arrays(golden, mode):
    golden.arrays |= shared("fomm")[1]
    check_full(golden, mode)


def test_old_sampling_convention_is_a_setting(golden):
    arrays = golden.arrays
    legacy = build("fomm", {"align_corners": True}).eval()
    legacy.load_state_dict(golden.model.state_dict())
    with torch.no_grad():
        result = legacy.render(golden.features, golden.source, frame(golden.driving, slice(1, 2)))
    assert difference(result.flow[0, 2::4, 2::4], arrays["legacy_standard_f1_flow_sub"])[0] < 5e-4
    check_picture(result.image[0, :, 4::8, 4::8], arrays["legacy_standard_f1_prediction_sub"])


def test_random_warp_is_the_published_one(golden):
    arrays = golden.arrays
    weights = torch.from_numpy(arrays["rand_control_params"])[0]
    warp = RandomWarp(torch.from_numpy(arrays["rand_theta"]), weights, "l1")
    points = torch.from_numpy(arrays["rand_points"])
    assert difference(warp.points(points), arrays["rand_warped"])[0] < 1e-6
    assert difference(warp.jacobians(points), arrays["rand_jacobian"])[0] < 1e-5
    warped = warp.image(pictures(arrays["driving"][0]), align_corners=False)
    assert difference(warped[0, :, 4::8, 4::8], arrays["rand_frame_sub"])[0] < 1e-4


def test_monkey_net_is_the_zero_order_case():
    torch.manual_seed(0)
    first = build("fomm", LIGHT).eval()
    zero = build("fomm", LIGHT | {"jacobians": False}).eval()
    shared_state = {name: value for name, value in first.state_dict().items() if "jacobian" not in name}
    zero.load_state_dict(shared_state, strict=True)
    source, driving = torch.rand(1, 3, 128, 128), torch.rand(2, 3, 128, 128)
    with torch.no_grad():
        of_source, of_driving = zero.detect(source), zero.detect(driving)
        assert of_driving.jacobians is None
        result = zero.move(zero.encode(source), of_source, of_driving)
        # The jacobian maps start at the identity, so that an untrained FOMM is a Monkey-Net.
        same = first.move(first.encode(source), first.detect(source), first.detect(driving))
    shift = of_source.points - of_driving.points
    expected = coordinate_grid(64, 64, source) + shift[:, :, None, None]
    assert torch.allclose(result.extra["sparse_flows"][:, 1:], expected, atol=1e-6)
    assert torch.allclose(result.flow, same.flow, atol=1e-5)


@pytest.mark.parametrize("family", ["fomm", "mraa", "dam"])
@pytest.mark.parametrize("size", [128, 256])
def test_light_variants_run_and_learn_at_training_sizes(family, size):
    torch.manual_seed(1)
    model = build(family, LIGHT).train()
    source, driving = torch.rand(2, 3, size, size), torch.rand(2, 3, size, size)
    result = model(source, driving)
    assert result.image.shape == (2, 3, size, size)
    assert result.flow.shape == (2, 64, 64, 2)
    result.image.mean().backward()
    blind = [
        name
        for name, parameter in model.named_parameters()
        if (parameter.grad is None or not parameter.grad.isfinite().all())
        # trained by losses of their own
        and not name.startswith(("bg_predictor", "avd_network"))
        and "attention" not in name
    ]
    assert blind == []


@pytest.mark.parametrize("family", ["fomm", "mraa", "dam"])
def test_one_source_serves_a_batch_of_frames(family):
    torch.manual_seed(2)
    model = build(family, LIGHT | {"disentangle": True}).eval()
    source, frames = torch.rand(1, 3, 128, 128), torch.rand(3, 3, 128, 128)
    with torch.no_grad():
        features, of_source = model.encode(source), model.detect(source)
        motion = model.detect(frames)
        together, alone = (model.render(features, of_source, m) for m in (motion, frame(motion, slice(1, 2))))
        shape = model.disentangle(of_source, motion)
        single = model.disentangle(of_source, frame(motion, slice(1, 2)))
    assert torch.allclose(together.image[1:2], alone.image, atol=1e-4)
    assert torch.allclose(shape.points[1:2], single.points, atol=1e-5)
    assert torch.allclose(shape.jacobians[1:2], single.jacobians, atol=1e-5)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"num_kp": 3}, "model.num_kp: there is no such setting"),
        ({"jacobians": "some"}, "model.jacobians"),
        ({"detector_size": 60}, "no multiple of detector_size"),
        ({"motion_size": 16, "dense_num_blocks": 5}, "motion_size 16 cannot be halved 5 times"),
        ({"temperature": 0.0}, "must be positive"),
    ],
)
def test_wrong_settings_are_named(config, message):
    with pytest.raises(OptionError, match=message):
        build("fomm", config)
