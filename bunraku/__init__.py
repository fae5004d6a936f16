"""Any picture, moved by any video.

import bunraku

animation = bunraku.animate("photo.jpg", "driving.mp4", output="moving.mp4")

The names are those of `runtime`, the engine, under the name that is installed. They are loaded when the first one is
asked for.
"""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runtime import *  # noqa: F403


def _not_own() -> str | None:
    """`runtime.own.not_own` by its place: another `runtime` may be found by the name."""
    spec = spec_from_file_location("bunraku.own", Path(__file__).parent.parent / "runtime" / "own.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    found: str | None = module.not_own("runtime", "checkpoints")
    return found


if _told := _not_own():
    raise ImportError(_told)


def __getattr__(name: str) -> Any:
    if name == "__version__":  # without the engine, which takes its time
        from checkpoints.installation import version

        return version()
    if name == "__all__" or not name.startswith("_"):
        import runtime

        if name == "__all__" or name in runtime.__all__:
            return getattr(runtime, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    import runtime

    return sorted([*runtime.__all__, "__version__"])
