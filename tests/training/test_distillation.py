"""A student learns from a finished model, which stays as it is and goes nowhere."""

import json
import re
from pathlib import Path

import pytest
import torch
from tiny_run import TINY_FIRST_ORDER, TINY_MODEL, run_config

from checkpoints.errors import ModelError, OptionError
from training.checkpoint import load_model, save_model
from training.config import RunConfig, Stage, load_config, parse_config
from training.data.augment import PairAugment
from training.models.registry import build
from training.objectives import Objective, Schedule
from training.objectives.batch_pass import Pass
from training.schema import read
from training.state import load_state
from training.trainer import Trainer

LOSSES = {"distil_picture": 1.0, "distil_flow": 1.0, "distil_occlusion": 1.0}


@pytest.fixture
def teacher(tmp_path):
    """A wider model with other points than the student's, and maps of another size."""
    torch.manual_seed(5)
    changes = {"num_tps": 3, "points_per_tps": 4, "motion_size": 32, "dense_block_expansion": 8, "disentangle": True}
    model = build("tpsmm", {**TINY_MODEL, **changes})
    path = tmp_path / "teacher" / "model.safetensors"
    path.parent.mkdir()
    save_model(path, model)
    return path


def pairs(count=2):
    random = torch.Generator().manual_seed(1)
    return {
        "source": torch.rand(count, 3, 64, 64, generator=random),
        "driving": torch.rand(count, 3, 64, 64, generator=random),
        "seed": torch.arange(count),
    }


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_is_lowest_for_the_teacher_itself(teacher, name):
    model, _ = load_model(teacher)
    objective = Objective(model)
    objective.start_stage(Stage(name="s", steps=1, losses={name: 1.0}, teacher=str(teacher)), None)
    own = float(objective(pairs(), Schedule(0, 0))[name].detach())
    torch.manual_seed(6)
    objective.model = build("tpsmm", TINY_MODEL).eval()
    other = objective(pairs(), Schedule(0, 0))[name]
    other.backward()
    assert own < other
    if name != "distil_occlusion":  # the cross entropy of doubts with themselves is not zero
        assert own < 1e-3
    touched = {key.split(".")[0] for key, p in objective.model.named_parameters() if p.grad is not None}
    assert "dense_motion_network" in touched
    assert all(p.grad is None for p in objective.teacher.parameters())


def test_a_run_learns_from_its_teacher_and_keeps_nothing_of_it(tmp_path, frame_folders, teacher):
    values = run_config(frame_folders, ema=0.9)
    values["data"]["augment"] = {"jitter": 0.0, "time_flip": False}
    losses = {"distil_flow": 1.0, "distil_occlusion": 1.0}
    values["stages"][0] |= {"steps": 25, "lr": 5e-3, "losses": losses, "teacher": str(teacher.parent), "clip": {}}
    before = teacher.read_bytes()
    run = Trainer(read(RunConfig, values), tmp_path / "run", "cpu", progress=False)
    batch = PairAugment.none()(run.dataset[0] | {})
    batch = {name: value[None] for name, value in batch.items()}
    run.objective.start_stage(run.config.stages[0], None)
    first = float(run.objective(batch, Schedule(0, 0))["distil_flow"].detach())
    run.run()
    last = float(run.objective(batch, Schedule(0, 0))["distil_flow"].detach())
    assert last < 0.6 * first
    taught, kept = load_model(teacher)[0].state_dict(), run.objective.teacher.state_dict()
    assert all(torch.equal(value, kept[name]) for name, value in taught.items())
    assert teacher.read_bytes() == before
    assert not any("teacher" in name for name, _ in run.objective.named_parameters())
    assert not any("teacher" in name for name in run.objective.state_dict())
    tensors = load_state(tmp_path / "run" / "state.safetensors", "tpsmm")[1]
    assert {name.split("/")[0] for name in tensors} <= {"model", "average", "optimizer"}
    student = build("tpsmm", TINY_MODEL).state_dict()
    assert {name.partition("/")[2] for name in tensors if name.startswith("model/")} == student.keys()


def test_the_teacher_is_gone_in_a_stage_without_one(teacher):
    objective = Objective(build("tpsmm", TINY_MODEL))
    objective.start_stage(Stage(name="s", steps=1, losses={"distil_flow": 1.0}, teacher=str(teacher)), None)
    assert objective.teacher is not None
    objective.start_stage(Stage(name="t", steps=1, losses={"pixel": 1.0}), None)
    assert objective.teacher is None


def test_the_teacher_sees_whole_pictures_and_finds_its_own_points(teacher):
    """The student's detector is shown damaged pictures or none; the teacher's never is."""
    model, _ = load_model(teacher)
    batch = pairs() | {"source_points": torch.zeros(2, 6, 2), "driving_points": torch.zeros(2, 6, 2)}
    run = Pass(build("tpsmm", TINY_MODEL), batch, degrade=torch.zeros_like, true_motion=True, teacher=model)
    with torch.no_grad():
        wanted = model(batch["source"], batch["driving"])
    # Two pictures at once are detected with other roundings than one by one.
    assert float((run.taught_image - wanted.image).abs().mean()) < 1e-4
    assert float((run.taught_motion.flow - wanted.flow).abs().mean()) < 1e-4
    assert not run.taught_image.requires_grad


def test_wrong_teachers_are_named(tmp_path, teacher):
    objective = Objective(build("tpsmm", TINY_MODEL))

    def start(losses, name):
        objective.start_stage(Stage(name="s", steps=1, losses=losses, teacher=name), None)

    with pytest.raises(OptionError, match="stage 's': distil_flow needs a teacher"):
        start({"distil_flow": 1.0}, "")
    start({"distil_flow": 0.0, "pixel": 1.0}, "")
    with pytest.raises(ModelError, match="no such file"):
        start({"distil_flow": 1.0}, str(tmp_path / "none.safetensors"))
    (tmp_path / "config.json").write_text(json.dumps({}))
    with pytest.raises(ModelError, match="not a readable safetensors file"):
        start({"distil_flow": 1.0}, str(tmp_path / "config.json"))
    other = tmp_path / "fomm.safetensors"
    save_model(other, build("fomm", TINY_FIRST_ORDER))
    with pytest.raises(ModelError, match="align_corners = false"):
        start({"distil_flow": 1.0}, str(other))


def test_the_documented_stage_follows_those_of_faces_lite():
    root = Path(__file__).parents[2]
    text = (root / "docs" / "training.md").read_text(encoding="utf-8")
    (stage,) = [block for block in re.findall(r"```toml\n(.*?)```", text, re.DOTALL) if "teacher" in block]
    recipe = (root / "training" / "configs" / "faces-lite.toml").read_text(encoding="utf-8")
    config = parse_config(f"{recipe}\n{stage}", "both.toml")
    assert config.stages[:-1] == load_config("faces-lite").stages
    assert set(config.stages[-1].losses) > set(LOSSES)
    assert config.stages[-1].teacher
