"""The engine: any picture, moved by any video, with numpy and ONNX Runtime and nothing else.

from runtime import animate

animation = animate("portrait.jpg", "driving.mp4", output="moving.mp4")
"""

from checkpoints import start

if start.is_command(__name__):
    start.end_on_interrupt()

from checkpoints.errors import BunrakuError, BunrakuWarning, InputError, ModelError, OptionError, OutputError
from runtime.animate import Animation, animate
from runtime.animator import Animator
from runtime.control.templates import templates
from runtime.engine import Engine
from runtime.many.batching import batch
from runtime.media.limits import Limits
from runtime.motion.extract import extract_motion
from runtime.motion.modes import Motion

__all__ = [
    "Animation",
    "Animator",
    "BunrakuError",
    "BunrakuWarning",
    "Engine",
    "InputError",
    "Limits",
    "ModelError",
    "Motion",
    "OptionError",
    "OutputError",
    "animate",
    "batch",
    "extract_motion",
    "templates",
]
