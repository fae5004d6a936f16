"""What every family of motion models offers to training and to export, however different inside.

The methods are cut where the exported graphs are cut: `encode` and `detect` of the source depend on the source
only, `detect` of the driving frame and `render` run once a frame.

Conventions (all families): images are float tensors (B, 3, H, W), RGB, in [0, 1]. Coordinates are (x, y) in
[-1, 1], x to the right, y down, with -1 and 1 at the centres of the first and last pixel. A flow (B, h, w, 2) is a
backward map: for every pixel of the driving pose, where to look in the source.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from checkpoints.contract import PARAMETERS
from checkpoints.parameters import Parameter
from training.models.parts.published import Published
from training.models.parts.random_warp import Distance
from training.models.parts.sampling import resize_flow, warp

Views = Literal["one", "many"]
"""How many pictures of its source a family takes: one, or any number that it fuses."""


class Motion:
    """Sparse motion parameters of a batch of images: arrays by name, of the kinds that the family says
    (`MotionModel.kinds`)."""

    arrays: dict[str, Tensor]
    """(B, ...) each, in the order in which graphs take and give them."""
    extra: dict[str, Tensor]
    """What only training and drawings need: heat maps; all anchors and attention, which are exported for drawings. And
    what `render` may be told beside motions (`checkpoints.contract.SWITCHES`), in that of the driving frame."""

    def __init__(
        self,
        points: Tensor | None = None,
        jacobians: Tensor | None = None,
        covariances: Tensor | None = None,
        extra: dict[str, Tensor] | None = None,
        **others: Tensor,
    ) -> None:
        """`points`, `jacobians` and `covariances` as the properties of these names; `others` by their own."""
        given = {"points": points, "jacobians": jacobians, "covariances": covariances, **others}
        self.arrays = {name: array for name, array in given.items() if array is not None}
        self.extra = {} if extra is None else extra

    @classmethod
    def of(cls, arrays: Mapping[str, Tensor], extra: dict[str, Tensor] | None = None) -> Motion:
        """A motion of `arrays` by whatever names."""
        motion = cls(extra=extra)
        motion.arrays = dict(arrays)
        return motion

    @property
    def points(self) -> Tensor:
        """(B, K, 2 or 3) in [-1, 1]. Families whose arrays are no points have in `extra` where theirs are."""
        return self.arrays["points"] if "points" in self.arrays else self.extra["points"]

    @property
    def jacobians(self) -> Tensor | None:
        """(B, K, 2, 2), row = output coordinate; None in families without a linear part."""
        return self.arrays.get("jacobians")

    @property
    def covariances(self) -> Tensor | None:
        """(B, K, 2, 2) of each region (MRAA only). In relative mode they stay the driving frame's own."""
        return self.arrays.get("covariances")

    def map(self, change: Callable[[Tensor], Tensor]) -> Motion:
        """The same arrays, changed; `extra` stays behind."""
        return Motion.of({name: change(array) for name, array in self.arrays.items()})

    def split(self, count: int) -> list[Motion]:
        """Of `count` batches of pictures that were detected as one: the motion of each."""
        parts = [{name: array.chunk(count)[index] for name, array in self.arrays.items()} for index in range(count)]
        extra = [{name: array.chunk(count)[index] for name, array in self.extra.items()} for index in range(count)]
        return [Motion.of(part, more) for part, more in zip(parts, extra, strict=True)]

    @staticmethod
    def stack(views: Sequence[Motion]) -> Motion:
        """Of motions (B, ...) of several views one with an axis for them: (B, V, ...)."""
        return Motion.of({name: torch.stack([view.arrays[name] for view in views], 1) for name in views[0].arrays})


@dataclass
class DenseMotion:
    """What the motion network makes of the sparse motions of source and driving frame."""

    flow: Tensor
    """(B, h, w, 2), backward, driving to source."""
    occlusions: list[Tensor]
    """(B, 1, h_i, w_i) in [0, 1], coarse to fine; 1 where the source shows what the driving pose shows. Empty in
    families that have none."""
    masks: Tensor | None
    """(B, K + 1, h, w), softmax over the candidate motions, background first; None in families that have none."""
    extra: dict[str, Any] = field(default_factory=dict)
    """What only losses, drawings and the family's own `generate` need: sparse flows, warped sources."""
    _kept: dict[tuple[Any, ...], tuple[tuple[Tensor, ...], Tensor]] = field(
        default_factory=dict, repr=False, compare=False
    )

    def flow_at(self, size: torch.Size | tuple[int, int], align_corners: bool) -> Tensor:
        """The flow (B, height, width, 2) at another size; resized once, however many ask for it."""
        key = ("flow", *size, align_corners)
        return self._once(key, (self.flow,), lambda: resize_flow(self.flow, size, align_corners))

    def looked_up(self, source: Tensor, align_corners: bool) -> Tensor:
        """The `source` picture (1 or B, C, H, W) seen through the flow at its own size: (B, C, H, W), once for all."""
        flow = self.flow_at(source.shape[-2:], align_corners)
        count = flow.shape[0]  # not its length, which would be traced as that number

        def look() -> Tensor:
            return warp(source.expand(count, -1, -1, -1), flow, align_corners)

        return self._once(("source", align_corners), (flow, source), look)

    def still(self) -> DenseMotion:
        """The same motion as constants: no gradient reaches what found it."""
        extra = {name: each.detach() if isinstance(each, Tensor) else each for name, each in self.extra.items()}
        occlusions = [each.detach() for each in self.occlusions]
        masks = None if self.masks is None else self.masks.detach()
        return DenseMotion(self.flow.detach(), occlusions, masks, extra)

    def _once(self, key: tuple[Any, ...], of: tuple[Tensor, ...], make: Callable[[], Tensor]) -> Tensor:
        """What `make` gives, kept for as long as it is made `of` the same tensors."""
        kept = self._kept.get(key)
        if kept is None or any(mine is not theirs for mine, theirs in zip(kept[0], of, strict=True)):
            kept = self._kept[key] = (of, make())
        return kept[1]


@dataclass
class Rendered(DenseMotion):
    """A dense motion and the picture that the generator made with it."""

    image: Tensor = field(kw_only=True)
    """(B, 3, H, W) in [0, 1]."""


class MotionModel(nn.Module, ABC):
    """One family, and everything that is known of it: no other module asks which family a model is of.

    Sub-modules carry the names of the published checkpoints' top-level keys.
    """

    family: ClassVar[str]
    """Name in configurations and bundles."""
    title: ClassVar[str] = ""
    """Full name with its source, as cards give it; empty for the family's name alone."""
    outputs: ClassVar[tuple[str, ...]] = ("image", "flow", "occlusion", "masks")
    """What `render` gives, and thus the exported graph, by the names of docs/contract.md; a family may lack all but the
    first."""
    kinds: ClassVar[Mapping[str, str]] = PARAMETERS
    """Of every array that its motions may have, the kind (`checkpoints.parameters`), in the order of graphs."""
    reduces: ClassVar[bool] = True
    """Whether `move` reads but the first feature, what `reduce` gives."""
    detectors: ClassVar[tuple[str, ...]] = ("kp_detector", "region_predictor", "glance_network")
    """Names of the sub-modules that find the points; a family need not have all of them."""
    warp_distance: ClassVar[Distance] = "l1"
    """Kind of spline of the random warps of the equivariance losses."""
    started_by: ClassVar[tuple[str, ...]] = ()
    """Other families whose checkpoints can start a run: those whose networks it takes over under the same names."""
    inherited: ClassVar[tuple[str, ...]] = ()
    """Settings that a run takes over from the checkpoint that starts it, unless it has its own."""
    published: ClassVar[Published | None] = None
    """What is known of the weights that its authors published."""
    views: ClassVar[Views] = "one"
    """Families with "many" also take sources with an axis of views after the batch: pictures (B, V, 3, H, W), and
    features and parameters (1 or B, V, ...) as `encode` and `detect` make of them. The first view is the source
    itself: relative motion, flow and masks are its own."""
    align_corners: bool
    """Convention of grid sampling and flow resizing; a property of the checkpoint."""
    config: Any
    """The frozen dataclass that the model was built from; `dataclasses.asdict` of it rebuilds the model."""

    def output_resolution(self, resolution: int) -> int:
        """Side of the pictures that it gives of sources of that `resolution`, both in pixels."""
        return resolution

    @property
    def switches(self) -> tuple[str, ...]:
        """Those of `checkpoints.contract.SWITCHES` that `render` reads of the driving motion's `extra`."""
        return ()

    def parameter(self, name: str, shape: tuple[int, ...]) -> Parameter:
        """What the array `name` of its motions is; `shape` that of one frame."""
        return Parameter(self.kinds[name], shape)

    @property
    def groups(self) -> int:
        """Number of groups that the points belong to, equally many each and in order, each with a shape of its own
        (splines); 0 where every point stands for itself."""
        return 0

    @property
    def dead(self) -> tuple[int, ...]:
        """Numbers of the points that follow nothing."""
        return ()

    def adopted(self, state: dict[str, Tensor], other: MotionModel) -> dict[str, Tensor]:
        """`state`, that of `other`, which starts this one, with tensors brought into this model's shapes where there is
        a way. By default there is none."""
        return state

    @abstractmethod
    def detect(self, image: Tensor) -> Motion:
        """Sparse motion parameters of `image` (B, 3, H, W)."""

    def first_look(self, image: Tensor) -> Motion:
        """`detect`, before any network looks again at parts of the picture: for a detector that learns alone."""
        return self.detect(image)

    @abstractmethod
    def reduce(self, image: Tensor) -> Tensor:
        """The source (B, 3, H, W) at the size of the dense motion's maps: all that `move` sees of it."""

    @abstractmethod
    def encode(self, image: Tensor) -> tuple[Tensor, ...]:
        """Everything that `render` needs of the source and that does not depend on the driving frame.

        The first is what `reduce` gives.
        """

    def prepare(self, image: Tensor) -> tuple[Motion, tuple[Tensor, ...]]:
        """`detect` and `encode` of a source; families in which they have much in common compute that once."""
        return self.detect(image), self.encode(image)

    @abstractmethod
    def move(
        self,
        features: tuple[Tensor, ...],
        source: Motion,
        driving: Motion,
        background: Tensor | None = None,
        spline_dropout: float = 0.0,
    ) -> DenseMotion:
        """The dense motion from the driving pose to the source.

        `features` as returned by `encode`, with batch size 1 or B; only the first is read where the family `reduces`.
        `background` (B, 3, 3) maps homogeneous driving coordinates to the source, identity when None. `spline_dropout`
        is TPSMM's, ignored by other families.
        """

    @abstractmethod
    def generate(self, features: tuple[Tensor, ...], motion: DenseMotion) -> Tensor:
        """The source in the driving pose, (B, 3, H, W) in [0, 1]: warps and completes the features."""

    def render(
        self,
        features: tuple[Tensor, ...],
        source: Motion,
        driving: Motion,
        background: Tensor | None = None,
        spline_dropout: float = 0.0,
    ) -> Rendered:
        """`move`, then `generate`."""
        motion = self.move(features, source, driving, background, spline_dropout)
        return Rendered(**vars(motion), image=self.generate(features, motion))

    @property
    def learns_to_detect(self) -> bool:
        """Whether any network that finds the points is being trained."""
        networks = [getattr(self, name, None) for name in self.detectors]
        return any(each.requires_grad for network in networks if network is not None for each in network.parameters())

    @property
    def normalises_by_batch(self) -> bool:
        """Whether a network that finds the points takes its normalisation's statistics from the batch that it sees."""
        networks = [getattr(self, name, None) for name in self.detectors]
        return any(network is not None and network.training for network in networks)

    @property
    def has_disentangle(self) -> bool:
        """Whether there is a network that separates shape from pose."""
        return getattr(self, "avd_network", None) is not None

    def disentangle(self, source: Motion, driving: Motion) -> Motion:
        """`driving`'s pose in `source`'s shape. Raises `RuntimeError` without such a network."""
        raise RuntimeError(f"{self.family} has no disentanglement network in this configuration")

    def background(self, source: Tensor, driving: Tensor) -> Tensor | None:
        """(B, 3, 3) background motion from both images, or None without a background predictor."""
        return None

    def forward(self, source: Tensor, driving: Tensor) -> Rendered:
        """Everything recomputed for one pair of images, as the published code does: the baseline of benchmarks."""
        return self.render(self.encode(source), self.detect(source), self.detect(driving))


def state_shapes(module: nn.Module) -> dict[str, torch.Size]:
    """Name and shape of every tensor in the state dict, in order."""
    return {name: tensor.shape for name, tensor in module.state_dict().items()}
