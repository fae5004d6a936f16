"""From the command's options to a plan."""

from __future__ import annotations

import argparse

from checkpoints.errors import OptionError
from training.evaluation.cases import open_data
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
    movers = _named([open_mover(model, args.batch, args.device) for model in (args.model, *args.compare)])
    size = args.size or movers[0].facts.get("resolution") or DEFAULT_SIZE
    if args.pairs and len(args.data) > 1:
        raise OptionError("--pairs belongs to one set of data; evaluate that one alone")
    sets = [open_data(name, size, args.frames, args.pairs, args.random_pairs, args.every) for name in args.data]
    rulers: Rulers = make_rulers(args.keypoints, args.also, _torch_device(args.device))
    frames = f"up to {args.frames} frames" if args.frames else "all frames"
    return [
        Plan(
            movers=[Still(), *movers, Echo()],
            data=data,
            rulers=rulers,
            mode=args.mode,
            setting=f"{size} pixels, {frames}" + (f", every {args.every}." if args.every > 1 else ""),
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


def _named(movers: list[Mover]) -> list[Mover]:
    """Models of the same name get a number, so that no row hides another."""
    seen: dict[str, int] = {}
    for mover in movers:
        seen[mover.name] = seen.get(mover.name, 0) + 1
        if seen[mover.name] > 1:
            mover.name = f"{mover.name} ({seen[mover.name]})"
    return movers
