"""All metrics of one case: result against true frames, against the source's identity, against the truth."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from training.evaluation.cases import ANIMATION, RECONSTRUCTION, Case
from training.evaluation.metrics import identity, keypoints, parts, pixels, truth
from training.evaluation.metrics.ghosts import beside, ghosts
from training.evaluation.movers import Moved

Clip = NDArray[np.uint8]
Floats = NDArray[np.floating]
MOMENTS = "_moments"
"""End of the names of values that are sums for regressions over all cases (`Moments`), and no metrics by themselves."""


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
    layout: ClassVar[parts.Layout | None]
    """Which of its keypoints mark mouth and eyes; None for one that sees nothing such."""

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
    def gaze(self) -> tuple[Floats, NDArray[np.bool_]]:
        """Where the eyes of the true frames look, of the driving ones where there are none (`parts.gaze`)."""
        frames = self.case.driving if self.case.target is None else self.case.target
        tracks, detector = self.tracks or self.driving_tracks, self.rulers.detector
        assert tracks is not None
        assert detector is not None
        assert detector.layout is not None
        return parts.gaze(frames, tracks.points, tracks.found, detector.layout)

    @cached_property
    def beside(self) -> NDArray[np.bool_]:
        """The bands beside the person in the true frames, of which there must be some (`ghosts.beside`)."""
        assert self.case.target is not None
        return beside(self.case.source, self.case.target)

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


VERSION = 5
"""Changes when a metric is added or comes to mean something else: older results are then measured again."""

PIXEL_METRICS: dict[str, Callable[[Clip, Clip], Floats]] = {
    "l1": pixels.l1,
    "psnr": pixels.psnr,
    "ssim": pixels.ssim,
    "ms_ssim": pixels.ms_ssim,
}


def measure(reference: Reference, moved: Moved) -> dict[str, float]:
    """Every metric that this case allows, by name, and sums for regressions (`MOMENTS`); what cannot be known (no face
    found, ...) is left out.
    """
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
        values |= _of_parts(reference, moved.frames, tracks)
    if tracks is not None and rulers.embedder is not None and reference.embeddings is not None:
        embeddings = rulers.embedder(moved.frames, tracks)
        values["aed"] = identity.aed(embeddings, reference.embeddings)
        values["csim"] = identity.csim(embeddings, reference.embeddings)
        if reference.task == ANIMATION and (own := reference.own_embeddings) is not None:
            values["own_aed"] = identity.aed(own[1:], own[:1])
            values["identity_kept"] = values["csim"] / identity.csim(own[1:], own[:1])
    values |= _against_truth(case, moved)
    return {name: value for name, value in values.items() if np.isfinite(value)}


def _of_parts(reference: Reference, frames: Clip, tracks: Tracks) -> dict[str, float]:
    """What mouth and eyes do and how they look, and what is left beside the person, for detectors of faces."""
    case, detector, wanted = reference.case, reference.rulers.detector, reference.tracks or reference.driving_tracks
    layout = None if detector is None else detector.layout
    if layout is None or wanted is None:
        return {}
    values: dict[str, float] = {}
    both = parts.seen(tracks.found, tracks.points) & parts.seen(wanted.found, wanted.points)
    for name, gaps in layout.openings.items():
        result, target = (parts.opening(each.points, gaps) for each in (tracks, wanted))
        values |= _moments(name, parts.Moments.of(result, target, both))
    looks = parts.gaze(frames, tracks.points, tracks.found, layout)
    values |= _moments("gaze", parts.Moments.of(looks[0], reference.gaze[0], looks[1] & reference.gaze[1]))
    if case.target is not None and reference.tracks is not None:
        values |= parts.box_errors(frames, case.target, wanted.points, wanted.found, layout)
        values["ghosts"] = ghosts(frames, case.source, case.target, reference.beside)
    return values


def _moments(name: str, moments: parts.Moments | None) -> dict[str, float]:
    return {} if moments is None else {f"{name}_{sum}{MOMENTS}": value for sum, value in asdict(moments).items()}


def moments_of(values: Mapping[str, float], name: str) -> parts.Moments | None:
    """What `measure` found for "mouth", "lids" or "gaze"; None where it is not known."""
    known = {field.name: values.get(f"{name}_{field.name}{MOMENTS}") for field in fields(parts.Moments)}
    sums = {key: value for key, value in known.items() if value is not None}
    return parts.Moments(**sums) if len(sums) == len(known) else None


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
