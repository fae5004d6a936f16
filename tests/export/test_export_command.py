"""`bunraku export`: checkpoint to bundle, and one-line errors that leave nothing behind."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_models import SIZE
from small_models import checkpoint as stored

from checkpoints.bundle import Bundle
from checkpoints.card import model_card
from checkpoints.errors import InputError, ModelError, OptionError
from export import parity_frames
from export.commands import export as command
from training.checkpoint import save_model
from training.config import load_config
from training.models.registry import build

pytestmark = pytest.mark.usefixtures("traced_once")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("checkpoint") / "model.safetensors"
    return stored("mraa", path, licence="Apache-2.0", steps=7, data="drawn")


@pytest.fixture
def faces(tmp_path, pictures) -> list[str]:
    """Three picture files of another size than the model's."""
    paths = [tmp_path / f"face{index}.png" for index in range(3)]
    for path, picture in zip(paths, pictures(96, 3), strict=True):
        Image.fromarray(picture).save(path)
    return [str(path) for path in paths]


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args([str(argument) for argument in arguments]))


def evaluated(path: Path, models: int) -> Path:
    """A result as `bunraku evaluate --json` writes it, with the unmoved source beside the models."""
    rows = [{"name": "unmoved source", "reconstruction": {"cases": 3, "metrics": {"l1": 0.08}}}]
    rows += [
        {"name": f"m{i}", "family": "tpsmm", "reconstruction": {"cases": 3, "metrics": {"l1": 0.0412345}}}
        for i in range(models)
    ]
    rows.append({"name": "driving itself", "bound": "upper", "reconstruction": {"cases": 3, "metrics": {"l1": 0.0}}})
    path.write_text(json.dumps({"data": "squares", "models": rows}))
    return path


def test_the_card_tells_what_was_measured_and_where_the_model_fails(checkpoint, faces, tmp_path, capsys) -> None:
    measured = evaluated(tmp_path / "measured.json", 1)
    arguments = ["--metrics", measured, "--limit", "circles stay", "--frames", *faces]
    assert run(checkpoint, "-o", tmp_path / "known", *arguments) == 0
    text = model_card(Bundle.load(tmp_path / "known"))
    assert "* reconstruction of 3 clips of squares: l1 0.04123\n" in text
    assert "* reconstruction of 3 clips of squares, unmoved source: l1 0.08\n" in text
    assert "* circles stay\n" in text
    assert text.count("0.04123") == 1
    assert "driving itself" not in text
    with pytest.raises(InputError, match="tells of 2 models"):
        run(checkpoint, "-o", tmp_path / "other", "--metrics", evaluated(measured, 2))
    measured.write_text("{}")
    with pytest.raises(InputError, match="is no result of"):
        run(checkpoint, "-o", tmp_path / "other", "--metrics", measured)
    assert not (tmp_path / "other").exists()


def test_checkpoint_to_bundle(checkpoint, faces, tmp_path, capsys) -> None:
    folder = tmp_path / "small-model"
    assert run(checkpoint, "-o", folder, "--frames", *faces) == 0
    bundle = Bundle.load(folder)
    assert (bundle.name, bundle.family, bundle.resolution, bundle.points) == ("small-model", "mraa", SIZE, 4)
    assert bundle.licence == "Apache-2.0"
    assert bundle.training["steps"] == 7
    assert bundle.parity["max_abs_difference"] <= 1
    assert bundle.parity["reference"].startswith("torch 2.")
    output = capsys.readouterr()
    assert output.out.splitlines()[-1] == str(folder)
    assert "GFLOP" in output.err


def test_bad_input_is_one_sentence_and_writes_nothing(checkpoint, faces, tmp_path) -> None:
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(checkpoint.read_bytes()[:1000])
    folder = tmp_path / "bundle"
    cases: list[tuple[type[Exception], str, list[str]]] = [
        (ModelError, "damaged.safetensors", [str(damaged), "--frames", *faces]),
        (ModelError, "no such file", [str(tmp_path / "none.safetensors"), "--frames", *faces]),
        (OptionError, "'fp8'", [str(checkpoint), "--precision", "fp8", "--frames", *faces]),
        (OptionError, "no rewrite 'magic'", [str(checkpoint), "--without", "magic", "--frames", *faces]),
        (InputError, "no such file", [str(checkpoint), "--frames", str(tmp_path / "none.png")]),
        (InputError, "two pictures", [str(checkpoint), "--frames", faces[0]]),
    ]
    for kind, message, arguments in cases:
        with pytest.raises(kind, match=message) as caught:
            run(*arguments, "-o", folder)
        assert "\n" not in str(caught.value)
    assert not folder.exists()


def test_frames_from_pictures_and_videos(tmp_path, pictures) -> None:
    import imageio_ffmpeg

    video, text = tmp_path / "clip.mp4", tmp_path / "text.jpg"
    writer = imageio_ffmpeg.write_frames(str(video), (96, 64), fps=10, macro_block_size=1)
    writer.send(None)
    for index in range(20):
        writer.send(np.full((64, 96, 3), 12 * index, np.uint8))
    writer.close()
    found = parity_frames.read([video], 64, count=5)
    assert [frame.shape for frame in found] == [(64, 64, 3)] * 5
    levels = [float(frame.mean()) for frame in found]
    assert levels == sorted(levels)
    assert levels[-1] - levels[0] > 200
    text.write_text("no picture")
    for wrong in (text, Path(__file__)):
        with pytest.raises(InputError, match=wrong.name):
            parity_frames.read([wrong, wrong], 64)


def test_synthetic_frames_are_pictures_that_move_and_repeat() -> None:
    found = parity_frames.synthetic(64, 2)
    assert [frame.shape for frame in found] == [(64, 64, 3)] * 3
    assert all(frame.std() > 10 for frame in found)
    assert np.abs(found[1].astype(int) - found[2]).mean() > 0.5
    np.testing.assert_array_equal(found[0], parity_frames.synthetic(64, 1)[0])


@pytest.mark.parametrize("more", [[], ["--grid-sample", "gather"]])
def test_what_the_browsers_page_does_not_show_is_not_exported_for_it(tmp_path, more):
    path = tmp_path / "model.safetensors"
    save_model(path, build("liveportrait", load_config("liveportrait-toy").model).eval(), {})
    with pytest.raises(ModelError, match=r"128 pixels from ones of 64.*export it for the engine"):
        run(path, "--target", "web", *more, "-o", tmp_path / "web")
    assert not (tmp_path / "web").exists()
