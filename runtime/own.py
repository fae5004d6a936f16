"""Whether the packages found by our names are ours: the names are ordinary words, and a script may have a file of that
name beside it. Imports nothing but the standard library, for it comes first of all.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def not_own(*packages: str) -> str | None:
    """What to tell a person where one of the `packages` that are, or would be, imported by that name is not the one
    that lies beside this one; None where all are, or where there is none beside this one or none found at all, which
    their import says.
    """
    for name in packages:
        if not os.path.isdir(os.path.join(_ROOT, name)):
            continue
        found = _place(name)
        if found is not None and os.path.realpath(found) != os.path.realpath(os.path.join(_ROOT, name)):
            return f'{found} hides the part of Bunraku that is called "{name}"; rename it, or move it elsewhere.'
    return None


def _place(name: str) -> str | None:
    """Folder of the package, or file of the module, that is or would be imported as `name`."""
    loaded = sys.modules.get(name)
    try:
        spec = find_spec(name) if loaded is None else loaded.__spec__
    except (ImportError, ValueError):
        return None
    if spec is None:
        return getattr(loaded, "__file__", None)
    places = spec.submodule_search_locations
    return spec.origin if places is None else next(iter(places), None)
