"""Animators: each moves one source, with an engine that many may share.

animator = Animator("faces-lite")
animator.set_source("portrait.jpg")
for frame in camera:
    show(animator.frame(frame))
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated

import numpy as np
from PIL import Image

from checkpoints.bundle import Bundle
from checkpoints.contract import FROM_REFERENCE
from checkpoints.errors import InputError, ModelError, OptionError
from checkpoints.parameters import TAKES
from runtime.control.control import Control, Moved, lips_of, looked_at, seen_faces
from runtime.control.declared import DeclaredControl
from runtime.control.hand import check_controls, check_wishes
from runtime.control.parts import Strengths, chosen
from runtime.control.pose import as_row, check_pose, is_track
from runtime.control.reference import References
from runtime.control.retargeting import Openings, Since, retargeted
from runtime.engine import DEFAULT_MODEL, Engine, Source
from runtime.framing.chosen import several_faces
from runtime.framing.cutter import Cutter
from runtime.framing.framer import Seat
from runtime.graphs.sessions import Device, check_device
from runtime.graphs.turns import in_turn
from runtime.layers.expression import Expression
from runtime.layers.neighbours import Neighbours
from runtime.media.background import Background
from runtime.media.picture import Picture, read_cut_out, source_views, square
from runtime.motion.inside import kept_inside
from runtime.motion.modes import Drive, Motion
from runtime.motion.shots import PATIENCE, Shot
from runtime.motion.smoothing import OneEuro
from runtime.motion.takes import Takes, as_array, at_rest, by_take
from runtime.motion.watched import Watch
from runtime.options import Option, StreamOptions, made_with
from runtime.prepared import Prepared
from runtime.result.finish import Finish, Moving, Piece, Rendered, warn_without_flow
from runtime.values import Bytes


@dataclass(frozen=True, kw_only=True)
class AnimatorOptions(StreamOptions):
    """What an `Animator` is made with."""

    engine: Engine | str | os.PathLike[str] | Bundle = field(default=DEFAULT_MODEL, kw_only=False)
    device: Annotated[Device, Option("machine", check_device)] = "auto"
    """Where to compute, unless an engine is shared."""


Driven = tuple[Rendered | None, Motion, list[Expression | None]]
"""What the model made of some frames, the motion that it was rendered by, and what the faces do. None: points, faces
and what both do not tell move a source in layers by themselves.
"""


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
        the model's). With `background` "transparent" they have a fourth channel, alpha.

        Raises `OptionError` and `ModelError`.
        """
        self._smooth = OneEuro(options.smoothing, options.fps)
        engine = options.engine
        if several_faces(options.face):
            raise OptionError("An Animator moves one person; give each of several an Animator, or use animate.")
        self.engine = engine if isinstance(engine, Engine) else Engine(engine, device=options.device)
        self.engine.check_mode(options.mode)
        self.mode = options.mode
        self.strength, self.parts = options.strength, options.parts
        self._start, self.neutral = options.pose or {}, options.neutral
        opened, self.stitching = retargeted(options.retargeting), float(options.stitching)
        self.retargeting = tuple(part for part in opened if part in chosen(options.parts))
        check_wishes(self.engine.bundle, options)
        self.adapt_scale = options.adapt_scale
        self.paste_back = options.paste_back
        self._asked_size = options.size
        self._size = options.size or self.engine.side_out
        gives_flow = "flow" in self.engine.bundle.outputs
        self._lends = options.detail and gives_flow
        if options.detail and not gives_flow and (self.paste_back or self._size > self.engine.side_out):
            warn_without_flow(self.engine.bundle.name)
        self.framer = self.engine.framer(options)
        # People move in layers by the model's points; one that has none in the picture opens mouths and eyes itself.
        self._of_faces = gives_flow and bool(self.engine.bundle.points) and self.framer.framing.subject == "face"
        self._layered = self._of_faces or self.engine.build is not None
        self._layers = options.layers == "auto" and self._layered
        self._cut = Cutter(self.framer, self.engine.resolution, options.fps, options.limits)
        self._takes = Takes(options.fps, watch=self.framer.framing.watches_faces)
        self._watch = Watch(self.engine)
        self._patience = Shot(wait=PATIENCE * options.fps)
        self._limits = options.limits
        self._background = Background.of(options.background)
        self._hastened = False
        self._finish: Finish | None = None
        self._source: Source | None = None
        self._references = References(self.engine.names, self.mode, neutral=self.neutral)
        self._take = 0
        self._control: Control | DeclaredControl | None = None
        self._square: Bytes
        self._openings: Openings | None = None  # of the picture, or of a video's first frame

    @property
    def strengths(self) -> Strengths:
        """How much of its motion each part takes over: what `parts` and `strength` say together."""
        return Strengths.of(self.parts, self.strength)

    def set_source(self, picture: Picture | Sequence[Picture]) -> None:
        """Choose what to move (a list of views for models that fuse several; the first one is pasted back into) and
        start a new stream. Raises `InputError` where it cannot be read, or has no person before whom the `background`
        could be another one.
        """
        read = [self.read(view) for view in source_views(picture)]
        self._openings = None
        seats = [self.framer.seat(image) for image, _ in read]
        self.use(self.prepare([image for image, _ in read], seats, cut_out=read[0][1]))
        self.reset()

    def read(self, picture: Picture) -> tuple[Image.Image, bool]:
        """A picture to be moved, in RGB, and whether parts of it are transparent. Raises `InputError`."""
        size = None if self.paste_back or self.framer.crop != "off" else max(self._size, self.engine.side_out)
        return read_cut_out(picture, size, self._limits, self._background.filling)

    def prepare(
        self,
        images: Sequence[Image.Image],
        seats: Sequence[Seat],
        *,
        cut_out: bool = False,
        beside: Finish | None = None,
        strict: bool = True,
    ) -> Prepared:
        """What `use` takes: the views `images` (RGB), of each of which the square at its seat is moved. `cut_out`:
        whether the first one had transparent parts. `beside`: see `Finish`. Raises `InputError` as `set_source` does;
        where no person is seen, only when `strict`.
        """
        replaces = self._background.replaces(cut_out)
        if replaces and self.paste_back:
            raise OptionError("With paste_back the whole picture stays around the square; leave background out.")
        size, fit = self.engine.resolution, self.framer.fit
        squares = [
            square(image, size, fit) if seat.window is None else seat.window.cut(image, size)
            for image, seat in zip(images, seats, strict=True)
        ]
        seen, small = np.stack(squares), squares[0]
        source = self.engine.encode(seen)
        looked = self.engine.looked(source, seen) if self._layers else source
        window, out = seats[0].window, self.engine.side_out
        if out != size:
            squares[0] = square(images[0], out, fit) if window is None else window.cut(images[0], out)
        finish = Finish(
            images[0],
            window,
            squares[0],
            fit=fit,
            size=self._asked_size if self.paste_back else self._size,
            paste_back=self.paste_back,
            lend=self.engine.detail if self._lends else None,
            layer=partial(self.engine.layers, looked) if self._layers else None,
            inside=self.framer.crop in ("auto", "points"),
            background=self._background if replaces else None,
            limits=self._limits,
            neighbours=Neighbours.of(seats[0].face, seats[0].others, seats[0].window),
            beside=beside,
            seam=self.framer.framing.seam,
        )
        if replaces and strict and finish.layers is None:
            behind = self._background
            raise behind.nobody(self._layers) if self._layered else behind.refused_by(self.engine.bundle.name)
        return Prepared(source if finish.layers is None else looked, finish, small)

    def use(self, prepared: Prepared) -> None:
        """From now on this is moved; the stream goes on."""
        self._source, self._finish, self._square = prepared.source, prepared.finish, prepared.square
        self._control = self._controlled()

    def _controlled(self) -> Control | DeclaredControl | None:
        source, engine = self.source.motion[:1], self.engine
        if engine.names:
            eyes = None if self._moving is None else self._moving.eyes
            return Control(engine.names, source, eyes, self._start, neutral=self.neutral)
        if not (engine.controls or engine.has_parts):
            return None
        openings = Openings(engine.switches, self._square, self.retargeting, self.neutral, self._openings)
        self._openings = self._openings or openings
        return DeclaredControl(source, openings, self._start)

    @property
    def layered(self) -> bool:
        """Whether the source is moved in layers, so that what a driver's eyes do is of use; before there is one,
        whether it may be.
        """
        return self._layers and (self._finish is None or self._moving is not None)

    @property
    def _moving(self) -> Moving | None:
        return None if self._finish is None else self._finish.layers

    @property
    def watches(self) -> bool:
        """Whether what a driver's eyes and lips do is of use, or the joints of a whole person."""
        looked_at = self.layered and (self._of_faces or self.engine.sees_limbs)
        return looked_at or (self.engine.opens and (self.neutral or bool(self.retargeting)))

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the results; with `paste_back` known once there is a source."""
        return self._finish.size if self._finish else (self._size, self._size)

    @property
    def still(self) -> Bytes:
        """The source as it is before it moves, as large as the results: uint8 (height, width, 3). Raises `InputError`
        when there is none yet.
        """
        return self.finish.still

    @property
    def source(self) -> Source:
        """The encoded source. Raises `InputError` when there is none yet."""
        if self._source is None:
            raise InputError("There is no source picture yet; call set_source first.")
        return self._source

    def reset(self, reference: Motion | None = None) -> None:
        """Start a new stream. `reference` (one frame) is the pose that modes like the relative one count from;
        by default that of the next frame that shows a face well, and anew after a cut.
        """
        self._references.reset(None if reference is None else self._exact(reference))
        if self._openings is not None:
            self._openings.forget()
        self._take = 0
        self._takes.reset()
        self._watch.reset()
        self._smooth.reset()
        self._cut.reset()

    def learn(self, driving: Motion) -> None:
        """See all frames of a stream before the first one is made: with `neutral`, they tell what its driver's face is
        at rest. Without this it is estimated by what has come so far.
        """
        self._references.learn(self._exact(driving))

    def pose(self, **controls: float) -> Bytes:
        """The source in a pose set by hand: uint8 (height, width, 3) in RGB, of the `size`.

        `controls`: yaw, pitch and roll in degrees, as seen in the picture (to the right, up, clockwise; a model shows
        about 30 well); mouth (open; -1 shuts it), smile, pucker, eyes (-1 shut, 1 wide), wink, brows, gaze_x and
        gaze_y (to the right, up), from -1 to 1. What is not given is 0, as in the picture; the pose that the animator
        starts from counts for nothing here, and neither does the stream. Raises `OptionError` for others than the
        model's `Engine.controls`, `InputError` when there is no source, or no face in it to open mouth or eyes of.
        """
        check_pose(controls)
        check_controls(self.engine.bundle, controls)
        self.hasten()
        control = self._control
        if self.source is None or control is None:
            raise InputError("There is no source picture yet; call set_source first.")
        return self._finished(self._made([control.held(as_row(controls))]))[0]

    def hasten(self) -> None:
        """Frames are going to come one by one, each to be had as soon as possible (`Engine.hasten`). Whoever knows says
        so before the first one; else it is found out then.
        """
        if not self._hastened:
            self.engine.hasten()
            self._hastened = True

    def frame(self, picture: Picture) -> Bytes:
        """The source in the pose of one driving frame: uint8 (height, width, 3) in RGB, of the `size`."""
        self.hasten()
        cut = self._cut(picture)
        take = self._takes(cut, self._patience if self._cut.begins else None)
        return self.poses(self.watch(cut[None], [take]).with_arrays({TAKES: as_array([take])}))[0]

    def watch(self, squares: Bytes, takes: Sequence[int]) -> Motion:
        """The motion of the next frames of the stream, uint8 (B, R, R, 3), each of its take, as `poses` takes it."""
        return self._watch(squares, takes, expression=self.watches)

    def frames(self, squares: Bytes) -> Bytes:
        """The same for the next frames of the stream at once, all uint8 (B, R, R, 3): cut to the model's size. Their
        motion counts from the first one on, whatever it shows.
        """
        return self.poses(self.watch(squares, [1] * len(squares)))

    def poses(self, motion: Motion) -> Bytes:
        """The same for the next frames of the stream whose motion was detected before: uint8 (B, height, width, 3)."""
        return self._finished(self._driven(motion))

    def rendered(self, motion: Motion) -> tuple[Bytes, Rendered]:
        """The same with what the model by itself makes of these frames: its pictures, and maps where it has them."""
        made = self._driven(motion)
        return self._finished(made), made[0] or self._render(made[1])

    def _finished(self, made: Driven) -> Bytes:
        rendered, driven, faces = made
        if self._finish is not None:
            return self._finish(rendered, driven.places, faces, driven.residual)
        return (rendered or self._render(driven)).image

    def pieces(self, motion: Motion) -> list[Piece]:
        """The same before it is pasted back, for whoever pastes several people into one picture: see `Finish.lay`."""
        rendered, driven, faces = self._driven(motion)
        return self.finish.pieces(rendered, driven.places, faces, driven.residual)

    @property
    def finish(self) -> Finish:
        """What makes results of the present source. Raises `InputError` when there is none yet."""
        if self._finish is None:
            raise InputError("There is no source picture yet; call set_source first.")
        return self._finish

    @in_turn
    def _driven(self, motion: Motion) -> Driven:
        """What the model makes of the next frames, the motion that it was rendered by, and what the faces do."""
        return self._made([each for take, part in by_take(self._exact(motion)) for each in self._posed(take, part)])

    def _exact(self, motion: Motion) -> Motion:
        """`motion`, its points as exact as those of a source that is moved in layers."""
        return self.engine.exact(motion) if self.layered else motion

    def _made(self, parts: Sequence[Moved]) -> Driven:
        driven, faces = Motion.concatenate([part for part, _ in parts]), [face for _, each in parts for face in each]
        moved = self._moving and (driven.residual is not None or self.engine.build is not None)
        return None if moved else self._render(driven), driven, faces

    def _render(self, driven: Motion) -> Rendered:
        return self.engine.render_dense(self.source, driven, stitching=None if self.stitching == 1 else self.stitching)

    def _posed(self, take: int, motion: Motion) -> list[Moved]:
        """What to render for the next frames, all of one take, and what the face does in each of them."""
        source = self.source.motion[:1]
        if is_track(motion):
            if self._control is None:
                name = self.engine.bundle.name
                raise ModelError(f'The points of the model "{name}" have no names; no pose moves them.')
            driven, faces = self._control.posed(self._smooth(motion), self.strengths)
            return [(kept_inside(source, driven, self._moving), faces)]
        if not take:
            rest = at_rest(source, motion)
            return [self._started(rest, self._faces(motion, rest, motion[:1], Strengths.of(strength=0.0)))]
        if take != self._take:
            self._smooth.reset()
            self._take = take
        layers = self._moving
        opening = None if layers is None else layers.opening if motion.lips is None else layers.parted
        return [self._counted(*part) for part in self._references(take, self._smooth(motion), opening)]

    def _counted(self, motion: Motion, reference: Motion | None) -> Moved:
        """The same for frames that count from one `reference`, where the mode has any."""
        source, strengths = self.source.motion[:1], self.strengths
        alike = strengths.uniform
        drive = Drive(
            disentangle=self.engine.disentangle,
            strength=1.0 if alike is None else alike,
            adapt_scale=self.adapt_scale,
        )
        driven = drive(self.mode, source, motion, motion[:1] if reference is None else reference)
        counted = self.mode in FROM_REFERENCE
        if alike is not None and not counted:  # points have the strength already; lids and gaze have it not
            strengths = Strengths(eyes=alike, gaze=alike, mouth=1.0 if lips_of(motion, self.mode) is None else alike)
        faces, control = self._faces(motion, driven, reference, strengths), self._control
        if alike is None:
            driven = driven if control is None else control.weigh(driven, strengths)
        since = Since(motion.openings, reference.openings if counted and reference else None, self.strengths)
        driven, faces = self._started(driven, faces, since)
        return (kept_inside(source, driven, self._moving) if counted else driven), faces

    def _started(self, driven: Motion, faces: list[Expression | None], since: Since | None = None) -> Moved:
        """The same on top of the pose that the source starts from, if any was chosen."""
        return (driven, faces) if self._control is None else self._control.started(driven, faces, since)

    def _faces(
        self, driving: Motion, driven: Motion, reference: Motion | None, strengths: Strengths
    ) -> list[Expression | None]:
        """What the face does in every frame: since the `reference` where the mode has one, else since the source."""
        looks = (None, None) if self._moving is None else (self._moving.eyes, self._moving.lips)
        source = looked_at(self.source.motion[:1], *looks)
        return seen_faces(self.engine.names, source, (driving, driven), reference, strengths, self.mode)
