"""Photos as backdrops: drawn by the scene's seed, recorded in shards, refused clearly when they are of no use."""

import argparse
import json

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open

from checkpoints.errors import InputError, OptionError
from training.commands import synth
from training.config import Data, parse_config
from training.data.sources import open_source
from training.data.synth import KINDS, SceneSpec, make_renderer
from training.data.synth.core.photos import PLATE, open_photos

COLOURS = {"a.png": (200, 30, 30), "b.jpg": (30, 200, 30), "c.webp": (30, 30, 200)}


@pytest.fixture
def folder(tmp_path):
    """Three photos of one colour each, of different shapes, and a file that is none."""
    path = tmp_path / "photos"
    path.mkdir()
    for index, (name, colour) in enumerate(COLOURS.items()):
        Image.new("RGB", (90 + 40 * index, 130 - 20 * index), colour).save(path / name)
    (path / "licence.txt").write_text("CC0")
    return path


def test_a_seed_draws_one_part_of_one_photo(folder):
    photos = open_photos(folder)
    assert photos.names == tuple(COLOURS)
    plates = [photos.plate(seed) for seed in range(30)]
    assert all(plate.shape == (3, PLATE, PLATE) for plate in plates)
    assert {int(plate.mean((1, 2)).argmax()) for plate in plates} == {0, 1, 2}  # all three come up
    assert all(np.array_equal(plate, photos.plate(seed)) for seed, plate in enumerate(plates[:5]))


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_backdrop_changes(folder, renderer_of, kind):
    photos = open_photos(folder)
    spec, time = [SceneSpec(1, 2, 3, kind)], torch.tensor([0.4])
    drawn = renderer_of(kind).render(spec, time, 64, shading=False)
    shown = make_renderer(kind, photos=photos).render(spec, time, 64, shading=False)
    assert torch.equal(drawn.truth.screen, shown.truth.screen)
    assert torch.equal(drawn.mask, shown.mask)
    assert torch.equal(drawn.matte, shown.matte)
    alpha = drawn.matte == 255
    assert alpha.float().mean() > 0.1
    assert torch.equal(drawn.image[alpha], shown.image[alpha])  # inside the figure
    free = drawn.matte == 0
    brightest = int(photos.plate(3).mean((1, 2)).argmax())
    assert (shown.image[free].float().argmax(-1) == brightest).float().mean() > 0.99


def test_a_shard_records_its_backdrops(folder, tmp_path):
    parser = argparse.ArgumentParser()
    synth.add_arguments(parser)
    out = tmp_path / "out"
    words = [str(out), "--kind", "cartoon", "--clips", "1", "--frames", "1", "--size", "48", "--format", "shard"]
    assert synth.run(parser.parse_args([*words, "--backdrops", str(folder), "--quiet"])) == 0
    with safe_open(out / "clips-00000.safetensors", "pt") as file:
        head = json.loads(file.metadata()["bunraku"])
    photos = open_photos(folder)
    assert head["backdrops"] == {"names": list(COLOURS), "sha256": photos.digest}
    elsewhere = folder.rename(tmp_path / "moved")
    assert open_photos(elsewhere).digest == photos.digest  # of what is in the folder, not of where it is
    Image.new("RGB", (90, 130), (0, 0, 0)).save(elsewhere / "a.png")
    open_photos.cache_clear()
    assert open_photos(elsewhere).digest != photos.digest


def test_useless_folders_are_refused_by_name(folder, tmp_path):
    with pytest.raises(InputError, match="nowhere: no such folder"):
        open_photos(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty: holds no photos"):
        open_photos(tmp_path / "empty")
    (folder / "d.jpg").write_bytes((folder / "b.jpg").read_bytes()[:200])
    with pytest.raises(InputError, match=r"d\.jpg: cannot be read"):
        open_photos(folder)
    (folder / "d.jpg").unlink()
    Image.new("RGB", (20, 400)).save(folder / "e.png")
    with pytest.raises(InputError, match=r"e\.png: is 20x400 pixels, too small"):
        open_photos(folder)


def test_a_run_may_name_them(folder):
    source = open_source(Data(kind="synth", path="body", backdrops=str(folder)))
    assert source.photos.names == tuple(COLOURS)
    with pytest.raises(InputError, match="no such folder"):
        open_source(Data(kind="synth", backdrops="nowhere"))
    stages = '[[stages]]\nname = "a"\nsteps = 1\nlosses = {perceptual = 1.0}\n'
    run = f'family = "tpsmm"\n[data]\nkind = "clips"\npath = "x"\nbackdrops = "y"\n{stages}'
    with pytest.raises(OptionError, match="backdrops goes with"):
        parse_config(run, "run.toml")
