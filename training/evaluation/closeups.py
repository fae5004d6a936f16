"""The report's sheet of mouths and eyes, enlarged, beside the truth: what decides of a face is small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.evaluation.cases import RECONSTRUCTION
from training.evaluation.measure import Reference
from training.evaluation.metrics import parts
from training.evaluation.movers import Echo, Still
from training.evaluation.run import Plan, move

CASES = 8
"""At most so many rows."""
SIDE = 112
"""Of one cut, in pixels."""
QUALITY = 90


def write_closeups(path: Path, plan: Plan) -> list[str]:
    """Write a JPEG with a row for each of the first cases of the reconstruction: of the mouth where the true frames
    open it widest, then of the left eye where they shut the lids most, the source, the truth, and what each model
    made of it. Returns what the columns of either show; nothing is written where no detector sees faces.
    """
    detector = plan.rulers.detector
    movers = [mover for mover in plan.movers if mover.name not in (Still().name, Echo().name)]
    rows = []
    for name in plan.names(RECONSTRUCTION)[:CASES] if detector is not None and detector.layout is not None else ():
        reference = Reference(RECONSTRUCTION, plan.data.load(RECONSTRUCTION, name), plan.rulers)
        tracks, case = reference.tracks, reference.case
        assert detector is not None
        assert detector.layout is not None
        if tracks is None or not (known := parts.seen(tracks.found, tracks.points)).any():
            continue
        clips = [np.repeat(case.source[None], len(case.driving), 0), case.driving]
        clips += [move(mover, RECONSTRUCTION, plan.mode, case.source, case.driving).frames for mover in movers]
        gaps = {key: parts.opening(tracks.points, pairs) for key, pairs in detector.layout.openings.items()}
        moments = {
            "mouth": int(np.where(known, gaps["mouth"], -np.inf).argmax()),
            "eyes": int(np.where(known, gaps["lids"], np.inf).argmin()),
        }
        cuts = []
        for part, index in moments.items():
            square = next(box for key, box in parts.cuts(tracks.points[index], detector.layout) if key == part)
            cuts += [_cut(clip[index], square) for clip in clips]
        rows.append(np.concatenate(cuts, 1))
    if not rows:
        return []
    Image.fromarray(np.concatenate(rows)).save(path, quality=QUALITY)
    return ["source", "truth", *(mover.name for mover in movers)]


def _cut(frame: NDArray[np.uint8], square: tuple[float, float, float]) -> NDArray[np.uint8]:
    x, y, half = square
    box = (x - half, y - half, x + half, y + half)
    image = Image.fromarray(np.ascontiguousarray(frame))
    return np.asarray(image.transform((SIDE, SIDE), Image.Transform.EXTENT, box, Image.Resampling.BICUBIC))
