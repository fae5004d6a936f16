"""The engine: any picture, moved by any video, with numpy and ONNX Runtime and nothing else.

from runtime import animate

animation = animate("portrait.jpg", "driving.mp4", output="moving.mp4")
"""

from runtime.own import not_own

if found := not_own("checkpoints"):
    raise ImportError(found)

from typing import TYPE_CHECKING

from checkpoints import start

if start.is_command(__name__):
    start.end_on_interrupt()

from checkpoints.errors import BunrakuError, BunrakuWarning, InputError, ModelError, OptionError, OutputError
from runtime.animate import animate, stream
from runtime.animator import Animator
from runtime.control.templates import templates
from runtime.engine import Engine
from runtime.many.batching import batch
from runtime.media.limits import Limits
from runtime.motion.extract import extract_motion
from runtime.motion.modes import Motion
from runtime.result.animation import Animation
from runtime.result.frames import FrameStream

__all__ = [
    "Animation",
    "Animator",
    "BunrakuError",
    "BunrakuWarning",
    "Engine",
    "FrameStream",
    "InputError",
    "Limits",
    "ModelError",
    "Motion",
    "OptionError",
    "OutputError",
    "animate",
    "batch",
    "extract_motion",
    "stream",
    "templates",
]

if TYPE_CHECKING:
    __version__: str
else:

    def __getattr__(name: str) -> str:
        """The version, which takes reading files that nothing else needs."""
        if name == "__version__":
            from checkpoints.installation import version

            return version()
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
