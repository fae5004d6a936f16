"""The backdrop's motion by aligning two pictures."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_run import TINY_MODEL

from checkpoints.errors import OptionError
from training.losses.truth import background_loss
from training.models.parts.sampling import coordinate_grid, warp
from training.models.registry import build
from training.models.tpsmm.alignment import align

FINE = coordinate_grid(64, 64, torch.zeros(()))


def scene(seed: int, person: bool = False) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Source, driving frame, where the backdrop is, and its true motion; a person of another motion in the middle."""
    torch.manual_seed(seed)
    source = F.interpolate(torch.rand(1, 3, 12, 12), (64, 64), mode="bicubic", align_corners=True).clamp(0, 1)
    true = torch.eye(3)[None].clone()
    true[:, :2] += torch.cat([0.02 * torch.randn(2, 2), 0.06 * torch.randn(2, 1)], 1)
    places = torch.cat([FINE, torch.ones(64, 64, 1)], -1) @ true[0, :2].T
    driving = warp(source, places[None], True, "border")
    weight = torch.ones(1, 1, 64, 64)
    if person:
        body = (FINE.square().sum(-1) < 0.25).float()
        driving = driving * (1 - body) + torch.rand(3)[None, :, None, None] * body
        weight = weight * (1 - 0.9 * body)  # a mask that is not quite sure
    return source, driving, weight, true


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_a_known_motion_is_found(seed, person):
    source, driving, weight, true = scene(seed, person)
    found = align(source, driving, weight)
    unmoved = background_loss(torch.eye(3)[None], true)
    # More than three pixels of 64 may be too far; then it is at least no worse than none.
    assert background_loss(found, true) < (0.004 if unmoved < 0.1 else unmoved + 1e-4)


def test_a_still_or_empty_backdrop_does_not_move():
    source, _, weight, _ = scene(3)
    noisy = source + 0.01 * torch.randn(source.shape, generator=torch.Generator().manual_seed(0))
    assert torch.equal(align(source, noisy, weight), torch.eye(3)[None])
    plain = torch.full((1, 3, 64, 64), 0.4)
    assert torch.equal(align(plain, plain, weight), torch.eye(3)[None])
    assert torch.equal(align(source, plain, torch.zeros_like(weight)), torch.eye(3)[None])


def test_other_pictures_of_the_batch_change_nothing():
    one, two = scene(1), scene(2)
    both = align(*(torch.cat([a, b]) for a, b in zip(one[:3], two[:3], strict=True)))
    assert torch.allclose(both[1:], align(*two[:3]), atol=1e-4)


def test_the_model_uses_it_in_the_place_of_a_predictor():
    model = build("tpsmm", TINY_MODEL | {"background_alignment": True}).eval()
    assert "bg_predictor" not in dict(model.named_children())
    picture = torch.rand(2, 3, 64, 64)
    assert torch.allclose(model.background(picture, picture), torch.eye(3).repeat(2, 1, 1), atol=1e-6)
    with pytest.raises(OptionError, match="choose one"):
        build("tpsmm", TINY_MODEL | {"background": True, "background_alignment": True})
