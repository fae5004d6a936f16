"""The trainer on small real data: it learns, resumes exactly, survives a kill, and says what is wrong."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_run import TINY_MODEL, run_config, toml

from checkpoints.errors import BunrakuWarning, InputError, ModelError, OptionError
from training.checkpoint import load_model, save_model
from training.config import RunConfig
from training.models.registry import build
from training.schema import read
from training.state import load_state
from training.trainer import Trainer, TrainingError, usable_precision

ROOT = Path(__file__).parents[2]


def trainer(folder, values, **kwargs):
    config = read(RunConfig, values)
    return Trainer(config, folder, device="cpu", progress=False, **kwargs)


def weights(folder):
    return load_state(folder / "state.safetensors", "tpsmm")[1]


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_a_resumed_run_ends_like_an_unbroken_one(tmp_path, frame_folders):
    values = run_config(frame_folders, ema=0.9)
    trainer(tmp_path / "whole", values).run()
    for _ in range(3):
        trainer(tmp_path / "parts", values).run(stop_after=2)
    assert same(
        load_model(tmp_path / "whole/model.safetensors")[0].state_dict(),
        load_model(tmp_path / "parts/model.safetensors")[0].state_dict(),
    )


def test_resume_across_stages_equals_an_unbroken_run(tmp_path, frame_folders):
    values = run_config(frame_folders)
    first = {**values["stages"][0], "steps": 3, "train": ["kp_detector", "dense_motion_network"]}
    second = {**values["stages"][0], "name": "two", "steps": 3, "decay": "cosine"}
    values["stages"] = [first, second]
    trainer(tmp_path / "whole", values).run()
    for stop in (2, 2, 2):
        trainer(tmp_path / "parts", values).run(stop_after=stop)
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "parts"))


def test_a_run_that_is_stopped_by_the_clock_goes_on_exactly(tmp_path, frame_folders):
    values = run_config(frame_folders, save_every=100)
    values["stages"] = [{**values["stages"][0], "steps": 3}, {**values["stages"][0], "name": "two", "steps": 3}]
    whole = trainer(tmp_path / "whole", values).run()
    for _ in range(3):
        asked = iter([False, False, False, True, True, True])
        parts = trainer(tmp_path / "parts", values).run(time_is_up=lambda asked=asked: next(asked, True))
    assert parts.steps == whole.steps == 6
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "parts"))


def test_an_adversarial_stage_trains_both_sides_and_resumes_exactly(tmp_path, frame_folders):
    values = run_config(frame_folders)
    values["stages"][0] |= {"steps": 4, "losses": {"pixel": 1.0, "adversarial": 1.0, "feature_matching": 10.0}}
    whole = trainer(tmp_path / "whole", values)
    before = {name: value.clone() for name, value in whole.objective.discriminator.named_parameters()}
    whole.run()
    changed = [not torch.equal(value, before[name]) for name, value in whole.objective.discriminator.named_parameters()]
    assert np.mean(changed) > 0.9
    for _ in range(2):
        trainer(tmp_path / "parts", values).run(stop_after=2)
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "parts"))


def test_frozen_components_do_not_change(tmp_path, frame_folders):
    values = run_config(frame_folders)
    values["stages"][0]["train"] = ["inpainting_network"]
    run = trainer(tmp_path, values)
    before = {name: value.clone() for name, value in run.model.state_dict().items()}
    run.run(stop_after=2)
    changed = {
        name.split(".")[0] for name, value in run.model.state_dict().items() if not torch.equal(value, before[name])
    }
    assert changed == {"inpainting_network"}


@pytest.mark.slow
def test_training_lowers_the_loss_on_what_it_sees(tmp_path, frame_folders):
    values = run_config(frame_folders)
    values["stages"][0] |= {"steps": 60, "batch": 4, "lr": 3e-3, "warmup": 5}
    trainer(tmp_path, values).run()
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    losses = [line["pixel"] for line in lines if line["kind"] == "train"]
    assert losses[-1] < 0.7 * losses[0]
    assert list((tmp_path / "pictures").glob("*.png"))


@pytest.mark.slow
def test_a_killed_run_goes_on_from_its_last_state(tmp_path, frame_folders):
    values = run_config(frame_folders)
    values["stages"][0]["steps"] = 400
    values["save_every"] = 1
    config = tmp_path / "run.json"
    config.write_text(json.dumps(values))
    code = (
        "import json, sys; from pathlib import Path\n"
        "from training.config import RunConfig; from training.schema import read\n"
        "from training.trainer import Trainer\n"
        "values = json.loads(Path(sys.argv[1]).read_text())\n"
        "Trainer(read(RunConfig, values), Path(sys.argv[2]), 'cpu', False).run()"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([sys.executable, "-c", code, str(config), str(tmp_path / "run")], env=environment)
    state = tmp_path / "run" / "state.safetensors"
    deadline = time.monotonic() + 60
    while not state.is_file() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.3)
    process.send_signal(signal.SIGKILL)
    process.wait()
    position, _ = load_state(state, "tpsmm")
    assert 0 < position.step < 400
    reached = position.step + 2
    trainer(tmp_path / "run", values).run(stop_after=2)
    values["stages"][0]["steps"] = 400
    trainer(tmp_path / "whole", values).run(stop_after=reached)
    assert same(weights(tmp_path / "run"), weights(tmp_path / "whole"))


def test_a_run_takes_the_named_networks_alone_from_where_it_starts(tmp_path, frame_folders):
    values = run_config(frame_folders)
    checkpoint = trainer(tmp_path / "first", values).run().checkpoint
    theirs = dict(load_model(checkpoint)[0].named_parameters())
    values |= {"init": str(checkpoint), "init_parts": ["kp_detector"], "seed": 5}
    mine = dict(trainer(tmp_path / "second", values).model.named_parameters())
    filters = {name: value for name, value in theirs.items() if value.dim() == 4}  # scales and shifts start alike
    equal = {name.split(".")[0] for name, value in filters.items() if torch.equal(value, mine[name])}
    assert equal == {"kp_detector"}
    with pytest.raises(OptionError, match=r"init_parts: .* has no network 'head'"):
        trainer(tmp_path / "third", values | {"init_parts": ["head"]})


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_good_state(tmp_path, frame_folders):
    values = run_config(frame_folders)
    trainer(tmp_path, values).run(stop_after=2)
    good = weights(tmp_path)
    run = trainer(tmp_path, values)
    with torch.no_grad():
        run.model.inpainting_network.final.bias.fill_(float("nan"))
    with pytest.raises(TrainingError, match=r"loss 'pixel' is not finite"):
        run.run()
    assert same(weights(tmp_path), good)


def test_another_familys_state_is_refused(tmp_path, frame_folders):
    values = run_config(frame_folders)
    trainer(tmp_path, values).run(stop_after=2)
    with pytest.raises(ModelError, match=r"tpsmm run and cannot continue a fomm"):
        load_state(tmp_path / "state.safetensors", "fomm")


def test_a_state_of_another_size_is_refused(tmp_path, frame_folders):
    values = run_config(frame_folders)
    trainer(tmp_path, values).run(stop_after=2)
    with pytest.raises(ModelError, match="does not fit this configuration"):
        trainer(tmp_path, {**values, "model": {**TINY_MODEL, "block_expansion": 8}})


def test_bfloat16_is_not_emulated(monkeypatch):
    """Emulation takes up to fifty times as long as float32: the run says so and does not."""
    monkeypatch.setattr("torch.ops.mkldnn._is_mkldnn_bf16_supported", lambda: False)
    with pytest.warns(BunrakuWarning, match="training in float32"):
        assert usable_precision("bf16", "cpu") == "no"
    monkeypatch.setattr("torch.ops.mkldnn._is_mkldnn_bf16_supported", lambda: True)
    assert usable_precision("bf16", "cpu") == "bf16"
    assert usable_precision("no", "cpu") == "no"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"losses": {"pixels": 1.0}}, "no loss is called 'pixels'"),
        ({"train": ["kp_detectr"]}, "no component 'kp_detectr'"),
        ({"losses": {"truth_flow": 1.0}}, "needs 'flow'"),
        ({"size": 72}, "72 pixels cannot be reduced to 16"),
    ],
)
def test_wrong_options_are_named(tmp_path, frame_folders, change, message):
    values = run_config(frame_folders)
    values["stages"][0] |= change
    with pytest.raises(OptionError, match=message):
        trainer(tmp_path, values).run()


def test_an_empty_folder_is_named(tmp_path):
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="no usable clip was found"):
        trainer(tmp_path / "run", run_config(tmp_path / "none"))


def test_checkpoint_round_trip_and_damage(tmp_path):
    model = build("tpsmm", TINY_MODEL)
    path = tmp_path / "model.safetensors"
    save_model(path, model, {"steps": 3})
    loaded, metadata = load_model(path)
    assert same(dict(model.state_dict()), dict(loaded.state_dict()))
    assert metadata["training"] == {"steps": 3}
    for cut in (10, path.stat().st_size // 2):
        damaged = tmp_path / "damaged.safetensors"
        damaged.write_bytes(path.read_bytes()[:cut])
        with pytest.raises(ModelError, match="not a readable safetensors file"):
            load_model(damaged)
    assert np.all([not name.name.endswith(".tmp") for name in tmp_path.iterdir()])


def test_weights_that_do_not_fit_are_listed(tmp_path):
    from training.checkpoint import load_tensors, save_tensors

    path = tmp_path / "model.safetensors"
    save_model(path, build("tpsmm", TINY_MODEL))
    tensors, metadata = load_tensors(path)
    tensors["extra"] = tensors.pop("kp_detector.fg_encoder.fc.bias")
    save_tensors(path, tensors, metadata)
    with pytest.raises(ModelError, match=r"missing kp_detector.fg_encoder.fc.bias; unexpected extra"):
        load_model(path)


@pytest.mark.slow
def test_two_processes_equal_one_with_twice_the_batch(tmp_path, frame_folders):
    values = run_config(frame_folders)
    values["model"] = {**TINY_MODEL, "norm": "batch"}
    values["data"]["augment"] = {"jitter": 0.0, "time_flip": False}
    values["stages"][0] |= {"steps": 4, "batch": 2, "train": ["inpainting_network"]}
    config = tmp_path / "run.toml"
    config.write_text(toml(values))
    # `accelerate launch` starts several processes on GPUs only; on CPUs torchrun sets up what Accelerate reads.
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", f"--master_port={_free_port()}"]
    command = [*launch, "-m", "training", str(config), "-o", str(tmp_path / "two"), "--device", "cpu", "--quiet"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    values["stages"][0]["batch"] = 4
    trainer(tmp_path / "one", values).run()
    one, two = (load_model(tmp_path / name / "model.safetensors")[0].state_dict() for name in ("one", "two"))
    start = build("tpsmm", values["model"]).state_dict()
    # Adam moves a weight by the learning rate whichever way its gradient points, be it rounding: nine weights in ten
    # must agree to a tenth of one step, while most of them moved by whole steps.
    lr = values["stages"][0]["lr"]
    names = [name for name in one if name.startswith("inpainting_network.") and name.endswith("weight")]
    apart = torch.cat([(one[name] - two[name]).abs().flatten() for name in names])
    moved = torch.cat([(one[name] - start[name]).abs().flatten() for name in names])
    assert float((apart > 0.1 * lr).float().mean()) < 0.1
    assert float((moved > lr).float().mean()) > 0.5


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
