"""Training of motion transfer models in PyTorch. Nothing here is needed to animate."""

import checkpoints  # noqa: F401  (before ONNX Runtime, which would report its use)
from training.allocation import ask_for_huge_pages

ask_for_huge_pages()  # before there is a tensor: torch asks once
