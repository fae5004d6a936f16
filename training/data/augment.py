"""Random changes of a batch of pairs, the same for both frames (models.md 1). Kornia does the pixel work."""

from __future__ import annotations

import torch
from torch import Tensor

from training.config import Augment
from training.data import placement
from training.data.pairs import Sample


class PairAugment:
    """Callable on a batch; pictures come in as uint8 and go out as float in [0, 1]."""

    def __init__(self, config: Augment, placing: float = 0.0) -> None:
        """`placing`: see `training.config.Stage`."""
        from kornia import augmentation

        self.config = config
        self.placing = placing
        strength = config.jitter
        self.jitter = None
        hue = min(strength, 0.5) if config.hue is None else config.hue
        if strength > 0 or hue > 0:
            low, high = 1 - strength, 1 + strength
            self.jitter = augmentation.ColorJiggle((low, high), (low, high), (low, high), (-hue, hue), p=1.0)
        self.blur = augmentation.RandomGaussianBlur((5, 5), (0.3, 1.5), p=config.degrade)
        self.erase = augmentation.RandomErasing((0.01, 0.06), (0.4, 2.5), value=0.5, p=config.degrade)

    @classmethod
    def none(cls) -> PairAugment:
        """Changes nothing but the type of the pictures: for held-out data."""
        return cls(Augment(time_flip=False, jitter=0.0))

    def __call__(self, batch: Sample) -> Sample:
        """The batch with float pictures, augmented. Randomness comes from torch's global generator.

        References change as the source does. Source and driving frame are not exchanged with them: the references were
        chosen not to show the driving frame.
        """
        batch = dict(batch)
        references = batch.pop("references").unbind(1) if "references" in batch else ()
        batch |= {f"reference {index}": picture for index, picture in enumerate(references)}
        shown = ("source", "driving", "target", *(name for name in batch if name.startswith("reference ")))
        pictures: list[str] = [name for name in shown if name in batch]
        for name in pictures:
            batch[name] = batch[name].float().div_(255)
        if self.config.flip > 0:
            self._flip(batch, pictures)
        if self.placing > 0:
            batch = placement.place(
                batch, placement.draw(len(batch["source"]), self.placing, batch["source"]), pictures
            )
        exchange = self.config.time_flip and "target" not in batch and torch.rand(()) < 0.5
        if exchange and "flow" not in batch and not references:
            batch["source"], batch["driving"] = batch["driving"], batch["source"]
        if self.jitter is not None:
            self._same(self.jitter, batch, pictures)
        if references:
            batch["references"] = torch.stack([batch.pop(f"reference {i}") for i in range(len(references))], 1)
        return batch

    def degrade(self, image: Tensor) -> Tensor:
        """`image` (B, 3, H, W) blurred, made noisy and partly hidden at random: what only a detector should see."""
        if self.config.degrade <= 0:
            return image
        image = self.erase(self.blur(image))
        chosen = torch.rand(len(image), 1, 1, 1, device=image.device) < self.config.degrade
        strength = 0.06 * torch.rand(len(image), 1, 1, 1, device=image.device)
        gamma = torch.empty(len(image), 1, 1, 1, device=image.device).uniform_(0.7, 1.4)
        image = image.clamp(1e-4, 1) ** gamma
        return (image + chosen * strength * torch.randn_like(image)).clamp(0, 1)

    @staticmethod
    def _same(change: torch.nn.Module, batch: Sample, pictures: list[str]) -> None:
        first, *others = pictures
        batch[first] = change(batch[first])
        for name in others:
            batch[name] = change(batch[name], params=change._params)

    def _flip(self, batch: Sample, pictures: list[str]) -> None:
        chosen = torch.rand(len(batch["source"]), device=batch["source"].device) < self.config.flip
        for name in pictures:
            batch[name] = torch.where(chosen.view(-1, 1, 1, 1), batch[name].flip(-1), batch[name])
