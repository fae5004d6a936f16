"""DiME: what it reduces to, views in any number and order, settings of the ablations."""

import math

import pytest
import torch
import torch.nn.functional as F
from tiny_run import TINY_DIME, TINY_FIRST_ORDER

from checkpoints.errors import OptionError
from training.models.base import Motion
from training.models.registry import build

TINY = TINY_DIME


def dime(**settings):
    """A model with random weights everywhere, also in the layers that start at zero."""
    torch.manual_seed(11)
    model = build("dime", TINY | settings)
    last = [model.refinement.velocity.last] if model.refinement else []
    last += [model.self_flow.flow] if model.self_flow else []
    for layer in last:
        torch.nn.init.normal_(layer.weight, std=0.1)
    # Statistics of real activations: with those of an untouched model every picture comes out grey.
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        model.train()(pictures(8), pictures(8))
    return model.eval()


def pictures(*shape):
    """Smooth random pictures (*shape, 3, 64, 64)."""
    coarse = torch.rand(math.prod(shape), 3, 8, 8)
    return F.interpolate(coarse, (64, 64), mode="bicubic").clamp(0, 1).unflatten(0, shape)


@torch.no_grad()
def rendered(model, views, frames):
    """`views` (V, 3, H, W) of one source, `frames` (B, 3, H, W)."""
    return model.render(model.encode(views[None]), model.detect(views[None]), model.detect(frames))


@pytest.mark.parametrize("jacobians", [False, True])
def test_without_its_additions_it_is_fomm(jacobians):
    model = dime(refine="none", self_flow=False, jacobians=jacobians)
    fomm = build("fomm", TINY_FIRST_ORDER | {"jacobians": jacobians, "align_corners": True}).eval()
    state = {name: value for name, value in model.state_dict().items() if not name.startswith("confidence")}
    fomm.load_state_dict(state, strict=True)
    views, frames = pictures(1), pictures(2)
    with torch.no_grad():
        expected = fomm.render(fomm.encode(views), fomm.detect(views), fomm.detect(frames))
    ours = rendered(model, views, frames)
    assert torch.equal(ours.flow, expected.flow)
    assert torch.allclose(ours.image, expected.image, atol=1e-6)


@pytest.mark.parametrize("views", [1, 3])
def test_refinement_with_a_last_layer_of_zeros_is_exactly_the_coarse_stage(views):
    model = dime()
    torch.nn.init.zeros_(model.refinement.velocity.last.weight)
    coarse = build("dime", TINY | {"refine": "none"}).eval()
    state = {name: value for name, value in model.state_dict().items() if not name.startswith("refinement")}
    coarse.load_state_dict(state, strict=True)
    seen = pictures(views), pictures(2)
    ours, theirs = rendered(model, *seen), rendered(coarse, *seen)
    assert torch.equal(ours.extra["flows"], theirs.extra["flows"])
    assert torch.equal(ours.image, theirs.image)


def test_an_untrained_self_flow_changes_nothing():
    torch.manual_seed(3)
    model = build("dime", TINY).eval()
    without = build("dime", TINY | {"self_flow": False}).eval()
    extra = ("self_flow", "fusion")
    state = {name: value for name, value in model.state_dict().items() if not name.startswith(extra)}
    without.load_state_dict(state, strict=True)
    seen = pictures(3), pictures(2)
    assert torch.allclose(rendered(model, *seen).image, rendered(without, *seen).image, atol=1e-5)


def test_order_of_references_does_not_matter_and_their_number_is_free():
    model = dime()
    views, frames = pictures(7), pictures(2)
    images = {}
    for count in (1, 2, 4, 7):
        result = rendered(model, views[:count], frames)
        images[count] = result.image
        assert result.extra["flows"].shape == (2, count, 16, 16, 2)
        assert torch.allclose(result.extra["confidence"].sum(1), torch.ones(2, 1, 16, 16), atol=1e-6)
        references = views[1:count].flip(0)
        shuffled = rendered(model, torch.cat([views[:1], references]), frames)
        assert torch.allclose(shuffled.image, result.image, atol=1e-5)
        assert torch.allclose(shuffled.flow, result.flow, atol=1e-6)
    assert (images[1] - images[4]).abs().max() > 1e-3  # references have a say


def test_a_view_given_twice_says_nothing_new():
    model = dime()
    view, frames = pictures(1), pictures(2)
    once, twice = rendered(model, view, frames), rendered(model, view.expand(2, -1, -1, -1), frames)
    assert torch.allclose(once.image, twice.image, atol=1e-5)


def test_sources_with_and_without_an_axis_of_views_agree():
    model = dime()
    sources, frames = pictures(2), pictures(2)
    with torch.no_grad():
        plain = model(sources, frames)
        stacked = model(sources[:, None], frames)
        alone = model(sources[1:], frames[1:])
    assert torch.equal(plain.image, stacked.image)
    assert torch.allclose(plain.image[1:], alone.image, atol=1e-5)


def test_every_sample_of_a_batch_has_its_own_views():
    model = dime()
    sources, frames = pictures(2, 3), pictures(2)
    with torch.no_grad():
        together = model(sources, frames).image
        alone = [model(sources[i : i + 1], frames[i : i + 1]).image for i in range(2)]
    assert torch.allclose(together, torch.cat(alone), atol=1e-5)


@pytest.mark.parametrize(
    "settings",
    [{}, {"refine": "none"}, {"refine": "euler", "refine_steps": 4}, {"self_flow": False}, {"jacobians": True}],
    ids=str,
)
def test_every_ablation_learns_with_all_its_weights(settings):
    model = dime(**settings).train()
    model(pictures(2, 3), pictures(2)).image.square().mean().backward()
    silent = [name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.any()]
    # A bias before a normalisation over the batch has no effect, so that its gradient may vanish.
    assert not [name for name in silent if not name.endswith("bias")]


def test_views_of_a_single_frame_move_together_with_it():
    """The driving motion is shared by all views; a view whose points are the driving ones has nothing to move."""
    model = dime(refine="none")
    views = pictures(2)
    with torch.no_grad():
        source = model.detect(views[None])
        still = model.move(model.encode(views[None]), source, Motion(source.points[:, 1]))
    flows = still.extra["flows"][0]
    line = torch.linspace(-1, 1, 16)
    identity = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1)
    assert torch.allclose(flows[1], identity, atol=1e-5)
    assert not torch.allclose(flows[0], identity, atol=1e-3)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"skips": True}, "skips must be false"),
        ({"self_flow_num_blocks": 5}, "cannot be halved"),
        ({"refine": "ab"}, "refine"),
    ],
)
def test_wrong_settings_are_named(wrong, message):
    with pytest.raises(OptionError, match=message):
        build("dime", TINY | wrong)
