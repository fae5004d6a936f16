"""The page as a script meets it."""

from __future__ import annotations

import inspect
import json
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import clips
import gradio_client
import numpy as np
import pytest
from PIL import Image
from served_page import Served, free_port

from runtime import animate
from runtime.media.video import probe, read_frames


@pytest.fixture
def client(served: Served, tmp_path: Path) -> gradio_client.Client:
    return gradio_client.Client(served.url, verbose=False, download_files=tmp_path / "got")


def path_of(video: object) -> Path:
    return Path(video["video"] if isinstance(video, dict) else video)  # type: ignore[arg-type]


def first_and_last(path: Path) -> tuple[np.ndarray, np.ndarray]:
    frames = [clips.center(frame) for frame in read_frames(probe(path))]
    return frames[0], frames[-1]


def test_a_script_animates_a_pair(client, files):
    video, sentence, _ = client.predict(
        source=gradio_client.handle_file(files / "photo.jpg"),
        driving=gradio_client.handle_file(files / "clip.mp4"),
        api_name="/animate",
    )
    first, last = first_and_last(path_of(video))
    np.testing.assert_allclose(first, (26, 34), atol=1)  # where the photo's square is
    np.testing.assert_allclose(last - first, (18, 0), atol=1)  # as far as the clip's square walks
    assert sentence.startswith("10 frames, 0.4 seconds of video, made in ")


def test_the_options_reach_the_engine(client, files):
    video, *_ = client.predict(
        source=gradio_client.handle_file(files / "photo.jpg"),
        driving=gradio_client.handle_file(files / "clip.mp4"),
        mode="absolute",
        strength=0.5,
        api_name="/animate",
    )
    first, _ = first_and_last(path_of(video))
    np.testing.assert_allclose(first, (23, 32), atol=1)  # half way from (26, 34) to the clip's (20, 30)


def test_errors_are_sentences_without_this_machines_folders(client, files):
    with pytest.raises(gradio_client.exceptions.AppError, match=r"text\.jpg is not a picture") as caught:
        client.predict(
            source=gradio_client.handle_file(files / "text.jpg"),
            driving=gradio_client.handle_file(files / "clip.mp4"),
            api_name="/animate",
        )
    assert str(caught.value).startswith("text.jpg")


def test_two_at_once_each_get_their_own(served, files, tmp_path):
    places = {"a": (22, 22), "b": (34, 40)}
    for name, (x, y) in places.items():
        Image.fromarray(clips.spot(x, y)).save(tmp_path / f"{name}.png")

    def ask(name: str) -> np.ndarray:
        client = gradio_client.Client(served.url, verbose=False, download_files=tmp_path / name)
        photo, clip = (gradio_client.handle_file(file) for file in (tmp_path / f"{name}.png", files / "clip.mp4"))
        video, *_ = client.predict(photo, clip, api_name="/animate")
        return first_and_last(path_of(video))[0]

    with ThreadPoolExecutor() as pool:
        for place, found in zip(places.values(), pool.map(ask, places), strict=True):
            np.testing.assert_allclose(found, place, atol=1)


def test_every_kind_and_the_part_by_hand_reach_the_engine(client, files):
    pair = [gradio_client.handle_file(files / name) for name in ("photo.jpg", "clip.mp4")]
    video, _, picture = client.predict(*pair, kind=".gif", crop="10,10,40,40", end=0.2, api_name="/animate")
    assert video is None
    assert Path(picture).suffix == ".gif"
    frames = list(read_frames(probe(Path(picture))))
    assert len(frames) == 5
    # the photo's square is 16 of the 64 pixels wide, and so 16 of the 40 that were chosen
    assert clips.extent(frames[0]) == pytest.approx(64 * 16 / 40, rel=0.15)


def test_what_a_model_sees_and_a_comparison(client, files):
    pair = [gradio_client.handle_file(files / name) for name in ("photo.jpg", "clip.mp4")]
    source, driving, image, flow, occlusion, masks, structure, frame, _ = client.predict(
        *pair, frame=7, api_name="/look"
    )
    assert frame == 7
    assert masks is structure is None  # this model gives none
    sizes = {Image.open(path).size for path in (source, driving, image, flow, occlusion)}
    assert len(sizes) == 1
    shown = clips.center(np.asarray(Image.open(image).convert("RGB"))) / sizes.pop()[0] * 64
    np.testing.assert_allclose(shown, (26 + 12, 34), atol=1)  # six frames on, two pixels each
    chosen = ["toy: follows the movements", "toy: copies the poses"]
    video, table = client.predict(*pair, chosen=chosen, api_name="/compare")
    info = probe(path_of(video))
    assert info.size == (3 * 64, 64 + 28)
    assert clips.lengths(path_of(video))[0] == 10
    assert [line.split("|")[1].strip() for line in table.splitlines()[2:4]] == chosen
    with pytest.raises(gradio_client.exceptions.AppError, match="two to four ways"):
        client.predict(*pair, chosen=chosen[:1], api_name="/compare")


def test_models_are_listed_and_only_theirs_may_be_named(client, files, toy):
    assert {"name": "toy", "family": "toy", "licence": "Apache-2.0"} in client.predict(api_name="/models")
    pair = [gradio_client.handle_file(files / name) for name in ("photo.jpg", "clip.mp4")]
    with pytest.raises(gradio_client.exceptions.AppError, match=r"not in the list of choices|no model"):
        client.predict(*pair, model=str(toy), api_name="/animate")


def test_nothing_but_uploads_and_results_is_served_or_read(served, files):
    def answer(path: str) -> int:
        try:
            with urllib.request.urlopen(served.url + path, timeout=30) as found:
                return int(found.status)
        except urllib.error.HTTPError as error:
            return int(error.code)

    secret = files / "clip.mp4"  # lies on this machine, but nobody has sent it under this path
    for path in (str(secret), "/etc/hostname", "app.py", str(served.cache / ".." / "secret"), str(served.cache)):
        assert answer(f"/gradio_api/file={path}") in (403, 404), path
    body = {"data": [{"path": str(files / "photo.jpg"), "meta": {"_type": "gradio.FileData"}}], "session_hash": "s"}
    request = urllib.request.Request(
        f"{served.url}/gradio_api/call/look", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    event = json.load(urllib.request.urlopen(request, timeout=30))["event_id"]
    with urllib.request.urlopen(f"{served.url}/gradio_api/call/look/{event}", timeout=60) as stream:
        assert "event: error" in stream.read().decode()


def test_the_endpoint_is_documented_and_has_the_engines_names_and_defaults(client):
    endpoints = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert "/stop" in endpoints
    endpoint = endpoints["/animate"]
    assert endpoint["description"].startswith("Move a picture as a video moves.")
    of_engine = inspect.signature(animate).parameters
    known = endpoint["parameters"]
    defaults = {each["parameter_name"]: each["parameter_default"] for each in known if each["parameter_has_default"]}
    pages_own = {"template", "footage", "drivings", "model", "views", "kind"}
    assert pages_own <= set(defaults)
    for name in defaults.keys() - pages_own:
        # a field for a number cannot be empty: there, 0 stands for what the engine calls None; a strength is a word
        words = str if name == "strength" else lambda value: value or None
        assert words(defaults[name]) == words(of_engine[name].default), name
    assert list(of_engine)[:2] == [each["parameter_name"] for each in known][:2]


def test_uploads_and_results_go_with_the_page(toy, files, tmp_path, monkeypatch):
    from demo.page import serve
    from demo.samples import Samples
    from demo.studio import Studio

    cache = tmp_path / "cache"
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(cache))
    port = free_port()
    page = serve(Studio(toy, samples=Samples()), host="127.0.0.1", port=port, wait=False)
    try:
        client = gradio_client.Client(f"http://127.0.0.1:{port}", verbose=False, download_files=tmp_path / "got")
        pair = (gradio_client.handle_file(files / name) for name in ("photo.jpg", "clip.mp4"))
        client.predict(*pair, api_name="/animate")
        kept = sorted(path.name for path in cache.rglob("*") if path.is_file())
        assert kept == ["clip.mp4", "photo-bunraku.mp4", "photo.jpg"]
    finally:
        page.close()
    assert [path for path in cache.rglob("*") if path.is_file()] == []
