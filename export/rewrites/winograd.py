"""3x3 convolutions with many channels by Winograd's minimal filtering, F(4x4, 3x3): 4 times fewer multiplications.

Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (CVPR 2016), equation 8: each 4x4 tile of the
result comes from the 6x6 tile d of the input around it and the filter g as

    Y = A^T [ sum over input channels of (G g G^T) * (B^T d B) ] A,

36 multiplications instead of 144. In ONNX: B^T d B is one convolution with 36 fixed 6x6 filters and stride 4 over each
channel as a picture of its own; the sum is 36 matrix products (C_out x C_in) x (C_in x tiles); A^T . A is a product
with a fixed 16x36 matrix, and `interleave` puts the tiles in place. The filters stay as 3x3 in the file: their
transform is a product of constants, which ONNX Runtime computes once when it opens the graph.

ONNX Runtime's CPU convolution is direct, so this pays where the products outweigh moving the tiles, that is with
many channels (measured in benchmarks/RESULTS.md). In float32 the result differs by some 1e-5 of the largest value.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from export.rewrites.interleave import interleave
from export.rewrites.splice import Splice, constant_of, is_plain_conv3, rewrite_convolutions, sole_user, static_shape

LEAST_CHANNELS = 96
"""Input and output channels from which the rewrite pays on a CPU."""

_FEWER = (128, 64)
"""The same, input and output: there are fewer tiles to make of results than of what is read."""

LEAST_TILES = 64
"""4x4 tiles a map from which it pays: 32x32 pixels."""

_TILE, _PATCH = 4, 6

_G = np.array(
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ]
)
_B = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
)
_A = np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]])


def _both_axes(matrix: np.ndarray) -> np.ndarray:
    """(m m, n n) float32: the (m, n) transform of one axis applied to both axes of a flattened square."""
    return np.kron(matrix, matrix).astype(np.float32)


def _pays(weight: np.ndarray, least_channels: int) -> bool:
    outputs, inputs = weight.shape[:2]
    return min(outputs, inputs) >= least_channels or (inputs >= _FEWER[0] and outputs >= _FEWER[1])


def _fits(conv: ir.Node, least_channels: int, least_tiles: int) -> tuple[int, int] | None:
    """Height and width of the map where `conv` can be rewritten and is worth it, else None."""
    shape = static_shape(conv.inputs[0])
    if not is_plain_conv3(conv) or shape is None or len(shape) != 4 or shape[2] is None or shape[3] is None:
        return None
    weight = constant_of(conv.inputs[1])
    height, width = shape[2], shape[3]
    if weight is None or height % _TILE or width % _TILE or not _pays(weight, least_channels):
        return None
    return (height, width) if height * width >= least_tiles * _TILE**2 else None


def _needs_bias(conv: ir.Node) -> bool:
    """Whether the bias shows: an instance norm takes every constant of a channel away again."""
    user = sole_user(conv.outputs[0])
    return len(conv.inputs) > 2 and not (user is not None and user.op_type == "InstanceNormalization")


def _filters(new: Splice, weight: np.ndarray) -> ir.Value:
    """(1, 36, C_out, C_in): G g G^T of every filter, from the 3x3 filters."""
    outputs, inputs = weight.shape[:2]
    taps = new.constant(weight.reshape(outputs * inputs, 9).T, "taps")
    product = new.op("MatMul", [new.constant(_both_axes(_G), "filter_transform"), taps])
    return new.op("Reshape", [product, new.constant([1, _PATCH**2, outputs, inputs], "filters_shape")])


def _patches(new: Splice, maps: ir.Value, inputs: int, height: int, width: int) -> ir.Value:
    """(B, 36, C_in, tiles): B^T d B of every tile of `maps` (B, C_in, height, width).

    Channels come before pictures meanwhile, so that ONNX Runtime joins the last transposition to the matrix product
    behind it, which reads where it is what else would be moved; for one picture the first moves nothing.
    """
    tiles = (height // _TILE) * (width // _TILE)
    kernels = _both_axes(_B).reshape(_PATCH**2, 1, _PATCH, _PATCH)
    first = new.op("Transpose", [maps], perm=[1, 0, 2, 3])
    single = new.op("Reshape", [first, new.constant([-1, 1, height, width], "single_shape")])
    steps = {"kernel_shape": [_PATCH] * 2, "strides": [_TILE] * 2, "pads": [1] * 4}
    patches = new.op("Conv", [single, new.constant(kernels, "input_transform")], **steps)
    patches = new.op("Reshape", [patches, new.constant([inputs, -1, _PATCH**2, tiles], "patches_shape")])
    return new.op("Transpose", [patches], perm=[1, 2, 0, 3])


def _rewrite_site(conv: ir.Node, height: int, width: int, known: dict[ir.Value, ir.Value]) -> None:
    """`known` are the patches of maps that convolutions before read, too."""
    new = Splice(conv)
    weight, maps = constant_of(conv.inputs[1]), conv.inputs[0]
    if weight is None or maps is None:
        raise ValueError(f"{conv.name}: the weight is not constant")
    outputs, inputs = weight.shape[:2]
    tiles = (height // _TILE) * (width // _TILE)
    if maps not in known:
        known[maps] = _patches(new, maps, inputs, height, width)
    patches = known[maps]
    products = new.op("MatMul", [_filters(new, weight), patches])  # (B, 36, C_out, tiles)
    flat = new.op("Reshape", [products, new.constant([-1, _PATCH**2, outputs * tiles], "products_shape")])
    blocks = new.op("MatMul", [new.constant(_both_axes(_A), "output_transform"), flat])
    result = interleave(new, blocks, (_TILE, _TILE), (outputs, height // _TILE, width // _TILE))
    if _needs_bias(conv):
        bias = constant_of(conv.inputs[2])
        if bias is None:
            raise ValueError(f"{conv.name}: the bias is not constant")
        result = new.op("Add", [result, new.constant(bias.reshape(-1, 1, 1), "bias")])
    new.replace(conv.outputs[0], result)


def apply(model: ir.Model, least_channels: int = LEAST_CHANNELS, least_tiles: int = LEAST_TILES) -> int:
    """Rewrite every plain 3x3 convolution that is large enough, and whose sides are multiples of 4."""
    known: dict[ir.Value, ir.Value] = {}
    return rewrite_convolutions(
        model,
        lambda conv: _fits(conv, least_channels, least_tiles),
        lambda conv, height, width: _rewrite_site(conv, height, width, known),
    )
