"""Weights by which landmarks tell points, fitted and put into the graph of the face mesh."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from safetensors.numpy import load_file

from export.assets.face_mesh_points import with_points
from runtime.cli import main as bunraku
from runtime.layers.mended import SHARES
from runtime.layers.mesh import MODEL
from training import mended
from training.mended import fit


@pytest.fixture
def faces():
    """Landmarks of a hundred faces that differ, and points that follow from them by weights that sum up to 1."""
    random = np.random.default_rng(3)
    true = random.normal(0, 0.05, (len(SHARES), 468))
    true += (1 - true.sum(1, keepdims=True)) / 468
    shape = random.normal(0, 1, (468, 2)) + random.normal(0, 0.3, (100, 468, 2))
    places = 100 + 40 * shape
    return places, true @ places


def test_the_command_fits_them_to_people_in_motion(tmp_path, monkeypatch, capsys):
    size = ["--clips", "2", "--frames", "4", "--size", "128", "--format", "shard"]
    assert bunraku(["synth", str(tmp_path / "people"), *size, "--no-props", "--quiet"]) == 0
    monkeypatch.setattr("sys.argv", ["mended", str(tmp_path / "people"), "-o", str(tmp_path / "points.safetensors")])
    mended.main()
    told = capsys.readouterr().out
    assert "people: 4 frames" in told
    assert float(told.split("off by ")[1].split()[0]) < 0.03
    weights = load_file(tmp_path / "points.safetensors")["weights"]
    assert weights.shape == (len(SHARES), 468)
    assert np.isfinite(weights).all()


def test_points_are_told_of_faces_in_other_places_and_sizes(faces):
    places, wanted = faces
    weights = fit([(places, wanted, 1.0)], 1e-6)
    for scale, shift in ((1.0, 0.0), (0.3, 500.0)):
        other = scale * places[:5] + shift
        middle = other.mean(1, keepdims=True)
        assert np.abs(middle + weights @ (other - middle) - (scale * wanted[:5] + shift)).max() < 0.5 * scale


def test_a_set_that_counts_less_tells_less(faces):
    places, wanted = faces
    both = [
        fit([(places, wanted, 1.0), (places, wanted + 10, share)], 1e-3) @ (places[0] - places[0].mean(0))
        for share in (0.0, 1.0)
    ]
    alone = fit([(places, wanted, 1.0)], 1e-3) @ (places[0] - places[0].mean(0))
    assert np.abs(both[0] - alone).max() < 1e-6
    assert np.abs(both[1] - alone).max() > 1e-3


def test_the_graph_gives_what_the_weights_say_and_can_be_changed_again():
    random = np.random.default_rng(4)
    weights = random.normal(0, 0.01, (len(SHARES), 468))
    once = with_points(onnx.load(MODEL), np.zeros_like(weights))
    session = ort.InferenceSession(with_points(once, weights).SerializeToString(), providers=["CPUExecutionProvider"])
    frame = random.integers(0, 256, (1, 192, 192, 3), dtype=np.uint8)
    points, head = session.run(["points", "head"], {"frame": frame})
    middle = points[0].mean(0)
    np.testing.assert_allclose(head[0], middle + weights @ (points[0] - middle), atol=1e-4)
    assert [each.name for each in session.get_outputs()].count("head") == 1
