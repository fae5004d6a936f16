"""`POST /animate`: for those who have no more than curl."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import clips
import httpx
import numpy as np
import pytest
from PIL import Image
from served_page import Served

from checkpoints.errors import InputError
from demo import words
from demo.endpoint import PlainEndpoint
from demo.gate import Gate
from runtime.result.finish import Finish


@pytest.fixture
def post(served: Served, files: Path) -> Any:
    """Sends a form of files of the folder `files`, and words."""

    def sent(form: dict[str, str], timeout: float = 60.0, **values: str) -> httpx.Response:
        parts = {name: (file, (files / file).read_bytes()) for name, file in form.items()}
        return httpx.post(f"{served.url}/animate", files=parts, data=values, timeout=timeout)

    return sent


PAIR = {"source": "photo.jpg", "driving": "clip.mp4"}


def uploads(served: Served) -> set[Path]:
    """What lies in the folder of uploads, but the page's own examples and what stays of Gradio's."""
    found = {Path(folder, name) for folder, _, names in os.walk(served.cache) for name in names}
    return found - served.studio.visitors.spared


def until(fulfilled: Any) -> None:
    deadline = time.monotonic() + 20
    while not fulfilled():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_two_files_in_a_video_out_and_nothing_stays(served, post, tmp_path):
    before = uploads(served)
    answer = post(PAIR, mode="absolute", strength="0.5", end="0.2", label="no")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "video/mp4"
    assert 'filename="photo-bunraku.mp4"' in answer.headers["content-disposition"]
    (tmp_path / "moving.mp4").write_bytes(answer.content)
    assert clips.lengths(tmp_path / "moving.mp4")[0] == 5
    gif = post(PAIR, kind=".gif", crop="10,10,40,40")
    assert gif.headers["content-type"] == "image/gif"
    assert gif.content.startswith(b"GIF89a")
    until(lambda: uploads(served) <= before)


@pytest.mark.parametrize(
    ("form", "values", "sentence"),
    [
        ({"source": "photo.jpg"}, {}, "There is no video yet"),
        ({"driving": "clip.mp4"}, {}, "There is no photo yet"),
        ({**PAIR, "source": "text.jpg"}, {}, "text.jpg is not a picture"),
        ({**PAIR, "driving": "cut.mp4"}, {}, "cut.mp4 is not a video"),
        (PAIR, {"strength": "much"}, 'strength is "much"; it must be'),
        (PAIR, {"colour": "red"}, "There is no field colour here; there are source, driving"),
        (PAIR, {"background": "/etc/passwd"}, 'background is "/etc/passwd"; choose one of keep, white'),
        (PAIR, {"size": "777"}, 'size is "777"; choose one of 0, 512, 768.'),
        ({**PAIR, "mode": "photo.jpg"}, {}, "mode has to be a word"),
        ({"source": "photo.jpg"}, {"driving": "/etc/passwd"}, "driving has to be a file"),
        (PAIR, {"kind": ".exe"}, 'kind is ".exe"; choose one of .mp4'),
        (PAIR, {"model": "../../x"}, ""),
    ],
)
def test_what_cannot_be_done_is_one_sentence(served, post, form, values, sentence):
    before = uploads(served)
    answer = post(form, **values)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"].startswith(sentence)
    assert str(served.cache) not in answer.text
    until(lambda: uploads(served) <= before)


def test_a_movement_needs_no_file_and_a_source_may_be_a_video(served, post, tmp_path):
    answer = post(
        {"source": "photo.jpg"}, driving="wink", model="faces-lite", parts="eyes", strength="eyes=1.2", end="0.2"
    )
    assert answer.status_code == 200, answer.text
    (tmp_path / "wink.mp4").write_bytes(answer.content)
    assert clips.lengths(tmp_path / "wink.mp4")[0] == 5
    answer = post({"source": "clip.mp4", "driving": "clip.mp4"}, sound="none")
    assert answer.status_code == 200, answer.text
    (tmp_path / "moved.mp4").write_bytes(answer.content)
    assert clips.lengths(tmp_path / "moved.mp4") == (10, 0)
    for values in (
        {"parts": "nose"},
        {"strength": "nose=1"},
        {"pose": "yaw=900"},
        {"face": "both"},
        {"driving": "dance"},
    ):
        refused = post({"source": "photo.jpg"} | ({} if "driving" in values else {"driving": "clip.mp4"}), **values)
        assert refused.status_code == 400, values
        assert len(refused.json()["error"]) > 10


def test_what_is_no_form_is_refused(served):
    assert httpx.get(f"{served.url}/animate").status_code == 405
    assert httpx.post(f"{served.url}/animate", json={"source": "x"}).status_code == 415
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    assert httpx.post(f"{served.url}/animate", content=b"nothing", headers=kind).status_code == 400


def test_what_is_too_large_is_refused_and_nobody_is_told_to_raise_a_limit(served, post, files, tmp_path, monkeypatch):
    endpoint = PlainEndpoint(None, tmp_path, 1000, lambda session: None)

    async def large() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(endpoint), base_url="http://page") as client:
            return await client.post("/animate", files={"source": ("a.png", b"0" * 2000)})

    with ThreadPoolExecutor(1) as team:  # Playwright's own loop may run in this thread
        assert team.submit(asyncio.run, large()).result().status_code == 413
    assert list(tmp_path.iterdir()) == []
    Image.fromarray(np.zeros((1000, 1100, 3), np.uint8)).save(files / "large.png")
    monkeypatch.setattr(served.studio, "limits", replace(served.studio.limits, megapixels=1))
    answer = post({**PAIR, "source": "large.png"})
    assert answer.json()["error"] == "large.png has more than 1M pixels; make it smaller."


def test_who_hangs_up_stops_the_work(served, post, monkeypatch):
    gate, begun = threading.Event(), threading.Event()
    render = Finish.__call__

    def held(*arguments: Any) -> Any:
        begun.set()
        gate.wait(30)
        return render(*arguments)

    monkeypatch.setattr(Finish, "__call__", held)
    before = uploads(served)
    with pytest.raises(httpx.ReadTimeout):
        post(PAIR, timeout=3.0)
    assert begun.is_set()
    (event,) = next(iter(served.studio.visitors._running.values()))
    assert event.wait(20)
    gate.set()
    until(lambda: served.studio.visitors.busy == 0)
    until(lambda: uploads(served) <= before)


def test_the_queue_is_everybodys(served, post, monkeypatch):
    monkeypatch.setattr(served.queue, "max_size", 0)
    answer = post(PAIR)
    assert answer.status_code == 503
    assert answer.json() == {"error": words.POST_FULL}
    assert answer.headers["retry-after"] == "30"


def test_an_upload_may_be_named_by_its_address_and_nothing_else(tmp_path):
    cache = tmp_path / "cache"
    (cache / "a").mkdir(parents=True)
    (cache / "a" / "my photo.jpg").write_text("x")
    (tmp_path / "secret.jpg").write_text("x")
    gate = Gate(cache)
    where = "http://127.0.0.1:7860/gradio_api/file="
    assert gate.admit(f"{where}{cache}/a/my%20photo.jpg") == cache / "a" / "my photo.jpg"
    assert gate.admit(f"https://h.example/proxy{where[21:]}{cache}/a/my photo.jpg") == cache / "a" / "my photo.jpg"
    for bad in (f"{tmp_path}/secret.jpg", f"{cache}/a/../../secret.jpg", f"{cache}/none.jpg", ""):
        with pytest.raises(InputError, match="This file is not here"):
            gate.admit(where + bad)
