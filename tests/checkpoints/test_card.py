"""Model cards say what is known, say what is not, and cannot be broken out of."""

from __future__ import annotations

import json
from dataclasses import replace

import yaml
from hypothesis import given
from hypothesis import strategies as st

from checkpoints.bundle import Bundle
from checkpoints.card import facts, gflops, model_card, speed
from checkpoints.commands.models import _row

SECTIONS = ("What it is", "Use", "Data and training", "Measured", "Limits", "Intended use", "Licence")


def front(card: str) -> dict:
    start, matter, _ = card.split("---\n", 2)
    assert start == ""
    return yaml.safe_load(matter)


def with_gflops(bundle: Bundle, **counts: float) -> Bundle:
    graphs = {name: replace(graph, gflops=counts.get(name)) for name, graph in bundle.graphs.items()}
    return replace(bundle, graphs=graphs)


def test_facts_tell_what_comes_out_where_it_is_larger(toy) -> None:
    bundle = Bundle.load(toy)
    assert "output_resolution" not in facts(bundle)
    larger = facts(replace(bundle, output_resolution=128))
    assert (larger["resolution"], larger["output_resolution"]) == (64, 128)
    row = _row({"model": "it", **larger, "gflops": 1250.0})
    assert (row[3], *row[5:7]) == ("64 to 128", "fast", "1.25 TFLOP")


def test_a_card_tells_everything_that_the_bundle_records(toy) -> None:
    bundle = replace(
        with_gflops(Bundle.load(toy), motion=0.5, render=2.5),
        parity={"max_abs_difference": 1.0, "mean_abs_difference": 0.01, "frames": 8, "stored_weights": 0.3},
        training={
            "data": "2,048 synthetic clips",
            "steps": {"points": 2500, "together": 700},
            "metrics": {"L1": 0.03},
            "limits": ["hair smears"],
        },
    )
    card = model_card(bundle)
    assert [line[3:] for line in card.splitlines() if line.startswith("## ")] == list(SECTIONS)
    for told in ("2,048 synthetic clips", "points 2500, together 700", "L1 0.03", "hair smears", "at most 1.0/255",
                 "0.3/255", "3 GFLOP", "Apache-2.0", "absolute, relative, disentangled"):  # fmt: skip
        assert told in card
    matter = front(card)
    assert matter["license"] == "apache-2.0"
    assert "bunraku" in matter["tags"]
    assert matter["bunraku"] == facts(bundle)


def test_what_nobody_recorded_is_said_to_be_so(toy) -> None:
    bundle = replace(with_gflops(Bundle.load(toy)), training={}, parity={}, licence="NOASSERTION")
    card = model_card(bundle)
    for told in ("data: not recorded", "how it was trained: not recorded", "PyTorch model: not recorded",
                 "held-out data: not recorded", "find out before you use", "unknown (not counted"):  # fmt: skip
        assert told in card
    assert front(card)["license"] == "other"


def test_imported_weights_are_called_so(toy) -> None:
    card = model_card(replace(Bundle.load(toy), training={"imported": {"file": "vox.pth.tar"}, "data": "VoxCeleb"}))
    assert "did not train them" in card
    assert "vox.pth.tar" in card


def test_speed_classes(toy) -> None:
    bundle = with_gflops(Bundle.load(toy))
    assert gflops(bundle) is None
    assert speed(bundle) == "unknown"
    for count, name in ((0, "fast"), (4, "fast"), (40, "moderate"), (280, "heavy")):
        assert speed(with_gflops(bundle, motion=1, render=count)) == name


@given(name=st.text(), licence=st.text(), data=st.text(), value=st.recursive(st.text() | st.integers(), st.lists))
def test_no_text_breaks_out_of_a_card(toy, name, licence, data, value) -> None:
    bundle = replace(Bundle.load(toy), name=name, licence=licence, training={"data": data, name: value})
    card = model_card(bundle)
    assert front(card)["bunraku"] == json.loads(json.dumps(facts(bundle)))
    assert [line[3:] for line in card.splitlines() if line.startswith("## ")] == list(SECTIONS)
    assert "<script" not in card
