"""`import runtime` is light: it needs none of the heavy packages, and nearly all its time is ONNX
Runtime's.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"torch", "onnx", "gradio", "scipy", "accelerate", "huggingface_hub", "safetensors", "tqdm"}
OURS = {"training", "export", "demo"}


def python(code: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=60)
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.mark.parametrize("module", ["runtime", "runtime.cli", "runtime.commands.animate"])
def test_nothing_heavy_and_nothing_else_of_ours_is_loaded(module):
    code = f"import json, sys, {module}; print(json.dumps(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    assert not set(json.loads(python(code))) & (HEAVY | OURS)


def test_what_only_messages_and_versions_need_is_not_loaded():
    code = "import json, sys, runtime; print(json.dumps(sorted(sys.modules)))"
    assert not set(json.loads(python(code))) & {"importlib.metadata", "urllib.request", "tomllib"}


def test_it_works_where_the_heavy_packages_do_not_exist():
    blocked = dict.fromkeys(["torch", "onnx", "gradio", *OURS])
    python(f"import sys; sys.modules.update({blocked}); import runtime; runtime.animate, runtime.Animator")


def test_importing_takes_little_more_than_onnx_runtime():
    code = (
        "import time; a = time.process_time(); import onnxruntime; b = time.process_time(); import runtime; "
        "print(time.process_time() - b)"
    )
    assert min(float(python(code)) for _ in range(3)) < 0.5


def test_all_names_that_are_promised_exist():
    import runtime

    assert [name for name in runtime.__all__ if not hasattr(runtime, name)] == []
    assert callable(runtime.animate)  # the function, not the module of the same name
