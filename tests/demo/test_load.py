"""Many visitors at once, of a page in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import clips
import gradio_client
import numpy as np
import pytest
from PIL import Image
from served_page import free_port

from runtime.media.video import probe, read_frames

ROOT = Path(__file__).resolve().parents[2]
CROWD = 10
WAITING = 6
GROWTH = 250
"""Megabytes that the crowd may cost; none of the visitors may keep a model, or a video, of their own."""


@pytest.fixture
def space(toy: Path, tmp_path: Path) -> Iterator[tuple[str, int]]:
    """app.py with the toy model: its address, and the process."""
    port = free_port()
    environment = os.environ | {
        "BUNRAKU_MODEL": str(toy),
        "BUNRAKU_WAITING": str(WAITING),
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_TEMP_DIR": str(tmp_path / "cache"),
    }
    process = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}/"
    try:
        deadline = time.monotonic() + 240
        while True:
            try:
                urllib.request.urlopen(url, timeout=10).close()
                break
            except OSError:
                assert process.poll() is None, "app.py has ended by itself"
                assert time.monotonic() < deadline, "app.py does not answer"
                time.sleep(0.2)
        yield url, process.pid
    finally:
        process.terminate()
        process.wait(60)


def megabytes(process: int) -> float:
    """What the process has in memory."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_many_at_once_get_their_own_or_are_told_to_wait(space, files, tmp_path):
    url, process = space
    places = [(18 + index, 46 - index) for index in range(CROWD)]
    for index, place in enumerate(places):
        Image.fromarray(clips.spot(*place)).save(tmp_path / f"{index}.png")
    clients = [gradio_client.Client(url, verbose=False, download_files=tmp_path / str(i)) for i in range(CROWD)]

    def ask(index: int) -> np.ndarray | str:
        photo, clip = (gradio_client.handle_file(file) for file in (tmp_path / f"{index}.png", files / "clip.mp4"))
        try:
            video, *_ = clients[index].predict(photo, clip, crop="off", api_name="/animate")
        except Exception as error:  # of the client, which has no class of its own for a full queue
            return str(error)
        path = video["video"] if isinstance(video, dict) else video
        return clips.center(next(read_frames(probe(Path(path)))))

    ask(0)
    before = megabytes(process)
    with ThreadPoolExecutor(CROWD) as pool:
        answers = list(pool.map(ask, range(CROWD)))
    told = [answer for answer in answers if isinstance(answer, str)]
    assert all("queue" in answer.lower() for answer in told), told
    assert len(told) <= CROWD - WAITING
    for place, answer in zip(places, answers, strict=True):
        if not isinstance(answer, str):
            np.testing.assert_allclose(answer, place, atol=1)  # nobody's but their own
    assert megabytes(process) - before < GROWTH
    assert isinstance(ask(0), np.ndarray)  # and the page goes on
