"""The nodes for ComfyUI, run by the interface that it documents."""

import sys
from pathlib import Path
from types import ModuleType

import comfy_stand_in as comfyui
import numpy as np
import pytest
from clips import center, moving, spot

from checkpoints.errors import OptionError

torch = pytest.importorskip("torch", reason="PyTorch, which ComfyUI brings, is not installed")

FOLDER = Path(__file__).parents[2] / "integrations" / "comfyui"


@pytest.fixture(scope="module")
def nodes() -> dict[str, type]:
    return comfyui.load(FOLDER, "bunraku_of_comfyui").NODE_CLASS_MAPPINGS


@pytest.fixture(scope="module")
def model(nodes, toy):
    return comfyui.run(nodes["BunrakuModel"], name=str(toy), device="cpu")["model"]


def image(*pictures: np.ndarray):
    return torch.from_numpy(np.stack(pictures).astype(np.float32) / 255)


def places(images) -> np.ndarray:
    assert images.dtype == torch.float32
    assert images.min() >= 0
    assert images.max() <= 1
    return np.array([center((255 * frame.numpy()).round().astype(np.uint8)) for frame in images])


WALK = [spot(20 + 2 * t, 30) for t in range(4)]


def test_a_picture_is_moved(nodes, model):
    found = comfyui.run(nodes["BunrakuAnimate"], source=image(spot(20, 40)), driving=image(*WALK), model=model)
    np.testing.assert_allclose(places(found["images"]), [(20 + 2 * t, 40) for t in range(4)], atol=0.6)
    assert found["images"].shape == (4, 64, 64, 3)
    assert found["mask"].shape == (4, 64, 64)
    assert not found["mask"].any()
    assert found["fps"] == 25


def test_the_frames_of_a_video_are_moved(nodes, model):
    sinking = image(*(spot(20, 20 + 2 * t) for t in range(6)))
    node = nodes["BunrakuAnimate"]
    found = comfyui.run(node, source=sinking, driving=image(*WALK), model=model, fps=12.5)
    np.testing.assert_allclose(places(found["images"]), [(20 + 2 * min(t, 3), 20 + 2 * t) for t in range(6)], atol=0.6)
    assert found["fps"] == 12.5
    found = comfyui.run(node, source=sinking, driving=image(*WALK), model=model, timing="driving", strength=0.5)
    np.testing.assert_allclose(places(found["images"]), [(20 + t, 20 + 2 * t) for t in range(4)], atol=0.6)


def test_a_file_drives(nodes, model, tmp_path):
    moving(tmp_path / "walk.mp4", 5, rate="50")
    node, source = nodes["BunrakuAnimateFromFile"], image(spot(20, 40))
    found = comfyui.run(node, source=source, driving=str(tmp_path / "walk.mp4"), model=model, size=128, loop=2)
    assert found["images"].shape == (10, 128, 128, 3)
    assert found["fps"] == 50


def test_options_are_those_of_animate(nodes, model):
    node = nodes["BunrakuAnimate"]
    known = comfyui.fields(node)
    assert all(settings["tooltip"] for kind, settings in known.values() if kind not in ("IMAGE", "BUNRAKU_MODEL"))
    assert set(known["mode"][0]) == {"absolute", "relative", "disentangled"}
    with pytest.raises(OptionError, match="face"):
        comfyui.run(node, source=image(spot(20, 40)), driving=image(*WALK), model=model, face="both")
    with pytest.raises(OptionError, match="colour"):
        comfyui.run(node, source=image(spot(20, 40)), driving=image(*WALK), model=model, background="no colour")


def test_what_is_transparent_is_in_the_mask(nodes, model, monkeypatch):
    frames = np.zeros((2, 8, 8, 4), np.uint8)
    frames[..., 3] = 51
    moved = ModuleType("moved")
    moved.frames, moved.fps = frames, 25.0
    module = sys.modules["bunraku_of_comfyui.nodes"]
    monkeypatch.setattr(module.runtime, "animate", lambda *given, **named: moved)
    found = comfyui.run(nodes["BunrakuAnimate"], source=image(spot(20, 40)), driving=image(*WALK), model=model)
    assert found["images"].shape == (2, 8, 8, 3)
    np.testing.assert_allclose(found["mask"].numpy(), 0.8, atol=1e-6)


def test_comfyui_sees_how_far_it_is_and_may_stop(nodes, model, monkeypatch):
    told, stopped = [], []

    class Bar:
        def __init__(self, total: int) -> None:
            told.append(total)

        def update_absolute(self, done: int, total: int) -> None:
            told.append((done, total))

    def throw() -> None:
        if stopped:
            raise InterruptedError

    package, utils, management = (ModuleType(name) for name in ("comfy", "comfy.utils", "comfy.model_management"))
    utils.ProgressBar, management.throw_exception_if_processing_interrupted = Bar, throw
    for module in (package, utils, management):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    given = {"source": image(spot(20, 40)), "driving": image(*WALK), "model": model}
    comfyui.run(nodes["BunrakuAnimate"], **given)
    assert told[0] == 4
    assert told[-1] == (4, 4)
    stopped.append(True)
    with pytest.raises(InterruptedError):
        comfyui.run(nodes["BunrakuAnimate"], **given)
