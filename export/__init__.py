"""From a trained checkpoint to a bundle of ONNX graphs that needs neither PyTorch nor this package to run."""

import checkpoints  # noqa: F401  (before ONNX Runtime, which would report its use)
