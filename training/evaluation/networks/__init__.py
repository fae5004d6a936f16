"""The networks that measure, by the names that the command knows them by. None is trained here."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from checkpoints.errors import OptionError
from training.evaluation.measure import Detector, Embedder, Features, Perceptual, Rulers


def make_rulers(keypoints: str, also: Sequence[str], device: str = "cpu") -> Rulers:
    """The wanted networks: `keypoints` is a name in `DETECTORS` or "none"; `also` of those in the other tables, of the
    identity networks at most one. Raises `ModelError` for one that cannot be had here, saying what to do, and
    `OptionError` for two identity networks.
    """
    if len(set(IDENTITY) & set(also)) > 1:
        raise OptionError(f"one identity network at a time measures AED and CSIM; choose one of {', '.join(IDENTITY)}")
    detector = DETECTORS[keypoints](device) if keypoints != "none" else None
    perceptual = tuple(PERCEPTUAL[name](device) for name in PERCEPTUAL if name in also)
    features = tuple(FEATURES[name](device) for name in FEATURES if name in also)
    embedder = next((make() for name, make in IDENTITY.items() if name in also), None)
    return Rulers(detector, embedder, perceptual, features)


def _face_mesh(device: str) -> Detector:
    from training.evaluation.networks.face_mesh import FaceMesh

    return FaceMesh()


def _pose(device: str) -> Detector:
    from training.evaluation.networks.pose import Pose

    return Pose()


def _face_alignment(device: str) -> Detector:
    from training.evaluation.networks.published import FaceAlignment

    return FaceAlignment(device)


def _dlib_landmarks(device: str) -> Detector:
    from training.evaluation.networks.dlib_landmarks import DlibLandmarks

    return DlibLandmarks()


def _sface() -> Embedder:
    from training.evaluation.networks.sface import SFace

    return SFace()


def _dlib_face() -> Embedder:
    from training.evaluation.networks.dlib_face import DlibFace

    return DlibFace()


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
    "dlib": _dlib_landmarks,
}
IDENTITY: dict[str, Callable[[], Embedder]] = {"identity": _sface, "identity-dlib": _dlib_face}
PERCEPTUAL: dict[str, Callable[[str], Perceptual]] = {"lpips": _lpips}
FEATURES: dict[str, Callable[[str], Features]] = {"fid": _inception, "fd-lite0": _lite0}
