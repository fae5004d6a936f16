"""Parts of a drawn head alone, at a high resolution: the mouth and the eyes, for painters of parts to learn from.

A cut is the same scene seen through a window of the frame: its truth is that of the frame in the window's coordinates,
so that contours, points and the flow between two cuts are had as those of frames are:

    cuts = HeadRenderer().cuts(specs, times, size=128)["mouth"]
    lips = cuts.frames.truth.screen[:, contour_vertices(asset)["lip_upper_inner"]]  # (N, 12, 3) in the cut
    flow, visible = true_flow(cuts.frames[:1], cuts.frames[1:], size=128)  # of one person in one scene
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.renderer import Frames
from ..core.truth import Truth
from .actor import Actor
from .contours import contour_vertices
from .head import HeadAsset

PARTS: dict[str, tuple[tuple[str, ...], float]] = {
    "mouth": (("lip_upper_outer", "lip_lower_outer"), 0.038),
    "eye_left": (("upper_lid_left", "lower_lid_left"), 0.025),
    "eye_right": (("upper_lid_right", "lower_lid_right"), 0.025),
}
"""Name -> the contours in whose middle a cut lies, and how far it reaches from there on an average face, metres."""


@dataclass
class Cuts:
    """One part in N frames."""

    frames: Frames
    """Pictures and truth in the coordinates of the cuts, [-1, 1] inside."""
    window: Tensor
    """(N, 3) in the frame's coordinates: x and y of a cut's middle, and how far it reaches from there."""

    @property
    def resolution(self) -> Tensor:
        """(N,): pixels of a side that the whole frame would have."""
        return self.frames.image.shape[1] / self.window[:, 2]


def part_windows(asset: HeadAsset, actors: list[Actor], screen: Tensor, part: str) -> Tensor:
    """(N, 3), see `Cuts.window`: where a part of `PARTS` is in frames whose vertices are projected to `screen`
    (N, V, 3).
    """
    names, reach = PARTS[part]
    lines = contour_vertices(asset)
    seen = screen[:, torch.cat([lines[name] for name in names])]
    middle = (seen[..., :2].amin(1) + seen[..., :2].amax(1)) / 2
    cameras = [actor.scene.camera for actor in actors]
    focal = [2 * c.head_width * c.distance / a.size * a.action_scale for c, a in zip(cameras, actors, strict=True)]
    half = reach * screen.new_tensor(focal) * seen[..., 2].mean(1)
    return torch.cat([middle, half[:, None]], 1)


def through_window(truth: Truth, window: Tensor) -> Truth:
    """The truth of frames in the coordinates of windows (N, 3), see `Cuts.window`."""
    middle, half = window[:, None, :2], window[:, 2, None, None]
    screen = torch.cat([(truth.screen[..., :2] - middle) / half, truth.screen[..., 2:]], -1)
    shift = (truth.background[:, :, 2:] - middle.transpose(1, 2)) / half
    return Truth(screen, torch.cat([truth.background[:, :, :2] / half, shift], -1), truth.kind)
