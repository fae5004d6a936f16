"""Bundles of ONNX graphs: their format, where they are found, and the embedded default model.

ONNX Runtime as its makers ship it reports its use to them, seconds after it is loaded, and leaves a file `.ses` in the
temporary folder. It asks once, when it is loaded, whether it may: every part of Bunraku that loads it imports this
package first.
"""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
