"""What docs/extending.md tells people to write works as it stands: applied to a copy of the repository, and run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
COPIED = (
    *("checkpoints", "demo", "docs", "export", "runtime", "training", "tests", "web/src", "web/tests", "web/tools"),
    *(".github", ".pre-commit-config.yaml", "CITATION.cff", "CONTRIBUTING.md", "README.md", "pyproject.toml"),
    "web/README.md",
)
MOTION = ("training/objectives", "training/evaluation", "export")
"""Where a parameter of motion passes on its way from PyTorch to a bundle, but for the families that have it."""


@dataclass(frozen=True)
class Block:
    """A piece of a file: all of a new one, or lines that come and go."""

    section: str
    path: str
    lines: tuple[str, ...]
    new: bool


def blocks() -> Iterator[Block]:
    for section in re.split(r"^## ", TEXT, flags=re.MULTILINE)[1:]:
        title = section.splitlines()[0]
        for kind, body in re.findall(r"^```(python|toml|diff)\n(.*?)^```$", section, re.DOTALL | re.MULTILINE):
            first, *lines = body.splitlines()
            yield Block(title, first.removeprefix("# "), tuple(lines), kind != "diff")


def written_files(text: str) -> set[str]:
    """Those that `text` says `python -m web.tools.share` writes."""
    told = re.search(r"`python -m web.tools.share`, which writes (.*?)\. ", text, re.DOTALL)
    return set(re.findall(r"`(.+?)`", told[1])) if told else set()


def apply(block: Block, root: Path) -> None:
    """Write or change the file of `block` below `root`; what it changes must be there once."""
    path = root / block.path
    if block.new:
        assert not path.exists(), f"{block.path} is there already"
        path.write_text("\n".join(block.lines) + "\n", encoding="utf-8")
        return
    old, new = ("\n".join(line[1:] for line in block.lines if line[:1] != other) + "\n" for other in "+-")
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, (
        f"docs/extending.md changes lines that {block.path} has {text.count(old)} times:\n{old}"
    )
    path.write_text(text.replace(old, new), encoding="utf-8")


def link_large(source: str, target: str) -> None:
    """A copy of what somebody may write, a link to anything else."""
    if source.endswith((".py", ".toml", ".ts", ".json", ".css")):
        shutil.copyfile(source, target)
    else:
        os.symlink(source, target)


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository with all that the document adds."""
    root = tmp_path_factory.mktemp("extended")
    for name in COPIED:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
            shutil.copytree(ROOT / name, root / name, copy_function=link_large, ignore=ignored)
        else:
            shutil.copyfile(ROOT / name, root / name)
    for block in blocks():
        apply(block, root)
    if find_spec("gradio"):
        assert set(run(root, "-m", "web.tools.share").split()) == written_files(TEXT)
    return root


def run(root: Path, *words: str) -> str:
    """Output of Python with `words` in the copy. Fails where it does."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(root), str(root / "tests")]), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *words], cwd=root, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_table_counts_the_files() -> None:
    rows = re.findall(r"^\| \[(.+?)\]\(.*?\) \| (\d+) \| (\d+) \| (\d+) \|$", TEXT, re.MULTILINE)
    for title, new, changed, written in rows:
        own = [block for block in blocks() if block.section.lower() == title]
        if own:
            found = [len({block.path for block in own if block.new is kind}) for kind in (True, False)]
            assert found == [int(new), int(changed)], title
        (section,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", TEXT, re.DOTALL | re.MULTILINE | re.IGNORECASE)
        assert len(written_files(section)) == int(written), title
    assert len(rows) == len(re.findall(r"^## ", TEXT, re.MULTILINE))


def test_a_kind_of_motion_takes_the_files_of_the_document_and_no_parameter_is_named_on_its_way() -> None:
    kind = TEXT.split("## A kind of motion")[1]
    told = set(re.findall(r"^\| `(.+?)` \|", kind, re.MULTILINE))
    assert told == {path for path in told if re.search(r"^KINDS\b", (ROOT / path).read_text("utf-8"), re.MULTILINE)}
    files = [path for place in MOTION for path in (ROOT / place).rglob("*.py")]
    assert files
    assert [path.name for path in files if '"covariances"' in path.read_text(encoding="utf-8")] == []


@pytest.mark.slow
def test_the_toy_is_trained_exported_and_moves_a_picture(extended: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed (the extra train)")
    script = tmp_path / "steps.py"
    script.write_text(STEPS)
    assert run(extended, str(script), str(tmp_path)).endswith("moved\n")


@pytest.mark.slow
def test_what_is_expected_of_all_that_there_is_holds(extended: Path) -> None:
    """The tests that tell a newcomer what is missing: of everything of a kind, or of what lists everything."""
    for needed in ("torch", "gradio"):
        pytest.importorskip(needed)
    run(extended, "-m", "pytest", "-n", "0", "-q", "-p", "no:cacheprovider", *EXPECTED, "-k", CHOSEN)


def test_it_is_written_in_our_style(extended: Path) -> None:
    pytest.importorskip("ruff", reason="ruff is not installed (the extra dev)")
    paths = sorted({block.path for block in blocks() if block.path.endswith(".py")})
    run(extended, "-m", "ruff", "check", "--no-cache", *paths)
    run(extended, "-m", "ruff", "format", "--no-cache", "--check", *paths)


EXPECTED = (
    *("tests/test_repository.py", "tests/checkpoints/test_bundle.py", "tests/checkpoints/test_contract.py"),
    *("tests/demo/test_page.py", "tests/runtime/test_cli.py", "tests/runtime/test_motion.py"),
    *("tests/runtime/test_options.py", "tests/export/test_families.py", "tests/export/test_rewrites.py"),
    *("tests/training/test_objective.py", "tests/training/data/test_synth_kinds.py", "tests/web/test_shared.py"),
)
CHOSEN = (
    "test_repository or test_options or test_shared or test_contract.py or every_family or order_and_switches"
    " or same_defaults or modes_of_the_contract or disc or charbonnier or (test_page and every_mode)"
    " or (test_bundle and (format or description or schema)) or (test_families and toy) or (test_objective and toy)"
)
STEPS = """
import argparse
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx_ir as ir
import onnxruntime
import toy_bundle
import torch
from clips import moving
from PIL import Image

from checkpoints.bundle import Bundle
from export.commands import export
from export.graphs import trace
from export.rewrites.catalogue import REWRITES
from runtime import Engine, Motion, animate
from runtime.animate import Request
from runtime.commands.declaring import declare
from runtime.motion.modes import mirrored
from runtime.options import Options, read_word
from training.checkpoint import load_model
from training.commands import train
from training.objectives.base import LOSSES

folder = Path(sys.argv[1])


def command(module, *words):
    parser = argparse.ArgumentParser()
    module.add_arguments(parser)
    assert module.run(parser.parse_args([str(word) for word in words])) == 0


# The family, the loss and the renderer.
command(train, "toy", "stages.0.steps=3", "-o", folder / "run", "--device", "cpu", "--quiet")
model, _ = load_model(folder / "run" / "model.safetensors")
assert model.family == "toy"
same = torch.full((1, 3, 2, 2), 0.5)
assert abs(LOSSES["charbonnier"](None, SimpleNamespace(image=same, target=same)) - 1e-3) < 1e-6

# The rewrite.
class Twice(torch.nn.Module):
    def forward(self, x):
        return -(-x) + 1

graph = trace(Twice(), {"x": torch.zeros(2, 3)}, ["y"])
rewrite = next(each for each in REWRITES if each.name == "negate")
assert rewrite.apply(graph) == 1
assert "Neg" not in {node.op_type for node in graph.graph}
session = onnxruntime.InferenceSession(ir.to_proto(graph).SerializeToString(), providers=["CPUExecutionProvider"])
given = np.random.default_rng(0).random((2, 3), np.float32)
assert (session.run(None, {"x": given})[0] == given + 1).all()

# The bundle, the mode.
rng = np.random.default_rng(1)
pictures = [folder / f"{name}.png" for name in ("a", "b", "c")]
for path in pictures:
    Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).resize((64, 64)).save(path)
command(export, folder / "run", "-o", folder / "toy", "--frames", *pictures)
bundle = Bundle.load(folder / "toy")
assert (bundle.family, "mirrored" in bundle.modes) == ("toy", True)
moving(folder / "driving.mp4", 4)
engine = Engine(folder / "toy", device="cpu", threads=1)
results = [
    animate(pictures[0], folder / "driving.mp4", model=engine, output=folder / f"{mode}.gif", mode=mode, crop="off")
    for mode in ("relative", "mirrored")
]
assert [len(result) for result in results] == [4, 4]
turned = mirrored(Motion(np.float32([[[0.5, 0.25]]]), np.float32([[[[1, 2], [3, 4]]]])))
assert turned.points.tolist() == [[[-0.5, 0.25]]]
assert turned.jacobians.tolist() == [[[[1, -2], [-3, 4]]]]

# The option.
plain, swapped = (
    animate(pictures[0], folder / "driving.mp4", model=engine, crop="off", swap_sides=swap) for swap in (False, True)
)
assert (swapped.frames == plain.frames[:, :, ::-1]).all()
assert not (swapped.frames == plain.frames).all()
parser = argparse.ArgumentParser()
declare(parser, Request)
assert parser.parse_args(["--swap-sides"]).swap_sides
assert read_word(Options, "swap_sides", "yes") is True
print("moved")
"""
