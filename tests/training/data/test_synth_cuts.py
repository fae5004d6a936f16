"""Mouths and eyes of drawn heads alone, at a high resolution."""

import pytest
import torch
from torch.nn import functional

from training.data.synth import SceneSpec, true_flow
from training.data.synth.person.contours import contour_vertices
from training.data.synth.person.cuts import PARTS

SPEC = SceneSpec(4, 4, 4)
TIMES = torch.tensor([0.3, 0.6], dtype=torch.float64)


@pytest.fixture(scope="module")
def cuts(renderer_of):
    return renderer_of("head").cuts([SPEC] * 2, TIMES, 48)


@pytest.fixture(scope="module")
def whole(renderer_of):
    return renderer_of("head").render([SPEC] * 2, TIMES, 192)


def test_each_part_is_in_the_middle_and_larger_than_in_the_frame(renderer_of, cuts):
    assert tuple(cuts) == tuple(PARTS)
    lines = contour_vertices(renderer_of("head").asset)
    for part, (names, _) in PARTS.items():
        frames = cuts[part].frames
        assert frames.image.shape == (2, 48, 48, 3)
        at = frames.truth.screen[:, torch.cat([lines[name] for name in names]), :2]
        torch.testing.assert_close(at.amin(1), -at.amax(1), atol=1e-3, rtol=0)
        assert 0.3 < at.abs().max() < 0.95
        assert (cuts[part].resolution > 200).all()
    assert (cuts["eye_left"].window[:, 0] > cuts["eye_right"].window[:, 0]).all()  # the person's left


def test_a_cut_s_truth_is_that_of_the_frame_seen_through_its_window(cuts, whole):
    for cut in cuts.values():
        back = cut.frames.truth.screen[..., :2] * cut.window[:, None, 2:] + cut.window[:, None, :2]
        torch.testing.assert_close(back, whole.truth.screen[..., :2], atol=1e-4, rtol=1e-4)
        assert torch.equal(cut.frames.truth.screen[..., 2], whole.truth.screen[..., 2])


def test_a_cut_shows_what_the_frame_does(cuts, whole):
    for cut in cuts.values():
        axis = torch.linspace(-1, 1, 48)
        grid = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1)[None]
        grid = grid * cut.window[:, None, None, 2:] + cut.window[:, None, None, :2]
        small = functional.grid_sample(whole.image.permute(0, 3, 1, 2).float(), grid, align_corners=True)
        large = cut.frames.image.permute(0, 3, 1, 2).float()
        assert (small - large).abs().mean() < 12
        both = torch.stack([small.flatten(), large.flatten()])
        assert torch.corrcoef(both)[0, 1] > 0.9


def test_flow_within_a_cut_takes_points_to_where_they_were(renderer_of, cuts):
    lines = contour_vertices(renderer_of("head").asset)
    frames = cuts["mouth"].frames
    flow, visible = true_flow(frames[:1], frames[1:], 48)
    lips = torch.cat([lines["lip_upper_outer"], lines["lip_lower_outer"]])
    there, here = frames.truth.screen[:, lips, :2]
    grid = here[None, None]
    found = functional.grid_sample(flow.permute(0, 3, 1, 2), grid, align_corners=True)[0, :, 0].T
    seen = functional.grid_sample(visible[:, None].float(), grid, align_corners=True)[0, 0, 0] > 0.99
    assert seen.sum() > 10
    assert (found - there)[seen].abs().median() < 0.02


def test_only_what_is_asked_for_is_drawn(renderer_of, cuts):
    alone = renderer_of("head").cuts([SPEC], TIMES[1:], 48, ("eye_right",))
    assert tuple(alone) == ("eye_right",)
    assert torch.equal(alone["eye_right"].frames.image[0], cuts["eye_right"].frames.image[1])
    with pytest.raises(KeyError):
        renderer_of("head").cuts([SPEC], TIMES[:1], 48, ("nose",))
