"""Runs `python -m training.bare` as on a machine that has torch, numpy, safetensors and accelerate only.

What else this environment holds is hidden, unless one of the four requires it.
"""

import runpy
import sys
from importlib.metadata import packages_distributions, requires
from importlib.util import find_spec

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

THERE = ("torch", "numpy", "safetensors", "accelerate")


def required() -> set[str]:
    """Names of the distributions that are there."""
    found, left = set(), list(THERE)
    while left:
        name = canonicalize_name(left.pop())
        if name not in found:
            found.add(name)
            wanted = [Requirement(line) for line in _requires(name)]
            left += [each.name for each in wanted if each.marker is None or each.marker.evaluate({"extra": ""})]
    return found


def _requires(name: str) -> list[str]:
    try:
        return requires(name) or []
    except ModuleNotFoundError:  # required on other systems, or optional in practice
        return []


class Without:
    """A finder of modules that does not find those called `hidden`."""

    def __init__(self, finder, hidden):
        self.finder, self.hidden = finder, hidden

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in self.hidden else self.finder.find_spec(name, path, target)


if __name__ == "__main__":
    there = required() | {"bunraku"}
    owners = packages_distributions()
    hidden = {name for name, of in owners.items() if not there & {canonicalize_name(each) for each in of}}
    sys.meta_path[:] = [Without(finder, hidden) for finder in sys.meta_path]
    for name in ("pydantic", "kornia", "PIL", "scipy", "onnxruntime", "matplotlib"):
        assert name not in sys.modules
        assert find_spec(name) is None
    runpy.run_module("training.bare", run_name="__main__", alter_sys=True)
