"""The configuration of a training run: one TOML file, validated before anything is loaded.

A run is a list of stages, each with its own losses, resolution, learning rate and trained parts; the published
recipes have one stage, `faces-lite` has several (truth first, the papers' losses after).
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from checkpoints.errors import OptionError
from training.schema import Problem, Unreadable, limited, read


@dataclass(frozen=True)
class Augment:
    """Random changes, the same for both frames of a pair (models.md 1). 0 switches each off."""

    flip: float = 0.0
    """Probability of a horizontal flip. Not for data with truth: it would swap left and right points."""
    time_flip: bool = True
    """Source and driving are exchanged half of the time."""
    jitter: float = 0.1
    """Strength of brightness, contrast and saturation changes."""
    hue: float | None = None
    """Strength of hue changes, at most 0.5; as `jitter` where not given."""
    degrade: float = 0.0
    """Probability of each of blur, noise and an erased box; makes detectors robust to real photos."""


@dataclass(frozen=True)
class Data:
    """Where pairs of frames come from."""

    kind: Literal["shards", "clips", "synth"]
    """Packed synthetic clips with truth, videos or folders of frames, or figures rendered on the fly."""
    path: str = ""
    """Folder of the shards or clips; for `synth` what is drawn: `head` (where empty), `body` or `cartoon`."""
    test_path: str = ""
    """Folder of the held-out data; empty: no evaluation during training."""
    repeats: int = limited(1, ge=1)
    """How often each clip is drawn in one epoch (the papers' num_repeats)."""
    backdrops: str = ""
    """Folder of photos to put behind what `synth` draws; empty: procedural backdrops."""
    by_identity: bool = False
    """Draw identities evenly (`id#clip.mp4`), then one of their clips; else draw clips evenly."""
    views: int = limited(1, ge=1)
    """Pictures of the source, itself and references, for families that fuse views (DiME: 1 + N_ref)."""
    workers: int = limited(0, ge=0)
    """Reading processes."""
    resident: bool = False
    """Shards are read once, into the memory of the device that trains, and pairs are made there a batch at a time;
    without effect on other kinds.
    """
    augment: Augment = field(default_factory=Augment)


@dataclass(frozen=True)
class Clip:
    """Gradient clipping of one component."""

    max: float = limited(gt=0)
    norm: Literal["inf", "2"] = "2"


@dataclass(frozen=True)
class Discriminator:
    """Of adversarial stages (`training.losses.adversarial`), by the names and with the sizes of FOMM's publication."""

    block_expansion: int = limited(32, ge=1)
    num_blocks: int = limited(4, ge=1)
    max_features: int = limited(512, ge=1)
    spectral_norm: bool = True
    """Whether every convolution is divided by its largest singular value (published: `sn`)."""
    keypoints: bool = True
    """Whether it sees the driving points' heat maps beside the picture (published: `use_kp`)."""


@dataclass(frozen=True)
class Stage:
    """One phase of a run: what is trained, on what, for how long."""

    name: str
    losses: dict[str, float]
    """Weight of each loss, by name (`training.objectives.LOSSES`); others are not computed."""
    epochs: float = limited(0, ge=0)
    steps: int = limited(0, ge=0)
    """Length of the stage, in epochs or in optimiser steps: one of the two."""
    repeats: int = limited(0, ge=0)
    """How often each clip is drawn in one epoch of this stage; 0: as `data.repeats` says."""
    share: float = limited(0.0, ge=0, le=1)
    """Part of the time of a run that has minutes instead (`python -m training.bare`); 0: by what its steps take."""
    batch: int = limited(8, ge=1)
    """Pairs per process and step."""
    accumulate: int = limited(1, ge=1)
    """Batches whose gradients are added up before a step."""
    size: int = limited(256, ge=32)
    """Side of the pictures in pixels."""
    lr: float = limited(2e-4, gt=0)
    betas: tuple[float, float] = (0.5, 0.999)
    weight_decay: float = limited(0.0, ge=0)
    milestones: tuple[float, ...] = ()
    """Points of the stage, in its own unit (epochs or steps), where the learning rate falls to a tenth."""
    warmup: int = limited(0, ge=0)
    """Steps over which the learning rate rises from zero."""
    decay: Literal["milestones", "cosine"] = "milestones"
    train: tuple[str, ...] = ()
    """Names of the trained components (`kp_detector`, ...); empty: all of them."""
    clip: dict[str, Clip] = field(default_factory=dict)
    """Gradient clipping by component."""
    cross: float = limited(0.0, ge=0, le=1)
    """Share of pairs whose driving frame shows another identity (synthetic data: the true target is known)."""
    true_motion: bool = False
    """Move by the true surface points instead of the detected ones: the generator need not wait for the detector."""
    true_background: bool = False
    """Move the background as it truly does instead of as predicted (or not at all)."""
    true_flow: bool = False
    """Render with the true flow and visibility: the inpainting network need not wait for the dense motion network."""
    placing: float = limited(0.0, ge=0, le=0.5)
    """Strength of random turns (radians), scalings and shifts, the same for both frames of a pair and their truth."""
    coarse: int = limited(1, ge=1)
    """Dense motion on maps that many times smaller than the model's: a quick first pass; renders nothing finer."""
    focus: tuple[int, ...] = ()
    """Splines whose surface points, and the pixels and flow about them, count more in losses of truth and of pixels."""
    focus_weight: float = limited(8.0, ge=1)
    """How many times as much."""
    spline_dropout: tuple[float, float] | None = None
    """TPSMM: probability P of dropping a spline, at the start and at most; in epoch e it is
    min(e / 10 * most + start, most), and 0 from epoch 35."""
    background_from: float = -1
    """Epoch from which the background predictor is used; negative: never."""
    eval_mode: tuple[str, ...] = ()
    """Components whose normalisation statistics stay fixed although the rest trains."""
    joint_detection: bool = False
    """The detector sees all pictures of a pair as one batch, with statistics over all of them: faster. Published models
    were trained with a pass, and statistics, for each."""
    teacher: str = ""
    """Finished model that the `distil_*` losses learn from, named as `init` of the run; it is never trained."""

    @property
    def needs_flow(self) -> bool:
        """Whether it asks for the true flow or visibility, which take time to compute."""
        return self.true_flow or any(self.losses.get(name, 0) > 0 for name in ("truth_flow", "truth_occlusion"))


@dataclass(frozen=True)
class Framed:
    """How the pictures are framed and what they show, as the bundle will say it (`runtime.framing.framing.Framing`)."""

    subject: Literal["face", "points"] = "face"
    """Around what the engine cuts its squares: faces, or whatever the model's own points mark."""
    moves: Literal["face", "body", "cartoon"] = "face"
    """What the model moves, by which `--model auto` chooses."""
    spread: float = limited(0.7, ge=0.05, le=2)
    """Larger side of the box around the points, but for a twentieth on each side, as a part of the picture's."""

    def as_framing(self) -> dict[str, Any]:
        """As a checkpoint and a bundle hold it; empty for faces, which need not be said."""
        return {} if self == Framed() else asdict(self)


@dataclass(frozen=True)
class RunConfig:
    """Everything that defines a run."""

    family: str
    data: Data
    stages: tuple[Stage, ...] = limited(least=1)
    name: str = "run"
    model: dict[str, Any] = field(default_factory=dict)
    """The family's own settings (its configuration dataclass)."""
    seed: int = 0
    perceptual: Literal["vgg19", "efficientnet-lite0"] = "vgg19"
    """Backbone of the perceptual loss; recorded in the checkpoint."""
    discriminator: Discriminator = field(default_factory=Discriminator)
    """The discriminator of adversarial stages; without effect where there is none."""
    perceptual_weights: str = ""
    """Safetensors file with its weights; empty: from its package or the Hub, which a bare machine cannot reach."""
    precision: Literal["no", "fp16", "bf16"] = "no"
    ema: float = limited(0.0, ge=0, lt=1)
    """Decay of the moving average of the weights; 0: none. The average is what is exported."""
    save_every: int = limited(500, ge=1)
    """Steps between checkpoints."""
    draw_every: int = limited(1000, ge=1)
    """Steps between picture grids."""
    evaluate_every: int = limited(1000, ge=1)
    init: str = ""
    """Checkpoint whose weights the run starts from: a file, a run's folder, or `owner/name[@revision]` on the Hub."""
    init_parts: tuple[str, ...] = ()
    """Networks taken from it, by the names that `stages.train` uses; empty: all that fit."""
    licence: str = ""
    """Licence of the resulting weights, as it goes into the checkpoint and the model card."""
    data_note: str = ""
    """What the data are, in words, for the model card."""
    point_names: Literal["", "head", "body", "cartoon"] = ""
    """What the model's points mark: the fifty of that kind of synthetic data (`training.data.synth.renderers`). By the
    names of a "head" the engine opens and shuts mouth and eyes, by the others it knows a figure's limbs; empty:
    whatever training makes of them.
    """
    framing: Framed = field(default_factory=Framed)

    def as_dict(self) -> dict[str, Any]:
        """Plain containers, as stored beside a run and in its checkpoints."""
        return asdict(self)


def parse_config(text: str, name: str, overrides: list[str] | None = None) -> RunConfig:
    """The run described by TOML `text` (from the file `name`), with `key=value` overrides applied.

    Keys of overrides are dotted (`data.path=clips`, `stages.0.batch=4`, `model.num_tps=5`); values are TOML, and
    what is not valid TOML is a string. Raises `OptionError` naming the key, its line and what is allowed.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise OptionError(f"{name}: not valid TOML: {error}") from error
    for override in overrides or []:
        _apply(document, override)
    try:
        config = read(RunConfig, document)
    except Unreadable as error:
        raise OptionError("; ".join(_explain(problem, text, name) for problem in error.problems)) from error
    _check_together(config, name)
    return config


def load_config(path: str | Path, overrides: list[str] | None = None) -> RunConfig:
    """The run in the file `path`, or in the ready configuration of that name (`faces-lite`, `tpsmm-vox`, ...)."""
    path = Path(path)
    if not path.is_file():
        ready = {file.stem: file for file in sorted((Path(__file__).parent / "configs").glob("*.toml"))}
        if str(path) not in ready:
            raise OptionError(f"{path}: no such configuration file; ready ones are {', '.join(ready) or 'none'}")
        path = ready[str(path)]
    return parse_config(path.read_text(encoding="utf-8"), path.name, overrides)


def _apply(document: dict[str, Any], override: str) -> None:
    key, separator, text = override.partition("=")
    if not separator or not key:
        raise OptionError(f"{override!r} is not KEY=VALUE; write for example data.path=clips")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    *parents, last = key.split(".")
    place: Any = document
    try:
        for parent in parents:
            place = place[int(parent)] if isinstance(place, list) else place.setdefault(parent, {})
        if isinstance(place, list):
            place[int(last)] = value
        else:
            place[last] = value
    except (IndexError, ValueError, AttributeError, TypeError) as error:
        raise OptionError(f"{override!r}: there is no place {key} in the configuration") from error


def _explain(problem: Problem, text: str, name: str) -> str:
    """One problem as a phrase with the dotted key and, where it can be found, the line."""
    key = ".".join(str(part) for part in problem.place)
    line = _line_of(problem.place, text)
    where = f"{name}, line {line}" if line else name
    return f"{where}: {key}: {problem.message} (got {problem.value!r})"[:400]


def _line_of(location: tuple[str | int, ...], text: str) -> int | None:
    """The line on which the last named part of `location` stands, in the table that the parts before it name."""
    names = [part for part in location if isinstance(part, str)]
    index = next((part for part in location if isinstance(part, int)), 0)
    if not names:
        return None
    table: list[str] = []
    seen = -1
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[{1,2}\s*([\w.\-\"]+)\s*\]{1,2}", line)
        if header:
            table = [part.strip('"') for part in header[1].split(".")]
            if line.lstrip().startswith("[["):
                seen += 1
            continue
        entry = re.match(r"\s*([\w.\-]+)\s*=", line)
        in_right_entry = names[0] != "stages" or seen == index
        if entry and in_right_entry and [*table, *entry[1].split(".")] == names[: len(table) + entry[1].count(".") + 1]:
            return number
    return None


def _check_together(config: RunConfig, name: str) -> None:
    for stage in config.stages:
        if (stage.epochs > 0) == (stage.steps > 0):
            raise OptionError(f"{name}: stage {stage.name!r} needs either epochs or steps, one of the two")
        if not any(weight > 0 for weight in stage.losses.values()):
            raise OptionError(f"{name}: stage {stage.name!r} has no loss with a weight above 0")
    if config.data.backdrops and config.data.kind != "synth":
        raise OptionError(
            f"{name}: data.backdrops goes with data.kind = 'synth'; shards get theirs from `bunraku synth --backdrops`"
        )
    if config.data.kind != "synth" and not config.data.path:
        raise OptionError(f"{name}: data.path is missing; give the folder, for example data.path=clips")
