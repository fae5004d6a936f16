"""Golden arrays for tests: the part kept here, and the full set beside the checkout where there is one."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

HERE = Path(__file__).parent / "golden"
SHARED = Path(__file__).parents[2] / "shared" / "golden"
sys.path.insert(0, str(HERE))

import synthetic_weights  # noqa: E402

CHECKED: set[tuple[str, str]] = set()


def state(family: str, manifest: dict, components: tuple[str, ...]) -> dict[str, torch.Tensor]:
    """Synthetic state dict with the component names as prefixes; the weights' hash is checked first."""
    result = {}
    for name in components:
        entry = manifest["components"][name]
        entry = {**entry, "tensors": [[*row[:2], "float32"] for row in entry["tensors"]]}
        tensors = synthetic_weights.load_state(name, {"components": {name: entry}})
        digest = hashlib.sha256()
        for value in tensors.values():
            digest.update(np.ascontiguousarray(value).astype(value.dtype.newbyteorder("<")).tobytes())
        expected = entry.get("sha256") or entry["weights_sha256"]
        assert digest.hexdigest() == expected, f"{family}.{name}: numpy's random stream differs, nothing can match"
        result |= {f"{name}.{key}": torch.from_numpy(np.array(value)) for key, value in tensors.items()}
    return result


def local(family: str) -> tuple[dict, dict[str, np.ndarray]]:
    """Manifest and arrays kept in this repository."""
    manifest = json.loads((HERE / f"{family}.json").read_text())
    with np.load(HERE / f"{family}.npz") as arrays:
        return manifest, dict(arrays)


def shared(family: str) -> tuple[dict, dict[str, np.ndarray]]:
    """Manifest and all arrays of the full set; skips the test where it is not at hand."""
    folder = SHARED / family
    if not folder.is_dir():
        pytest.skip("the full golden arrays are not beside this checkout")
    manifest = json.loads((folder / "manifest.json").read_text())
    arrays: dict[str, np.ndarray] = {}
    for name in ("inputs", "expected"):
        with np.load(folder / f"{name}.npz") as file:
            arrays |= dict(file)
    return manifest, arrays


@cache
def _liveportrait_weights() -> ModuleType:
    if not SHARED.is_dir():
        pytest.skip("the full golden arrays are not beside this checkout")
    spec = importlib.util.spec_from_file_location("weights_liveportrait", SHARED / "weights_liveportrait.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def liveportrait_state(component: str) -> dict[str, np.ndarray]:
    """LivePortrait's published tensors of a `component`, whose hash is checked; skips the test where they are not at
    hand.
    """
    weights = _liveportrait_weights()
    manifest = json.loads((SHARED / "liveportrait" / "manifest.json").read_text())
    found = weights.load_state(component, manifest)
    assert weights.sha256_of(found) == manifest["components"][component]["weights_sha256"]
    return found


def pictures(array: np.ndarray) -> torch.Tensor:
    """uint8 (..., H, W, 3) as float (N, 3, H, W) in [0, 1]."""
    tensor = torch.from_numpy(array)
    tensor = tensor if tensor.ndim == 4 else tensor[None]
    return tensor.permute(0, 3, 1, 2).float() / 255


def difference(ours: torch.Tensor, theirs: np.ndarray) -> tuple[float, float]:
    """Largest and mean absolute difference."""
    delta = np.abs(ours.detach().numpy().astype(np.float64) - theirs.astype(np.float64))
    return float(delta.max()), float(delta.mean())
