"""The search for the light model: every candidate is a model that can be built, timed and drawn."""

import argparse

import pytest
from tiny_run import TINY_FIRST_ORDER, toml

from benchmarks import search
from training.config import load_config
from training.models.registry import build

ALL = [(network, name) for network, found in search.CANDIDATES.items() for name in found]


@pytest.mark.parametrize(("network", "candidate"), ALL)
def test_candidates_change_their_own_network_alone(network, candidate):
    args = argparse.Namespace(steps=20, init="faces-lite", data="shards", test="held-out")
    shared = search.overrides(network, args)
    settings = load_config(search.CONFIG, [*shared, *search.CANDIDATES[network][candidate]])
    assert [stage.train for stage in settings.stages] == [(network,)]
    assert set(settings.init_parts) == set(search.NETWORKS) - {network}
    usual = build("tpsmm", load_config(search.CONFIG, shared).model).state_dict()
    changed = build("tpsmm", settings.model).state_dict()
    for kept in settings.init_parts:
        shapes = [{name: v.shape for name, v in each.items() if name.startswith(kept)} for each in (usual, changed)]
        assert shapes[0] == shapes[1], "its weights could not be kept"


@pytest.mark.usefixtures("one_registry")
def test_wider_candidates_cost_more(tmp_path, monkeypatch):
    config = tmp_path / "tiny.toml"
    stage = {"name": "all", "steps": 1, "batch": 1, "losses": {"pixel": 1.0}}
    run = {
        "family": "fomm",
        "name": "tiny",
        "model": TINY_FIRST_ORDER,
        "data": {"kind": "shards", "path": "shards"},
        "stages": [stage],
    }
    config.write_text(toml(run))
    monkeypatch.setattr(search, "CONFIG", str(config))
    wide = ["model.block_expansion=16", "model.max_features=32"]
    times = search.measure_times({"narrow": [], "wide": wide}, rounds=2)
    assert times["wide"][0] > 2 * times["narrow"][0] > 0
    assert all(0 < milliseconds < 10_000 for _, milliseconds in times.values())
    results = [search.Result("inpainting_network", name, *each, 0.5, 0.01) for name, each in times.items()]
    assert len(search.as_table(results).splitlines()) == 4
    search.plot(results, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 5000


def test_wrong_budget_is_one_line(capsys):
    assert search.main(["--data", "here", "--test", "there", "--steps", "0"]) == 2
    assert "--steps, --pairs and --rounds must be 1 or more" in capsys.readouterr().err
