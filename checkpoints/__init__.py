"""Bundles of ONNX graphs: their format, where they are found, and the embedded default model."""
