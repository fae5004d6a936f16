"""What docs/page.md promises to strangers, tried as somebody would who means ill."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import clips
import numpy as np
import pytest
from PIL import Image
from served_page import Served
from stranger import API, FILES, Stranger, file, function, messages

from runtime.result.finish import Finish

REFUSED = "This file is not here; upload it first (what was uploaded is deleted after a while)."


FEW = ("a picture that Gradio does not check", "a name that is not there", "the cache")
"""Of the traps, those for every event; the others for one event of each function."""


@pytest.fixture
def stranger(served: Served) -> Stranger:
    return Stranger(served.url)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A picture of this machine that nobody has uploaded."""
    path = tmp_path / "secret.png"
    Image.fromarray(clips.spot(30, 30)).save(path)
    return path


@pytest.fixture
def traps(served: Served, secret: Path) -> Iterator[dict[str, object]]:
    """What a client may say instead of an uploaded file, by what it is."""
    trap = served.cache / "trap"
    (trap / "folder").mkdir(parents=True)
    (trap / "link.png").symlink_to(secret)
    os.mkfifo(trap / "pipe.png")
    shallow = served.cache / "shallow.png"
    shallow.write_bytes(secret.read_bytes())
    evil = {"orig_name": "x.svg", "meta": {"_type": "x"}}
    yield {
        "a picture": file(secret),
        "a picture that Gradio does not check": file(secret, **evil),
        "a name that is not there": file(secret.with_name("none.png")),
        "a folder": file(secret.parent),
        "the root": file("/"),
        "a device": file("/dev/zero"),
        "through the process": file(f"/proc/self/cwd/{Path(__file__).name}", **evil),
        "relative": file(os.path.relpath(secret), **evil),
        "the cache": file(served.cache),
        "the cache, not checked": file(served.cache, **evil),
        "a folder in it": file(trap / "folder"),
        "out of it": file(served.cache / ".." / secret.parent.name / secret.name),
        "a link out of it": file(trap / "link.png"),
        "a pipe": file(trap / "pipe.png"),
        "too shallow": file(shallow),
        "an address": file(f"{served.url}/config"),
        "an address only": {"url": f"{served.url}/config", "meta": {"_type": "gradio.FileData"}},
        "a file's address": {"url": f"file://{secret}", "meta": {"_type": "gradio.FileData"}, "orig_name": "x.svg"},
        "empty": file(""),
        "zero": file("/tmp/\0"),
        "a number": {"path": 7, "meta": {"_type": "gradio.FileData"}},
        "much too long": file("/" + "x" * 5000),
        "a word": str(secret),
        "old style": {"video": file(secret)},
    }
    for path in (trap / "pipe.png", trap / "link.png", shallow):
        path.unlink()
    (trap / "folder").rmdir()
    trap.rmdir()


def until(fulfilled: Callable[[], Any], seconds: float = 15.0) -> None:
    """Wait, but not for ever."""
    deadline = time.monotonic() + seconds
    while not fulfilled():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def owned(served: Served) -> set[Path]:
    return {path for paths in served.studio.visitors._files.values() for path in paths}


def test_no_field_of_any_event_takes_a_file_that_was_not_uploaded(served, stranger, traps):
    tried = set()
    for event in stranger.events:
        for place, kind in enumerate(stranger.kinds(event)):
            if kind not in FILES:
                continue
            for what, trap in traps.items():
                if (function(event), place, what) in tried and what not in FEW:
                    continue
                data = stranger.usual(event)
                data[place] = [trap] if kind == "file" else trap
                answer = stranger.call(event, data)
                assert answer.get("error") == REFUSED, (event["api_name"], place, what, answer)
                tried.add((function(event), place, what))
    assert len(tried) > 10 * len(traps)
    assert not {path for path in owned(served) if "trap" in path.parts or path == served.cache}


def test_nor_does_any_other_field(stranger, secret):
    bad = file(secret, orig_name="x.svg")
    for event in stranger.events:
        kinds = stranger.kinds(event)
        for place, kind in enumerate([*kinds, "one too many"]):
            if kind in (*FILES, "state"):
                continue
            for trap in (bad, [bad], [[bad]]):
                data = [
                    None if each in FILES else usual for each, usual in zip(kinds, stranger.usual(event), strict=True)
                ]
                data[place:] = [trap, *data[place + 1 :]]
                answer = stranger.call(event, data)
                assert answer.get("error") == REFUSED, (event["api_name"], place, answer)


def test_what_ends_an_animation_gives_out_nothing_but_its_own_result(served, stranger, files, secret):
    other = Stranger(served.url)
    pair = [file(stranger.upload(files / name)) for name in ("photo.jpg", "clip.mp4")]
    (animate,) = stranger.named("animate")
    made = stranger.call(animate, pair + stranger.usual(animate)[2:])["data"][0]
    result = Path(made.get("video", made)["path"])
    for event in stranger.named("idle", "_idle"):
        assert event["inputs"] == []
        assert str(result) in str(stranger.call(event, []))
        trap = file(secret, orig_name="x.svg", meta={"_type": "x"})
        for asked in ([], [None, trap], [trap, None], [file(result), None]):
            answer = str(other.call(event, asked))
            assert "file=" not in answer, answer
            assert "secret" not in answer
    stranger.leave()
    until(lambda: not result.exists())


def test_no_component_that_shows_a_result_is_asked_for_one(stranger):
    shows = {
        number
        for number, field in stranger.fields.items()
        if field["type"] == "downloadbutton" or (field["type"] in FILES and field["props"].get("interactive") is False)
    }
    assert shows
    asked = {number for event in stranger.config["dependencies"] for number in event["inputs"]}
    assert not shows & asked


def test_who_claims_the_cache_deletes_nothing(served, stranger, files):
    mine = Path(Stranger(served.url).upload(files / "photo.jpg"))
    before = {path for path in served.cache.rglob("*") if path.is_file()}
    for event in stranger.events:
        for place, kind in enumerate(stranger.kinds(event)):
            if kind in FILES and event["api_name"] not in ("animate", "look", "look_1", "compare"):
                for folder in (served.cache, mine.parent):
                    data = stranger.usual(event)
                    data[place] = [file(folder)] if kind == "file" else file(folder)
                    stranger.call(event, data)
    own = Path(stranger.upload(files / "clip.mp4"))
    guess = stranger.named("guess")[0]
    stranger.call(guess, [file(own), *stranger.usual(guess)[1:]])
    stranger.leave()
    until(lambda: not own.exists())
    assert mine.is_file()
    spared = served.studio.visitors._everybodys
    assert [path for path in spared & before if not path.is_file()] == []


def test_equal_uploads_lie_apart_and_nobody_can_tell_where(served, stranger, files):
    first, second = (Path(stranger.upload(files / "photo.jpg")) for _ in range(2))
    assert first != second
    assert first.name == second.name == "photo.jpg"
    content = (files / "photo.jpg").read_bytes()
    assert first.read_bytes() == second.read_bytes() == content
    assert stranger.get(f"/file={first}")[0] == 200
    assert stranger.get(f"/file={served.cache / hashlib.sha256(content).hexdigest() / 'photo.jpg'}")[0] == 403
    other = Stranger(served.url)
    guess = stranger.named("guess")[0]
    clip = stranger.upload(files / "clip.mp4")
    stranger.call(guess, [file(clip), *stranger.usual(guess)[1:]])
    other.upload(files / "clip.mp4")
    other.leave()
    assert Path(clip).is_file()
    stranger.leave()
    until(lambda: not Path(clip).exists())


def test_nothing_is_fetched_for_strangers_nor_done_past_the_queue(stranger):
    for address in ("http://127.0.0.1:9/", "https://example.com/x.png", "HTTP://127.0.0.1:9/"):
        assert stranger.get(f"/file={address}")[0] in (403, 404)
    (animate,) = stranger.named("animate")
    assert stranger.post("/process_recording", {})[0] == 403
    body = {"fn_index": animate["id"], "data": stranger.usual(animate), "session_hash": "s"}
    for path in ("/run/predict", "/run/animate", "/api/predict"):
        assert stranger.post(path, body)[0] == 404


def test_what_an_upload_that_broke_off_leaves_is_swept(served):
    from demo.sweep import sweep

    before = set(served.cache.iterdir())
    host, port = served.url.removeprefix("http://").split(":")
    head = f"POST {API}/upload HTTP/1.1\r\nHost: {host}\r\nContent-Length: 100000\r\n"
    part = '--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
    with socket.create_connection((host, int(port)), timeout=10) as client:
        client.sendall((head + "Content-Type: multipart/form-data; boundary=x\r\n\r\n" + part).encode() + b"0" * 9000)
        until(lambda: set(served.cache.iterdir()) - before)
    left = set(served.cache.iterdir()) - before
    assert all(path.is_file() for path in left)
    sweep(served.cache, 3600, served.studio.visitors.spared)
    assert all(path.exists() for path in left)  # not old yet
    for path in left:
        old = time.time() - 4000
        os.utime(path, (old, old))
    sweep(served.cache, 3600, set(served.cache.rglob("*")) - left, now=time.time() + 3700)
    assert not any(path.exists() for path in left)
    assert set(served.cache.iterdir()) >= {path for path in before if path.is_file()}


@pytest.mark.parametrize("hears", [True, False])
def test_who_hangs_up_makes_room(served, files, monkeypatch, hears):
    from demo import hangups

    monkeypatch.setattr(hangups, "BACK", 0.1)
    monkeypatch.setattr(hangups, "BEGIN", 60.0 if hears else 0.1)
    visitors = served.studio.visitors
    render, begun, gate = Finish.__call__, [], threading.Event()

    def held(*arguments: Any) -> Any:
        begun.append(None)
        gate.wait(30)
        return render(*arguments)

    monkeypatch.setattr(Finish, "__call__", held)
    gone, waiting = Stranger(served.url), Stranger(served.url)
    (animate,) = gone.named("animate")
    for each in (gone, waiting):
        pair = [file(each.upload(files / name)) for name in ("photo.jpg", "clip.mp4")]
        usual = each.usual(animate)[2:]
        each.join(animate, pair + usual)
        if hears:
            with each.listen() as stream:
                next(messages(stream))
        if each is gone:
            until(lambda: begun)
    until(lambda: status(gone) == 0)
    time.sleep(1)  # looks are taken twice a second
    gate.set()
    until(lambda: visitors.busy == 0)
    assert len(begun) < 10 / served.studio.engine.batch  # what was asked for was not made to its end
    monkeypatch.setattr(hangups, "BEGIN", 60.0)
    after = Stranger(served.url)
    assert "error" not in after.call(
        animate, [file(after.upload(files / n)) for n in ("photo.jpg", "clip.mp4")] + usual
    )


def status(stranger: Stranger) -> int:
    """How many wait."""
    return int(json.loads(stranger.get("/queue/status")[1])["queue_size"])


def test_no_error_names_a_folder_of_the_server(served, stranger, files):
    text, cut, photo = (file(stranger.upload(files / name)) for name in ("text.jpg", "cut.mp4", "photo.jpg"))
    seen = 0
    for event in stranger.events:
        kinds = stranger.kinds(event)
        if not set(kinds) & set(FILES):
            continue
        for picture, clip in ((text, cut), (photo, cut), (photo, text)):
            if picture is photo and "video" not in kinds:
                continue
            usual = stranger.usual(event)
            data = [
                {"image": picture, "video": clip}.get(kind, value) for kind, value in zip(kinds, usual, strict=True)
            ]
            answer = stranger.call(event, data)
            if answer.get("error") or (picture is text and "image" in kinds):
                seen += 1
                assert str(served.cache) not in answer["error"], event["api_name"]
                assert "/" not in answer["error"]
                assert answer["error"].startswith(("text.jpg ", "cut.mp4 ")), (event["api_name"], answer)
    assert seen > 15


def test_no_sentence_under_a_result_names_one_either(served, stranger, files, tmp_path):
    whole = clips.moving(tmp_path / "whole.mp4", 60, options=["-movflags", "+faststart"]).read_bytes()
    (tmp_path / "torn.mp4").write_bytes(whole[: len(whole) * 3 // 4])
    torn, photo = (file(stranger.upload(path)) for path in (tmp_path / "torn.mp4", files / "photo.jpg"))
    for event in stranger.named("animate", "compare"):
        sentence = stranger.call(event, [photo, torn, *stranger.usual(event)[2:]])["data"][1]
        assert "torn.mp4 ends after" in sentence
        assert str(served.cache) not in sentence


def test_every_event_keeps_to_the_pages_limits(served, stranger, files, tmp_path, monkeypatch):
    from dataclasses import replace

    Image.fromarray(np.zeros((1000, 1100, 3), np.uint8)).save(tmp_path / "large.png")
    clip = clips.moving(tmp_path / "wide.mp4", 3, size=256, options=["-vf", "setsar=20/1"])
    large, wide = (file(stranger.upload(path)) for path in (tmp_path / "large.png", clip))
    photo, short = (file(stranger.upload(files / name)) for name in ("photo.jpg", "clip.mp4"))
    monkeypatch.setattr(served.studio, "limits", replace(served.studio.limits, megapixels=1))
    seen = set()
    for event in stranger.events:
        kinds = stranger.kinds(event)
        for kind, (picture, driving) in {"image": (large, short), "video": (photo, wide)}.items():
            if kind not in kinds:
                continue
            data = stranger.usual(event)
            for place, given in {"image": picture, "video": driving}.items():
                if place in kinds:  # the first one: another video is moved instead of the photo
                    data[kinds.index(place)] = given
            answer = stranger.call(event, data)
            name = "large.png" if kind == "image" else "wide.mp4"
            assert str(answer.get("error")).startswith(f"{name} has more than 1M pixels"), (event["api_name"], answer)
            seen.add((event["api_name"], kind))
    (animate,) = stranger.named("animate")
    data = [photo, short, *stranger.usual(animate)[2:]]
    data[len(data) - 1 - stranger.kinds(animate)[::-1].index("video")] = wide
    assert str(stranger.call(animate, data).get("error")).startswith("wide.mp4 has more than 1M pixels")
    assert {(name, "image") for name in ("animate", "look", "compare", "show", "at_click", "move")} <= seen
    assert {(name, "video") for name in ("animate", "look", "compare", "guess")} <= seen
    (move,) = stranger.named("move")
    drawn = "data:image/png;base64," + base64.b64encode((tmp_path / "large.png").read_bytes()).decode()
    for url, sentence in {drawn: "has more than 1M pixels", "data:image/png;base64,!": "is damaged"}.items():
        camera = {"url": url, "path": None, "meta": {"_type": "gradio.FileData"}}
        answer = stranger.call(move, [camera, photo, *stranger.usual(move)[2:]])
        assert str(answer.get("error")).startswith(f"The webcam's picture {sentence}"), answer
