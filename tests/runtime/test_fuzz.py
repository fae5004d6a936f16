"""Damaged files through the readers: pictures, or an error of our own. `tests/fuzz_readers.py` does this for long."""

import random

import fuzz_readers
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    return fuzz_readers.seeds(tmp_path_factory.mktemp("seeds"))


def check(seeds: list[fuzz_readers.Seed], folder, chance: random.Random) -> None:
    name, data, reader = chance.choice(seeds)
    bad = fuzz_readers.damage(data, chance, [other for _, other, _ in seeds])
    assert fuzz_readers.attempt(folder / name, bad, reader) in ("read", "refused")


shared = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@settings(shared, max_examples=150)
@given(st.randoms(use_true_random=False))
def test_damaged_pictures_and_motion_files(seeds, tmp_path, chance):
    check([seed for seed in seeds if seed[2] is not fuzz_readers.read_video], tmp_path, chance)


@settings(shared, max_examples=15)
@given(st.randoms(use_true_random=False))
def test_damaged_videos(seeds, tmp_path, chance):
    check([seed for seed in seeds if seed[2] is fuzz_readers.read_video], tmp_path, chance)


def test_the_files_are_good_before_they_are_damaged(seeds, tmp_path):
    for name, data, reader in seeds:
        assert fuzz_readers.attempt(tmp_path / name, data, reader) == "read", name
