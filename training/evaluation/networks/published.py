"""The networks of the published protocols, from their own packages (not dependencies: they bring torchvision)."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from checkpoints.errors import ModelError
from checkpoints.installation import installing_packages
from training.evaluation.measure import Clip, Tracks
from training.evaluation.metrics.parts import SIXTY_EIGHT, Layout


class FaceAlignment:
    """68 points by face-alignment (Bulat and Tzimiropoulos 2017), the detector of the papers' AKD on faces."""

    name = "face-alignment"
    layout: ClassVar[Layout | None] = SIXTY_EIGHT

    def __init__(self, device: str = "cpu") -> None:
        """Raises `ModelError` when the package or its weights cannot be had."""
        package = _package("face_alignment", "face-alignment", "--keypoints face-alignment")
        kind = package.LandmarksType
        with_weights: Any = _download(
            lambda: package.FaceAlignment(getattr(kind, "TWO_D", None) or kind._2D, device=device, flip_input=False),
            "face-alignment",
        )
        self._network = with_weights

    def __call__(self, frames: Clip) -> Tracks:
        """The first face of every frame, as the published protocol takes it."""
        points, found = np.zeros((len(frames), 68, 2)), np.zeros(len(frames), bool)
        for index, frame in enumerate(frames):
            faces = self._network.get_landmarks_from_image(frame)
            if faces is not None and len(faces):
                points[index], found[index] = faces[0][:, :2], True
        return Tracks(points, found)


class Inception:
    """2048 features a picture by pytorch-fid's InceptionV3: FID with its original weights (Heusel et al. 2017)."""

    name = "fid"

    def __init__(self, device: str = "cpu", batch: int = 8) -> None:
        """Raises `ModelError` when the package or its weights cannot be had."""
        package = _package("pytorch_fid.inception", "pytorch-fid", "FID")
        inception = package.InceptionV3
        self._network = _download(lambda: inception([inception.BLOCK_INDEX_BY_DIM[2048]]), "pytorch-fid")
        self._network.to(device).eval()
        self.device, self.batch = device, batch

    @torch.inference_mode()
    def __call__(self, frames: Clip) -> NDArray[np.float32]:
        """(T, 2048)."""
        parts = []
        for start in range(0, len(frames), self.batch):
            pictures = torch.from_numpy(np.array(frames[start : start + self.batch])).to(self.device)
            parts.append(self._network(pictures.permute(0, 3, 1, 2).float() / 255)[0].flatten(1).cpu().numpy())
        return np.concatenate(parts)


def _package(module: str, package: str, purpose: str) -> ModuleType:
    try:
        return import_module(module)
    except ImportError as error:
        raise ModelError(
            f"{purpose} needs the package {package}; install it with: {installing_packages(package)}"
        ) from error


def _download(make: Any, package: str) -> Any:
    """What `make` builds; these packages fetch their weights when a network is built."""
    try:
        return make()
    except OSError as error:  # urllib's errors are such
        raise ModelError(
            f"the weights of {package} could not be fetched ({error}); connect to the network once, or leave it out"
        ) from error
