"""Metrics as pure functions on arrays; every docstring names the definition and where it comes from.

Clips are uint8 (T, H, W, 3), RGB. What is measured a frame comes back as float64 (T,); the caller takes means.
"""
