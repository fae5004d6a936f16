"""The optional adversarial stage: patch discriminator, least squares, feature matching (models.md 1, FOMM "adv")."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm


class PatchDiscriminator(nn.Module):
    """Convolutions of stride 2 that judge overlapping patches; sees the picture, and heat maps where given."""

    def __init__(self, channels: int = 3, width: int = 32, max_width: int = 512, blocks: int = 4) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = channels
        for index in range(blocks):
            outputs = min(max_width, width * 2**index)
            layer: list[nn.Module] = [spectral_norm(nn.Conv2d(inputs, outputs, 4, 2, 1))]
            if index:
                layer.append(nn.InstanceNorm2d(outputs, affine=True))
            layers.append(nn.Sequential(*layer, nn.LeakyReLU(0.2)))
            inputs = outputs
        self.layers = nn.ModuleList(layers)
        self.judge = nn.Conv2d(inputs, 1, 1)

    def forward(self, image: Tensor) -> tuple[list[Tensor], Tensor]:
        """Feature maps of every layer, and the verdict (B, 1, h, w): 1 for real, 0 for made."""
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
