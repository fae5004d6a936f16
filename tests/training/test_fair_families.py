"""`bunraku reproduce`: all families get the same, finished runs stay, and the orders are read off every seed."""

import argparse

import pytest
import torch

from checkpoints.errors import OptionError
from training import families
from training.commands import reproduce
from training.data.synth.sets.plan import SetPlan
from training.data.synth.sets.writers import jobs, write_clips
from training.fair import Measured, chapters, measured
from training.families import FAMILIES, Means, run_all
from training.models.registry import build
from training.orders import as_tables, verdict


@pytest.fixture(scope="module")
def heads(tmp_path_factory):
    """A folder of four clips of two heads each in one motion."""
    folder = tmp_path_factory.mktemp("heads")
    plan = SetPlan(4, 4, 0, "test", step=0.7, kind="head")
    list(write_clips(jobs(plan, folder, 64, "shard", 4), 1))
    return str(folder)


def runs(**ratios: tuple[float, ...]) -> dict[str, list[Measured]]:
    """Of families whose names have a - for each blank: what is left in a chapter, a seed each."""
    return {
        name.replace("_", " "): [Measured("held-out", 8, each, 1.0, 0.1) for each in values]
        for name, values in ratios.items()
    }


def test_orders_hold_with_every_seed_or_not():
    found = runs(TPSMM=(0.5, 0.6), MRAA=(0.7, 0.8), FOMM=(0.6, 0.9), HDAM=(0.9, 0.9), DAM=(0.8, 0.8))
    assert verdict(found, "TPSMM", "MRAA", "held-out") == "confirmed"
    assert verdict(found, "MRAA", "FOMM", "held-out") == "undecided"
    assert verdict(found, "HDAM", "DAM", "held-out") == "contradicted"
    table = as_tables(found)
    assert "| TPSMM | 0.550 (0.500, 0.600) | 0.1000 |" in table
    assert "| HDAM before DAM | DAM | contradicted |" in table
    assert "DiME" not in table.replace("said in", "")  # nobody has run it
    assert "| FOMM | 0.600 |" in as_tables(runs(FOMM=(0.6,)))


@pytest.mark.parametrize(
    ("wrong", "part"),
    [
        ({"steps": 1}, "--steps is 1"),
        ({"size": 96}, "multiple of 64"),
        ({"families": ("FOMM", "GAN")}, "GAN; choose among FOMM, MRAA"),
        ({"seeds": (1, 1)}, "each once"),
        ({"truth": -1.0}, "--truth is -1"),
    ],
)
def test_impossible_means_are_refused(wrong, part):
    with pytest.raises(OptionError, match=part):
        Means("a", "b", **wrong)


def test_all_get_the_same_and_keep_their_own_losses():
    means = Means("a", "b", steps=40, batch=3, size=64, truth=5.0)
    stages = {}
    for name, family in FAMILIES.items():
        config = means.of(family.config, family.overrides, 7, means.steps)
        assert (config.seed, config.data.path, config.model["resolution"], len(config.stages)) == (7, "a", 64, 1)
        assert config.data.augment.flip == 0  # there is no true flow of what is mirrored
        stages[name] = config.stages[0]
    assert {(each.steps, each.batch, each.size, each.lr, each.warmup) for each in stages.values()} == {
        (40, 3, 64, 4e-4, 4)
    }
    assert all(each.losses["truth_flow"] == 5 and each.losses["equivariance"] == 10 for each in stages.values())
    assert "warp" in stages["TPSMM"].losses
    assert Means("a", "b").of("fomm-lite", (), 1, 9).data.augment.flip == 0.5


def test_chapters_are_drawn_once_and_turns_are_the_farthest(heads):
    found = chapters(heads, 64, 2)
    again = chapters(heads, 64, 2)
    assert list(found) == ["held-out", "turns", "cross-identity"]
    for name, samples in found.items():
        assert torch.equal(samples[0]["source"], again[name][0]["source"])
        assert len(samples[0]["source"]) == 2
    assert "target" in found["cross-identity"][0]
    means = Means("a", "b", size=64)
    for name, views in (("TPSMM", 1), ("DiME, four views", 4)):
        config = means.of(FAMILIES[name].config, (), 1, 9)
        results = measured(build(config.family, config.model), found, views)
        assert [each.chapter for each in results] == list(found)
        assert all(each.pairs == 2 and 0 < each.ratio < 50 for each in results)


@pytest.mark.slow
def test_one_command_trains_measures_and_goes_on(heads, tmp_path, capsys, monkeypatch):
    parser = argparse.ArgumentParser()
    reproduce.add_arguments(parser)
    out = tmp_path / "out"
    words = [heads, heads, "--steps", "2", "--batch", "2", "--size", "64", "--pairs", "2", "--seeds", "3"]
    words += ["--families", "HDAM", "DAM", "-o", str(out), "--device", "cpu"]
    assert reproduce.run(parser.parse_args([*words, "--estimate"])) == 0
    said = capsys.readouterr()
    assert "minutes of training" in said.err
    assert not said.out
    assert not out.exists()
    assert reproduce.run(parser.parse_args(words)) == 0
    first = capsys.readouterr().out
    assert first.splitlines()[-1] == str(out / "table.md")
    assert "| HDAM before DAM |" in (out / "table.md").read_text()
    means = Means(heads, heads, 2, 2, 64, (3,), 2, families=("HDAM", "DAM"))
    monkeypatch.setattr(families, "Trainer", None)  # nothing is trained again
    assert as_tables(run_all(means, out)) in first
    with pytest.raises(OptionError, match="of other means"):
        run_all(Means(heads, heads, 3, 2, 64, (3,), 2, families=("HDAM",)), out)
