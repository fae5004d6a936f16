"""Random changes of a batch of pairs, the same for both frames (models.md 1)."""

from __future__ import annotations

import torch
from torch import Tensor

from training.config import Augment
from training.data import placement
from training.data.colour import draw_shades, shade
from training.data.damage import blur_some, change_some, hide_some
from training.data.pairs import Sample


class PairAugment:
    """Callable on a batch; pictures come in as uint8 and go out as float in [0, 1]."""

    def __init__(self, config: Augment, placing: float = 0.0) -> None:
        """`placing`: see `training.config.Stage`."""
        self.config = config
        self.placing = placing
        self.hue = min(config.jitter, 0.5) if config.hue is None else config.hue

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
        if self.config.jitter > 0 or self.hue > 0:
            shades = draw_shades(len(batch["source"]), self.config.jitter, self.hue)
            for name in pictures:
                batch[name] = shade(batch[name], shades)
        if references:
            batch["references"] = torch.stack([batch.pop(f"reference {i}") for i in range(len(references))], 1)
        return batch

    def degrade(self, image: Tensor) -> Tensor:
        """`image` (B, 3, H, W) blurred, made noisy (with a gamma), partly hidden, each at random and of some pictures
        only: what only a detector that learns should see."""
        if self.config.degrade <= 0:
            return image
        image = hide_some(blur_some(image, self.config.degrade), self.config.degrade)
        chosen = torch.rand(len(image)) < self.config.degrade

        def spoil(few: Tensor) -> Tensor:
            strength, gamma = 0.06 * torch.rand(len(few)), torch.empty(len(few)).uniform_(0.7, 1.4)
            strength, gamma = (each.to(few).view(-1, 1, 1, 1) for each in (strength, gamma))
            return (few.clamp(1e-4, 1) ** gamma + strength * torch.randn_like(few)).clamp(0, 1)

        return change_some(image, chosen, spoil)

    def _flip(self, batch: Sample, pictures: list[str]) -> None:
        chosen = torch.rand(len(batch["source"]), device=batch["source"].device) < self.config.flip
        for name in pictures:
            batch[name] = torch.where(chosen.view(-1, 1, 1, 1), batch[name].flip(-1), batch[name])
