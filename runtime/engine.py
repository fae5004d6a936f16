"""The engine: an opened model that many may share, and animators, each of which moves one source.

animator = Animator("faces-lite")
animator.set_source("portrait.jpg")
for frame in camera:
    show(animator.frame(frame))
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Annotated, Literal

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from PIL import Image

from checkpoints.bundle import Bundle
from checkpoints.contract import (
    DENSE,
    DISENTANGLE,
    FRAME,
    FRAMEWISE,
    IMAGE,
    MOTION,
    PARAMETERS,
    RENDER,
    SOURCE,
    STRUCTURE,
    is_feature,
    of,
)
from checkpoints.errors import InputError, OptionError
from checkpoints.registry import load_model
from runtime.framing.framer import Cutter, Framer, Framing, Subject
from runtime.graphs.cores import available_cores
from runtime.graphs.sessions import Device, Graph, check_device, open_graphs
from runtime.layers.anatomy import NEEDED, named, see_eyes, see_subject
from runtime.layers.compose import Canvas, Layers, Rest, open_layers
from runtime.layers.expression import Expression, expression
from runtime.layers.matte import find_person
from runtime.media.picture import Picture, read_image, square
from runtime.motion.modes import Motion, absolute, check_mode, relative
from runtime.motion.smoothing import OneEuro
from runtime.options import CommonOptions, Option, StreamOptions, made_with
from runtime.result.detail import Detail, open_detail
from runtime.result.finish import Finish, Rendered, warn_without_flow
from runtime.result.structure import Structure
from runtime.values import Bytes

DEFAULT_MODEL = "faces-lite"
MANY_VIEWS = ("dime",)
"""Families whose models fuse several pictures of one source."""


@dataclass(frozen=True)
class Source:
    """A source picture, encoded once: everything that `render` needs of it."""

    motion: Motion
    """Of the V views."""
    features: Mapping[str, ort.OrtValue]
    """`feature_0` ... on the engine's device."""


class Engine:
    """The graphs of one model, opened on one device. Safe to share between threads and animators."""

    def __init__(
        self,
        model: str | os.PathLike[str] | Bundle = DEFAULT_MODEL,
        *,
        device: Device = "auto",
        threads: int | None = None,
    ) -> None:
        """Open `model` (embedded name, folder, or Hub name; see `checkpoints.registry.load_model`).

        `threads` for the CPU's share of the work defaults to the cores that this process may use. Raises
        `ModelError` when the model or the device is not to be had.
        """
        self.bundle = model if isinstance(model, Bundle) else load_model(model)
        self._threads = threads or available_cores()
        self._graphs = open_graphs(self.bundle, device, self._threads)

    @property
    def device(self) -> str:
        """Where the graphs really run: "cpu" or "cuda"."""
        return self._graphs[RENDER].device

    @property
    def resolution(self) -> int:
        """Height and width of the frames that go in and come out, in pixels."""
        return self.bundle.resolution

    @cached_property
    def names(self) -> Mapping[str, int]:
        """Numbers of the points by their names; empty where the bundle does not say what its points mark."""
        names = self.bundle.structure.get("names", ())
        return {name: index for index, name in enumerate(names)} if NEEDED.issubset(names) else {}

    @property
    def batch(self) -> int:
        """Frames a call that this device is kept busy with; more would only take memory.

        On the CPU, two for every frame that is computed at once: while the last one of a call is waited for, its
        threads have nothing to do.
        """
        return 8 if self.device == "cuda" else 2 * self._graphs[RENDER].at_once

    def hasten(self) -> None:
        """From now on, a call with a single frame gives it as soon as possible: for live pictures. Without this, each
        core works on a frame of its own where the model is small enough, for most frames a second.
        """
        for name in FRAMEWISE:
            self._graphs[name].hasten()

    def encode(self, pictures: Bytes) -> Source:
        """Everything about the source; `pictures` uint8 (V, R, R, 3), V = 1 unless the model fuses views."""
        if len(pictures) != 1 and self.bundle.views == "one":
            raise OptionError(
                f'The model "{self.bundle.name}" ({self.bundle.family}) takes one source picture, not '
                f"{len(pictures)}; give one, or a model of a family that fuses views: {', '.join(MANY_VIEWS)}."
            )
        found = self._graphs[SOURCE]({IMAGE: pictures})
        render = self._graphs[RENDER]
        features = {name: render.place(value) for name, value in found.items() if is_feature(name)}
        return Source(_motion(found), features)

    def detect(self, frames: Bytes, *, eyes: bool = False) -> Motion:
        """The motion of `frames`, uint8 (B, R, R, 3); with `eyes` also lids and gaze, where the points have names."""
        graph = self._graphs[MOTION]
        motion = _motion(graph({FRAME: frames}, [name for name in PARAMETERS if name in graph.outputs]))
        return replace(motion, eyes=see_eyes(frames, self.names, motion.points)) if eyes and self.names else motion

    def structure(self, frames: Bytes) -> Structure:
        """The same with what binds the points of `frames`, where the bundle gives it."""
        found = self._graphs[MOTION]({FRAME: frames})
        return Structure(_motion(found), *(found.get(name) for name in STRUCTURE))

    @property
    def subject(self) -> Subject:
        """Finds what this model moves by its own points."""
        return Subject(self.detect, self.resolution)

    def framer(self, options: CommonOptions) -> Framer:
        """Chooses the squares of this model's pictures as `options` say."""
        framing = Framing.of(self.bundle.framing)
        return Framer(framing, options.fit, options.crop, options.driving_crop, options.face, self.subject)

    def disentangle(self, source: Motion, driving: Motion) -> Motion:
        """`driving`'s pose in the shape of `source` (one frame). Only with a model that offers the mode."""
        graph = self._graphs[DISENTANGLE]
        found = graph(_wanted(graph, _parts("source", source) | _parts("driving", driving)))
        covariances = found.get("covariances", driving.covariances)
        return Motion(found["points"], found.get("jacobians"), covariances, driving.eyes)

    def render(self, source: Source, driving: Motion) -> Bytes:
        """The source in the poses of `driving`: uint8 (B, R, R, 3)."""
        return self.render_dense(source, driving, [IMAGE]).image

    def render_dense(self, source: Source, driving: Motion, outputs: Sequence[str] = DENSE) -> Rendered:
        """The same with flow and occlusion, where the bundle has these outputs."""
        graph = self._graphs[RENDER]
        feeds = dict(source.features) | _parts("source", source.motion) | _parts("driving", driving)
        names = [name for name in outputs if name in graph.outputs]
        return Rendered(**graph(_wanted(graph, feeds), names))

    def detail(self, large: Bytes, small: Bytes) -> Detail:
        """What lends a source's detail to results larger than the model's: `large` uint8 (N, N, 3) and `small`
        (R, R, 3) show the same square of it.
        """
        return Detail(self._detail_graph, large, small)

    def layers(self, source: Source, canvas: Canvas, border: NDArray[np.bool_] | None = None) -> Layers | None:
        """What moves `source`, of which `canvas` shows more, as a person before a backdrop (see `Layers`); None where
        no person is seen.
        """
        subject = see_subject(canvas, self.names, source.motion.points[0], self.resolution)
        person = None if subject is None else find_person(canvas.picture, canvas.inner, subject.middle)
        if subject is None or person is None:
            return None
        still = self.render_dense(source, source.motion[:1], (IMAGE, "flow"))
        if still.flow is None:
            return None
        return Layers(self._layers_graph, canvas, subject, person, Rest(still.image[0], still.flow[0]), border)

    @cached_property
    def _layers_graph(self) -> Graph:
        return open_layers(self.device, self._threads)

    @cached_property
    def _detail_graph(self) -> Graph:
        return open_detail(self.device, self._threads)

    def look_inside(self, source: Source, driving: Motion) -> dict[str, np.ndarray]:
        """Everything that the model gives beside the picture: `image`, uint8 (B, R, R, 3), and those of `flow`
        (B, h, w, 2), `occlusion` (B, 1, h, w) and `masks` (B, K + 1, h, w) that its description lists in `outputs`.
        """
        graph = self._graphs[RENDER]
        feeds = dict(source.features) | _parts("source", source.motion) | _parts("driving", driving)
        return graph(_wanted(graph, feeds), [name for name in self.bundle.outputs if name in graph.outputs])

    def check_mode(self, mode: str) -> None:
        """Raises `OptionError` unless this model offers the driving `mode`."""
        check_mode(mode)
        if mode not in self.bundle.modes:
            raise OptionError(
                f'The model "{self.bundle.name}" has no mode "{mode}"; it has {", ".join(self.bundle.modes)}.'
            )


@dataclass(frozen=True, kw_only=True)
class AnimatorOptions(StreamOptions):
    """What an `Animator` is made with."""

    engine: Engine | str | os.PathLike[str] | Bundle = field(default=DEFAULT_MODEL, kw_only=False)
    device: Annotated[Device, Option("machine", check_device)] = "auto"
    """Where to compute, unless an engine is shared."""


class Animator:
    """One source moved by one stream of driving frames: one frame in, one frame out. Not for several
    threads.
    """

    @made_with(AnimatorOptions)
    def __init__(self, options: AnimatorOptions) -> None:
        """The keywords are the fields of `AnimatorOptions`: an `engine` to share, or a model's name or folder to open
        on `device`, and what `runtime.options` explains.

        The square of the driving frames is found in the first one and stays, unless it is to follow the face. Where no
        face is found, which a `BunrakuWarning` says, `fit` makes the square. With `paste_back` the results are the
        whole source picture with the square moving in it; else squares of `size` pixels (even, at most 2048; by default
        the model's).

        Raises `OptionError` and `ModelError`.
        """
        self._smooth = OneEuro(options.smoothing, options.fps)
        engine = options.engine
        self.engine = engine if isinstance(engine, Engine) else Engine(engine, device=options.device)
        self.engine.check_mode(options.mode)
        self.mode = options.mode
        self.strength = options.strength
        self.adapt_scale = options.adapt_scale
        self.paste_back = options.paste_back
        self._size = options.size or self.engine.resolution
        gives_flow = "flow" in self.engine.bundle.outputs
        self._lends = options.detail and gives_flow
        if options.detail and not gives_flow and (self.paste_back or self._size > self.engine.resolution):
            warn_without_flow(self.engine.bundle.name)
        self.framer = self.engine.framer(options)
        self._layers = options.layers == "auto" and gives_flow and self.framer.framing.subject == "face"
        self._cut = Cutter(self.framer, self.engine.resolution, options.fps, options.limits)
        self._limits = options.limits
        self._background = options.background
        self._finish: Finish | None = None
        self._source: Source | None = None
        self._reference: Motion | None = None

    def set_source(self, picture: Picture | Sequence[Picture]) -> None:
        """Choose what to move (a list of views for models that fuse several; the first one is pasted back into) and
        start a new stream.
        """
        views = source_views(picture)
        size = None if self._needs_all_pixels else max(self._size, self.engine.resolution)
        images = [read_image(view, size, self._limits, self._background) for view in views]
        windows = [self.framer.source(image) for image in images]
        size, fit = self.engine.resolution, self.framer.fit
        squares = [
            square(image, size, fit) if window is None else window.cut(image, size)
            for image, window in zip(images, windows, strict=True)
        ]
        self._source = self.engine.encode(np.stack(squares))
        self._finish = Finish(
            images[0],
            windows[0],
            squares[0],
            fit=fit,
            size=self._size,
            paste_back=self.paste_back,
            lend=self.engine.detail if self._lends else None,
            layer=partial(self.engine.layers, self._source) if self._layers else None,
        )
        self.reset()

    @property
    def layered(self) -> bool:
        """Whether the source is moved in layers, so that what a driver's eyes do is of use; before there is one,
        whether it may be.
        """
        return self._layers and (self._finish is None or self._finish.layers is not None)

    @property
    def _needs_all_pixels(self) -> bool:
        return self.paste_back or self.framer.crop != "off"

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the results; with `paste_back` known once there is a source."""
        return self._finish.size if self._finish else (self._size, self._size)

    @property
    def still(self) -> Bytes:
        """The source as it is before it moves, as large as the results: uint8 (height, width, 3). Raises `InputError`
        when there is none yet.
        """
        if self._finish is None:
            raise InputError("There is no source picture yet; call set_source first.")
        return self._finish.still

    @property
    def source(self) -> Source:
        """The encoded source. Raises `InputError` when there is none yet."""
        if self._source is None:
            raise InputError("There is no source picture yet; call set_source first.")
        return self._source

    def reset(self, reference: Motion | None = None) -> None:
        """Start a new stream. `reference` (one frame) is the pose that the relative mode counts from; by default
        that of the next frame.
        """
        self._reference = reference
        self._smooth.reset()
        self._cut.reset()

    def frame(self, picture: Picture) -> Bytes:
        """The source in the pose of one driving frame: uint8 (height, width, 3) in RGB, of the `size`."""
        self.engine.hasten()
        return self.frames(self._cut(picture)[None])[0]

    def frames(self, squares: Bytes) -> Bytes:
        """The same for the next frames of the stream at once, all uint8 (B, R, R, 3): cut to the model's size."""
        return self.poses(self.engine.detect(squares, eyes=self.layered))

    def poses(self, motion: Motion) -> Bytes:
        """The same for the next frames of the stream whose motion was detected before: uint8 (B, height, width, 3)."""
        source, motion = self.source, self._smooth(motion)
        driven = self._drive(source.motion[:1], motion)
        rendered = self.engine.render_dense(source, driven)
        if self._finish is None:
            return rendered.image
        return self._finish(rendered, driven.points, self._faces(motion, driven))

    def _faces(self, driving: Motion, driven: Motion) -> list[Expression | None]:
        """What the face does in every frame: since the reference frame in the relative mode, else since the source."""
        names, rest = self.engine.names, self.source.motion[:1]
        layers = None if self._finish is None else self._finish.layers
        if driving.eyes is None or layers is None or layers.eyes is None or not names:
            return [None] * len(driving)
        rest = replace(rest, eyes=layers.eyes[None].astype(np.float32))
        if self.mode == "relative" and self._reference is not None and self._reference.eyes is not None:
            rest, driven = self._reference, driving
        faces = [(named(points, names), eyes) for points, eyes in zip(driven.points, driving.eyes, strict=True)]
        first = (named(rest.points[0], names), np.asarray(rest.eyes)[0])
        # In the other modes `driven` has the strength already; lids and gaze have it not.
        return [expression(face, first, self.strength, self.mode == "relative") for face in faces]

    def _drive(self, source: Motion, driving: Motion) -> Motion:
        """The motion to render, by the driving mode."""
        if self.mode == "relative":
            if self._reference is None:
                self._reference = driving[:1]
            return relative(source, driving, self._reference, strength=self.strength, adapt_scale=self.adapt_scale)
        if self.mode == "disentangled":
            driving = self.engine.disentangle(source, driving)
        return absolute(source, driving, strength=self.strength)


def source_views(source: Picture | Sequence[Picture]) -> list[Picture]:
    """The pictures of a source, which is one or a list of them. Raises `InputError` when there is none."""
    views = [source] if isinstance(source, str | os.PathLike | Image.Image | np.ndarray) else source
    if not isinstance(views, Sequence):
        raise InputError(f"The source is {type(source).__name__}; give a file, a Pillow image or an array.")
    if not views:
        raise InputError("The list of source pictures is empty; give at least one.")
    return list(views)


def _motion(found: Mapping[str, np.ndarray]) -> Motion:
    return Motion(**{name: found[name] for name in PARAMETERS if name in found})


def _parts(role: Literal["source", "driving"], motion: Motion) -> dict[str, np.ndarray]:
    """The parts of `motion` under the names that the graphs give to those of the source or driving frame."""
    parts = {name: getattr(motion, name) for name in PARAMETERS}
    return of(role, {name: value for name, value in parts.items() if value is not None})


def _wanted(graph: Graph, feeds: Mapping[str, np.ndarray | ort.OrtValue]) -> dict[str, np.ndarray | ort.OrtValue]:
    """Those of `feeds` that `graph` declares; a family's networks need not use every part of a motion."""
    return {name: value for name, value in feeds.items() if name in graph.inputs}
