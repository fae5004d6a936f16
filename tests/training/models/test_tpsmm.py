"""TPSMM against the published implementation's numbers, and the properties of its light variants."""

import pytest
import torch
from first_order_golden import FRAMES, frame
from golden_data import difference, local, pictures, shared, state
from hypothesis import given, settings
from hypothesis import strategies as st

from checkpoints.errors import OptionError
from training.config import load_config
from training.models.base import Motion
from training.models.parts.random_warp import RandomWarp
from training.models.parts.sampling import coordinate_grid
from training.models.registry import build
from training.models.tpsmm.resnet import _Every
from training.models.tpsmm.tps import solve_tps

COMPONENTS = ("kp_detector", "dense_motion_network", "inpainting_network", "avd_network", "bg_predictor")
MODES = ("standard", "relative", "avd", "bg")


@pytest.fixture(scope="module")
def golden():
    """The published configuration with the synthetic weights, and its results in every mode."""
    manifest, arrays = local("tpsmm")
    model = build("tpsmm", {}).eval()
    model.load_state_dict(state("tpsmm", manifest, COMPONENTS), strict=True)
    source, driving = pictures(arrays["source"]), pictures(arrays["driving"])
    results = {}
    with torch.no_grad():
        of_source, of_driving = model.detect(source), model.detect(driving)
        features = model.encode(source)
        motions = {
            "standard": of_driving,
            "relative": Motion(torch.from_numpy(arrays["relative_kp"])),
            "avd": model.disentangle(of_source, of_driving),
            "bg": of_driving,
        }
        background = model.background(source.expand(3, -1, -1, -1), driving)
        for mode in MODES:
            which = FRAMES[mode]
            moved = background[which] if mode == "bg" else None
            results[mode] = model.render(features, of_source, frame(motions[mode], which), moved)
    return {
        "model": model, "arrays": arrays, "source": of_source, "driving": of_driving, "features": features,
        "motions": motions, "background": background, "results": results,
    }  # fmt: skip


@pytest.mark.published
def test_keypoints_and_background(golden):
    arrays = golden["arrays"]
    assert difference(golden["source"].points[0], arrays["source_kp"])[0] < 1e-4
    assert difference(golden["driving"].points, arrays["driving_kp"])[0] < 1e-4
    assert difference(golden["motions"]["avd"].points, arrays["avd_kp"])[0] < 1e-4
    assert difference(golden["background"], arrays["bg_theta"])[0] < 1e-4


@pytest.mark.published
@pytest.mark.parametrize("mode", ["standard", "relative", "avd"])
def test_spline_parameters(golden, mode):
    arrays = golden["arrays"]
    control = golden["motions"][mode].points[1].view(10, 5, 2)
    weights, affine = solve_tps(control, golden["source"].points[0].view(10, 5, 2))
    assert difference(affine, arrays[f"{mode}_f1_tps_theta"])[0] < 1e-3
    assert difference(weights, arrays[f"{mode}_f1_tps_params"])[0] < 1e-3


def rendered(arrays, mode):
    """The arrays of `mode` that have one entry a driving frame, of the frames that were rendered."""
    names = [name for name in arrays if name.startswith(f"{mode}_") and not name.startswith(f"{mode}_f1_")]
    return {name: arrays[name][FRAMES[mode]] for name in names}


@pytest.mark.published
@pytest.mark.parametrize("mode", MODES)
def test_flow_occlusion_and_prediction(golden, mode):
    arrays, result = rendered(golden["arrays"], mode), golden["results"][mode]
    assert difference(result.flow[:, 2::4, 2::4], arrays[f"{mode}_flow_sub"])[0] < 5e-4
    assert difference(result.occlusions[0], arrays[f"{mode}_occlusion0"])[0] < 1e-3
    assert difference(result.occlusions[3][..., 4::8, 4::8], arrays[f"{mode}_occlusion3_sub"])[0] < 1e-3
    largest, mean = difference(result.image[..., 4::8, 4::8], arrays[f"{mode}_prediction_sub"])
    assert largest < 5e-3
    assert mean < 1e-4


@pytest.mark.published
@pytest.mark.parametrize("mode", MODES)
def test_full_arrays(golden, mode):
    _, full = shared("tpsmm")
    arrays, result = rendered(full, mode), golden["results"][mode]
    assert difference(golden["features"][0][0], full["source_down"])[0] < 1e-6
    assert difference(result.flow, arrays[f"{mode}_flow"])[0] < 5e-4
    for level, occlusion in enumerate(result.occlusions):
        assert difference(occlusion, arrays[f"{mode}_occlusion{level}"])[0] < 1e-3
    largest, mean = difference(result.image, arrays[f"{mode}_prediction"])
    assert largest < 1e-2
    assert mean < 3e-4
    if mode == "standard":
        sparse = result.extra["sparse_flows"][1, :, 2::4, 2::4]
        assert difference(sparse, full["standard_f1_sparse_motion_sub"])[0] < 1e-3
        assert difference(result.masks[1], full["standard_f1_mask"])[0] < 1e-3


@pytest.mark.published
def test_random_warp_is_the_published_one(golden):
    arrays = golden["arrays"]
    warp = RandomWarp(torch.from_numpy(arrays["rand_theta"]), torch.from_numpy(arrays["rand_control_params"])[0])
    assert difference(warp.points(torch.from_numpy(arrays["rand_points"])), arrays["rand_warped"])[0] < 1e-6
    frame = warp.image(pictures(arrays["driving"][0]), align_corners=True)
    assert difference(frame[0, :, 4::8, 4::8], arrays["rand_frame_sub"])[0] < 1e-4


@pytest.fixture(scope="module")
def light():
    config = load_config("faces-lite")
    torch.manual_seed(0)
    return build(config.family, config.model).eval()


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2**31 - 1))
def test_residual_splines_of_equal_points_are_the_identity(light, seed):
    points = torch.rand(2, 50, 2, generator=torch.Generator().manual_seed(seed)) * 1.6 - 0.8
    candidates = light.dense_motion_network.candidates(points, points, None, 16)
    assert torch.allclose(candidates, coordinate_grid(16, 16, points).expand_as(candidates), atol=1e-4)


@pytest.mark.parametrize("size", [128, 256])
def test_light_variant_runs_at_training_sizes_with_the_same_motion_maps(light, size):
    image = torch.rand(2, 3, size, size)
    with torch.no_grad():
        result = light(image, image.flip(3))
    assert result.image.shape == (2, 3, size, size)
    assert result.flow.shape == (2, 64, 64, 2)


def test_one_source_serves_a_batch_of_frames(light):
    source, frames = torch.rand(1, 3, 128, 128), torch.rand(3, 3, 128, 128)
    with torch.no_grad():
        features, of_source, of_frames = light.encode(source), light.detect(source), light.detect(frames)
        together = light.render(features, of_source, of_frames).image
        alone = light.render(features, of_source, Motion(of_frames.points[1:2])).image
    assert torch.allclose(together[1:2], alone, atol=1e-5)


def test_dropping_every_spline_leaves_the_background():
    model = build("tpsmm", {**load_config("faces-lite").model, "tps_residual": False}).train()
    source, driving = torch.rand(2, 3, 128, 128), torch.rand(2, 3, 128, 128)
    with torch.no_grad():
        motion = model.move(model.encode(source), model.detect(source), model.detect(driving), spline_dropout=1.0)
    assert torch.allclose(motion.flow, coordinate_grid(64, 64, source).expand(2, -1, -1, -1), atol=1e-6)


@pytest.mark.parametrize("points", [3, 5, 8])
def test_points_per_spline_can_be_chosen(points):
    model = build("tpsmm", {**load_config("faces-lite").model, "points_per_tps": points}).eval()
    with torch.no_grad():
        motion = model.detect(torch.rand(1, 3, 128, 128))
    assert motion.points.shape == (1, 10 * points, 2)


@pytest.mark.parametrize("kind", ["separable", "inverted"])
def test_kinds_of_block_learn_with_fewer_parameters(kind):
    settings = {**load_config("faces-lite").model, "inpainting_blocks": "plain"}
    torch.manual_seed(0)
    model = build("tpsmm", {**settings, "inpainting_blocks": kind, "dense_blocks": kind}).train()
    plain = build("tpsmm", settings)
    source, driving = torch.rand(2, 3, 128, 128), torch.rand(2, 3, 128, 128)
    model(source, driving).image.mean().backward()
    for name in ("dense_motion_network", "inpainting_network"):
        network = model.get_submodule(name)
        assert all(parameter.grad is not None for parameter in network.parameters())
        count = sum(parameter.numel() for parameter in network.parameters())
        assert count < 0.7 * sum(parameter.numel() for parameter in plain.get_submodule(name).parameters())


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"num_tp": 3}, "model.num_tp: there is no such setting"),
        ({"num_tps": "many"}, "model.num_tps: .*integer"),
        ({"norm": "layer"}, "model.norm: .*'instance' or 'batch'"),
        ({"dense_blocks": "round"}, "model.dense_blocks: .*'plain', 'separable' or 'inverted'"),
        ({"points_per_tps": 2}, "at least 3 points"),
        ({"res_blocks": [1]}, "res_blocks needs 3 numbers"),
        ({"occlusion_widths": [4, 4, 4]}, "occlusion_widths takes at most 2 numbers"),
        ({"motion_size": 60}, "no multiple of motion_size"),
    ],
)
def test_wrong_settings_are_named(config, message):
    with pytest.raises(OptionError, match=message):
        build("tpsmm", config)


@pytest.mark.parametrize(("widths", "sizes"), [(None, [32, 64, 128, 256]), ([8], [32, 64, 128]), ([], [32, 64])])
def test_sizes_without_an_occlusion_map_of_their_own_use_the_finest(widths, sizes):
    config = {"norm": "batch", "block_expansion": 4, "max_features": 8, "dense_block_expansion": 4}
    model = build("tpsmm", {**config, "dense_max_features": 8, "background": False, "occlusion_widths": widths}).eval()
    image = torch.rand(1, 3, 256, 256)
    with torch.no_grad():
        motion = model.detect(image)
        rendered = model.render(model.encode(image), motion, motion)
        finest = model.inpainting_network.occlusion_for(3, torch.Size((256, 256)), rendered.occlusions)
    assert [occlusion.shape[-1] for occlusion in rendered.occlusions] == sizes
    assert finest.shape == (1, 1, 256, 256)
    assert rendered.image.shape == (1, 3, 256, 256)


def test_unknown_family_is_named():
    with pytest.raises(OptionError, match=r"no family 'gan'; known are .*tpsmm"):
        build("gan", {})


def test_strided_pointwise_convolutions_learn_as_they_compute():
    convolution = _Every(4, 6, 1, 2, bias=False)
    picture = torch.randn(2, 4, 8, 8, requires_grad=True)
    plain = torch.nn.functional.conv2d(picture.double(), convolution.weight.double(), stride=2)
    with torch.no_grad():
        torch.testing.assert_close(convolution(picture).double(), plain, atol=1e-5, rtol=1e-5)
    learnt = convolution(picture)
    torch.testing.assert_close(learnt.double(), plain, atol=1e-5, rtol=1e-5)
    learnt.square().sum().backward()
    (wanted,) = torch.autograd.grad(plain.square().sum(), picture)
    torch.testing.assert_close(picture.grad, wanted, atol=1e-4, rtol=1e-4)
