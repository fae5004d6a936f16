"""The engine: an opened model, on one device, that many may share."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

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
    RENDER,
    SOURCE,
    STITCHING,
    STRUCTURE,
    SWITCHES,
    is_feature,
    is_per_frame,
    of,
)
from checkpoints.errors import OptionError
from checkpoints.parameters import OPENINGS
from checkpoints.registry import load_model
from runtime.control.declared import says_parts
from runtime.control.hand import OPENS, controls_of, has_names, switches_of
from runtime.framing.framer import Framer, Framing, Subject
from runtime.graphs.cores import available_cores
from runtime.graphs.sessions import Device, Graph, open_aside
from runtime.layers.anatomy import see_faces, see_heads, see_subject
from runtime.layers.canvas import Canvas
from runtime.layers.compose import Behind, Layers, Made, open_layers
from runtime.layers.figure.limbs import mended_limbs, see_limbs
from runtime.layers.figure.puppet import Puppet, see_figure
from runtime.layers.figure.skeleton import Build, build_of
from runtime.layers.frames import bounded
from runtime.layers.matte import find_person
from runtime.layers.mended import mended
from runtime.layers.neighbours import Neighbours
from runtime.layers.openings import see_openings
from runtime.layers.residual import DRIVER, Driver, open_registration
from runtime.motion.modes import Motion, check_mode
from runtime.options import CommonOptions
from runtime.result.detail import Detail, open_detail
from runtime.result.finish import Rendered
from runtime.result.structure import Structure
from runtime.values import Bytes, Floats, is_whole, plain

DEFAULT_MODEL = "faces-lite"

_ON_CARD, _FOR_EACH = 8, 2
"""Frames a call on a graphics card, and on the CPU for each that is computed at once."""


_CELLS = 64
"""Cells a side in which a driver's own picture is moved."""


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
        self._begin(model, device, threads)
        self._opening.result()

    @classmethod
    def opening(cls, model: str | os.PathLike[str] | Bundle = DEFAULT_MODEL, *, device: Device = "auto") -> Engine:
        """An engine whose description is known while its graphs are still being opened: what needs them waits, and
        raises what opening them did.
        """
        engine = cls.__new__(cls)
        engine._begin(model, device, None)
        return engine

    def _begin(self, model: str | os.PathLike[str] | Bundle, device: Device, threads: int | None) -> None:
        if not isinstance(model, str | os.PathLike | Bundle):
            raise OptionError(f"model is {model!r}; it must be a name, a folder or a Bundle.")
        threads = plain(threads)
        if threads is not None and not (is_whole(threads) and threads >= 1):
            raise OptionError(f"threads is {threads!r}; it must be a whole number of 1 or more.")
        if model == "auto":
            raise OptionError(
                'model is "auto", which chooses by a picture and what drives it: in animate, in batch and on the page. '
                "Here, name the model."
            )
        self.bundle = model if isinstance(model, Bundle) else load_model(model)
        self._threads = threads or available_cores()
        self._opening = open_aside(self.bundle, device, self._threads)

    @property
    def _graphs(self) -> Mapping[str, Graph]:
        return self._opening.result()

    @property
    def device(self) -> str:
        """Where the graphs really run: "cpu" or "cuda"."""
        return self._graphs[RENDER].device

    @property
    def resolution(self) -> int:
        """Height and width of the frames that go in, in pixels."""
        return self.bundle.resolution

    @property
    def side_out(self) -> int:
        """Height and width of the frames that come out, in pixels."""
        return self.bundle.side_out

    @cached_property
    def names(self) -> Mapping[str, int]:
        """Numbers of the points by their names; empty where these are not of a face."""
        return self._named if has_names(self.bundle) else {}

    @property
    def _named(self) -> dict[str, int]:
        """Numbers of all points that the bundle names, whatever they mark."""
        return {name: index for index, name in enumerate(self.bundle.structure.get("names", ()))}

    @cached_property
    def build(self) -> Build | None:
        """What its figures consist of, where its points have the names of a figure's; else None."""
        return build_of(self._named)

    @property
    def sees_limbs(self) -> bool:
        """Whether its points are those of whole people, of whom a network of poses sees the joints, too."""
        return self.build is not None and self.build.people

    @property
    def has_parts(self) -> bool:
        """Whether parts of a face can be told apart, by names of points or by what the parameters say."""
        return bool(self.names) or says_parts(self.bundle.motion)

    @cached_property
    def controls(self) -> tuple[str, ...]:
        """What can be set by hand (`runtime.control.pose.CONTROLS`), in their order; empty where nothing can."""
        return controls_of(self.bundle)

    @cached_property
    def switches(self) -> frozenset[str]:
        """What `render` may be told beside motions, by name (`checkpoints.contract.SWITCHES`)."""
        return switches_of(self.bundle)

    @property
    def opens(self) -> bool:
        """Whether it can be told how far lips or lids shall be apart."""
        return not self.switches.isdisjoint(OPENS)

    @property
    def batch(self) -> int:
        """Frames a call that this device is kept busy with; more would only take memory.

        On the CPU, two for every frame that is computed at once: while the last one of a call is waited for, its
        threads have nothing to do. Of models so large that all cores work on one frame, that one: more would take more
        memory at a time, and come later.
        """
        if self.device == "cuda":
            return _ON_CARD
        at_once = self._graphs[RENDER].at_once
        return 1 if at_once == 1 and self._threads > 1 else _FOR_EACH * at_once

    @property
    def first_batch(self) -> int:
        """Frames of a stream's first call, which is waited for: on the CPU as many as are computed at once. A card
        would have to be prepared for every number of frames.
        """
        return self.batch if self.device == "cuda" else self._graphs[RENDER].at_once

    @property
    def first_watched(self) -> int:
        """The same where the driver is watched (`runtime.motion.watched`), and the points have names: on the CPU one,
        while which is moved what the others count from is made ready.
        """
        return 1 if self.names and self.device != "cuda" else self.first_batch

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
                f'{len(pictures)}; give one, or a model that fuses several ("views": "many" in its description).'
            )
        found = self._graphs[SOURCE]({IMAGE: pictures})
        render = self._graphs[RENDER]
        features = {name: render.place(value) for name, value in found.items() if is_feature(name)}
        return Source(self._motion(found), features)

    def detect(self, frames: Bytes, *, expression: bool = False) -> Motion:
        """The motion of `frames`, uint8 (B, R, R, 3); with `expression` also what lids, irises and lips do and where
        the face mesh sees the head, or the network of poses the limbs, where the points have names, and how far lips
        and lids are apart, where the model can be told to open them.
        """
        graph = self._graphs[MOTION]
        motion = self._motion(graph({FRAME: frames}, list(self.bundle.motion)))
        seen: dict[str, Floats] = {}
        if expression and self.names:
            seen |= see_faces(frames, self.names, motion.places)
        if expression and self.sees_limbs:
            seen |= see_limbs(frames, self._named, motion.places)
        if expression and self.opens:
            seen[OPENINGS] = see_openings(frames)
        return motion.with_arrays(seen) if seen else motion

    def looked(self, source: Source, pictures: Bytes) -> Source:
        """The `source`, of which `pictures` uint8 (V, R, R, 3) are the views, with points made more exact by what the
        face mesh sees, as those of drivers are that are moved in layers.
        """
        if self.names:
            seen = see_heads(pictures, self.names, source.motion.places)
        elif self.sees_limbs:
            seen = see_limbs(pictures, self._named, source.motion.places)
        else:
            return source
        return Source(self.exact(source.motion.with_arrays(seen)), source.features)

    def exact(self, motion: Motion) -> Motion:
        """`motion`, its points made more exact by what else it holds of them."""
        return mended_limbs(motion, self._named) if self.sees_limbs else mended(motion, self.names)

    def structure(self, frames: Bytes) -> Structure:
        """The same with what binds the points of `frames`, where the bundle gives it."""
        found = self._graphs[MOTION]({FRAME: frames})
        return Structure(self._motion(found), *(found.get(name) for name in STRUCTURE))

    def _motion(self, found: Mapping[str, np.ndarray]) -> Motion:
        """Those of a graph's outputs that the bundle declares as parameters of a motion; there may be others."""
        return Motion.of({name: found[name] for name in self.bundle.motion if name in found}, self.bundle.motion)

    @property
    def subject(self) -> Subject | None:
        """Finds what this model moves by its own points; None where it has none."""
        return Subject(self.detect, self.resolution) if self.bundle.points else None

    def framer(self, options: CommonOptions) -> Framer:
        """Chooses the squares of this model's pictures as `options` say; of several faces none is chosen."""
        framing = Framing.of(self.bundle.framing)
        crops = (options.crop, options.driving_crop)
        face = options.face if isinstance(options.face, int) else None
        return Framer(framing, options.fit, *crops, face, self.subject, options.driving_face)

    def disentangle(self, source: Motion, driving: Motion) -> Motion:
        """`driving`'s pose in the shape of `source` (one frame). Only with a model that offers the mode."""
        graph = self._graphs[DISENTANGLE]
        found = graph(_wanted(graph, of("source", source.arrays) | of("driving", driving.arrays)))
        return driving.with_arrays(self._motion(found).arrays)

    def render(self, source: Source, driving: Motion) -> Bytes:
        """The source in the poses of `driving`: uint8 (B, S, S, 3) with S = `side_out`."""
        return self.render_dense(source, driving, [IMAGE]).image

    def render_dense(
        self, source: Source, driving: Motion, outputs: Sequence[str] = DENSE, *, stitching: float | None = None
    ) -> Rendered:
        """The same with flow and occlusion, where the bundle has these outputs. `stitching`: how much of it, 0 to 1, by
        default as much as is usual (`checkpoints.contract.SWITCHES`); of models that have it.
        """
        graph = self._graphs[RENDER]
        feeds = _feeds(source, driving, graph)
        if stitching is not None and STITCHING in graph.inputs:
            feeds[STITCHING] = np.array([stitching], np.float32)
        names = [name for name in outputs if name in graph.outputs]
        return Rendered(**graph(_wanted(graph, feeds), names))

    def detail(self, large: Bytes, small: Bytes) -> Detail:
        """What lends a source's detail to results larger than the model's: `large` uint8 (N, N, 3) and `small`
        (R, R, 3) show the same square of it.
        """
        return Detail(self._detail_graph, large, small)

    def layers(
        self,
        source: Source,
        canvas: Canvas,
        border: NDArray[np.bool_] | None = None,
        behind: Behind | None = None,
        neighbours: Neighbours | None = None,
    ) -> Layers | Puppet | None:
        """What moves `source`, of which `canvas` shows more, as a person before a backdrop, which is its own or what is
        `behind`, and beside `neighbours` (see `Layers`); None where no person is seen. Of models of figures: the same
        of a whole figure (`Puppet`).
        """
        if self.build is not None:
            places = bounded(canvas.places(source.motion.places[0], self.resolution))
            return see_figure(canvas, self.build, self._named, places, self.resolution, behind)
        near = None if neighbours is None else neighbours.own[:2]
        subject = see_subject(canvas, self.names, source.motion.places[0], self.resolution, near)
        person = None if subject is None else find_person(canvas, subject.middle, subject.sure)
        if subject is None or person is None:
            return None
        still = self.render_dense(source, source.motion[:1], (IMAGE, "flow"))
        if still.flow is None:
            return None
        rest = Made(still.image[0], still.flow[0])
        return Layers(self._layers_graph, canvas, subject, person, rest, border, behind, neighbours)

    def driver(self, square: Bytes, motion: Motion) -> Driver | None:
        """What finds in driving frames what points do not tell, from one of them on: its `square`, uint8 (R, R, 3), and
        its `motion` (one frame, its points as exact as `looked` makes a source's). None where the points have no names,
        or no person is seen.
        """
        image = Image.fromarray(square)
        small = np.asarray(image.resize((DRIVER, DRIVER), Image.Resampling.BOX))
        canvas = Canvas.around(small, image, None)
        subject = see_subject(canvas, self.names, motion.places[0], self.resolution) if self.names else None
        person = None if subject is None else find_person(canvas, subject.middle, subject.sure)
        if subject is None or person is None:
            return None
        rest = Made(square, np.zeros((_CELLS, _CELLS, 2), np.float32))
        return Driver(Layers(self._layers_graph, canvas, subject, person, rest, None), self._registration_graph)

    @cached_property
    def _registration_graph(self) -> Graph:
        return open_registration(self.device, self._threads)

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
        feeds = _feeds(source, driving, graph)
        return graph(_wanted(graph, feeds), [name for name in self.bundle.outputs if name in graph.outputs])

    def check_mode(self, mode: str) -> None:
        """Raises `OptionError` unless this model offers the driving `mode`."""
        check_mode(mode)
        if mode not in self.bundle.modes:
            raise OptionError(
                f'The model "{self.bundle.name}" has no mode "{mode}"; it has {", ".join(self.bundle.modes)}.'
            )


def _feeds(source: Source, driving: Motion, render: Graph) -> dict[str, np.ndarray | ort.OrtValue]:
    """All that is known of both, under the names that graphs give it, and what else `render` may be told: what the
    `driving` motion says of it, or else the usual values.
    """
    known = {**source.features, **of("source", source.motion.arrays), **of("driving", driving.arrays)}
    usual = {name: np.array([SWITCHES[name]], np.float32) for name in SWITCHES if name in render.inputs}
    told = {name: value.repeat(len(driving), 0) if is_per_frame(name) else value[0] for name, value in usual.items()}
    return {**known, **told, **{name: driving.arrays[name] for name in told if name in driving.arrays}}


def _wanted(graph: Graph, feeds: Mapping[str, np.ndarray | ort.OrtValue]) -> dict[str, np.ndarray | ort.OrtValue]:
    """Those of `feeds` that `graph` declares; a model's networks need not use every parameter of a motion."""
    return {name: value for name, value in feeds.items() if name in graph.inputs}
