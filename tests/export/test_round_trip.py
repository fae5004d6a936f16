"""From a trained checkpoint to a moving picture on another machine: bundle, Hub, clean cache, engine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hub_server import isolate_client, log_in, point_at, serving
from PIL import Image
from tiny_run import TINY_FIRST_ORDER, moving_square, run_config

from checkpoints.bundle import Bundle
from runtime import animate
from runtime.cli import main
from training.checkpoint import load_model as load_checkpoint
from training.config import RunConfig
from training.initial import initial_model
from training.schema import read
from training.trainer import Trainer


def pictures(folder: Path, name: str, frames: np.ndarray) -> list[str]:
    """Files of `frames`."""
    paths = [folder / f"{name}-{index}.png" for index in range(len(frames))]
    for path, frame in zip(paths, frames, strict=True):
        Image.fromarray(frame).save(path)
    return [str(path) for path in paths]


@pytest.mark.slow
def test_checkpoint_to_hub_to_moving_picture(tmp_path, monkeypatch, capsys) -> None:
    random = np.random.default_rng(0)
    for clip in range(3):
        (tmp_path / "clips" / f"id{clip}#a").mkdir(parents=True)
        pictures(tmp_path / "clips" / f"id{clip}#a", "frame", moving_square(random, 4))
    values = run_config(
        tmp_path / "clips", licence="CC0-1.0", data_note="drawn squares", family="fomm", model=TINY_FIRST_ORDER
    )
    values["stages"][0]["clip"] = {}
    config = read(RunConfig, values)
    Trainer(config, tmp_path / "run", device="cpu", progress=False).run()
    source, *driving = moving_square(random, 4)
    frames = pictures(tmp_path, "frame", np.stack([source, *driving]))
    assert main(["export", str(tmp_path / "run"), "-o", str(tmp_path / "squares"), "--frames", *frames]) == 0
    isolate_client(monkeypatch, tmp_path)
    log_in(monkeypatch)
    with serving() as hub:
        point_at(monkeypatch, hub.url)
        trained = tmp_path / "run" / "model.safetensors"
        arguments = ["push", str(tmp_path / "squares"), "tester/squares", "--checkpoint", str(trained), "--no-progress"]
        assert main(arguments) == 0
        started = initial_model(replace(config, init="tester/squares"))
        result = animate(source, driving, model="tester/squares", progress=False)
    point_at(monkeypatch, "http://127.0.0.1:9")
    again = animate(source, driving, model="tester/squares", progress=False)
    here = animate(source, driving, model=tmp_path / "squares", progress=False)
    expected = load_checkpoint(trained)[0].state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in started.state_dict().items())
    assert np.asarray(result.frames).shape == (3, 64, 64, 3)
    assert np.array_equal(result.frames, here.frames)
    assert np.array_equal(again.frames, here.frames)
    card = (Bundle.load(tmp_path / "squares").folder / "README.md").read_text()
    assert "drawn squares" in card
    assert 'license: "cc0-1.0"' in card
