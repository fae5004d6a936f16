"""face-vid2vid: points in space, its losses, and that all of it learns."""

import numpy as np
import pytest
import torch

from checkpoints.errors import OptionError
from training.config import load_config
from training.data.synth import POINT_NAMES, HeadRenderer, SceneSpec
from training.data.synth_pairs import SynthPairs
from training.losses import space
from training.models.base import Motion
from training.models.registry import build
from training.objectives.base import LOSSES
from training.objectives.batch_pass import Pass

SMALL = {
    "resolution": 32,
    "num_points": 3,
    "appearance_width": 4,
    "volume_channels": 4,
    "volume_depth": 4,
    "volume_blocks": 1,
    "canonical_width": 4,
    "canonical_blocks": 1,
    "motion_depths": (1, 1),
    "motion_widths": (8, 16),
    "dense_width": 4,
    "dense_max": 16,
    "dense_blocks": 2,
    "compressed": 2,
    "warped_width": 16,
    "generator_blocks": 1,
}


@pytest.fixture(scope="module")
def batch() -> dict[str, torch.Tensor]:
    pairs = SynthPairs(size=32)
    samples = pairs.draw_batch([0, 1], [np.random.default_rng(seed) for seed in (0, 1)])
    found = {name: torch.stack([sample[name] for sample in samples]) for name in samples[0]}
    found |= {name: found[name].float() / 255 for name in ("source", "driving")}
    return found | {"seed": torch.arange(2)}


def model():
    torch.manual_seed(0)
    return build("face-vid2vid", SMALL)


def test_points_are_turned_shifted_in_all_three_directions_and_changed():
    built = model().eval()
    canonical = torch.tensor([[[0.1, 0.2, 0.3], [0.0, -0.5, 0.1], [0.4, 0.0, 0.0]]])
    quarter = torch.tensor([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])[None, None]  # for rows
    shift, expression = torch.tensor([[0.1, 0.2, 0.3]]), torch.zeros(1, 3, 3)
    expression[0, 1, 0] = 0.05
    motion = Motion(rotation=quarter, expression=expression, translation=shift)
    moved = built.points(canonical, motion)[0]
    torch.testing.assert_close(moved[0], torch.tensor([-0.2 + 0.1, 0.1 + 0.2, 0.3 + 0.3]))
    torch.testing.assert_close(moved[1], torch.tensor([0.5 + 0.1 + 0.05, 0.2, 0.4]))


def test_every_loss_reaches_the_networks_that_it_is_for(batch):
    built = model()
    run = Pass(built, batch)
    names = ("equivariance_space", "keypoint_prior", "truth_turn", "deformation_prior", "pixel", "truth_flow")
    losses = {name: LOSSES[name](None, run) for name in names}
    assert all(torch.isfinite(loss) and loss > 0 for loss in losses.values())
    torch.stack(list(losses.values())).sum().backward()
    blind = [name for name, each in built.named_parameters() if each.grad is None or not each.grad.isfinite().all()]
    assert blind == []


def test_points_in_one_place_cost_and_points_apart_at_their_depth_cost_nothing():
    apart = torch.tensor([[[0.5, 0.5, space.DEPTH], [-0.5, 0.5, space.DEPTH], [0.0, -0.5, space.DEPTH]]])
    assert space.keypoint_prior(apart) == pytest.approx(0, abs=1e-6)
    same = torch.zeros(1, 2, 3)
    assert space.keypoint_prior(same).item() == pytest.approx(2 * space.APART + space.DEPTH)


def test_other_families_have_no_points_in_space(batch):
    other = Pass(build("fomm", load_config("fomm-toy").model), batch)
    for name in ("equivariance_space", "keypoint_prior", "truth_turn", "deformation_prior"):
        with pytest.raises(OptionError, match=name):
            LOSSES[name](None, other)


def test_true_turns_are_rotations_that_move_the_points_as_the_picture_does(batch):
    for name in ("source_turn", "driving_turn"):
        turn = batch[name]
        torch.testing.assert_close(turn @ turn.mT, torch.eye(3).expand(2, 3, 3), atol=1e-5, rtol=0)
        assert (torch.linalg.det(turn) > 0).all()
    renderer, spec = HeadRenderer(), SceneSpec(3, 4, 5)
    times = torch.arange(0, 24, 2.0)
    turns = renderer.turns([spec] * len(times), times)
    frames = renderer.render([spec] * len(times), times, 32)
    eyes = [index for index, name in enumerate(POINT_NAMES) if name.startswith("eye_")]
    way = frames.points[:, POINT_NAMES.index("nose.tip")] - frames.points[:, eyes].mean(1)
    # From the eyes to the nose it is one way in the head, which is seen turned: down, and towards the camera.
    seen = turns[:, :, :2].transpose(1, 2).flatten(0, 1)
    inside = torch.linalg.lstsq(seen, way.flatten()[:, None]).solution[:, 0]
    left = (seen @ inside - way.flatten()).square().mean() / (way - way.mean(0)).square().mean()
    assert left < 0.1
    assert inside[1] > 0
    assert inside[2] < 0
