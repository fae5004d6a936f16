"""Random changes of a batch of pairs, the same for both frames (models.md 1)."""

from __future__ import annotations

import torch
from torch import Tensor

from training.config import Augment
from training.data import placement
from training.data.colour import draw_shades
from training.data.damage import Blur, Boxes, Grain
from training.data.pairs import Sample
from training.kernels.pictures import changed, damaged


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
        if self.config.flip > 0:
            self._flip(batch, pictures)
        back = None
        if self.placing > 0:
            maps = placement.draw(len(batch["source"]), self.placing).to(batch["source"].device)
            back = placement.inverse(maps)
            batch = placement.place(batch, maps, back)
        exchange = self.config.time_flip and "target" not in batch and torch.rand(()) < 0.5
        if exchange and "flow" not in batch and not references:
            batch["source"], batch["driving"] = batch["driving"], batch["source"]
        shades = None
        if self.config.jitter > 0 or self.hue > 0:
            shades = draw_shades(len(batch["source"]), self.config.jitter, self.hue)
        for name in pictures:
            batch[name] = changed(batch[name], back, shades)
        if references:
            batch["references"] = torch.stack([batch.pop(f"reference {i}") for i in range(len(references))], 1)
        return batch

    def degrade(self, image: Tensor) -> Tensor:
        """`image` (B, 3, H, W) blurred, made noisy (with a gamma), partly hidden, each at random and of some pictures
        only: what only a detector that learns should see."""
        if self.config.degrade <= 0:
            return image
        blur = Blur.draw(len(image), self.config.degrade)
        boxes = Boxes.draw(len(image), image.shape[-2], image.shape[-1], self.config.degrade)
        return damaged(image, blur, boxes, Grain.draw(image, self.config.degrade))

    def _flip(self, batch: Sample, pictures: list[str]) -> None:
        chosen = torch.rand(len(batch["source"]), device=batch["source"].device) < self.config.flip
        for name in pictures:
            batch[name] = torch.where(chosen.view(-1, 1, 1, 1), batch[name].flip(-1), batch[name])
