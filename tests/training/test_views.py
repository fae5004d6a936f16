"""Several views of a source: in samples, through the augmentation, the losses and a run."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_run import TINY_DIME, TINY_FIRST_ORDER, dime_run, toml

from checkpoints.errors import ModelError, OptionError
from training.checkpoint import load_model, save_model
from training.config import Augment, Data, parse_config
from training.data.augment import PairAugment
from training.data.pairs import PairDataset, batches, reference_frames, source_views
from training.data.sources import open_source
from training.initial import initial_model
from training.losses.smoothness import smoothness
from training.models.registry import build
from training.objectives.batch_pass import Pass
from training.trainer import Trainer


@given(frames=st.integers(2, 12), count=st.integers(0, 6), seed=st.integers(0, 99))
def test_references_show_other_frames(frames, count, seed):
    rng = np.random.default_rng(seed)
    source, driving = (int(index) for index in rng.choice(frames, 2, replace=False))
    chosen = reference_frames(rng, frames, source, driving, count)
    assert len(chosen) == count
    assert driving not in chosen
    assert set(chosen) <= set(range(frames))
    if frames > 2:
        assert source not in chosen
    if frames - 2 >= count:
        assert len(set(chosen)) == count


def views_of(folder, views, seed=0):
    source = open_source(Data(kind="clips", path=str(folder), views=views))
    source.size = 64
    return next(batches(PairDataset(source, seed), 3, 0, 1))


def test_references_are_frames_of_the_same_clip_and_leave_the_pair_as_it_was(frame_folders):
    plain, viewed = views_of(frame_folders, 1), views_of(frame_folders, 4)
    assert "references" not in plain
    assert viewed["references"].shape == (3, 3, 3, 64, 64)
    assert torch.equal(plain["source"], viewed["source"])
    assert torch.equal(plain["driving"], viewed["driving"])
    # The corners of a clip hold its own gradient; the square passes over the middle only.
    corner = viewed["source"][..., 0, 0]
    assert torch.equal(viewed["references"][..., 0, 0], corner[:, None].expand(-1, 3, -1))
    for others in viewed["references"].unbind(1):
        assert not any(torch.equal(other, frame) for other, frame in zip(others, viewed["driving"], strict=True))


def test_augmentation_changes_references_as_it_changes_the_source(frame_folders):
    batch = views_of(frame_folders, 2)
    batch["references"] = batch["source"][:, None].clone()
    torch.manual_seed(0)
    changed = PairAugment(Augment(flip=0.5, time_flip=True, jitter=0.3))(batch)
    assert changed["references"].shape == (3, 1, 3, 64, 64)
    assert torch.equal(changed["references"][:, 0], changed["source"])
    assert not torch.allclose(changed["source"], batch["source"] / 255, atol=1e-2)
    assert not [name for name in changed if name.startswith("reference ")]


def test_a_pass_gives_every_view_its_own_motion(frame_folders):
    batch = PairAugment(Augment(time_flip=False, jitter=0.0))(views_of(frame_folders, 3))
    torch.manual_seed(1)
    model = build("dime", TINY_DIME).eval()
    run = Pass(model, batch)
    with torch.no_grad():
        expected = model(source_views(batch), batch["driving"])
        assert torch.allclose(run.source_motions.points, model.detect(source_views(batch)).points, atol=1e-6)
        assert torch.equal(run.source_motion.points, run.source_motions.points[:, 0])
        assert torch.allclose(run.image, expected.image, atol=1e-5)


def test_smoothness_of_a_known_field():
    line = torch.linspace(-1, 1, 17)
    slope = torch.stack(torch.meshgrid(3 * line, 2 * line, indexing="xy"), -1)[None]
    # d/dx of (3x, 2y) is (3, 0), d/dy is (0, 2); the mean is over both components.
    assert smoothness([slope]).item() == pytest.approx((9 + 4) / 2, rel=1e-5)
    assert smoothness([slope * 0 + 5, slope * 0]).item() == 0


@pytest.mark.slow
def test_dime_trains_on_several_views(tmp_path, frame_folders):
    config = parse_config(toml(dime_run(frame_folders, draw_every=2)), "dime.toml")
    torch.manual_seed(config.seed)  # as the trainer does
    before = {name: value.clone() for name, value in initial_model(config).state_dict().items()}
    result = Trainer(config, tmp_path, "cpu", progress=False).run()
    model, metadata = load_model(result.checkpoint)
    assert metadata["family"] == "dime"
    moved = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    for part in ("generator", "kp_detector", "refinement", "confidence", "self_flow", "fusion"):
        assert any(name.startswith(part) for name in moved)


def test_views_for_a_family_that_takes_one_are_refused(frame_folders):
    config = parse_config(toml(dime_run(frame_folders, family="fomm", model=TINY_FIRST_ORDER)), "fomm.toml")
    with pytest.raises(OptionError, match=r"data\.views is 3, but fomm takes one picture .* family dime"):
        initial_model(config)


def test_dime_starts_from_fomm_and_not_from_others(tmp_path, frame_folders):
    """FOMM's detector, dense motion and generator have the same names; DiME's own parts stay fresh."""
    fomm, mraa = build("fomm", TINY_FIRST_ORDER), build("mraa", TINY_FIRST_ORDER)
    save_model(tmp_path / "fomm.safetensors", fomm)
    save_model(tmp_path / "mraa.safetensors", mraa)
    config = parse_config(toml(dime_run(frame_folders, init=str(tmp_path / "fomm.safetensors"))), "dime.toml")
    started = initial_model(config).state_dict()
    taken = [name for name, value in fomm.state_dict().items() if name in started and torch.equal(started[name], value)]
    for part in ("kp_detector.predictor", "generator.dense_motion_network.hourglass", "generator.first"):
        assert any(name.startswith(part) for name in taken)
    with pytest.raises(ModelError, match="is a mraa model and cannot start a dime run"):
        initial_model(replace(config, init=str(tmp_path / "mraa.safetensors")))


def test_smoothness_needs_a_refinement(frame_folders):
    batch = PairAugment(Augment(time_flip=False, jitter=0.0))(views_of(frame_folders, 1))
    from training.objectives import LOSSES, Objective

    model = build("dime", TINY_DIME | {"refine": "none"})
    with pytest.raises(OptionError, match="smoothness loss is the refinement's"):
        LOSSES["smoothness"](Objective(model), Pass(model, batch))
