"""The full published TPSMM, through exported graphs, gives the pictures of the reference implementation."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from export.convert import Options, build_graphs
from export.wrappers import example
from runtime.motion.modes import Motion, relative
from training.models.registry import build

sys.path.insert(0, str(Path(__file__).parents[1]))

from golden_data import shared, state


@pytest.mark.slow
def test_full_tpsmm_in_every_mode() -> None:
    manifest, arrays = shared("tpsmm")
    model = build("tpsmm", {}).eval()
    model.load_state_dict(state("tpsmm", manifest, tuple(manifest["components"])))
    protos = build_graphs(model, example(model, 256), Options())
    sessions = {
        name: onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
        for name, proto in protos.items()
    }

    def run(name: str, **feeds: np.ndarray) -> dict[str, np.ndarray]:
        session = sessions[name]
        outputs = [value.name for value in session.get_outputs()]
        return dict(zip(outputs, session.run(None, feeds), strict=True))

    source = run("source", image=arrays["source"][None])
    origin = source.pop("points")
    driving = run("motion", frame=arrays["driving"])["points"]
    np.testing.assert_allclose(origin[0], arrays["source_kp"], atol=1e-5)
    np.testing.assert_allclose(driving, arrays["driving_kp"], atol=1e-5)
    modes = {
        "standard": driving,
        "relative": relative(Motion(origin), Motion(driving), Motion(driving[:1])).points,
        "avd": run("disentangle", source_points=origin, driving_points=driving)["points"],
    }
    for mode, points in modes.items():
        np.testing.assert_allclose(points, arrays[f"{mode}_kp"], atol=1e-5)
        frame = 1  # each mode on another number of frames would only repeat the work
        result = run("render", source_points=origin, driving_points=points[frame : frame + 1], **source)
        np.testing.assert_allclose(result["flow"][0], arrays[f"{mode}_flow"][frame], atol=2e-4)
        expected = arrays[f"{mode}_prediction"][frame].transpose(1, 2, 0).astype(np.float32) * 255
        # Rounding to bytes is 0.5, float16 storage of the expected picture up to 0.13.
        assert np.abs(result["image"][0] - expected).max() < 1
