"""Damaged files through the readers: pictures, or an error of our own. `tests/fuzz_readers.py` does this for long."""

import random
import subprocess
import sys
from pathlib import Path

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
    assert fuzz_readers.attempt(folder / name, bad, reader)[0] in ("read", "refused")


shared = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@settings(shared, max_examples=150)
@given(st.randoms(use_true_random=False))
def test_damaged_pictures_and_motion_files(seeds, tmp_path, chance):
    check(
        [seed for seed in seeds if seed[2] in (fuzz_readers.read_picture, fuzz_readers.read_motion)], tmp_path, chance
    )


@settings(shared, max_examples=15)
@given(st.randoms(use_true_random=False))
def test_damaged_videos(seeds, tmp_path, chance):
    check([seed for seed in seeds if seed[2] in (fuzz_readers.read_video, fuzz_readers.drive)], tmp_path, chance)


def test_the_files_are_good_before_they_are_damaged(seeds, tmp_path):
    for name, data, reader in seeds:
        assert fuzz_readers.attempt(tmp_path / name, data, reader) == ("read", ""), name


LINUX = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")


@LINUX
def test_reading_the_same_damaged_files_again_keeps_no_memory():
    """In a process of its own: beside PyTorch's hundreds of megabytes a share of the whole would say nothing."""
    script = Path(fuzz_readers.__file__)
    command = [sys.executable, str(script), "--rounds", "12", "--files", "60", "--no-videos"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


LEAKY = """
import sys
from pathlib import Path
import fuzz_readers
kept = []
def leaky(path):
    kept.append(bytes([1]) * 2**20)
memory = fuzz_readers.read_again_and_again(Path(sys.argv[1]), [("a", b"", leaky)] * 40, fuzz_readers.SETTLED + 1)
print(memory[-1] - memory[fuzz_readers.SETTLED - 1])
"""


@LINUX
def test_a_reader_that_keeps_memory_is_found(tmp_path):
    """In a process of its own, too: one that has freed hundreds of megabytes takes these from what it still holds."""
    command = [sys.executable, "-c", LEAKY, str(tmp_path)]
    done = subprocess.run(command, cwd=Path(fuzz_readers.__file__).parent, capture_output=True, text=True, timeout=300)
    assert float(done.stdout) > 30, done.stderr
    assert fuzz_readers.growth([80.0] * 5 + [90.0]) > fuzz_readers.KEPT > fuzz_readers.growth([80.0] * 5 + [81.0])
