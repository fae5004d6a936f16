"""The same run under several settings, side by side: the papers' ablations at a size that the caller chooses."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch

from training.checkpoint import load_model, write_atomically
from training.config import RunConfig, load_config
from training.data.augment import PairAugment
from training.data.pairs import PairDataset, batches, source_views
from training.data.sources import open_source
from training.losses.pixels import pixel_loss
from training.losses.truth import flow_loss
from training.models.base import MotionModel
from training.trainer import Trainer


@dataclass(frozen=True)
class Row:
    """One variant's result on held-out pairs."""

    variant: str
    steps: int
    l1: float
    """Mean absolute difference of result and driving frame, in [0, 1]."""
    unmoved_l1: float
    """The same for the source as it is."""
    flow_error: float | None
    """Mean end-point error where visible, in [-1, 1] units; None without true flow."""


def run_ablation(
    config: str, overrides: list[str], variants: dict[str, list[str]], folder: Path, device: str | None, pairs: int
) -> list[Row]:
    """Train every variant (its overrides come last) and measure it on `pairs` held-out pairs.

    Finished variants are not trained again. Raises what training raises.
    """
    rows = []
    for name, changes in variants.items():
        settings = load_config(config, [*overrides, *changes])
        result = Trainer(settings, folder / name, device).run()
        model, _ = load_model(result.checkpoint)
        rows.append(measure(name, model, settings, result.steps, pairs))
        document = json.dumps([vars(row) for row in rows], indent=1)
        write_atomically(folder / "ablation.json", lambda path, text=document: path.write_text(text))  # type: ignore[misc]
    return rows


@torch.no_grad()
def measure(variant: str, model: MotionModel, settings: RunConfig, steps: int, pairs: int) -> Row:
    """Reconstruction on held-out pairs (on the training data where there are no others)."""
    stage = settings.stages[-1]
    source = open_source(settings.data, test=bool(settings.data.test_path))
    source.size = stage.size
    plain = PairAugment.none()
    batch = min(8, pairs)
    l1, unmoved, flow = [], [], []
    for sample in batches(PairDataset(source, seed=0), batch, 0, max(1, pairs // batch)):
        sample = plain(sample)
        rendered = model(source_views(sample), sample["driving"])
        l1.append(float(pixel_loss(rendered.image, sample["driving"])))
        unmoved.append(float(pixel_loss(sample["source"], sample["driving"])))
        if "flow" in sample:
            flow.append(float(flow_loss(rendered.flow, sample["flow"], sample["flow_visible"])))
    mean = {name: sum(values) / len(values) for name, values in (("l1", l1), ("unmoved", unmoved))}
    error = sum(flow) / len(flow) if flow else None
    return Row(variant, steps, mean["l1"], mean["unmoved"], error)


def as_table(rows: list[Row]) -> str:
    """Markdown, one row a variant."""
    lines = ["| variant | steps | L1 | of the unmoved source's | flow error |", "|---|---|---|---|---|"]
    for row in rows:
        flow = "" if row.flow_error is None else f"{row.flow_error:.4f}"
        lines.append(f"| {row.variant} | {row.steps} | {row.l1:.4f} | {row.l1 / row.unmoved_l1:.3f} | {flow} |")
    return "\n".join(lines)
