"""The metrics whose networks are fetched: from a Hub of our own, with small weights of the right layout."""

import argparse
import json
import sys
import types

import numpy as np
import onnx
import pytest
import torch
import torch.nn.functional as F
from hub_server import isolate_client, point_at, serving
from onnx import helper, numpy_helper
from PIL import Image
from safetensors.torch import load_file, save_file
from skimage.data import astronaut

from checkpoints.errors import ModelError
from training.commands import evaluate
from training.evaluation.networks import lpips, make_rulers, published, sface

FACE = np.ascontiguousarray(astronaut()[20:276, 100:356])


@pytest.fixture
def hub(tmp_path, monkeypatch):
    isolate_client(monkeypatch, tmp_path)
    with serving() as running:
        point_at(monkeypatch, running.url)
        yield running


def published_vgg16() -> dict[str, torch.Tensor]:
    """Random weights under torchvision's names, classifier and all, in half precision to be quick."""
    generator = torch.Generator().manual_seed(0)
    places = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
    widths = (3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)
    state = {"head.fc.weight": torch.zeros(10, 512)}
    for number, place in enumerate(places):
        before, after = widths[number : number + 2]
        scale = (2 / (9 * before)) ** 0.5
        state[f"features.{place}.weight"] = (torch.randn(after, before, 3, 3, generator=generator) * scale).half()
        state[f"features.{place}.bias"] = (torch.randn(after, generator=generator) * 0.05).half()
    return state


def lpips_by_definition(state, a, b) -> float:
    """LPIPS 0.1 in plain functions: inputs in [-1, 1], the package's own shift and scale, taps after each stage."""
    shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
    linear = load_file(lpips.LINEAR)
    x = torch.stack([torch.from_numpy(each).float() / 127.5 - 1 for each in (a, b)])
    x = ((x - shift) / scale).permute(0, 3, 1, 2)
    total = 0.0
    taps = {2: 0, 7: 1, 14: 2, 21: 3, 28: 4}
    for place in sorted(int(name.split(".")[1]) for name in state if name.endswith("weight") and "features" in name):
        if place in (5, 10, 17, 24):
            x = F.max_pool2d(x, 2)
        x = F.relu(
            F.conv2d(x, state[f"features.{place}.weight"].float(), state[f"features.{place}.bias"].float(), padding=1)
        )
        if place in taps:
            unit = x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10)
            difference = (unit[0] - unit[1]).square().mean((1, 2))
            total += float((linear[f"lin{taps[place]}"] * difference).sum())
    return total


def test_lpips_from_the_hub_is_lpips_by_its_definition(hub, tmp_path):
    state = published_vgg16()
    (tmp_path / "vgg").mkdir()
    save_file(state, tmp_path / "vgg" / lpips.FILE)
    hub.add(lpips.REPOSITORY, tmp_path / "vgg")
    a, b = FACE[::4, ::4], FACE[::-4, ::4].copy()
    (ruler,) = make_rulers("none", ["lpips"]).perceptual
    values = ruler(np.stack([a, a]), np.stack([a, b]))
    assert values[0] == 0
    assert values[1] == pytest.approx(lpips_by_definition(state, a, b), rel=1e-4)
    assert hub.downloads() == [lpips.FILE]
    make_rulers("none", ["lpips"])
    assert hub.downloads() == [lpips.FILE]  # the second time from the cache


def test_weights_of_another_network_are_refused(hub, tmp_path):
    (tmp_path / "vgg").mkdir()
    save_file({"conv.weight": torch.zeros(3)}, tmp_path / "vgg" / lpips.FILE)
    hub.add(lpips.REPOSITORY, tmp_path / "vgg")
    with pytest.raises(ModelError, match=r"VGG-16: features\.0\.weight is missing"):
        make_rulers("none", ["lpips"])


def average_colours(folder) -> None:
    """An identity network with SFace's name, input and output shape: mean colours of the picture's 128 parts."""
    folder.mkdir()
    place = helper.make_tensor_value_info("data", onnx.TensorProto.FLOAT, [1, 3, 112, 112])
    out = helper.make_tensor_value_info("fc1", onnx.TensorProto.FLOAT, [1, 128])
    weight = np.random.default_rng(0).normal(0, 0.01, (3 * 14 * 14, 128)).astype(np.float32)
    nodes = [
        helper.make_node("AveragePool", ["data"], ["small"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Flatten", ["small"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weight"], ["fc1"]),
    ]
    graph = helper.make_graph(nodes, "parts", [place], [out], [numpy_helper.from_array(weight, "weight")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), folder / sface.FILE)


def test_identity_from_the_hub_stands_in_the_table(hub, tmp_path, toy, capsys):
    average_colours(tmp_path / "sface")
    hub.add(sface.REPOSITORY, tmp_path / "sface")
    (tmp_path / "clips").mkdir()
    frames = [np.roll(FACE, 3 * step, 1) for step in range(3)]
    Image.fromarray(np.concatenate(frames, 1)).save(tmp_path / "clips" / "anna.png")
    parser = argparse.ArgumentParser()
    evaluate.add_arguments(parser)
    words = [toy, tmp_path / "clips", "--size", 256, "--also", "identity", "--json", tmp_path / "r.json", "--quiet"]
    assert evaluate.run(parser.parse_args([str(word) for word in words])) == 0
    assert "AED (↓) | CSIM (↑)" in capsys.readouterr().out
    still, _, echo = json.loads((tmp_path / "r.json").read_text())["models"]
    assert echo["reconstruction"]["metrics"]["csim"] == pytest.approx(1)
    assert echo["reconstruction"]["metrics"]["aed"] == pytest.approx(0, abs=1e-4)
    assert 0.9 < still["reconstruction"]["metrics"]["csim"] < 1  # the same face, cut out and aligned elsewhere
    assert still["reconstruction"]["metrics"]["aed"] > 0


def test_a_damaged_network_is_named(hub, tmp_path):
    (tmp_path / "sface").mkdir()
    (tmp_path / "sface" / sface.FILE).write_bytes(b"not a network")
    hub.add(sface.REPOSITORY, tmp_path / "sface")
    with pytest.raises(
        ModelError, match=r"sface_2021dec\.onnx: cannot be opened for identity.*delete the file"
    ) as caught:
        make_rulers("face-mesh", ["identity"])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("status", [404, 500])
def test_a_hub_that_fails_is_one_sentence(hub, status):
    hub.status = status
    with pytest.raises(
        ModelError, match=r"LPIPS needs model\.safetensors of timm/vgg16.*leave it out of --also"
    ) as caught:
        make_rulers("none", ["lpips"])
    assert "\n" not in str(caught.value)


class Colours(torch.nn.Module):
    """Stands for pytorch-fid's Inception, whose weights that package fetches itself: mean colours, at its shapes."""

    BLOCK_INDEX_BY_DIM = {2048: 3}  # noqa: RUF012 (as in the package)

    def __init__(self, blocks):
        super().__init__()
        assert blocks == [3]

    def forward(self, pictures):
        assert pictures.max() <= 1
        return [pictures.mean((2, 3), keepdim=True).repeat(1, 4, 1, 1)]


def test_fid_takes_pytorch_fids_features_of_pictures_in_0_1(monkeypatch):
    module = types.ModuleType("pytorch_fid.inception")
    module.InceptionV3 = Colours
    monkeypatch.setitem(sys.modules, "pytorch_fid", types.ModuleType("pytorch_fid"))
    monkeypatch.setitem(sys.modules, "pytorch_fid.inception", module)
    (network,) = make_rulers("none", ["fid"]).features
    features = network(np.stack([FACE, np.full_like(FACE, 51)]))
    assert features.shape == (2, 12)
    np.testing.assert_allclose(features[1], 0.2, atol=1e-6)
    np.testing.assert_allclose(features[0, :3], FACE.mean((0, 1)) / 255, atol=1e-4)

    def offline(blocks):
        raise OSError("no route to host")

    module.InceptionV3 = type(
        "Offline", (), {"BLOCK_INDEX_BY_DIM": {2048: 3}, "__new__": lambda cls, blocks: offline(blocks)}
    )
    with pytest.raises(ModelError, match=r"weights of pytorch-fid could not be fetched \(no route to host\); connect"):
        published.Inception()
