"""Moderately smooth cases of every kind of synthetic figure, and the command that draws them."""

import argparse
from dataclasses import dataclass

from training.commands import synth


def command(*words: object, quiet: bool = True) -> int:
    """`bunraku synth` with these words."""
    parser = argparse.ArgumentParser()
    synth.add_arguments(parser)
    return synth.run(parser.parse_args([*map(str, words), *(["--quiet"] if quiet else [])]))


@dataclass(frozen=True)
class Case:
    """Some figures at two moments, and what their truth must reach."""

    seeds: tuple[int, ...]
    times: tuple[float, float]
    size: int
    visible: float
    """Least share of the picture, and of the figures in it, that is seen in both moments: background first."""
    figure: float
    better: float
    """How many times worse the unmoved source is on the figures than the warped one."""


CASES = {
    "head": Case((100, 104, 105, 106, 109, 110, 112, 113), (0.4, 1.6), 192, 0.6, 0.6, 5),
    "cartoon": Case(tuple(range(16)), (0.4, 0.75), 128, 0.8, 0.6, 3),
    "body": Case((0, 1, 2, 3, 4, 5), (0.6, 0.75), 128, 0.7, 0.6, 2),
}
