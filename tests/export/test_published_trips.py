"""From a published file to a moving picture, at published size, with weights that nobody chose for being easy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from golden_data import shared
from PIL import Image
from published_layout import drawn, published
from test_published_weights import run

from checkpoints.bundle import Bundle
from export import parity
from export.commands import export as export_command
from export.commands import import_weights as import_command
from export.conditioning import FACTOR
from export.parts import torch_pictures
from export.published.settings import known_settings
from runtime.cli import main
from training.models.registry import build

STILL = ("--crop", "off", "--driving-crop", "off", "--layers", "off", "--smoothing", "0", "--no-adapt-scale")
"""Options under which `animate` gives the model's own pictures."""


@pytest.mark.slow
@pytest.mark.published
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("family", ["mraa", "tpsmm"])
def test_import_export_animate_in_every_mode(family, seed, tmp_path, monkeypatch) -> None:
    _, arrays = shared(family)
    with torch.device("meta"):
        model = build(family, known_settings(family, "vox"))
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    state = drawn(shapes, seed, monkeypatch, plain=seed == 2)
    file, checkpoint, folder = tmp_path / "vox.pth.tar", tmp_path / "vox.safetensors", tmp_path / "vox"
    torch.save(published(state, family), file)
    assert run(import_command, file, "--family", family, "--config", "vox", "-o", checkpoint) == 0
    frames = [tmp_path / "source.png", *((tmp_path / "driving") / f"{index}.png" for index in range(2))]
    frames[1].parent.mkdir()
    pictures = [arrays["source"], *arrays["driving"][:2]]
    for path, picture in zip(frames, pictures, strict=True):
        Image.fromarray(picture).save(path)
    computed: list[dict[str, np.ndarray]] = []  # rendering is what takes the time
    monkeypatch.setattr(parity, "torch_pictures", lambda *args: computed.append(torch_pictures(*args)) or computed[-1])
    assert run(export_command, checkpoint, "-o", folder, "--weights", "fp32", "--frames", *frames) == 0
    bundle = Bundle.load(folder)
    print(family, seed, dict(bundle.parity))
    assert set(bundle.modes) == {"absolute", "relative", "disentangled"}
    expected = computed[0]
    # As published: a motion may slide out of the picture, as that of random weights does, and goes on after a cut.
    monkeypatch.setattr("runtime.animator.kept_inside", lambda source, driven, holding: driven)
    monkeypatch.setattr("runtime.animator.by_take", lambda motion: [(1, motion)])
    for mode in bundle.modes:
        out = tmp_path / mode
        command = ["animate", frames[0], frames[1].parent, "--model", folder, "-o", f"{out}/", "--mode", mode, *STILL]
        assert main([str(each) for each in command]) == 0
        found = np.stack([np.asarray(Image.open(path).convert("RGB")) for path in sorted(Path(out).glob("*.png"))])
        apart = np.abs(found.astype(int) - expected[mode].astype(int)).max()
        rounding = bundle.parity.get("float64", {}).get(mode, {"torch_max": 0.0})["torch_max"]
        assert found.std() > 10
        assert apart <= 2 + (1 + FACTOR) * rounding, mode
