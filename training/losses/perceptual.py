"""Perceptual reconstruction on an image pyramid (models.md 1; FOMM, section 3.3, after Johnson et al. 2016)."""

from __future__ import annotations

from torch import Tensor, nn

from training.losses.backbones import Backbone
from training.models.parts.sampling import antialias_reduce

SCALES = (1.0, 0.5, 0.25, 0.125)


class PerceptualPyramid(nn.Module):
    """Sum over image scales and backbone stages of the mean absolute difference of feature maps."""

    def __init__(self, backbone: Backbone, scales: tuple[float, ...] = SCALES, smallest: int = 16) -> None:
        """Scales whose picture would be under `smallest` pixels are left out: no stage could see anything."""
        super().__init__()
        self.backbone = backbone
        self.scales = scales
        self.smallest = smallest

    def forward(self, result: Tensor, target: Tensor) -> Tensor:
        """Scalar; `result` and `target` (B, 3, H, W) in [0, 1]. The gradient flows into `result` only."""
        total = result.new_zeros(())
        for scale in self.scales:
            if min(result.shape[-2:]) * scale < self.smallest:
                continue
            ours = self.backbone(antialias_reduce(result, scale))
            theirs = self.backbone(antialias_reduce(target, scale))
            for a, b in zip(ours, theirs, strict=True):
                total = total + (a - b.detach()).abs().mean()
        return total
