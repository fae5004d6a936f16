"""From the command's options to a plan."""

from __future__ import annotations

import argparse
from pathlib import Path

from checkpoints.errors import OptionError
from training.evaluation.cases import Drawn, open_data
from training.evaluation.measure import Rulers
from training.evaluation.movers import Echo, Mover, Still, open_mover
from training.evaluation.networks import make_rulers
from training.evaluation.run import TASKS, Plan

DEFAULT_SIZE = 256


def make_plans(args: argparse.Namespace) -> list[Plan]:
    """Opens models, data and measuring networks; one plan a set of data. Raises a `BunrakuError` for whatever cannot
    be used.
    """
    for name in ("limit", "frames", "every", "size", "batch", "random_pairs"):
        value = getattr(args, name)
        if value is not None and value < 1:
            raise OptionError(f"--{name.replace('_', '-')} is {value}; it must be 1 or more")
    names = [args.model, *args.compare]
    movers = _named([open_mover(name, args.batch, args.device, args.layers) for name in names], names)
    size = args.size or movers[0].facts.get("resolution") or DEFAULT_SIZE
    if args.pairs and len(args.data) > 1:
        raise OptionError("--pairs belongs to one set of data; evaluate that one alone")
    drawn = Drawn(args.pairs, args.random_pairs, args.crop == "face")
    sets = [open_data(name, size, args.frames, args.every, drawn) for name in args.data]
    rulers: Rulers = make_rulers(args.keypoints, args.also, _torch_device(args.device))
    frames = f"up to {args.frames} frames" if args.frames else "all frames"
    frames += f", one in {args.every}" if args.every > 1 else ""
    frames += ", cut to the face" if args.crop == "face" else ""
    return [
        Plan(
            movers=[Still(), *movers, Echo()],
            data=data,
            rulers=rulers,
            mode=args.mode,
            setting=f"{size} pixels, {frames}",
            limit=args.limit,
            tasks=tuple(task for task in TASKS if not args.tasks or task in args.tasks),
        )
        for data in sets
    ]


def _torch_device(device: str) -> str:
    if device != "auto":
        return device
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _named(movers: list[Mover], given: list[str]) -> list[Mover]:
    """Models of the same name are called as they were `given`, or else get a number, so that no row hides another."""
    seen: set[str] = set()
    for number, (mover, words) in enumerate(zip(movers, given, strict=True), 1):
        if mover.name in seen:
            other = Path(words).name
            mover.name = f"{mover.name} ({number})" if other in seen else other
        seen.add(mover.name)
    return movers
