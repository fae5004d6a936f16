"""The person finder of `runtime/layers/matte.py` from MediaPipe's weights: run once, its result lies in runtime/assets.

    python -m export.assets.segmentation selfie_segmentation.tflite runtime/assets/person.onnx

Selfie segmentation (general; Apache-2.0): the file lies in the wheel of mediapipe 0.10.21 under
mediapipe/modules/selfie_segmentation. Reading it needs the package `tflite` (2.18).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto

from export.assets.tflite import Converter

SIDE = 256
"""Height and width in pixels of what the network looks at."""


def convert(data: bytes) -> onnx.ModelProto:
    """The ONNX graph of the person finder in the TensorFlow Lite file `data`.

    In: `frame` uint8 (B, 256, 256, 3). Out: `person` f32 (B, 1, 256, 256), the probability that a pixel shows a person.
    Raises `ValueError` or `AttributeError` for another graph than the expected one.
    """
    work = Converter(data)
    work.node("Cast", ["frame"], "bytes", to=TensorProto.FLOAT)
    work.node("Div", ["bytes", work.constant("white", np.array(255, np.float32))], "scaled")
    work.node("Transpose", ["scaled"], f"t{int(work.graph.Inputs(0))}", perm=[0, 3, 1, 2])
    work.run()
    work.node("Identity", [work.output(0)], "person")
    return work.assemble("selfie_segmentation", "Selfie segmentation (general)", SIDE, {"person": [1, SIDE, SIDE]})


if __name__ == "__main__":
    onnx.save(convert(Path(sys.argv[1]).read_bytes()), sys.argv[2])
