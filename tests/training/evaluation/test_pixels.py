"""Picture metrics: known answers, and agreement with independent implementations."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.data import astronaut
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from training.evaluation.metrics import pixels


def picture(seed: int, side: int = 64) -> np.ndarray:
    """A smooth random picture (1, side, side, 3)."""
    coarse = np.random.default_rng(seed).uniform(0, 255, (side // 8, side // 8, 3))
    return np.kron(coarse, np.ones((8, 8, 1)))[None].astype(np.uint8)


def test_l1_of_a_constant_difference_is_that_difference():
    a = np.full((2, 16, 16, 3), 100, np.uint8)
    b = np.stack([a[0] + 51, a[1] - 51])
    np.testing.assert_allclose(pixels.l1(a, b), [0.2, 0.2])


def test_l1_does_not_wrap_around():
    black, white = np.zeros((1, 8, 8, 3), np.uint8), np.full((1, 8, 8, 3), 255, np.uint8)
    assert pixels.l1(black, white)[0] == pixels.l1(white, black)[0] == 1


@given(st.integers(0, 1000))
@settings(max_examples=10, deadline=None)
def test_psnr_is_scikit_images(seed):
    a, b = picture(seed), picture(seed + 1)
    assert pixels.psnr(a, b)[0] == pytest.approx(peak_signal_noise_ratio(b[0], a[0], data_range=255))


def test_psnr_of_equal_pictures_is_that_of_rounding():
    a = picture(0)
    assert pixels.psnr(a, a)[0] == pytest.approx(pixels.PSNR_CAP) == pytest.approx(58.92, abs=0.01)
    one_off = a.copy()
    one_off[..., :] = np.where(a < 255, a + 1, a - 1)
    assert pixels.psnr(one_off, a)[0] == pytest.approx(20 * math.log10(255))


@pytest.mark.parametrize("metric", [pixels.ssim, pixels.ms_ssim])
def test_similarity_is_one_for_equal_pictures_and_falls_with_noise(metric):
    clip = astronaut()[None, ::2, ::2]
    rng = np.random.default_rng(0)
    noisy = [np.clip(clip + rng.normal(0, s, clip.shape), 0, 255).astype(np.uint8) for s in (0, 10, 40)]
    same, little, much = (metric(n, clip)[0] for n in noisy)
    assert same == pytest.approx(1)
    assert same > little > much > 0


def test_ms_ssim_has_the_values_of_pytorch_msssim():
    """Version 1.0.0 of that package gave these numbers for these pictures (data_range 255, its defaults)."""
    clip = astronaut()[None, 100:356, 100:356]
    shifted = np.roll(clip, 2, axis=2)
    dark = (clip * 0.7).astype(np.uint8)
    assert pixels.ms_ssim(shifted, clip)[0] == pytest.approx(0.870399, abs=1e-4)
    assert pixels.ms_ssim(dark, clip)[0] == pytest.approx(0.942277, abs=1e-4)


def test_ms_ssim_of_one_scale_is_ssim():
    a, b = picture(1, 16), picture(2, 16)
    wanted = structural_similarity(
        a[0], b[0], channel_axis=-1, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert pixels.ms_ssim(a, b)[0] == pytest.approx(max(wanted, 0), abs=0.02)
    with pytest.raises(ValueError, match="too small"):
        pixels.ms_ssim(a[:, :8, :8], b[:, :8, :8])


def test_flicker_ignores_a_constant_error_and_sees_a_changing_one():
    target = np.repeat(picture(3), 6, 0) // 2
    constant = target + 20
    boiling = target + np.array([0, 20] * 3, np.uint8)[:, None, None, None]
    assert pixels.flicker(constant, target) == 0
    assert pixels.flicker(boiling, target) == pytest.approx(20 / 255)
    assert pixels.flicker(boiling[:1], target[:1]) == 0


def test_clips_of_different_shape_are_refused():
    with pytest.raises(ValueError, match="cannot be compared"):
        pixels.l1(picture(0), picture(0, 32))
