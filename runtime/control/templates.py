"""Motion that comes with the engine: tracks of poses, played by name, on any model whose points have names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType

FOLDER = Path(__file__).parents[1] / "assets" / "templates"

_TEMPLATES: Mapping[str, str] = MappingProxyType(
    {
        "blink": "blinks once",
        "idle": "sits still: breathes, sways a little, blinks",
        "laugh": "laughs, head back",
        "look": "looks around: aside, to the other side, up",
        "nod": "nods twice",
        "shake": "shakes the head",
        "smile": "smiles, and stops",
        "surprise": "lifts the brows, with an open mouth",
        "talk": "talks",
        "wink": "winks with one eye",
    }
)


def templates() -> Mapping[str, str]:
    """The names of the motions that come with the engine, and what each of them shows. `animate` plays them: a file or
    folder of the same name goes first.
    """
    return _TEMPLATES


def template_file(driving: str | os.PathLike[str], folder: str | os.PathLike[str] = "") -> Path | None:
    """The motion file of the template called `driving`; None where there is none, or something of that name in `folder`
    (by default the current one).
    """
    name = os.fspath(driving)
    there = name in _TEMPLATES and not os.path.lexists(os.path.join(folder, name))
    return FOLDER / f"{name}.motion" if there else None


def near_template(driving: Path) -> str | None:
    """The template that may have been meant by the file `driving`, which is not there: the one whose name is most like
    that of the file; None where none is, or the file is there.
    """
    if driving.suffix or os.path.lexists(driving):
        return None
    return next(iter(get_close_matches(driving.name.lower(), _TEMPLATES, 1)), None)
