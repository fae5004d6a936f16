"""Random changes of pictures: held to Kornia's, which did this work before, draw for draw."""

import colorsys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from training.config import Augment
from training.data.augment import PairAugment
from training.data.colour import Shades, draw_shades, shade
from training.data.damage import AREA, RATIO, SIGMA, blur_some, hide_some

NONE = {"brightness": 1.0, "contrast": 1.0, "saturation": 1.0, "hue": 0.0}


@pytest.fixture(scope="module")
def kornia():
    return pytest.importorskip("kornia.augmentation", reason="Kornia is the oracle")


def pictures(count=5, side=24):
    image = torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(7))
    image[0] = 0.4  # grey, black and white have no hue
    image[1, :, :8], image[1, :, 8:16] = 0, 1
    return image


@pytest.mark.parametrize(("strength", "hue"), [(0.15, 0.15), (0.4, 0.5), (0.0, 0.3), (0.3, 0.0)])
def test_colours_change_as_kornias_do(kornia, strength, hue):
    low, high = 1 - strength, 1 + strength
    theirs = kornia.ColorJiggle((low, high), (low, high), (low, high), (-hue, hue), p=1.0)
    for seed in range(6):
        torch.manual_seed(seed)
        wanted = theirs(pictures())
        torch.manual_seed(seed)
        shades = draw_shades(5, strength, hue)
        assert torch.allclose(shade(pictures(), shades), wanted, atol=2e-5)
        assert torch.equal(torch.rand(1), _after(seed, lambda: theirs(pictures())))


def test_damage_is_as_kornias(kornia):
    blur = kornia.RandomGaussianBlur((5, 5), SIGMA, p=0.5)
    erase = kornia.RandomErasing(AREA, RATIO, value=0.5, p=0.5)
    changed = 0
    for seed in range(6):
        torch.manual_seed(seed)
        wanted = erase(blur(pictures()))
        torch.manual_seed(seed)
        found = hide_some(blur_some(pictures(), 0.5), 0.5)
        assert torch.allclose(found, wanted, atol=1e-6)
        changed += int((found != pictures()).flatten(1).any(1).sum())
    assert 6 < changed < 30


def _after(seed, draw):
    """The next random number after `draw`: both sides must have used up the same."""
    torch.manual_seed(seed)
    draw()
    return torch.rand(1)


@given(st.tuples(*[st.floats(0, 1)] * 3), st.floats(-0.5, 0.5))
def test_hue_turns_on_the_colour_circle(colour, turn):
    image = torch.tensor(colour).view(1, 3, 1, 1)
    factors = {name: torch.tensor([value]) for name, value in (NONE | {"hue": turn}).items()}
    hue, saturation, value = colorsys.rgb_to_hsv(*colour)
    wanted = colorsys.hsv_to_rgb((hue + turn) % 1, saturation, value)
    assert torch.allclose(shade(image, Shades(factors, list(NONE))).flatten(), torch.tensor(wanted), atol=1e-5)


def test_both_frames_change_alike_and_only_the_detector_sees_damage():
    batch = {"source": torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8)}
    batch["driving"] = batch["source"].clone()
    torch.manual_seed(3)
    augment = PairAugment(Augment(time_flip=False, jitter=0.3, degrade=1.0))
    changed = augment(batch)
    assert torch.equal(changed["source"], changed["driving"])
    assert not torch.allclose(changed["source"], batch["source"] / 255, atol=0.02)
    damaged = augment.degrade(changed["source"])
    assert 0 <= float(damaged.min()) <= float(damaged.max()) <= 1
    assert float((damaged - changed["source"]).abs().mean()) > 0.02
