"""Real clips in the layouts people have: video files, folders of frames, pictures of frames side by side.

A clip is one video file (mp4, mov, gif, ...), one folder of pictures, or one wide picture that holds its frames beside
each other. Two random frames are read without decoding the whole clip.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from checkpoints.errors import InputError
from training.data.pairs import Sample, reference_frames

VIDEOS = {".mp4", ".m4v", ".mov", ".mpg", ".mpeg", ".gif", ".avi", ".mkv", ".webm"}
PICTURES = {".png", ".jpg", ".jpeg", ".webp"}

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class ClipFile:
    """One clip on disk."""

    path: Path
    frames: int
    seconds: float = 0.0
    """Length of a video; 0 for pictures."""

    @property
    def identity(self) -> str:
        """The part of the name before `#` (`id#clip.mp4`), else the whole name: who is shown."""
        return self.path.stem.split("#")[0]


class ClipPairs:
    """Pairs of frames of real clips below a folder. `size` is the side in pixels; set by the trainer."""

    def __init__(self, folder: Path, size: int = 256, by_identity: bool = False) -> None:
        """`by_identity` draws identities evenly, whatever the number of their clips.

        Raises `InputError` when no clip below `folder` can be used; bad ones are reported and left out.
        """
        self.folder = folder
        self.size = size
        self.cross = 0.0
        self.views = 1
        self.clips, problems = scan(folder)
        for problem in problems:
            _LOGGER.warning("left out: %s", problem)
        if problems:
            _LOGGER.warning("%d clips usable, %d left out", len(self.clips), len(problems))
        if not self.clips:
            reason = f"; first problem: {problems[0]}" if problems else ""
            raise InputError(f"{folder}: no usable clip was found{reason}; expected videos or folders of frames")
        groups: dict[str, list[ClipFile]] = {}
        for clip in self.clips:
            groups.setdefault(clip.identity if by_identity else str(clip.path), []).append(clip)
        self.groups = list(groups.values())

    def __len__(self) -> int:
        return len(self.groups)

    def draw(self, clip: int, rng: np.random.Generator) -> Sample:
        """Two different random frames, and references from the same clip."""
        group = self.groups[clip]
        chosen = group[int(rng.integers(len(group)))]
        first, second = (int(frame) for frame in rng.choice(chosen.frames, 2, replace=False))
        sample = {
            "source": read_frame(chosen, first, self.size),
            "driving": read_frame(chosen, second, self.size),
        }
        others = reference_frames(rng, chosen.frames, first, second, self.views - 1)
        if others:
            sample["references"] = torch.stack([read_frame(chosen, frame, self.size) for frame in others])
        return sample


def scan(folder: Path) -> tuple[list[ClipFile], list[str]]:
    """All usable clips below `folder`, in order of name, and a sentence on every one that is not."""
    clips: list[ClipFile] = []
    problems: list[str] = []
    folders_of_frames: set[Path] = set()
    for path in sorted(folder.rglob("*")):
        suffix = path.suffix.lower()
        try:
            if suffix in VIDEOS:
                clips.append(_probe_video(path))
            elif suffix in PICTURES and path.parent not in folders_of_frames:
                with Image.open(path) as picture:
                    width, height = picture.size
                if width >= 2 * height and width % height == 0:
                    clips.append(ClipFile(path, width // height))
                    continue
                folders_of_frames.add(path.parent)
                clips.append(_probe_folder(path.parent))
        except (InputError, UnidentifiedImageError, OSError) as error:
            problems.append(f"{path}: {error}")
    return clips, problems


def _probe_folder(folder: Path) -> ClipFile:
    pictures = [path for path in folder.iterdir() if path.suffix.lower() in PICTURES]
    if len(pictures) < 2:
        raise InputError("a clip needs at least two frames")
    sizes = set()
    for path in pictures:
        with Image.open(path) as picture:
            sizes.add(picture.size)
    if len(sizes) > 1:
        raise InputError(f"frames of different sizes ({', '.join(f'{w}x{h}' for w, h in sorted(sizes)[:3])})")
    return ClipFile(folder, len(pictures))


def _probe_video(path: Path) -> ClipFile:
    try:
        frames, seconds = imageio_ffmpeg.count_frames_and_secs(str(path))
    except (RuntimeError, OSError) as error:
        raise InputError("cannot be decoded") from error
    if frames < 2:
        raise InputError("a clip needs at least two frames")
    return ClipFile(path, frames, seconds)


def read_frame(clip: ClipFile, index: int, size: int) -> Tensor:
    """Frame `index` of a clip as uint8 (3, size, size): the middle square, scaled."""
    if clip.seconds:
        return _read_video_frame(clip, index, size)
    if clip.path.is_dir():
        path = sorted(p for p in clip.path.iterdir() if p.suffix.lower() in PICTURES)[index]
        with Image.open(path) as picture:
            return _square(picture.convert("RGB"), size)
    with Image.open(clip.path) as strip:
        side = strip.height
        return _square(strip.convert("RGB").crop((index * side, 0, (index + 1) * side, side)), size)


def _square(picture: Image.Image, size: int) -> Tensor:
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    square = picture.resize((size, size), Image.Resampling.LANCZOS, box=(left, top, left + side, top + side))
    return torch.from_numpy(np.array(square)).permute(2, 0, 1).contiguous()


def _read_video_frame(clip: ClipFile, index: int, size: int) -> Tensor:
    """Seeks to just before the frame's time (ffmpeg decodes from the last key frame only)."""
    rate = clip.frames / clip.seconds
    seek = max(0.0, (index - 0.25) / rate)
    crop = r"crop=min(iw\,ih):min(iw\,ih)"
    reader = imageio_ffmpeg.read_frames(
        str(clip.path),
        input_params=["-ss", f"{seek:.4f}"],
        output_params=["-vf", f"{crop},scale={size}:{size}:flags=lanczos", "-frames:v", "1"],
    )
    try:
        next(reader)  # the metadata
        raw = next(reader)
    except (StopIteration, RuntimeError, OSError) as error:
        raise InputError(f"{clip.path}: frame {index} cannot be decoded; remove the clip or encode it again") from error
    finally:
        reader.close()
    return torch.frombuffer(bytearray(raw), dtype=torch.uint8).view(size, size, 3).permute(2, 0, 1).contiguous()
