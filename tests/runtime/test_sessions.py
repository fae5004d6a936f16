"""Sessions: the device that was asked for or an error, feeds as declared or an error, and cores really
granted.
"""

import multiprocessing
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from checkpoints.bundle import Bundle, describe_graph, write_bundle
from checkpoints.errors import ModelError, OptionError
from runtime.graphs import sessions
from runtime.graphs.cores import available_cores
from runtime.graphs.gpu import providers
from runtime.graphs.sessions import open_graphs

GPU = sessions._card_refused("cuda") is None


@pytest.fixture(scope="module")
def graphs(toy):
    return open_graphs(Bundle.load(toy), "cpu", threads=1)


def points(batch: int) -> np.ndarray:
    return np.zeros((batch, 4, 2), np.float32)


def feature() -> np.ndarray:
    return np.zeros((1, 3, 64, 64), np.float32)


def test_every_graph_is_opened_on_the_device_asked_for(graphs):
    assert set(graphs) == {"source", "motion", "render", "disentangle"}
    assert {graph.device for graph in graphs.values()} == {"cpu"}


def test_any_batch_runs_and_only_the_outputs_asked_for_come_back(graphs):
    for batch in (1, 5):
        found = graphs["motion"]({"frame": np.zeros((batch, 64, 64, 3), np.uint8)})
        assert found["points"].shape == (batch, 4, 2)
        feeds = {"feature_0": feature(), "source_points": points(1), "driving_points": points(batch)}
        found = graphs["render"](feeds, ["image"])
        assert set(found) == {"image"}
        assert found["image"].shape == (batch, 64, 64, 3)


def test_a_placed_value_gives_what_the_array_gives(graphs):
    render = graphs["render"]
    array = np.random.default_rng(0).uniform(0, 255, (1, 3, 64, 64)).astype(np.float32)
    feeds = {"source_points": points(1), "driving_points": points(2) + 0.1}
    by_array = render({"feature_0": array, **feeds})["image"]
    by_value = render({"feature_0": render.place(array), **feeds})["image"]
    np.testing.assert_array_equal(by_array, by_value)


def moving(batch: int) -> np.ndarray:
    return np.random.default_rng(1).uniform(-0.9, 0.9, (batch, 4, 2)).astype(np.float32)


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_frames_shared_out_among_cores_come_back_in_order_and_as_they_were(toy, graphs, batch):
    team = open_graphs(Bundle.load(toy), "cpu", threads=3)
    assert [team[name].at_once for name in ("source", "motion", "render")] == [1, 3, 3]
    array = np.random.default_rng(0).uniform(0, 255, (1, 3, 64, 64)).astype(np.float32)
    feeds = {"feature_0": array, "source_points": points(1), "driving_points": moving(batch)}
    alone, shared = graphs["render"](feeds), team["render"](feeds)
    for name, value in alone.items():
        assert value.shape[0] == batch
        np.testing.assert_array_equal(value, shared[name])
    team["render"].hasten()
    for name, value in team["render"](feeds).items():
        np.testing.assert_allclose(value, alone[name], atol=1)


def test_frames_in_another_memory_order_live_until_they_are_computed(toy):
    """They are copied in order first; the copy was once freed while the cores still read it."""
    graphs = open_graphs(Bundle.load(toy), "cpu", threads=3)
    channels_first = np.random.default_rng(0).integers(0, 256, (8, 3, 64, 64), np.uint8)
    frames = channels_first.transpose(0, 2, 3, 1)
    wanted = graphs["motion"]({"frame": frames.copy()})["points"]
    for _ in range(20):
        np.testing.assert_array_equal(graphs["motion"]({"frame": frames})["points"], wanted)


@pytest.mark.parametrize(("limits", "expected"), [(((0.0, 4),), 1), (((0.0, 4), (20.0, 2)), 2), (((20.0, 4),), 3)])
def test_larger_graphs_compute_fewer_frames_at_once(toy, monkeypatch, limits, expected):
    monkeypatch.setattr(sessions, "AT_ONCE", limits)
    heavy = open_graphs(Bundle.load(toy), "cpu", threads=3)
    assert {name: heavy[name].at_once for name in ("motion", "render")} == {"motion": expected, "render": expected}
    assert heavy["motion"]({"frame": np.zeros((5, 64, 64, 3), np.uint8)})["points"].shape == (5, 4, 2)


@pytest.mark.parametrize(
    ("motion", "render", "expected"),
    [(1.0, 10.0, 4), (1.0, 20.0, 2), (20.0, 1.0, 2), (1.0, 150.0, 1), (150.0, 1.0, 1), (None, 1.0, 1), (1.0, None, 1)],
)
def test_the_larger_of_the_graphs_decides(toy, motion, render, expected):
    bundle = Bundle.load(toy)
    changed = {"motion": motion, "render": render, "source": 500.0}  # the source is computed once
    graphs = {**bundle.graphs, **{name: replace(bundle.graphs[name], gflops=value) for name, value in changed.items()}}
    opened = open_graphs(replace(bundle, graphs=graphs), "cpu", threads=5)
    assert [opened[name].at_once for name in ("source", "motion", "render")] == [1, expected, expected]


def test_a_frame_that_fails_is_an_error_of_the_whole_call(toy, monkeypatch):
    render = open_graphs(Bundle.load(toy), "cpu", threads=2)["render"]
    feeds = {"feature_0": feature(), "source_points": points(1), "driving_points": moving(4)}
    calls = []

    class Failing:
        def run_with_ort_values(self, names, values):
            calls.append(None)
            raise RuntimeError("no memory\nand more")

    monkeypatch.setattr(render, "_session", Failing())
    with pytest.raises(ModelError, match=r'"render" failed on cpu \(no memory\)'):
        render(feeds)
    assert calls


def test_denormals_are_flushed_in_every_engines_threads_and_nowhere_else(toy):
    """ONNX Runtime sets the mode in the first session's thread only."""

    script = f"""
import numpy as np
from checkpoints.bundle import Bundle
from pathlib import Path
from runtime.graphs.sessions import open_graphs
flushed = lambda: float((np.full(8, 1e-40, np.float32) * np.float32(0.5))[0]) == 0
for _ in range(2):
    graph = open_graphs(Bundle.load(Path({str(toy)!r})), "cpu", threads=2)["render"]
    print(graph._team.submit(flushed).result(), graph._worker.submit(flushed).result(), flushed())
"""
    root = Path(sessions.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=root, check=True)
    wanted = "True True False" if sys.platform == "linux" and platform.machine() == "x86_64" else "False"
    assert all(line.endswith(wanted) for line in done.stdout.splitlines()), done.stdout
    assert len(done.stdout.splitlines()) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_opens_models_of_its_own(toy):
    open_graphs(Bundle.load(toy), "cpu", threads=1)
    child = multiprocessing.get_context("fork").Process(target=open_graphs, args=(Bundle.load(toy), "cpu", 1))
    child.start()
    child.join(60)
    assert child.exitcode == 0


@pytest.mark.parametrize(
    ("feeds", "words"),
    [
        ({}, "but was given"),
        ({"frame": np.zeros((1, 64, 64, 3), np.uint8), "more": feature()}, "more"),
        ({"frame": np.zeros((1, 64, 64, 3), np.float32)}, "tensor(float)"),
        ({"frame": np.zeros((1, 64, 64, 3), np.int64)}, "tensor(int64)"),
        ({"frame": np.zeros((1, 32, 64, 3), np.uint8)}, "32"),
        ({"frame": np.zeros((64, 64, 3), np.uint8)}, "64, 64, 3"),
    ],
)
def test_feeds_are_held_against_the_declared_types(graphs, feeds, words):
    with pytest.raises(ModelError) as caught:
        graphs["motion"](feeds)
    assert words in str(caught.value)


def test_an_unknown_device_is_refused(toy):
    with pytest.raises(OptionError, match="tpu"):
        open_graphs(Bundle.load(toy), "tpu")  # type: ignore[arg-type]


@pytest.mark.skipif(GPU, reason="this machine has an NVIDIA driver")
def test_cuda_by_name_fails_where_there_is_none_and_auto_goes_on(toy):
    with pytest.raises(ModelError, match="CUDA was asked for but"):
        open_graphs(Bundle.load(toy), "cuda")
    assert open_graphs(Bundle.load(toy), "auto")["render"].device == "cpu"


@pytest.mark.skipif(GPU, reason="this machine has an NVIDIA driver")
@pytest.mark.parametrize(("device", "spoken"), [("tensorrt", "TensorRT"), ("cuda-graphs", "CUDA")])
def test_other_ways_to_use_a_card_fail_by_name_too(toy, tmp_path, monkeypatch, device, spoken):
    monkeypatch.setenv("BUNRAKU_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match=f"{spoken} was asked for but"):
        open_graphs(Bundle.load(toy), device)
    monkeypatch.setattr(sessions, "_card_refused", lambda device: None)
    with pytest.raises(ModelError, match=f"{spoken} was asked for but ONNX Runtime could not start it; install"):
        open_graphs(Bundle.load(toy), device)


@pytest.mark.skipif(GPU, reason="this machine has an NVIDIA driver")
def test_a_silent_fallback_of_onnx_runtime_is_noticed(toy, monkeypatch):
    monkeypatch.setattr(sessions, "_card_refused", lambda device: None)  # as with a driver but without the libraries
    with pytest.raises(ModelError, match="could not start"):
        open_graphs(Bundle.load(toy), "cuda")
    assert open_graphs(Bundle.load(toy), "auto")["render"].device == "cpu"


@pytest.mark.skipif(not GPU, reason="no NVIDIA driver")
def test_cuda_gives_what_the_cpu_gives(toy):
    bundle = Bundle.load(toy)
    picture = np.random.default_rng(0).integers(0, 255, (2, 64, 64, 3), dtype=np.uint8)
    found = [open_graphs(bundle, device)["motion"]({"frame": picture})["points"] for device in ("cpu", "cuda")]
    np.testing.assert_allclose(*found, atol=1e-3)


def test_a_graph_that_cannot_be_opened_is_a_model_error(toy, tmp_path, monkeypatch):
    bundle = Bundle.load(toy)
    monkeypatch.setattr(Bundle, "read", lambda self, name: b"not a graph")
    with pytest.raises(ModelError, match="cannot be opened"):
        open_graphs(bundle, "cpu")


def test_what_was_changed_since_it_was_verified_is_not_opened(toy, tmp_path):
    folder = Path(shutil.copytree(toy, tmp_path / "toy"))
    bundle = Bundle.load(folder)
    graphs = open_graphs(bundle, "cpu", threads=2)
    data = (folder / "render.onnx").read_bytes()
    (folder / "render.onnx").write_bytes(bytes(data).replace(b"moved", b"mover"))  # still a graph, of the same size
    with pytest.raises(ModelError, match=r"render\.onnx is damaged"):
        graphs["render"].hasten()
    with pytest.raises(ModelError, match=r"render\.onnx is damaged"):
        open_graphs(bundle, "cpu", threads=1)


def test_what_is_opened_is_what_was_verified_though_the_file_changes_meanwhile(toy, tmp_path, monkeypatch):
    bundle = Bundle.load(shutil.copytree(toy, tmp_path / "toy"))
    usual = ort.InferenceSession

    def swapped(model, *rest, **more):
        for path in (tmp_path / "toy").glob("*.onnx"):
            path.write_bytes(b"something else")
        return usual(model, *rest, **more)

    monkeypatch.setattr(sessions.ort, "InferenceSession", swapped)
    assert sessions._session(lambda: bundle.read("motion"), "motion", sessions._options(1), providers("cpu"))


def test_only_the_format_that_was_looked_into_is_read(toy, tmp_path):
    """Four letters make ONNX Runtime take a protocol buffer for a file of its other format."""
    models = {name: Bundle.load(toy).read(name) for name in Bundle.load(toy).graphs}
    models["motion"] = b"\x12\x06\0\0ORTM" + models["motion"]  # the producer's name
    bundle = Bundle.load(toy)
    entry = bundle.graphs["motion"]
    entry = describe_graph(entry.file, models["motion"], inputs=entry.inputs, outputs=entry.outputs)
    written = write_bundle(tmp_path / "toy", replace(bundle, graphs={**bundle.graphs, "motion": entry}), models)
    assert open_graphs(written, "cpu", threads=1)["motion"].outputs == ("points",)


def test_the_options_suit_shared_cores():
    options = sessions._options(3)
    assert options.intra_op_num_threads == 3
    assert options.execution_mode == ort.ExecutionMode.ORT_SEQUENTIAL
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert options.get_session_config_entry("session.set_denormal_as_zero") == "1"


def test_the_callers_arithmetic_is_left_alone(toy):
    """ONNX Runtime's option against denormals would otherwise set the processor's mode in this very thread."""
    open_graphs(Bundle.load(toy), "cpu")["motion"]({"frame": np.zeros((1, 64, 64, 3), np.uint8)})
    assert np.array([1e-40], np.float32)[0] / np.float32(2) > 0


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu.max": "150000 100000\n"}, 2),
        ({"cpu.max": "10000 100000\n"}, 1),
        ({"cpu/cpu.cfs_quota_us": "100000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({"cpu.max": "nonsense"}, None),
        ({}, None),
    ],
)
def test_cores_are_those_that_mask_and_quota_allow(tmp_path, files, quota):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    mask = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert available_cores(tmp_path) == (mask if quota is None else min(mask, quota))
