"""What measures speed and memory; `python -m benchmarks --help`. Quoted figures are in RESULTS.md."""

import checkpoints  # noqa: F401  (before ONNX Runtime, which would report its use)
