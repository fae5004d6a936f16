"""The page without a server, in a real browser: everything but the photo's own way is the page's with a server."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import accessible
import clips
import numpy as np
import profiles
import pytest
from PIL import Image
from visiting import go, opened, put, shown

from runtime import Animator
from runtime.media.provenance import DIGITAL_SOURCE_TYPE
from web.tools.hosting import serving

PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}

Visit = Callable[..., Any]


@pytest.fixture(scope="module")
def site(dist: Path, toy: Path) -> Iterator[Any]:
    with serving(dist, toy) as site:
        yield site


@pytest.fixture
def visit(site: Any, browser: Any) -> Iterator[Visit]:
    """Opens the page for a new visitor; `visit(**context options)` gives the browser's page, ready."""
    contexts = []

    def visiting(**options: Any) -> Any:
        contexts.append(browser.new_context(**options))
        return opened(contexts[-1], site.url)

    yield visiting
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def page(site: Any, browser: Any) -> Iterator[Any]:
    """The page of one visitor, ready, for all tests that need no new one: opening it is most of what they cost."""
    context = browser.new_context()
    page = opened(context, site.url)
    page.locator("#animate summary").click()
    yield page
    context.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """photo.png, clip.mp4 of ten frames with sound, the same frames as pictures, and what is no picture."""
    folder = tmp_path_factory.mktemp("files")
    Image.fromarray(clips.spot(26, 34, size=90)).save(folder / "photo.png")
    clips.moving(folder / "clip.mp4", 10, sound=0.4)
    for index in range(10):
        Image.fromarray(clips.spot(20 + 2 * index, 30)).save(folder / f"frame{index}.png")
    (folder / "text.png").write_text("not a picture")
    return folder


def frames_of(folder: Path) -> list[Path]:
    return [folder / f"frame{index}.png" for index in range(10)]


@pytest.mark.parametrize("mode", ["relative", "absolute", "disentangled"])
def test_pictures_move_as_the_engine_moves_them(page, files, toy, mode) -> None:
    put(page, files / "photo.png", frames_of(files))
    page.locator(f"#more input[value={mode}]").check()
    assert go(page).startswith("10 frames, 0.4 seconds of video")
    page.locator("#more input[value=relative]").check()
    animator = Animator(toy, mode=mode)
    animator.set_source(files / "photo.png")
    expected = np.stack([animator.frame(path) for path in frames_of(files)])
    found = shown(page)
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
def test_colour_profiles_are_applied_as_the_engine_applies_them(page, toy, tmp_path, suffix) -> None:
    """Iphones' P3, and channels that lie otherwise than in sRGB; of photos and of driving pictures."""
    for number, colours in enumerate((profiles.P3, profiles.SRGB[1:] + profiles.SRGB[:1])):
        path = tmp_path / f"photo{number}.{suffix}"  # browsers refuse a file that was written since it was chosen
        photo = clips.spot(26, 34, size=90)
        photo[:, :20], photo[:, 20:40] = (200, 60, 50), (60, 170, 80)
        options = {"png": {}, "jpg": {"quality": 98, "subsampling": 0}, "webp": {"lossless": True}}[suffix]
        icc = profiles.of_colours(colours)
        Image.fromarray(photo).save(path, icc_profile=icc, **options)
        driving = tmp_path / f"frame{number}.{suffix}"
        Image.fromarray(clips.spot(20, 30)).save(driving, icc_profile=icc, **options)
        put(page, path, [driving])
        assert go(page).startswith("1 frame")
        animator = Animator(toy)
        animator.set_source(path)
        expected = animator.frame(driving).astype(int)
        plain = Animator(toy)
        plain.set_source(photo)
        assert np.abs(expected - plain.frame(driving)).max() > 8
        assert np.abs(shown(page)[0].astype(int) - expected).max() <= 3


def test_a_video_becomes_a_film_with_sound_and_the_mark_of_what_is_made(page, files, tmp_path) -> None:
    put(page, files / "photo.png", [files / "clip.mp4"])
    assert re.fullmatch(r"10 frames, 0\.4 seconds of video, made in [\d.]+ seconds\.", go(page))
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    kept = tmp_path / download.value.suggested_filename
    download.value.save_as(kept)
    assert kept.stem == "photo-bunraku"
    frames, sound = clips.lengths(kept)
    assert frames == 10
    assert sound == pytest.approx(0.4, abs=0.1)
    assert DIGITAL_SOURCE_TYPE.encode() in kept.read_bytes()
    page.wait_for_function("() => document.querySelector('#result video').currentTime > 0.04")


def test_the_webcam_moves_the_photo_and_can_be_recorded(site, launch, files, tmp_path) -> None:
    seen = tmp_path / "seen.y4m"  # a bright square that walks to the right, again and again
    clips.encode(seen, [clips.spot(30 + 6 * index, 64, size=128, side=32) for index in range(12)])
    browser = launch(f"--use-file-for-fake-video-capture={seen}")
    page = opened(browser.new_context(permissions=["camera"]), site.url)
    page.get_by_role("tab", name="Live").click()
    page.locator("#live-photo input").set_input_files(str(files / "photo.png"))
    page.get_by_role("button", name="Use my webcam").click()
    page.get_by_role("button", name="Record", exact=True).click()
    page.wait_for_function("() => window.kept.length >= 12")
    page.get_by_text("frames a second").wait_for()
    page.get_by_role("button", name="This is my resting pose").click()
    page.get_by_role("button", name="Stop recording").click()
    with page.expect_download() as download:
        page.locator("#recorded").click()
    kept = tmp_path / download.value.suggested_filename
    download.value.save_as(kept)
    assert clips.lengths(kept)[0] >= 3
    assert DIGITAL_SOURCE_TYPE.encode() in kept.read_bytes()
    page.get_by_role("button", name="Switch the webcam off").click()
    page.wait_for_function("() => document.querySelector('#camera video').srcObject === null")
    places = np.array([clips.center(frame) for frame in shown(page)])
    assert np.ptp(places[:, 0]) > 4  # the photo's square walks, too
    assert np.ptp(places[:, 1]) < 2
    browser.close()


_SLOW = """
  requestAnimationFrame = (draw) => setTimeout(draw, 150);
  window.sides = [];
  const { prototype } = OffscreenCanvasRenderingContext2D;
  const put = prototype.putImageData;
  prototype.putImageData = function (picture, ...rest) {
    window.sides.push(picture.width);
    put.call(this, picture, ...rest);
  };
"""
"""The screen shows six or seven frames a second; the sizes of pictures that are laid aside to be enlarged are kept."""


def test_the_live_picture_becomes_smaller_where_the_machine_does_not_keep_up_and_can_be_held(
    dist, two_sizes, browser, files
) -> None:
    context = browser.new_context(permissions=["camera"])
    context.add_init_script(_SLOW)
    with serving(dist, two_sizes) as site:
        page = opened(context, site.url)
        page.get_by_role("tab", name="Live").click()
        page.locator("#live-photo input").set_input_files(str(files / "photo.png"))
        page.get_by_role("button", name="Use my webcam").click()
        page.get_by_text("The picture has 32 × 32 pixels.").wait_for()
        page.wait_for_function("() => window.sides.length >= 4")
        page.locator("#live summary").click()
        page.get_by_label("64 × 64").check()
        page.get_by_text("The picture has 64 × 64 pixels.").wait_for()
        page.get_by_label("32 × 32").check()
        page.get_by_text("The picture has 32 × 32 pixels.").wait_for()
        page.get_by_role("button", name="Switch the webcam off").click()
        assert set(page.evaluate("() => window.sides")) == {32}
        assert shown(page).shape[1:] == (64, 64, 3)  # enlarged, so that a recording goes on
        page.get_by_role("tab", name="Animate").click()
        put(page, files / "photo.png", frames_of(files))
        go(page)
        animator = Animator(two_sizes)
        animator.set_source(files / "photo.png")
        expected = np.stack([animator.frame(path) for path in frames_of(files)])
        assert np.abs(shown(page).astype(int) - expected).max() <= 1  # films are as large as ever
    context.close()


def test_nothing_is_asked_for_once_the_page_is_ready(visit, files, site) -> None:
    page = visit(permissions=["camera"])
    asked: list[str] = []
    page.context.on("request", lambda request: asked.append(request.url))
    page.wait_for_load_state("networkidle")
    before = len(site.asked)
    put(page, files / "photo.png", [files / "clip.mp4"])
    go(page)
    page.get_by_role("tab", name="Live").click()
    page.get_by_role("button", name="Use my webcam").click()
    page.get_by_text("frames a second").wait_for()
    # But for the browser's own look whether the page has become newer, which says nothing of what is done on it.
    assert [path for path in site.asked[before:] if path != "/sw.js"] == []
    assert [url for url in asked if not url.startswith((site.url, "blob:", "data:"))] == []  # nor of anybody else


def test_after_the_first_visit_no_network_is_needed(dist, toy, browser, files) -> None:
    context = browser.new_context()
    with serving(dist, toy) as site:
        page = opened(context, site.url)
        assert page.evaluate("() => crossOriginIsolated")  # a server that sends no headers, and threads all the same
        assert page.get_by_text(re.compile(r"WebAssembly, \d+ thread")).is_visible()
        page.close()
    page = opened(context, site.url)  # nobody answers there any more
    put(page, files / "photo.png", frames_of(files))
    assert go(page).startswith("10 frames")
    context.close()


def test_what_cannot_be_used_is_said_in_a_sentence(page, files) -> None:
    put(page, files / "text.png", frames_of(files))
    assert go(page) == "text.png is not a picture that can be read; use JPEG, PNG or WebP."
    put(page, files / "photo.png")  # and the page goes on
    assert go(page).startswith("10 frames")


def test_work_can_be_stopped(page, files) -> None:
    put(page, files / "photo.png", frames_of(files) * 30)
    page.evaluate("() => { window.kept = []; }")
    page.get_by_role("button", name="Make it move").click()
    page.wait_for_function("() => window.kept.length > 0")
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_text("Stopped.", exact=True).wait_for()
    assert page.locator("#download").is_hidden()


def test_a_changed_model_is_refused(dist, toy, browser, tmp_path) -> None:
    for path in toy.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    graph = tmp_path / "render.onnx"
    graph.write_bytes(graph.read_bytes()[:-1] + b"?")
    context = browser.new_context()
    with serving(dist, tmp_path) as site:
        page = context.new_page()
        page.set_default_timeout(240_000)
        page.goto(site.url)
        page.get_by_text("render.onnx arrived damaged; reload the page.").wait_for()
        assert page.get_by_role("button", name="Make it move").is_disabled()
    context.close()


def test_no_serious_accessibility_problem_and_nothing_scrolls_sideways(visit, files) -> None:
    for options in ({"color_scheme": "dark"}, {**PHONE, "color_scheme": "light"}):
        page = visit(**options)
        put(page, files / "photo.png", frames_of(files))
        go(page)
        for name in ("Live", "Animate"):
            page.get_by_role("tab", name=name).click()
            page.locator("summary:visible").click()
            accessible.check(page, name)
