"""The optional adversarial stage: patch discriminator, least squares, feature matching (models.md 1, FOMM "adv")."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from training.config import Discriminator

SMALLEST = 64
"""Side of pictures, in pixels, that four blocks of the discriminator leave more than one place of."""


class PatchDiscriminator(nn.Module):
    """Judges overlapping patches of a picture, and of heat maps where given, as FOMM's published discriminator does.

    Blocks of an unpadded 4x4 convolution of stride 1, InstanceNorm in all but the first, LeakyReLU and an average over
    2x2 in all but the last; then a 1x1 convolution.
    """

    def __init__(self, channels: int = 3, config: Discriminator | None = None) -> None:
        """`channels`: 3, and one for every heat map."""
        super().__init__()
        config = config or Discriminator()
        self.sees_points = config.keypoints
        wrapped: Callable[[nn.Conv2d], nn.Module] = spectral_norm if config.spectral_norm else lambda layer: layer
        layers: list[nn.Module] = []
        inputs = channels
        for index in range(config.num_blocks):
            outputs = min(config.max_features, config.block_expansion * 2 ** (index + 1))
            block: list[nn.Module] = [wrapped(nn.Conv2d(inputs, outputs, 4))]
            if index:
                block.append(nn.InstanceNorm2d(outputs, affine=True))
            block.append(nn.LeakyReLU(0.2))
            if index < config.num_blocks - 1:
                block.append(nn.AvgPool2d(2))
            layers.append(nn.Sequential(*block))
            inputs = outputs
        self.layers = nn.ModuleList(layers)
        self.judge = wrapped(nn.Conv2d(inputs, 1, 1))

    def forward(self, image: Tensor) -> tuple[list[Tensor], Tensor]:
        """Feature maps of every block, and the verdict (B, 1, h, w): 1 for real, 0 for made."""
        maps = []
        for layer in self.layers:
            image = layer(image)
            maps.append(image)
        return maps, self.judge(image)


def generator_loss(verdict: Tensor) -> Tensor:
    """Least-squares GAN, generator's side."""
    return (1 - verdict.float()).square().mean()


def discriminator_loss(real: Tensor, made: Tensor) -> Tensor:
    """Least-squares GAN, discriminator's side."""
    return (1 - real.float()).square().mean() + made.float().square().mean()


def feature_matching(real: list[Tensor], made: list[Tensor]) -> Tensor:
    """Mean absolute difference of the discriminator's feature maps; no gradient into those of the real picture."""
    total = made[0].new_zeros(())
    for a, b in zip(made, real, strict=True):
        total = total + (a.float() - b.detach().float()).abs().mean()
    return total
