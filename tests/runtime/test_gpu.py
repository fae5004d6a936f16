"""What can be known of graphics cards without one: options as assembled, and buffers that give what plain runs give."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest

from checkpoints.bundle import Bundle
from checkpoints.errors import ModelError
from runtime.graphs import gpu, sessions


def test_every_device_ends_with_the_cpu_and_begins_with_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("BUNRAKU_CACHE", str(tmp_path / "cache"))
    for device in ("cpu", "cuda", "cuda-graphs", "tensorrt"):
        names = [name for name, _ in gpu.providers(device)]
        assert names[0] == gpu.PROVIDERS[device]
        assert names[-1] == "CPUExecutionProvider"
    assert set(sessions.DEVICES) == {"auto", *gpu.PROVIDERS}


def test_only_the_device_named_so_records_graphs():
    (_, plain), *_ = gpu.providers("cuda")
    (_, recorded), *_ = gpu.providers("cuda-graphs")
    assert recorded == plain | {"enable_cuda_graph": "1"}


@pytest.mark.parametrize("half", [False, True])
def test_tensorrt_keeps_its_engines_and_computes_as_the_graph_does(tmp_path, monkeypatch, half):
    monkeypatch.setenv("BUNRAKU_CACHE", str(tmp_path / "cache"))
    (_, options), (second, _), _ = gpu.providers("tensorrt", half=half)
    assert options["trt_engine_cache_path"] == str(tmp_path / "cache" / "tensorrt")
    assert (tmp_path / "cache" / "tensorrt").is_dir()
    assert options["trt_engine_cache_enable"] == "1"
    assert options["trt_fp16_enable"] == str(int(half))
    assert second == "CUDAExecutionProvider"  # for what TensorRT does not run


def test_a_cache_that_cannot_be_made_is_a_model_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BUNRAKU_CACHE", str(tmp_path / "file"))
    with pytest.raises(ModelError, match="set BUNRAKU_CACHE"):
        sessions._providers("tensorrt", "fp16")


def test_buffers_give_what_plain_runs_give_whatever_comes(toy):
    bundle = Bundle.load(toy)
    session = ort.InferenceSession(str(bundle.path("render")), providers=["CPUExecutionProvider"])
    random = np.random.default_rng(0)
    bound = gpu.Bound(session, "cpu")
    names = [value.name for value in session.get_outputs()]
    features = [random.uniform(0, 255, (1, 3, 64, 64)).astype(np.float32) for _ in range(3)]
    placed = [{"feature_0": ort.OrtValue.ortvalue_from_numpy(feature)} for feature in features]
    results = []
    for batch, source in [(2, 0), (2, 0), (1, 0), (2, 1), (3, 1), (4, 2), (2, 0)]:
        arrays = {
            "source_points": np.zeros((1, 4, 2), np.float32),
            "driving_points": random.uniform(-0.5, 0.5, (batch, 4, 2)).astype(np.float32),
        }
        found = bound(names, arrays, placed[source])
        expected = session.run(names, arrays | {"feature_0": features[source]})
        results.append((found, expected))
    for found, expected in results:  # compared at the end: a later call must not change an earlier result
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one, other)
    assert len(bound._kept) == gpu._MOST_SHAPES
