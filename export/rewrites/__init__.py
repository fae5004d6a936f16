"""Exact rewrites of exported graphs: the same function, cheaper to run or running in more places.

Each module holds one rewrite, a function that edits an `onnx_ir.Model` in place and returns the number of
sites it changed. `export.rewrites.catalogue` puts them in order.
"""
