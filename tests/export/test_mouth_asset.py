"""The painter of teeth that the engine ships is the trained one, within what 8 bits round."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
import torch.nn.functional as F
from test_shape import ROOT

from checkpoints.errors import ModelError
from export.assets.mouth import convert, load_painter
from runtime.layers import teeth
from training.mouths.network import MouthPainter

TRAINED = ROOT / "checkpoints" / "trained" / "mouth.safetensors"
MOST_BYTES = 200_000


def pictures(seed):
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 8, 8, generator=generator)
    mouth = F.interpolate(coarse, size=64, mode="bilinear")
    own = torch.zeros(1, 1, 64, 64)
    own[..., 24:32, 12:52] = 1
    return mouth, own


def painted(painter, mouth, own):
    """What the graph should give."""
    with torch.no_grad():
        finer = F.interpolate(painter(mouth, own), scale_factor=teeth.FINER, mode="bicubic")
    return finer.clamp(0, 1)[0].permute(1, 2, 0).numpy() * np.array([255, 255, 255, 1])


def difference(model, painter):
    """Mean and largest difference of colours, in 1/255."""
    mouth, own = pictures(1)
    session = ort.InferenceSession(model.SerializeToString())
    (layer,) = session.run(None, {"mouth": mouth.numpy(), "own": own.numpy()})
    off = np.abs(layer[0] - painted(painter, mouth, own))[2:-2, 2:-2]  # PyTorch's kernel is another at the border
    return off[..., :3].mean(), off[..., :3].max()


def test_a_graph_paints_what_its_painter_does():
    torch.manual_seed(0)
    painter = MouthPainter().eval()
    mean, most = difference(convert(painter), painter)
    assert mean < 0.5
    assert most < 3


def test_the_shipped_graph_is_that_of_the_shipped_weights():
    shipped, made = onnx.load(teeth.MODEL), convert(load_painter(TRAINED))
    assert [node.SerializeToString() for node in shipped.graph.node] == [
        node.SerializeToString() for node in made.graph.node
    ]
    for one, other in zip(shipped.graph.initializer, made.graph.initializer, strict=True):
        np.testing.assert_allclose(onnx.numpy_helper.to_array(one), onnx.numpy_helper.to_array(other), atol=1e-6)
    assert teeth.MODEL.stat().st_size < MOST_BYTES


def test_the_shipped_graph_is_near_the_weights_before_rounding():
    painter = load_painter(TRAINED)
    mean, most = difference(onnx.load(teeth.MODEL), painter)
    assert mean < 1.5
    assert most < 16


def test_weights_of_something_else_are_refused(tmp_path):
    with pytest.raises(ModelError):
        load_painter(tmp_path / "none.safetensors")
    other = ROOT / "checkpoints" / "trained" / "faces-lite.safetensors"
    with pytest.raises(ModelError, match=r"faces-lite\.safetensors.*training\.mouths"):
        load_painter(other)
