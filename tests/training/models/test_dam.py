"""DAM and HDAM against numbers of the published implementation (kept outside the repository)."""

import pytest
import torch
from first_order_golden import check_full, run
from golden_data import difference, shared

from checkpoints.errors import OptionError
from training.models.registry import build

SMALL = {"detector_block_expansion": 4, "dense_block_expansion": 4, "block_expansion": 4, "num_bottleneck_blocks": 1}


@pytest.fixture(scope="module")
def golden():
    manifest, arrays = shared("dam")
    return run("dam", {"dead_anchors": [2, 3]}, manifest, arrays, ("generator", "kp_detector"), "jacobian")


@pytest.mark.published
def test_anchors_and_attention(golden):
    for name, motion in (("source", golden.source), ("driving", golden.driving)):
        found = {
            "kp": motion.extra["anchor_points"],
            "jacobian": motion.extra["anchor_jacobians"],
            "attention": motion.extra["attention"],
        }
        for key, value in found.items():
            expected = golden.arrays[f"{name}_{key}"]
            assert difference(value[0] if name == "source" else value, expected)[0] < 1e-4
    assert golden.driving.points.shape == (3, 10, 2)


@pytest.mark.published
@pytest.mark.parametrize("mode", ["standard", "relative"])
def test_flow_occlusion_and_prediction(golden, mode):
    check_full(golden, mode)


@pytest.mark.parametrize("kind", ["convolution", "linear"])
@pytest.mark.parametrize("scale", ["anchors", "channels"])
def test_attention_ignores_dead_anchors(kind, scale):
    config = SMALL | {"dead_anchors": [0, 7], "attention": kind, "attention_scale": scale, "num_intermediate": 4}
    model = build("dam", config).eval()
    with torch.no_grad():
        attention = model.detect(torch.rand(2, 3, 128, 128)).extra["attention"]
    assert attention.shape == (2, 4, 10)
    assert bool((attention[..., [0, 7]] == 0).all())
    assert torch.allclose(attention.sum(-1), torch.ones(2, 4))


def test_dam_is_hdam_without_intermediate_anchors():
    torch.manual_seed(0)
    dam, hdam = (build("dam", SMALL | {"num_intermediate": count}).eval() for count in (0, 3))
    assert "attention" not in dam.detect(torch.rand(1, 3, 128, 128)).extra
    ours, theirs = dam.state_dict(), hdam.state_dict()
    differ = {name for name in ours if ours[name].shape != theirs[name].shape}
    assert differ == {"kp_detector.kp.weight", "kp_detector.kp.bias"}
    assert all("attention_block" in name for name in set(theirs) - set(ours))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"dead_anchors": [10]}, "numbered 0 to 9"),
        ({"dead_anchors": list(range(10))}, "at least one motion anchor"),
        ({"num_intermediate": -1}, "num_intermediate is -1"),
        ({"attention": "none"}, "model.attention"),
    ],
)
def test_wrong_settings_are_named(config, message):
    with pytest.raises(OptionError, match=message):
        build("dam", config)
