"""Several pictures of one source: an error that helps where the model takes one, and `--view` of the command."""

from fractions import Fraction

import numpy as np
import pytest
import toy_bundle
from clips import spot
from PIL import Image

from checkpoints.errors import OptionError
from runtime.animate import Animation
from runtime.cli import main
from runtime.engine import Engine


@pytest.fixture
def pictures(tmp_path):
    """Three small pictures as files."""
    paths = [tmp_path / f"{index}.png" for index in range(3)]
    for index, path in enumerate(paths):
        Image.fromarray(spot(20 + 5 * index, 30)).save(path)
    return [str(path) for path in paths]


def test_the_error_says_which_models_can(tmp_path):
    toy_bundle.build(tmp_path / "one")
    engine = Engine(tmp_path / "one", device="cpu", threads=1)
    with pytest.raises(
        OptionError, match=r'takes one source picture, not 2; give one, or a model that fuses several \("views": "many"'
    ):
        engine.encode(np.stack([spot(20, 30), spot(30, 30)]))


def test_the_command_takes_further_views(tmp_path, pictures, monkeypatch):
    toy_bundle.build(tmp_path / "one")
    words = ["animate", *pictures[:2], "--view", pictures[1], "--view", pictures[2], "--model", str(tmp_path / "one")]
    assert main(words) == 2  # the driving picture is no video, which is found out before the model is opened
    seen = []

    def fake(source, driving, **options):
        seen.append((source, driving))
        return Animation(np.zeros((1, 8, 8, 3), np.uint8), Fraction(25), None)

    monkeypatch.setattr("runtime.commands.animate.animate", fake)
    assert main(words) == 0
    assert seen == [([pictures[0], pictures[1], pictures[2]], pictures[1])]
