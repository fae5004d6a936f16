"""Sessions share what they work in."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

SCRIPT = """
import numpy as np
from runtime.framing.faces import MODEL
from runtime.graphs.sessions import open_graph

def resident():
    line = next(line for line in open("/proc/self/status") if line.startswith("VmRSS"))
    return int(line.split()[1])

views, kept, sizes = np.zeros((32, 128, 128, 3), np.uint8), [], []
for _ in range(6):
    kept.append(open_graph(MODEL, "face"))
    kept[-1]({"frame": views})
    sizes.append(resident())
print(sizes[0], sizes[-1])
"""


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="this system does not tell resident memory so")
def test_sessions_share_one_arena():
    environment = os.environ | {"PYTHONPATH": str(ROOT), "BUNRAKU_KEEP_GRAPHS": "0"}
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, env=environment, check=True)
    first, last = map(int, done.stdout.split())
    assert last - first < 25_000  # kB; with an arena for each, five more take 400,000
