"""Packed clips with their truth: safetensors files of a few dozen clips each, read at random without decoding.

A shard `clips-00012.safetensors` holds, for C clips of M frames: `image` uint8 (C, M, S, S, 3); `points` float32
(C, M, 50, 2); `points_visible` bool (C, M, 50); `mask` uint8 (C, M, S*S/8) packed bits; `screen` int16 (C, M, V, 3),
projected vertices in 1/8000; `background` float32 (C, M, 2, 3); `triangle` int16 (C, M, 64, 64) and `weights` uint8
(C, M, 64, 64, 2), the surface at 64 x 64; `matte` uint8 (C, M, S, S), how much of a pixel the figure is; `loose`
uint8 (C, M, S*S/8) packed bits, where hairs stand before the backdrop; `plate` uint8 (C, P, P, 3), the backdrop of
each clip's first frame with nobody in it and a margin (`core.plate`), of heads, bodies and photographs. Shards made
before 30 November 2026 have none of these three. `rest` float32 (C, 52) is what each drawn face does at rest
(`person.rest`, in the order of `performance.ACTIONS`). Shards of one part of heads (`person.cuts`) hold all but plates
in the part's own coordinates, and `window` float32 (C, M, 3), where in the frame it is (`Cuts.window`); readers that
know nothing of parts read them as any other. Metadata `bunraku` is JSON with the kind of scene, the number of its
topology (`topology.READABLE`), the clips' seeds and times, and, where the backdrops are photos, `backdrops`: their
names and the SHA-256 of names and contents (`photos.Photos`), so that the shard can be made again. Photographs set in
motion are of kind "head", whose triangles they have, with their record as `photographs`; the first frame of each clip
is the photograph itself.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from checkpoints.errors import InputError, OutputError

from ..core.photos import Photos
from ..core.plate import plate_in_frame
from ..core.renderer import Frames
from ..core.topology import PHOTO, READABLE
from ..core.truth import SurfaceBuffer, Truth, background_between, flow_between, surface_buffer, without_loose_hair
from .plan import ClipPlan

FORMAT = "1"
FLOW_SIZE = 64
STEP = 8000.0


@dataclass(frozen=True)
class ClipInfo:
    """What is known of a clip without reading its frames."""

    group: int
    """Clips of one group show the same motion at the same times on different identities."""
    identity: int
    motion: int
    scene: int
    times: tuple[float, ...]
    kind: str = "head"


def _same(clip: ClipInfo) -> tuple[int, tuple[float, ...]]:
    """Equal for clips of one motion at the same times; shards of several seeds, each with a group 0, may be mixed."""
    return clip.motion, clip.times


def unpack_truth(
    screen: Tensor, background: Tensor, triangle: Tensor, weights: Tensor, kind: str
) -> tuple[Truth, SurfaceBuffer]:
    """What correspondence needs of N frames, from their tensors (N, ...) as a shard of scenes of `kind` stores them."""
    two = weights.float() / 255
    three = torch.cat([two, (1 - two.sum(-1, keepdim=True)).clamp_min(0)], -1)
    return Truth(screen.float() / STEP, background, kind), SurfaceBuffer(triangle.long(), three)


@dataclass
class Pair:
    """Frames a (source) and b (driving) of a clip, or of two clips of a group in `cross`."""

    image_a: Tensor
    """(S, S, 3) uint8."""
    image_b: Tensor
    points_a: Tensor
    """(50, 2) float32."""
    points_b: Tensor
    visible_a: Tensor
    """(50,) bool."""
    visible_b: Tensor
    flow: Tensor
    """(64, 64, 2) float32, from b back to a."""
    flow_visible: Tensor
    """(64, 64) bool."""
    background: Tensor
    """(3, 3) motion of the backdrop, homogeneous coordinates of b to those of a."""
    mask: Tensor
    """(S, S) bool, the person in frame b."""


def write_shard(
    path: Path, clips: list[ClipPlan], frames: Frames, photos: Photos | None = None, plates: Tensor | None = None,
    rests: Tensor | None = None, window: Tensor | None = None,
) -> None:  # fmt: skip
    """Writes consecutive clips, whose frames follow one another in `frames`, aside and then renames.

    `photos` are what their backdrops were made of, or what was set in motion; `plates` and `rests` one a clip, as of
    `Renderer`; `window` (C * M, 3) of one part as of `cuts.Cuts`.

    Raises `OutputError` when the file cannot be written; nothing half-written ever has the final name.
    """
    shape = (len(clips), len(clips[0].times))
    small = surface_buffer(frames.truth, FLOW_SIZE)
    screen = (frames.truth.screen.clamp(-4, 4) * STEP).round().to(torch.int16)
    tensors = {
        "image": frames.image,
        "points": frames.points,
        "points_visible": frames.points_visible,
        "mask": torch.from_numpy(np.packbits(frames.mask.flatten(1).cpu().numpy(), axis=1)),
        "matte": frames.matte,
        "loose": torch.from_numpy(np.packbits(frames.loose.flatten(1).cpu().numpy(), axis=1)),
        "screen": screen,
        "background": frames.truth.background,
        "triangle": small.triangle.to(torch.int16),
        "weights": (small.weights[..., :2] * 255).round().to(torch.uint8),
    }
    if window is not None:
        tensors["window"] = window
    info = [
        {"group": c.group, "times": c.times, **{k: v for k, v in asdict(c.spec).items() if k != "kind"}} for c in clips
    ]
    packed = {name: value.cpu().view(*shape, *value.shape[1:]).contiguous() for name, value in tensors.items()}
    packed |= {
        name: value.cpu().contiguous() for name, value in (("plate", plates), ("rest", rests)) if value is not None
    }
    kind = frames.truth.kind
    head = {"format": FORMAT, "topology": READABLE[kind][-1], "kind": kind, "clips": info}
    if photos:
        head["photographs" if clips[0].spec.kind == PHOTO else "backdrops"] = photos.record()
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        save_file(
            packed,
            aside,
            metadata={"bunraku": json.dumps(head)},
        )
        aside.chmod(0o644)
        aside.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror or error}); choose another folder.") from error
    finally:
        aside.unlink(missing_ok=True)


class SynthShards:
    """Random access to the clips of a folder of shards. Cheap to make; files are mapped, not read."""

    def __init__(self, folder: str | Path) -> None:
        """Raises `InputError` when the folder holds no shard, or one that is damaged."""
        self.folder = Path(folder)
        self.info: list[ClipInfo] = []
        self._places: list[tuple[Path, int]] = []
        self._groups: dict[tuple[int, tuple[float, ...]], list[int]] = {}
        self._open: dict[Path, Any] = {}
        self.refresh()
        if not self.info:
            below = sorted({path.parent.name for path in self.folder.glob("*/clips-*.safetensors")})
            raise InputError(
                f"{self.folder}: holds no shards, {self.folder / below[0]} does; name that one."
                if below
                else f"{self.folder}: holds no shards; make some with `bunraku synth {self.folder} --format shard`."
            )

    def refresh(self) -> int:
        """Takes in shards written since; returns the number of clips. Clips keep their numbers."""
        known = {path for path, _ in self._places}
        for path in sorted(self.folder.glob("clips-*.safetensors")):
            if path in known:
                continue
            try:
                with safe_open(path, "pt") as file:
                    head = json.loads(file.metadata()["bunraku"])
                    self._side = int(file.get_slice("image").get_shape()[2])
            except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
                raise InputError(
                    f"{path}: is not a readable shard of clips ({error}); delete it and make it again."
                ) from error
            kind = head.get("kind", "head")
            found = (head.get("format"), kind, head.get("topology", 1))
            if found[0] != FORMAT or found[2] not in READABLE.get(kind, ()):
                raise InputError(f"{path}: has format, kind and mesh {found}, unknown to this version; make it again.")
            if self.info and kind != self.info[0].kind:
                raise InputError(f"{path}: shows a {kind}, other shards beside it a {self.info[0].kind}; part them.")
            for row, clip in enumerate(head["clips"]):
                clip["times"] = tuple(clip["times"])
                found_clip = ClipInfo(**clip, kind=kind)
                self._groups.setdefault(_same(found_clip), []).append(len(self.info))
                self.info.append(found_clip)
                self._places.append((path, row))
        return len(self.info)

    def __len__(self) -> int:
        return len(self.info)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": {}}  # mapped files do not travel to worker processes

    def place(self, clip: int) -> tuple[Path, int]:
        """The shard that holds `clip`, and its row there."""
        return self._places[clip]

    @property
    def side(self) -> int:
        """Pixels of a side of the stored pictures."""
        return self._side

    def frames_of(self, clip: int) -> int:
        """Number of frames of a clip."""
        return len(self.info[clip].times)

    def group_of(self, clip: int) -> list[int]:
        """All clips that show the same motion as `clip`, itself included."""
        return self._groups[_same(self.info[clip])]

    def _read(self, clip: int, frame: int, names: tuple[str, ...]) -> list[Tensor]:
        path, row = self._places[clip]
        if path not in self._open:
            file = safe_open(path, "pt")
            self._open[path] = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
        slices = self._open[path]
        return [slices[name][row : row + 1, frame : frame + 1][0] for name in names]

    def image(self, clip: int, frame: int) -> Tensor:
        """(S, S, 3) uint8."""
        return self._read(clip, frame, ("image",))[0][0]

    def _truth(self, clip: int, frame: int) -> tuple[Truth, SurfaceBuffer]:
        names = ("screen", "background", "triangle", "weights")
        screen, background, triangle, weights = self._read(clip, frame, names)
        return unpack_truth(screen, background, triangle, weights, self.info[clip].kind)

    def flow(self, clip: int, a: int, b: int) -> tuple[Tensor, Tensor, Tensor]:
        """Backward flow (64, 64, 2) from frame b to frame a, visibility (64, 64), the backdrop's motion (3, 3)."""
        (source, source_buffer), (driving, driving_buffer) = self._truth(clip, a), self._truth(clip, b)
        flow, visible = flow_between(source, source_buffer.triangle, driving, driving_buffer)
        if self._holds(clip, "loose"):
            loose = [self._bits(clip, frame, "loose") for frame in (a, b)]
            visible = without_loose_hair(flow, visible, loose[0][None], loose[1][None])
        return flow[0], visible[0], background_between(source.background, driving.background)[0]

    def _holds(self, clip: int, name: str) -> bool:
        """Whether the shard of a clip has the tensor `name`."""
        self._read(clip, 0, ("background",))
        return name in self._open[self._places[clip][0]]

    def _bits(self, clip: int, frame: int, name: str) -> Tensor:
        """(S, S) bool of packed bits."""
        (bits,) = self._read(clip, frame, (name,))
        side = self.side
        return torch.from_numpy(np.unpackbits(bits[0].numpy(), count=side * side)).view(side, side).bool()

    def matte(self, clip: int, frame: int) -> Tensor | None:
        """(S, S) uint8: how much of a pixel the figure is; None in shards of earlier versions."""
        return self._read(clip, frame, ("matte",))[0][0] if self._holds(clip, "matte") else None

    def plate(self, clip: int, frame: int) -> Tensor | None:
        """(S, S, 3) uint8: what `frame` would show with nobody in it, without noise and compression; None in shards of
        earlier versions, and of kinds that have none.
        """
        if not self._holds(clip, "plate"):
            return None
        path, row = self._places[clip]
        first, here = (self._read(clip, each, ("background",))[0] for each in (0, frame))
        return plate_in_frame(self._open[path]["plate"][row], background_between(first, here)[0], self.side)

    def rest(self, clip: int) -> Tensor | None:
        """(52,) in [0, 1]: what this face does at rest, in the order of `performance.ACTIONS`; None where no one is
        drawn, and in shards of earlier versions.
        """
        if not self._holds(clip, "rest"):
            return None
        path, row = self._places[clip]
        rest: Tensor = self._open[path]["rest"][row]
        return rest

    def window(self, clip: int, frame: int) -> Tensor | None:
        """(3,) of shards of one part of heads, see `cuts.Cuts.window`; None of others."""
        return self._read(clip, frame, ("window",))[0][0] if self._holds(clip, "window") else None

    def contours(self, clip: int, frame: int) -> dict[str, Tensor]:
        """Lines (P, 3) of a face in the shard's coordinates, x, y and inverse depth: names as of
        `contours.contour_vertices`. Empty of kinds that have no faces of this mesh.
        """
        if self.info[clip].kind != "head":
            return {}
        from ..person.contours import contour_vertices
        from ..person.head import load_head

        (screen,) = self._read(clip, frame, ("screen",))
        return {name: screen[0, line].float() / STEP for name, line in contour_vertices(load_head("cpu")).items()}

    def pair(self, clip: int, a: int, b: int) -> Pair:
        """Source frame a and driving frame b of one clip."""
        names = ("image", "points", "points_visible")
        image_a, points_a, visible_a = self._read(clip, a, names)
        image_b, points_b, visible_b = self._read(clip, b, names)
        flow, flow_visible, background = self.flow(clip, a, b)
        mask = self._bits(clip, b, "mask")
        return Pair(
            image_a=image_a[0],
            image_b=image_b[0],
            points_a=points_a[0],
            points_b=points_b[0],
            visible_a=visible_a[0],
            visible_b=visible_b[0],
            flow=flow,
            flow_visible=flow_visible,
            background=background,
            mask=mask,
        )

    def __getitem__(self, key: tuple[int, int, int]) -> Pair:
        return self.pair(*key)

    def cross(self, clip: int, other: int, a: int, b: int) -> tuple[Pair, Tensor, Tensor]:
        """Source: frame a of `clip`; driving: frame b of `other`, a clip of the same group.

        Returns the pair (a, b) of `clip`, whose `image_b` is the target (this identity in the driving pose), the
        driving image (S, S, 3) uint8 and the driving points (50, 2). Raises `ValueError` for clips of two groups.
        """
        if self.info[clip].group != self.info[other].group:
            raise ValueError(f"clips {clip} and {other} do not share a motion")
        image, points = self._read(other, b, ("image", "points"))
        return self.pair(clip, a, b), image[0], points[0]
