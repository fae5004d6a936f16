"""Pictures and videos crossed: everybody in one folder as everything in another moves, without a list of pairs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from checkpoints.errors import InputError
from runtime.control.templates import template_file
from runtime.many.pairs import Job, Taken, made_of
from runtime.media.picture import check_file
from runtime.motion.driving import FRAMES, as_counted
from runtime.motion.file import SUFFIX

PICTURES = (*FRAMES, ".gif", ".apng", ".jp2", ".ppm", ".tga")
VIDEOS = (
    *(".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".flv", ".wmv"),
    *(".3gp", ".ogv", ".mxf", ".vob", ".asf", ".y4m", ".gif", ".apng", ".h264", ".hevc"),
)
"""Which files of a folder are meant. What a file really is, its content tells when it is read."""

Known = Mapping[tuple[str, str], str]
"""Outputs of pairs (source, driving) that have one already."""


def cross(
    sources: Sequence[str | os.PathLike[str]],
    drivings: Sequence[str | os.PathLike[str]],
    suffix: str = ".mp4",
    known: Known | None = None,
) -> list[Job]:
    """Every one of the `sources` with every one of the `drivings`. Each is a file, or a folder that stands for what is
    in it (not in folders within): pictures and videos as sources, videos and recorded motions as drivers, or
    the name of one that comes along; a folder that holds nothing but pictures drives as the frames of one video. Of one
    folder that is both, pictures are moved and videos drive.

    Outputs are named after both, SOURCE-DRIVING and `suffix`; those that are `known` stay. Raises `InputError` where a
    file or folder is missing, or holds nothing of use.
    """
    folders = {os.path.realpath(each) for each in drivings}
    moved = [
        path
        for each in sources
        for path in _files(Path(each), PICTURES if os.path.realpath(each) in folders else (*PICTURES, *VIDEOS))
    ]
    moving = [path for each in drivings for path in _drivers(Path(template_file(each) or each))]
    taken, jobs = Taken(), []
    for output in (known or {}).values():
        taken.add(output)
    for source in dict.fromkeys(moved):
        for driving in dict.fromkeys(moving):
            pair = (str(source.absolute()), str(driving.absolute()))
            output = (known or {}).get(pair) or made_of(*pair, taken, suffix)
            taken.add(output)
            jobs.append(Job(*pair, output))
    return jobs


def _files(path: Path, kinds: Sequence[str]) -> list[Path]:
    if not path.is_dir():
        check_file(path)
        return [path]
    found = [
        each
        for each in path.iterdir()
        if each.suffix.lower() in kinds and not each.name.startswith(".") and each.is_file()
    ]
    if not found:
        raise InputError(f"The folder {path} holds nothing of use ({', '.join(sorted(set(kinds)))}); give another one.")
    return sorted(found, key=as_counted)


def _drivers(path: Path) -> list[Path]:
    if path.is_dir():
        names = [each.suffix.lower() for each in path.iterdir() if not each.name.startswith(".")]
        if not any(name in (*VIDEOS, SUFFIX) for name in names) and any(name in FRAMES for name in names):
            return [path]
    return _files(path, (*VIDEOS, SUFFIX))
