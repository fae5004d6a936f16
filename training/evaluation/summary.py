"""Means over the cases, and what needs more than one row: the share of motion transferred, the Frechet distance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.evaluation.measure import MOMENTS, moments_of
from training.evaluation.metrics.frechet import frechet_distance
from training.evaluation.metrics.keypoints import transfer_score
from training.evaluation.movers import Mover, Still
from training.evaluation.run import TRUE, Plan
from training.evaluation.store import Store


@dataclass(frozen=True)
class Metric:
    """How a metric is shown."""

    name: str
    label: str
    up: bool | None
    """Whether more is better; None where neither is: what does not move has no jitter."""
    digits: int
    meaning: str

    @property
    def arrow(self) -> str:
        """As the papers mark their columns."""
        return {True: "↑", False: "↓", None: "·"}[self.up]


_POOLED = "one regression over all cases: 1 is just as far"
_LIVELY = "mean of the cases where something happens"

METRICS = (
    Metric("l1", "L1", False, 4, "mean absolute difference to the true frame, values in [0, 1]"),
    Metric("l1_ratio", "L1 / unmoved", False, 3, "L1 as a share of the unmoved source's"),
    Metric("lpips", "LPIPS", False, 3, "perceptual distance (VGG-16), Zhang et al. 2018"),
    Metric("fid", "FID", False, 2, "Frechet distance of Inception features, Heusel et al. 2017"),
    Metric("fd_lite0", "FD-Lite0", False, 3, "Frechet distance of EfficientNet-Lite0 features; not to be read as FID"),
    Metric("ms_ssim", "MS-SSIM", True, 3, "Wang, Simoncelli, Bovik 2003"),
    Metric("ssim", "SSIM", True, 3, "Wang et al. 2004"),
    Metric("psnr", "PSNR", True, 2, "dB, at most 58.9"),
    Metric("akd", "AKD", False, 2, "average keypoint distance to the true frame, pixels"),
    Metric(
        "transfer",
        "motion transfer",
        True,
        3,
        "1 - AKD / AKD of the unmoved source: the share of the motion that was transferred",
    ),
    Metric(
        "motion_error",
        "motion error",
        False,
        3,
        "how far keypoints moved otherwise than the driving ones since the first frame, as a share of the size of both",
    ),
    Metric(
        "followed",
        "motion followed",
        True,
        3,
        "1 - motion error / motion error of the unmoved source: the motion transfer score where no true frame is known",
    ),
    Metric("mouth_followed", "mouth followed", None, 3, f"how far lips part, as a share of what was wanted; {_POOLED}"),
    Metric("mouth_correlation", "(r)", True, 2, f"the same as a correlation; {_LIVELY}"),
    Metric("lids_followed", "lids followed", None, 3, f"how far lids close, as a share of what was wanted; {_POOLED}"),
    Metric("lids_correlation", "(r)", True, 2, f"the same as a correlation; {_LIVELY}"),
    Metric("gaze_followed", "gaze followed", None, 3, f"how far irises move, as a share of what was wanted; {_POOLED}"),
    Metric("gaze_correlation", "(r)", True, 2, f"the same as a correlation; {_LIVELY}"),
    Metric("mouth_ratio", "mouth's box", False, 3, "L1 around the mouth as a share of the unmoved source's"),
    Metric("inside_ratio", "mouth's inside", False, 3, "the same between parted lips"),
    Metric("eyes_ratio", "eyes' boxes", False, 3, "the same around the eyes"),
    Metric("ghosts", "ghosts", False, 2, "L1 beside the person, less the unmoved source's, in 1/255"),
    Metric("mkr", "MKR", False, 3, "keypoints of the true frame (the driving frame where there is none) not found"),
    Metric("aed", "AED", False, 3, "distance of identity embeddings"),
    Metric("csim", "CSIM", True, 3, "cosine similarity of identity embeddings"),
    Metric("own_aed", "driver's AED", None, 3, "the same of the driving frames to their own first one"),
    Metric("identity_kept", "identity kept", True, 3, "CSIM to the source / CSIM of the driving frames to their first"),
    Metric("flicker", "flicker", False, 4, "change of the error from frame to frame, values in [0, 1]"),
    Metric(
        "jitter",
        "jitter",
        None,
        2,
        "keypoints' mean acceleration, pixels a frame squared; as the driving itself is best",
    ),
    Metric("flow_epe", "flow error", False, 2, "end-point error where visible, pixels"),
    Metric("occlusion_iou", "occlusion IoU", True, 3, "of what is hidden in the source"),
    Metric("surface_points", "surface points", False, 2, "where the flow sends true surface points, pixels"),
)
"""In the order of a table's columns: DiME's Table 1 first."""


@dataclass(frozen=True)
class Row:
    """One model in one task."""

    model: str
    cases: int
    values: dict[str, float]
    by_case: dict[str, dict[str, float]]
    """Values of every case, by its name."""


def to_json(summaries: Sequence[Summary]) -> dict[str, Any]:
    """For machines: what one set of data gave (`Summary.to_json`), or of several {"sets": [each of them]}."""
    sets = [summary.to_json() for summary in summaries]
    return sets[0] if len(sets) == 1 else {"sets": sets}


@dataclass(frozen=True)
class Summary:
    """All rows of all tasks; what the report and the JSON file show."""

    data: str
    setting: str
    mode: str
    facts: dict[str, dict[str, Any]]
    """By model."""
    rulers: list[str]
    tasks: dict[str, list[Row]]

    def to_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "data": self.data,
            "setting": self.setting,
            "animation_mode": self.mode,
            "measured_by": self.rulers,
            "models": [
                {"name": name, **facts}
                | {
                    task: {"cases": row.cases, "metrics": row.values}
                    for task, rows in self.tasks.items()
                    for row in rows
                    if row.model == name
                }
                for name, facts in self.facts.items()
            ],
        }


def summarise(plan: Plan, store: Store) -> Summary:
    """Means over cases: every clip counts the same, whatever its length."""
    tasks = {}
    for task in plan.tasks:
        names = plan.names(task)
        if names:
            rows = [_row(plan, store, task, mover, names) for mover in plan.movers]
            tasks[task] = _with_ratios(rows)
    facts = {mover.name: mover.facts for mover in plan.movers}
    return Summary(plan.data.name, plan.setting, plan.mode, facts, plan.rulers.names, tasks)


def _row(plan: Plan, store: Store, task: str, mover: Mover, names: list[str]) -> Row:
    by_case = {name: store.values[plan.key(mover.identity, task, name)] for name in names}
    known = sorted({metric for values in by_case.values() for metric in values if not metric.endswith(MOMENTS)})
    means = {m: float(np.mean([values[m] for values in by_case.values() if m in values])) for m in known}
    for network in plan.rulers.features:
        results = [store.features(plan.key(mover.identity, task, name), network.name) for name in names]
        true = [store.features(plan.key(TRUE, task, name), network.name) for name in names]
        first, second = (np.concatenate([array for array in side if array is not None]) for side in (results, true))
        if min(len(first), len(second)) > 1:
            means[network.name] = frechet_distance(first, second)
    return Row(mover.name, len(names), means | _regressions(list(by_case.values())), by_case)


LIVELY = {"mouth": 0.015, "lids": 0.005, "gaze": 0.02}
"""Standard deviation of what was wanted (openings as shares of the face, irises in widths of the eye) from which on a
case counts for the mean correlation: in one that is at rest there is nothing but noise to correlate.
"""


def _regressions(cases: list[dict[str, float]]) -> dict[str, float]:
    """How far mouth, lids and gaze follow: over all cases as if they were one: what hardly moves hardly counts."""
    found = {}
    for part, least in LIVELY.items():
        known = [moments for values in cases if (moments := moments_of(values, part)) is not None]
        wanted = sum(moments.wanted for moments in known)
        if wanted > 0:
            found[f"{part}_followed"] = sum(moments.both for moments in known) / wanted
        lively = [each.correlation for each in known if each.wanted > least**2 * each.count]
        if lively:
            found[f"{part}_correlation"] = float(np.mean(lively))
    return found


RATIOS: dict[str, tuple[str, Callable[[float, float], float]]] = {
    "l1_ratio": ("l1", lambda value, still: value / still),
    "transfer": ("akd", transfer_score),
    "followed": ("motion_error", transfer_score),
    "mouth_ratio": ("mouth_l1", lambda value, still: value / still),
    "inside_ratio": ("inside_l1", lambda value, still: value / still),
    "eyes_ratio": ("eyes_l1", lambda value, still: value / still),
}
"""What relates a row to that of the unmoved source: the name, of which metric, and how."""


def _with_ratios(rows: list[Row]) -> list[Row]:
    """Adds `RATIOS`, over the cases that both rows know: where a model's face is lost, its motion is not known."""
    still = next((row for row in rows if row.model == Still().name), None)
    if still is None:
        return rows
    for row in rows:
        for name, (metric, relate) in RATIOS.items():
            pairs = [
                (values[metric], still.by_case[case][metric])
                for case, values in row.by_case.items()
                if metric in values and metric in still.by_case[case]
            ]
            value, bound = np.mean(pairs, 0) if pairs else (0.0, 0.0)
            if bound > 0:
                row.values[name] = float(relate(value, bound))
    return rows
