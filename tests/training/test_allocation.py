"""Memory that a step frees is the next one's, without the system in between."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from training.allocation import keep_freed_memory

FAULTS = """
import resource
import numpy as np
from training.allocation import keep_freed_memory

# Above the 32 MiB up to which glibc would learn by itself what to keep.
def many():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        np.ones(2**23)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

before = many()
if not keep_freed_memory():
    raise SystemExit("no glibc")
many()
print(before, many())
"""


def test_freed_memory_is_taken_again_without_page_faults() -> None:
    done = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True)
    if done.stderr.strip() == "no glibc":
        pytest.skip("the C library is not glibc")
    before, after = (int(word) for word in done.stdout.split())
    assert after < before / 20, (before, after)


def test_a_c_library_without_the_setting_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctypes.CDLL", lambda _: object())
    assert keep_freed_memory() is False


@pytest.mark.parametrize(("before", "after"), [(None, "1"), ("0", "0")])
def test_huge_pages_are_asked_for_unless_somebody_decided(before: str | None, after: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "THP_MEM_ALLOC_ENABLE"}
    if before is not None:
        environment["THP_MEM_ALLOC_ENABLE"] = before
    look = "import os, training; print(os.environ['THP_MEM_ALLOC_ENABLE'])"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.strip() == after
