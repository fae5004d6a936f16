"""The families side by side at equal means: same data, same steps, same evaluation; what `bunraku reproduce` runs.

Sizes are those of the light configurations, about 11 GFLOP for one pair of 256 pixels, detectors included. A run that
is finished is not trained again, an unfinished one goes on.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from checkpoints.errors import InputError, OptionError
from training.checkpoint import load_model, save_model, write_atomically
from training.config import Data, RunConfig, load_config
from training.data.pairs import PairDataset, batches
from training.data.sources import open_source
from training.dead_anchors import anchor_losses, dead, without
from training.fair import Measured, chapters, measured
from training.trainer import Trainer

RESULTS = "results.json"
"""In the folder of the runs: what was measured of each."""


@dataclass(frozen=True)
class Family:
    """One line of the table."""

    config: str
    """A ready configuration, of which the first stage alone is run."""
    overrides: tuple[str, ...] = ()
    first: str = ""
    """The configuration of the first half of the steps, where the publication has two runs."""


FAMILIES: dict[str, Family] = {
    "FOMM": Family("fomm-lite"),
    "MRAA": Family("mraa-lite"),
    "DAM": Family("dam-lite"),
    "HDAM": Family("hdam-lite", first="dam-lite"),
    "TPSMM": Family("tpsmm-lite"),
    "DiME, one view": Family("dime-lite", ("data.views=1",)),
    "DiME, four views": Family("dime-lite", ("data.views=4",)),
}


@dataclass(frozen=True)
class Means:
    """What every family is given."""

    data: str
    """Folder of shards to train on."""
    test: str
    """Folder of held-out shards."""
    steps: int = 2000
    batch: int = 8
    size: int = 128
    """Side of the pictures in pixels."""
    seeds: tuple[int, ...] = (1, 2)
    pairs: int = 64
    """Held-out pairs of each chapter."""
    truth: float = 0.0
    """Weight of the true flow, beside the papers' losses, which ask for none."""
    talkers: str = ""
    """Folder of real clips, for a chapter more; empty: none."""
    families: tuple[str, ...] = field(default_factory=lambda: tuple(FAMILIES))

    def __post_init__(self) -> None:
        """Raises `OptionError` for what is impossible."""
        for name, least in (("steps", 2), ("batch", 1), ("pairs", 1)):
            if getattr(self, name) < least:
                raise OptionError(f"--{name} is {getattr(self, name)}; give at least {least}")
        if self.size < 64 or self.size % 64:
            raise OptionError(f"--size is {self.size}; give a multiple of 64: maps of the dense motion have that side")
        unknown = [name for name in self.families if name not in FAMILIES]
        if unknown or not self.families:
            raise OptionError(f"families: {', '.join(unknown) or 'none'}; choose among {', '.join(FAMILIES)}")
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise OptionError("--seeds needs one number or more, each once")
        if not self.truth >= 0:
            raise OptionError(f"--truth is {self.truth}; it is a weight, 0 or more")

    def of(self, config: str, overrides: Sequence[str], seed: int, steps: int) -> RunConfig:
        """A ready configuration with these means."""
        ready = load_config(config, list(overrides))
        stage, data = ready.stages[0], ready.data
        losses = stage.losses | ({"truth_flow": self.truth} if self.truth else {})
        stage = replace(
            stage, steps=steps, epochs=0, batch=self.batch, size=self.size, warmup=min(200, steps // 10), losses=losses
        )
        # What is mirrored has no true flow.
        augment = replace(data.augment, flip=0.0) if self.truth else data.augment
        data = replace(data, kind="shards", path=self.data, test_path="", augment=augment, resident=True)
        every = max(1, steps)
        model = {**ready.model, "resolution": self.size}
        if (
            ready.family == "tpsmm"
        ):  # as the others' a quarter of the picture, but no smaller than its hourglass can halve
            model["motion_size"] = max(32, self.size // 4)
        return replace(
            ready, stages=(stage,), data=data, seed=seed, model=model, save_every=200, draw_every=every, init=""
        )


def seconds_for(means: Means, device: str | None = None) -> dict[str, float]:
    """Seconds that the training of each family takes here, all seeds together, by three timed steps of each."""
    found = {}
    for name in means.families:
        with tempfile.TemporaryDirectory() as folder:
            config = means.of(FAMILIES[name].config, FAMILIES[name].overrides, means.seeds[0], means.steps)
            trainer = Trainer(config, Path(folder), device, progress=False)
            found[name] = trainer.time_steps(config.stages[0]) * means.steps * len(means.seeds)
    return found


def run_all(means: Means, folder: Path, device: str | None = None) -> dict[str, list[Measured]]:
    """Train and measure every family with every seed; what `folder` says is done is not done again.

    Returns what was measured of each family, a list of all seeds' chapters. Raises `OptionError` where `folder` holds
    runs of other means, and what training raises.
    """
    done = _known(means, folder)
    found: dict[str, list[Measured]] = {}
    held_out = chapters(means.test, means.size, means.pairs, means.talkers)
    for seed in means.seeds:  # all families of one seed first: a table of it is there early
        for name in means.families:
            run = f"{name} {seed}"
            if run not in done:
                home = folder / run.lower().replace(",", "").replace(" ", "-")
                checkpoint = _trained(FAMILIES[name], means, home, seed, device)
                model, _ = load_model(checkpoint)
                views = means.of(FAMILIES[name].config, FAMILIES[name].overrides, seed, means.steps).data.views
                done[run] = measured(model, held_out, views)
                _write(folder, means, done)
            found.setdefault(name, []).extend(done[run])
    return found


def _trained(family: Family, means: Means, folder: Path, seed: int, device: str | None) -> Path:
    """The checkpoint of a finished run."""
    steps, init = means.steps, ""
    if family.first:
        steps = means.steps - means.steps // 2
        half = folder.with_name(folder.name + "-first")
        first = means.of(family.first, (), seed, means.steps // 2)
        init = str(_without_dead(Trainer(first, half, device).run().checkpoint, means))
    config = replace(means.of(family.config, family.overrides, seed, steps), init=init)
    if init:
        metadata = load_model(init)[1]
        config = replace(config, model={**config.model, "dead_anchors": metadata["config"]["dead_anchors"]})
    return Trainer(config, folder, device).run().checkpoint


def _without_dead(checkpoint: Path, means: Means) -> Path:
    """`checkpoint` without anchors that follow nothing, beside it; all are kept where none follows anything yet."""
    target = checkpoint.with_name("anchors.safetensors")
    if target.is_file():
        return target
    model, metadata = load_model(checkpoint)
    dataset = PairDataset(open_source(Data("shards", means.data)), seed=0)
    dataset.source.size = means.size
    losses = anchor_losses(model, batches(dataset, means.batch, 0, max(1, means.pairs // means.batch)))
    try:
        found = dead(losses)
    except InputError:
        found = ()
    save_model(target, without(model, metadata["config"], found), metadata.get("training", {}))
    return target


def _known(means: Means, folder: Path) -> dict[str, list[Measured]]:
    """What was measured in `folder` before."""
    path = folder / RESULTS
    folder.mkdir(parents=True, exist_ok=True)
    if not path.is_file():
        _write(folder, means, {})
        return {}
    document = json.loads(path.read_text(encoding="utf-8"))
    if document["means"] != _equal(means):
        raise OptionError(f"{path} is of other means ({document['means']}); choose another --output, or the same means")
    return {run: [Measured(**each) for each in each_chapter] for run, each_chapter in document["runs"].items()}


def _equal(means: Means) -> dict[str, object]:
    """What has to be the same for runs to stand in one table."""
    names = ("data", "test", "steps", "batch", "size", "pairs", "truth", "talkers")
    return {name: getattr(means, name) for name in names}


def _write(folder: Path, means: Means, runs: dict[str, list[Measured]]) -> None:
    told = {run: [vars(each) for each in every] for run, every in runs.items()}
    text = json.dumps({"means": _equal(means), "torch": torch.__version__, "runs": told}, indent=1)
    write_atomically(folder / RESULTS, lambda path: path.write_text(text, encoding="utf-8"))
