"""The networks that measure, by the names that the command knows them by. None is trained here."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from training.evaluation.measure import Detector, Embedder, Features, Perceptual, Rulers


def make_rulers(keypoints: str, also: Sequence[str], device: str = "cpu") -> Rulers:
    """The wanted networks: `keypoints` is a name in `DETECTORS` or "none"; `also` of "lpips", "fid", "fd-lite0" and
    "identity". Raises `ModelError` for one that cannot be had here, saying what to do.
    """
    detector = DETECTORS[keypoints](device) if keypoints != "none" else None
    perceptual = tuple(PERCEPTUAL[name](device) for name in PERCEPTUAL if name in also)
    features = tuple(FEATURES[name](device) for name in FEATURES if name in also)
    return Rulers(detector, _sface() if "identity" in also else None, perceptual, features)


def _face_mesh(device: str) -> Detector:
    from training.evaluation.networks.face_mesh import FaceMesh

    return FaceMesh()


def _pose(device: str) -> Detector:
    from training.evaluation.networks.pose import Pose

    return Pose()


def _face_alignment(device: str) -> Detector:
    from training.evaluation.networks.published import FaceAlignment

    return FaceAlignment(device)


def _sface() -> Embedder:
    from training.evaluation.networks.sface import SFace

    return SFace()


def _lpips(device: str) -> Perceptual:
    from training.evaluation.networks.lpips import lpips_vgg

    return lpips_vgg(device)


def _inception(device: str) -> Features:
    from training.evaluation.networks.published import Inception

    return Inception(device)


def _lite0(device: str) -> Features:
    from training.evaluation.networks.lite0 import Lite0

    return Lite0(device)


DETECTORS: dict[str, Callable[[str], Detector]] = {
    "face-mesh": _face_mesh,
    "pose": _pose,
    "face-alignment": _face_alignment,
}
PERCEPTUAL: dict[str, Callable[[str], Perceptual]] = {"lpips": _lpips}
FEATURES: dict[str, Callable[[str], Features]] = {"fid": _inception, "fd-lite0": _lite0}
