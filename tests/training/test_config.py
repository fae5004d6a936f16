"""The run configuration: what is wrong is named with its key and line."""

from pathlib import Path

import pytest

from checkpoints.errors import OptionError
from training.config import load_config, parse_config

READY = sorted((Path(__file__).parents[2] / "training" / "configs").glob("*.toml"))

GOOD = """\
family = "tpsmm"
[data]
kind = "clips"
path = "clips"
[[stages]]
name = "all"
epochs = 100
losses = { perceptual = 10.0 }
[[stages]]
name = "more"
steps = 5
lr = 1e-3
losses = { pixel = 1.0 }
"""


def test_reads_values_and_defaults():
    config = parse_config(GOOD, "run.toml")
    assert config.stages[0].lr == 2e-4
    assert config.stages[0].betas == (0.5, 0.999)
    assert config.stages[1].lr == 1e-3


def test_overrides_win_over_the_file():
    overrides = ["data.path=other", "stages.1.steps=7", "seed=4", "model.num_tps=5"]
    config = parse_config(GOOD, "run.toml", overrides)
    assert (config.data.path, config.stages[1].steps, config.seed, config.model) == (
        "other",
        7,
        4,
        {"num_tps": 5},
    )


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        (
            'kind = "clips"',
            'kind = "tapes"',
            ["run.toml, line 3", "data.kind", "'shards', 'clips' or 'synth'"],
        ),
        ("lr = 1e-3", "lr = -1", ["line 12", "stages.1.lr", "greater than 0"]),
        ("epochs = 100", "epochs = 100\nbach = 3", ["line 8", "stages.0.bach", "no such key"]),
        ('name = "more"\n', "", ["stages.1.name", "required"]),
        ("steps = 5", "", ["'more'", "either epochs or steps"]),
        ("pixel = 1.0", "pixel = 0", ["'more'", "no loss"]),
        ("family = ", "family : ", ["not valid TOML", "line 1"]),
    ],
)
def test_errors_name_key_line_and_what_is_allowed(old, new, parts):
    assert old in GOOD
    with pytest.raises(OptionError) as caught:
        parse_config(GOOD.replace(old, new), "run.toml")
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.parametrize("override", ["seed", "=4", "stages.7.steps=1", "family.x.y=1"])
def test_a_wrong_override_is_named(override):
    with pytest.raises(OptionError, match=r"is not KEY=VALUE|no place"):
        parse_config(GOOD, "run.toml", [override])


def test_an_unknown_file_lists_the_ready_ones():
    with pytest.raises(OptionError, match="faces-lite"):
        load_config("no-such-run")


@pytest.mark.parametrize("path", READY, ids=lambda path: path.stem)
def test_ready_configurations_are_valid(path):
    assert load_config(path.stem).family
