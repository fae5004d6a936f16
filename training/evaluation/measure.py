"""All metrics of one case: result against true frames, against the source's identity, against the truth."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from training.evaluation.cases import ANIMATION, RECONSTRUCTION, Case
from training.evaluation.metrics import identity, keypoints, pixels, truth
from training.evaluation.movers import Moved

Clip = NDArray[np.uint8]
Floats = NDArray[np.floating]
Openings = Mapping[str, Sequence[tuple[int, int]]]
"""What opens and closes ("mouth", "lids"): pairs of keypoints above and below."""


@dataclass(frozen=True)
class Tracks:
    """Keypoints of T frames."""

    points: Floats
    """(T, K, 2) in pixels."""
    found: NDArray[np.bool_]
    """(T,) or (T, K): what the detector was sure of."""


class Detector(Protocol):
    """A keypoint detector."""

    name: str
    openings: ClassVar[Openings]
    """Empty for one that sees nothing such."""

    def __call__(self, frames: Clip) -> Tracks: ...


class Embedder(Protocol):
    """An identity network: what makes a person, whatever the pose."""

    name: str

    def __call__(self, frames: Clip, tracks: Tracks) -> Floats:
        """(T, D); NaN for frames without a face. `tracks`: of a detector that the embedder can align by."""
        ...


class Perceptual(Protocol):
    """A perceptual distance of two clips, (T,)."""

    name: str

    def __call__(self, result: Clip, target: Clip) -> Floats: ...


class Features(Protocol):
    """The features that a Frechet distance is taken of."""

    name: str

    def __call__(self, frames: Clip) -> Floats:
        """(T, D)."""
        ...


@dataclass(frozen=True)
class Rulers:
    """The networks that measure; what is None is not measured."""

    detector: Detector | None = None
    embedder: Embedder | None = None
    perceptual: tuple[Perceptual, ...] = ()
    features: tuple[Features, ...] = ()

    @property
    def names(self) -> list[str]:
        """Of all that are there; results are only comparable with the same ones."""
        single = [ruler for ruler in (self.detector, self.embedder) if ruler]
        return sorted(ruler.name for ruler in [*single, *self.perceptual, *self.features])


class Reference:
    """What a case's results are compared with; each network sees its frames once, however many models there are."""

    def __init__(self, task: str, case: Case, rulers: Rulers) -> None:
        self.task, self.case, self.rulers = task, case, rulers
        self._seen: dict[bytes, tuple[Floats, NDArray[np.bool_]]] = {}

    @cached_property
    def tracks(self) -> Tracks | None:
        """Keypoints of the true frames; None without a detector or a true target."""
        return None if self.case.target is None else self.detect(self.case.target)

    @cached_property
    def driving_tracks(self) -> Tracks | None:
        """Keypoints of the driving frames; None without a detector."""
        return self.detect(self.case.driving)

    def detect(self, frames: Clip) -> Tracks | None:
        """Keypoints of `frames`; pictures seen before (an unmoved source, the bounds) are not looked at again. None
        without a detector.
        """
        if self.rulers.detector is None:
            return None
        rows = []
        for frame in frames:
            key = hashlib.sha256(frame.tobytes()).digest()
            if key not in self._seen:
                one = self.rulers.detector(frame[None])
                self._seen[key] = one.points[0], one.found[0]
            rows.append(self._seen[key])
        points, found = zip(*rows, strict=True)
        return Tracks(np.stack(points), np.stack(found))

    @cached_property
    def embeddings(self) -> Floats | None:
        """Identity of the true frames in reconstruction, of the source (1, D) else."""
        frames = self.case.driving if self.task == RECONSTRUCTION else self.case.source[None]
        tracks = self.detect(frames)
        return None if self.rulers.embedder is None or tracks is None else self.rulers.embedder(frames, tracks)

    @cached_property
    def own_embeddings(self) -> Floats | None:
        """Identity of the driving frames (T, D)."""
        tracks = self.driving_tracks
        return (
            None if self.rulers.embedder is None or tracks is None else self.rulers.embedder(self.case.driving, tracks)
        )

    @cached_property
    def features(self) -> dict[str, Floats]:
        """Of the true frames in reconstruction, of the source in animation (as DiME, section 4)."""
        frames = self.case.driving if self.task == RECONSTRUCTION else self.case.source[None]
        return {network.name: network(frames) for network in self.rulers.features}


VERSION = 4
"""Changes when a metric is added or comes to mean something else: older results are then measured again."""

PIXEL_METRICS: dict[str, Callable[[Clip, Clip], Floats]] = {
    "l1": pixels.l1,
    "psnr": pixels.psnr,
    "ssim": pixels.ssim,
    "ms_ssim": pixels.ms_ssim,
}


def measure(reference: Reference, moved: Moved) -> dict[str, float]:
    """Every metric that this case allows, by name; what cannot be known (no face found, ...) is left out."""
    case, rulers = reference.case, reference.rulers
    values: dict[str, float] = {}
    if case.target is not None:
        for name, metric in PIXEL_METRICS.items():
            values[name] = float(metric(moved.frames, case.target).mean())
        values["flicker"] = pixels.flicker(moved.frames, case.target)
        for network in rulers.perceptual:
            values[network.name] = float(network(moved.frames, case.target).mean())
    tracks = reference.detect(moved.frames)
    if tracks is not None:
        values["jitter"] = keypoints.jitter(tracks.points, tracks.found)
        driving = reference.driving_tracks
        assert driving is not None
        wanted = reference.tracks or driving
        values["mkr"] = keypoints.mkr(tracks.found, wanted.found)
        if reference.task == ANIMATION:
            values["motion_error"] = keypoints.motion_error(tracks.points, driving.points, tracks.found, driving.found)
        if reference.tracks is not None:
            values["akd"] = keypoints.akd(tracks.points, wanted.points, tracks.found, wanted.found)
        assert rulers.detector is not None
        for part, gaps in rulers.detector.openings.items():
            values[f"{part}_error"] = keypoints.opening_error(
                tracks.points, wanted.points, tracks.found, wanted.found, gaps
            )
    if tracks is not None and rulers.embedder is not None and reference.embeddings is not None:
        embeddings = rulers.embedder(moved.frames, tracks)
        values["aed"] = identity.aed(embeddings, reference.embeddings)
        values["csim"] = identity.csim(embeddings, reference.embeddings)
        if reference.task == ANIMATION and (own := reference.own_embeddings) is not None:
            values["own_aed"] = identity.aed(own[1:], own[:1])
            values["identity_kept"] = values["csim"] / identity.csim(own[1:], own[:1])
    values |= _against_truth(case, moved)
    return {name: value for name, value in values.items() if np.isfinite(value)}


def _against_truth(case: Case, moved: Moved) -> dict[str, float]:
    known, size = case.truth, case.source.shape[0]
    if known is None:
        return {}
    values = {}
    if moved.flow is not None:
        values["flow_epe"] = truth.flow_epe(moved.flow, known.flow, known.visible, size)
        values["surface_points"] = truth.surface_point_error(
            moved.flow, known.driving_points, known.source_points, known.points_visible, size
        )
    if moved.occlusion is not None:
        values["occlusion_iou"] = truth.occlusion_iou(moved.occlusion, known.visible)
    return values
