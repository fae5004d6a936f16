"""Training of motion transfer models in PyTorch. Nothing here is needed to animate."""

import checkpoints  # noqa: F401  (before ONNX Runtime, which would report its use)
