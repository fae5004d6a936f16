"""What is judged: a checkpoint in PyTorch, a bundle in the engine, and the two bounds of every table."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from checkpoints.contract import DISENTANGLE, NEEDS, Mode
from checkpoints.errors import OptionError
from training.checkpoint import load_model
from training.models.base import DenseMotion, Motion, MotionModel

if TYPE_CHECKING:
    from runtime.engine import Engine
    from runtime.graphs.sessions import Device
    from runtime.layers import LayersMode
    from runtime.motion import modes
    from runtime.result.finish import Rendered

Clip = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Moved:
    """A source in the poses of T driving frames."""

    frames: Clip
    """(T, H, W, 3)."""
    flow: Floats | None = None
    """(T, h, w, 2), backward, in [-1, 1]; None where it cannot be had."""
    occlusion: Floats | None = None
    """(T, h, w) in [0, 1], the finest map; 1 where the source shows what the driving pose shows."""


class Mover(Protocol):
    """Anything that moves a picture as frames move; all pictures are uint8 and of one size."""

    name: str
    identity: str
    """Changes when the results may: what resumed results are recognised by."""
    facts: dict[str, Any]
    """What a report says about it: family, resolution, parameters, licence, steps."""

    def reconstruct(self, source: Clip, driving: Clip) -> Moved:
        """`source` (H, W, 3) in the poses of the same person's `driving` (T, H, W, 3), absolute."""
        ...

    def animate(self, source: Clip, driving: Clip, mode: str) -> Moved:
        """`source` moved as another person's `driving`. Raises `OptionError` for a mode it does not have."""
        ...


@dataclass
class Still:
    """The lower bound: the source, whatever the driving frames do."""

    name: str = "unmoved source"
    identity: str = "still-1"
    facts: dict[str, Any] = field(default_factory=lambda: {"bound": "lower"})

    def reconstruct(self, source: Clip, driving: Clip) -> Moved:
        """The source T times, with the flow that says so and nothing called hidden."""
        line = np.linspace(-1, 1, 64, dtype=np.float32)
        flow = np.broadcast_to(np.stack(np.meshgrid(line, line), -1), (len(driving), 64, 64, 2))
        return Moved(np.repeat(source[None], len(driving), 0), flow, np.ones(flow.shape[:3], np.float32))

    def animate(self, source: Clip, driving: Clip, mode: str) -> Moved:
        """As `reconstruct`."""
        return self.reconstruct(source, driving)


@dataclass
class Echo:
    """The upper bound of motion: the driving frames themselves; for another person they show the wrong identity."""

    name: str = "driving itself"
    identity: str = "echo-1"
    facts: dict[str, Any] = field(default_factory=lambda: {"bound": "upper"})

    def reconstruct(self, source: Clip, driving: Clip) -> Moved:
        """The driving frames."""
        return Moved(driving)

    def animate(self, source: Clip, driving: Clip, mode: str) -> Moved:
        """As `reconstruct`."""
        return Moved(driving)


class TorchMover:
    """A model in PyTorch; works at any size that its networks take."""

    def __init__(self, path: Path, batch: int = 8, device: str = "cpu") -> None:
        """`batch`: driving frames at a time. Raises `ModelError` for a file that is no checkpoint."""
        model, metadata = load_model(path)
        self.model: MotionModel = model.to(device)
        self.batch = batch
        self.device = device
        self.name = f"{path.parent.name}/{path.stem}"
        self.identity = _digest([path])
        count = sum(parameter.numel() for parameter in model.parameters())
        training = metadata.get("training", {})
        self.facts = {
            "family": model.family,
            "run by": "PyTorch",
            "resolution": getattr(model.config, "resolution", None),
            "parameters": count,
            "steps": training.get("steps"),
            "licence": training.get("licence"),
        }

    def reconstruct(self, source: Clip, driving: Clip) -> Moved:
        """With the background predictor where there is one, as the papers' reconstruction."""
        return self._run(source, driving, "absolute", background=True)

    def animate(self, source: Clip, driving: Clip, mode: str) -> Moved:
        """Without the background predictor: it would carry over the other video's background."""
        if NEEDS.get(mode) == DISENTANGLE and not self.model.has_disentangle:
            raise OptionError(f"{self.name} has no disentanglement network; choose --mode relative or absolute")
        return self._run(source, driving, mode, background=False)

    @torch.inference_mode()
    def _run(self, source: Clip, driving: Clip, mode: str, background: bool) -> Moved:
        still = self._tensor(source[None])
        features, source_motion = self.model.encode(still), self.model.detect(still)
        reference: Motion | None = None
        parts: list[tuple[Clip, Floats, Floats | None]] = []
        for start in range(0, len(driving), self.batch):
            frames = self._tensor(driving[start : start + self.batch])
            motion = self.model.detect(frames)
            reference = reference or motion.map(lambda part: part[:1])
            motion = _drive(self.model, mode, source_motion, motion, reference)
            there = self.model.background(still.expand_as(frames), frames) if background else None
            dense = self.model.move(features, source_motion, motion, there)
            parts.append((_bytes(self.model.generate(features, dense)), *_maps(dense)))
        pictures, flows, occlusions = zip(*parts, strict=True)
        known = None if occlusions[0] is None else np.concatenate(occlusions)
        return Moved(np.concatenate(pictures), np.concatenate(flows), known)

    def _tensor(self, frames: Clip) -> Tensor:
        return torch.from_numpy(np.array(frames)).to(self.device).permute(0, 3, 1, 2).float().div_(255)


class BundleMover:
    """A bundle run by the engine: what users get. Frames are scaled to its resolution and back."""

    def __init__(
        self, model: str, batch: int | None = None, device: Device = "auto", layers: LayersMode = "auto"
    ) -> None:
        """`model`: embedded name, folder, or Hub name; `layers`: whether people are moved in layers, as users get them.
        Raises `ModelError` when it is not to be had.
        """
        from runtime.engine import Engine

        self.engine: Engine = Engine(model, device=device)
        bundle = self.engine.bundle
        self.batch, self.layers = batch or self.engine.batch, layers
        self.name = bundle.name
        self.identity = _digest([bundle.path(graph) for graph in sorted(bundle.graphs)]) + f"-{layers}-{LAYERS_VERSION}"
        self.facts = {
            "family": bundle.family,
            "run by": f"engine ({self.engine.device})",
            "layers": layers,
            "resolution": bundle.resolution,
            "licence": bundle.licence,
            "steps": bundle.training.get("steps"),
        }

    def reconstruct(self, source: Clip, driving: Clip) -> Moved:
        """Bundles have no background predictor."""
        return self._run(source, driving, "absolute")

    def animate(self, source: Clip, driving: Clip, mode: str) -> Moved:
        """In any mode that the bundle has."""
        return self._run(source, driving, mode)

    def _run(self, source: Clip, driving: Clip, mode: str) -> Moved:
        from runtime.animator import Animator

        self.engine.check_mode(mode)
        # Without cutting to the face: all models must be given the same squares.
        animator = Animator(
            self.engine,
            mode=cast(Mode, mode),
            crop="off",
            driving_crop="off",
            layers=self.layers,
            detail=False,
            fps=25.0,
        )
        animator.set_source(Image.fromarray(source))
        parts: list[Rendered] = []
        results: list[Clip] = []
        for start in range(0, len(driving), self.batch):
            squares = _resized(driving[start : start + self.batch], self.engine.resolution)
            frames, rendered = animator.rendered(animator.watch(squares, [1] * len(squares)))
            results.append(frames)
            parts.append(rendered)
        occlusion = _joined([part.occlusion for part in parts])
        frames = _resized(np.concatenate(results), source.shape[0])
        return Moved(frames, _joined([part.flow for part in parts]), None if occlusion is None else occlusion[:, 0])


LAYERS_VERSION = 4
"""Changes when the engine makes other pictures of the same weights: older results are then measured again."""


def open_mover(model: str, batch: int, device: Device, layers: LayersMode = "auto") -> Mover:
    """The checkpoint (a .safetensors file) or bundle (a folder, embedded or Hub name) called `model`; `layers` concerns
    bundles.
    """
    if model.endswith(".safetensors"):
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        return TorchMover(Path(model), batch, device)
    return BundleMover(model, None, device, layers)


def _drive(model: MotionModel, mode: str, source: Motion, driving: Motion, reference: Motion) -> Motion:
    """The motion to render by the driving mode; the arithmetic is the engine's own."""
    from runtime.motion import modes

    device = next(iter(driving.arrays.values())).device

    def arrays(motion: Motion) -> modes.Motion:
        """`motion` as the engine has it."""
        found = {name: _array(array) for name, array in motion.arrays.items()}
        return modes.Motion.of(found, {name: model.parameter(name, each.shape[1:]) for name, each in found.items()})

    def disentangle(shape: modes.Motion, pose: modes.Motion) -> modes.Motion:
        return arrays(model.disentangle(_repeated(_tensors(shape, device), len(pose)), _tensors(pose, device)))

    given = arrays(driving)
    moved = modes.Drive(disentangle=disentangle)(mode, arrays(source), given, arrays(reference))
    return driving if moved is given else _tensors(moved, device)


def _tensors(motion: modes.Motion, device: torch.device) -> Motion:
    return Motion.of({name: torch.from_numpy(array).to(device) for name, array in motion.arrays.items()})


def _repeated(motion: Motion, count: int) -> Motion:
    return motion.map(lambda part: part.expand(count, *part.shape[1:]))


def _maps(dense: DenseMotion) -> tuple[Floats, Floats | None]:
    return _array(dense.flow), (_array(dense.occlusions[-1][:, 0]) if dense.occlusions else None)


def _joined(parts: list[Floats | None]) -> Floats | None:
    """All frames' maps; None where the bundle does not give them."""
    known = [part for part in parts if part is not None]
    return np.concatenate(known) if known else None


def _array(tensor: Tensor) -> Floats:
    return tensor.float().cpu().numpy()


def _bytes(image: Tensor) -> Clip:
    return image.clamp(0, 1).mul(255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()


def _resized(frames: Clip, size: int) -> Clip:
    if frames.shape[1:3] == (size, size):
        return frames
    return np.stack([np.asarray(Image.fromarray(f).resize((size, size), Image.Resampling.LANCZOS)) for f in frames])


def _digest(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]
