"""The page as a visitor meets it, in a real browser."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import accessible
import clips
import pytest
from served_page import Served

from demo import words
from demo.samples import Samples
from runtime.result.finish import Finish

PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
SMALL_PHONE = {"viewport": {"width": 320, "height": 640}, "is_mobile": True, "has_touch": True}
ABROAD = re.compile(r"^https?://(?!127\.0\.0\.1[:/])")

Visit = Callable[..., Any]


@pytest.fixture
def visit(served: Served, browser: Any) -> Iterator[Visit]:
    """Opens the page for a new visitor; `visit(**context options)` gives the browser's page, ready."""
    contexts = []

    def opened(**options: Any) -> Any:
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.set_default_timeout(30_000)
        page.abroad = []
        page.add_init_script(SHIFTS)
        page.on("request", lambda request: page.abroad.append(request.url) if ABROAD.match(request.url) else None)
        page.goto(served.url)
        page.get_by_role("button", name="Make it move").wait_for()
        return page

    yield opened
    for context in contexts:
        context.close()


SHIFTS = """
    window.shifted = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) window.shifted += entry.value;
    }).observe({ type: "layout-shift", buffered: true });
"""


def upload(page: Any, files: Any, photo: str = "photo.jpg", clip: str = "clip.mp4") -> None:
    page.locator("#photo input[type=file]").set_input_files(files / photo)
    page.locator("#clip input[type=file]").set_input_files(files / clip)
    page.locator("#photo img").first.wait_for()
    page.locator("#clip video").first.wait_for(state="attached")


def go(page: Any) -> None:
    page.get_by_role("button", name="Make it move").click()


def playing(page: Any) -> bool:
    """Wait until the result runs; its picture is as large as the model's."""
    page.wait_for_function(
        "(() => { const v = document.querySelector('#result video');"
        " return v && !v.paused && v.currentTime > 0.04 && v.videoWidth == 64 })()"
    )
    return True


def test_a_photo_and_a_clip_become_a_playing_result_that_can_be_kept(visit, files, tmp_path):
    page = visit()
    upload(page, files)
    go(page)
    assert playing(page)
    page.locator("#caption").get_by_text("10 frames").wait_for()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download", exact=True).or_(
            page.get_by_role("button", name="Download", exact=True)
        ).click()
    kept = tmp_path / "kept.mp4"
    download.value.save_as(kept)
    assert download.value.suggested_filename == "photo-bunraku.mp4"
    frames, sound = clips.lengths(kept)
    assert frames == 10
    assert sound == pytest.approx(0.4, abs=0.1)
    assert page.abroad == []  # nothing was asked of anybody else


def tab(page: Any, name: str) -> None:
    """Open a tab, on a phone from the menu of those that have no room."""
    button = page.get_by_role("tab", name=name)
    if button.count() and button.first.is_visible():
        button.first.click()
    else:
        page.locator(".overflow-menu > button").first.click()
        page.get_by_role("button", name=name, exact=True).first.click()


TABS = {
    "Animate": "Make it move",
    "By hand": "Use as starting point",
    "Live": "This is my resting pose",
    "Look inside": "Look inside",
    "Compare": "Compare",
    "Models": "Get it",
}
"""The tabs, and a button in each."""


def test_no_tab_has_a_serious_accessibility_problem_nor_scrolls_sideways(visit, files):
    for options in ({"color_scheme": "dark"}, {**PHONE, "color_scheme": "light"}):
        page = visit(**options)
        upload(page, files)
        page.locator("#part img").first.wait_for()
        for name, button in TABS.items():
            tab(page, name)
            page.get_by_role("button", name=button, exact=True).first.wait_for()
            for fold in page.locator(".fold > button:visible").all():
                fold.click()
            accessible.check(page, name)


def test_the_part_that_moves_is_shown_and_corrected_by_hand(visit, files):
    page = visit()
    upload(page, files)
    page.locator("#part img").first.wait_for()
    page.get_by_text("This will take about").wait_for()
    page.get_by_role("button", name="Which part of the photo moves").click()
    page.locator("#part img").click(position={"x": 40, "y": 90})
    by_hand = page.get_by_label("A square that I place")
    page.wait_for_function("element => element.checked", arg=by_hand.element_handle())
    size = page.get_by_label("number input for Size")
    size.fill("50")
    size.press("Enter")
    go(page)
    assert playing(page)


def test_one_can_look_inside_and_compare(visit, files):
    page = visit()
    upload(page, files)
    tab(page, "Look inside")
    page.locator("#inside-go").click()
    page.wait_for_function("document.querySelectorAll('#panels img').length == 5")
    page.wait_for_function("document.querySelector('#frame input[type=range]').max == 10")
    before = page.locator("#panels img").nth(2).get_attribute("src")
    page.locator("#frame input[type=range]").focus()
    page.locator("#frame input[type=range]").fill("8")
    page.locator("#frame input[type=range]").dispatch_event("pointerup")
    page.wait_for_function(
        "before => document.querySelectorAll('#panels img')[2].getAttribute('src') != before", arg=before
    )
    tab(page, "Compare")
    page.locator("#compare-go").click()
    page.locator("#compared video").first.wait_for(state="attached")
    for model in ("toy", "faces-lite"):  # the usual way of each, not one that bends faces
        page.locator("#compare-table").get_by_text(f"{model}: follows the movements").wait_for()


def test_a_webcam_moves_the_photo(visit):
    page = visit(permissions=["camera"])
    tab(page, "Live")
    page.get_by_text("Click to Access Webcam").click()
    page.locator("#camera video").first.wait_for()
    page.locator("#camera .button-wrap").get_by_text("Start", exact=True).click()
    page.locator("#live-result img").first.wait_for()
    page.locator("#speed").get_by_text("frames a second").wait_for()


def test_the_examples_need_no_file_of_ones_own(visit):
    page = visit()
    page.get_by_role("button", name=re.compile("^Example for 1. Photo")).click()
    page.get_by_role("button", name=re.compile("^Example for 2. Video")).click()
    page.locator("#photo img").first.wait_for()
    page.locator("#clip video").first.wait_for(state="attached")
    go(page)
    assert playing(page)


def test_an_example_of_a_figure_brings_its_video_and_its_model(visit):
    page = visit()
    page.get_by_role("gridcell", name="Example for photo").click()
    page.locator("#photo img").first.wait_for()
    page.locator("#clip video").first.wait_for(state="attached")
    page.get_by_role("button", name="Fine tuning").click()
    model = page.get_by_label("Model", exact=True)
    page.wait_for_function("e => e.value.startsWith('Chosen by')", arg=model.element_handle())


def fault(page: Any, near: str) -> Any:
    """What is said to be wrong in the column of the field `near`."""
    return page.locator(f".column:has(> {near}) > .said .fault:visible")


def test_what_is_wrong_is_said_where_its_cause_is_and_gone_with_the_next_click(visit, files):
    page = visit()
    page.locator("#photo input[type=file]").set_input_files(files / "text.jpg")
    fault(page, "#photo").get_by_text("text.jpg is not a picture that can be read; use JPEG, PNG or WebP.").wait_for()
    page.locator("#clip input[type=file]").set_input_files(files / "cut.mp4")
    fault(page, "#clip").get_by_text("cut.mp4 is not a video that can be read").wait_for()
    assert page.locator("#photo img, #clip video").count() == 0  # nothing broken stays in the fields
    # The clip's player says it too, and is hushed at once; left alone it would be in sight for ten seconds.
    page.locator(".toast-body:visible").first.wait_for(state="hidden", timeout=5000)
    page.get_by_role("button", name="Fine tuning").click()
    page.wait_for_function("document.querySelectorAll('.fault:not(.gone)').length == 0")
    go(page)
    fault(page, "#photo").get_by_text("There is no photo yet").wait_for()
    upload(page, files)
    page.get_by_text("This will take about").wait_for()
    assert page.locator(".fault:visible").count() == 0
    go(page)
    assert playing(page)
    assert page.locator(".fault:visible, .error:visible").count() == 0


def test_an_old_error_covers_no_result_and_an_old_result_no_error(visit, files, served, monkeypatch):
    page = visit()
    upload(page, files)
    go(page)
    assert playing(page)
    with monkeypatch.context() as patch:
        patch.setattr(served.studio, "most_frames", lambda driving: 1 / 0)
        go(page)
        fault(page, "#go").get_by_text("Something went wrong here; try again.").wait_for()
        assert page.locator("#result video, #download:visible").count() == 0
        assert page.get_by_text("Traceback").count() == 0
    go(page)
    assert playing(page)
    assert page.locator(".fault:visible, .error:visible, .toast-body").count() == 0


@pytest.mark.parametrize("options", [{"viewport": {"width": 1280, "height": 800}}, PHONE], ids=["desktop", "phone"])
def test_the_button_is_in_sight_and_nothing_jumps(visit, files, options):
    page = visit(**options)
    page.wait_for_timeout(1500)  # until the last part of the page has come
    height = page.viewport_size["height"]
    button = page.locator("#go")

    def bottom() -> float:
        box = button.bounding_box()
        assert box is not None
        return float(box["y"] + box["height"])

    assert bottom() < height
    # What moves is Gradio's own sign that it loads: by 0.05, on busy machines by 0.1.
    assert page.evaluate("window.shifted") < 0.12
    empty = {name: page.locator(f"#{name}").bounding_box()["height"] for name in ("photo", "clip", "result")}
    assert max(empty.values()) <= 240
    for text in ("Drop a photo of a face here", "Or take one of these", "Make it move"):
        assert page.get_by_text(text).first.is_visible(), text
    said = "getComputedStyle(document.querySelector(%r), '::after').content"
    assert "Drop a video" in page.evaluate(said % '#clip [data-testid="upload-text"]')
    assert "appears here" in page.evaluate(said % "#result .empty")
    upload(page, files)
    page.locator("#part img").first.wait_for()
    assert bottom() < height


def test_one_font_with_all_its_letters_and_colours_of_ones_own(visit, files):
    page = visit()
    faces = page.evaluate("[...document.fonts].map((face) => face.family + ' ' + face.weight + ' ' + face.status)")
    assert {face.replace('"', "") for face in faces} == {"IBM Plex Sans 400 loaded", "IBM Plex Sans 600 loaded"}
    title, go_font = (
        page.evaluate("s => getComputedStyle(document.querySelector(s)).fontFamily", where) for where in ("h1", "#go")
    )
    assert title.replace('"', "").replace("'", "").startswith("IBM Plex Sans")
    assert title == go_font
    measure = """font => {
      const context = document.createElement("canvas").getContext("2d");
      context.font = font;
      return [..."Makeitmov"].map((letter) => context.measureText(letter).width);
    }"""
    ours, others = (page.evaluate(measure, f"600 40px {font}") for font in ('"IBM Plex Sans", monospace', "monospace"))
    assert all(mine != other for mine, other in zip(ours, others, strict=True))  # none is taken from elsewhere
    upload(page, files)
    go(page)
    assert playing(page)
    bar = page.evaluate("getComputedStyle(document.querySelector('#result progress')).accentColor")
    assert bar == page.evaluate(
        "(() => { const e = document.createElement('i'); e.style.color = 'var(--slider-color)';"
        " document.querySelector('#result').append(e); return getComputedStyle(e).color })()"
    )


def test_fine_tuning_begins_with_what_is_wanted(visit):
    page = visit()
    page.get_by_role("button", name="Fine tuning").click()
    page.locator("#option-size").wait_for()
    fields = page.evaluate("[...document.querySelectorAll('#more [id^=option-]')].map((field) => field.id)")
    assert fields[:2] == ["option-paste_back", "option-size"]
    assert page.locator("#more h3").all_inner_texts() == list(words.GROUPS)


def test_a_pose_by_hand_is_seen_at_once_and_can_be_started_from(visit):
    page = visit(viewport={"width": 1280, "height": 800})
    page.locator("#photo input[type=file]").set_input_files(Samples.bundled().photos[0])
    page.locator("#part img").first.wait_for()
    tab(page, "By hand")
    page.locator(".fault:visible").get_by_text("names").wait_for()  # the toy's points have none
    tab(page, "Animate")
    page.get_by_role("button", name="Fine tuning").click()
    page.locator("#model input").click()
    page.get_by_role("option", name="faces-lite").click()
    tab(page, "By hand")
    posed = page.locator("#posed img")
    posed.wait_for()
    before = posed.get_attribute("src")
    page.locator("#hand-yaw input[type=range]").fill("18")
    page.wait_for_function("before => document.querySelector('#posed img').src != before", arg=before)
    page.get_by_role("button", name="Use as starting point").click()
    page.locator("#pose-used").get_by_text("starts from this pose now").wait_for()
    tab(page, "Animate")
    pose = page.locator("#option-pose").locator("input, textarea").first
    page.wait_for_function("field => field.value == 'yaw=18'", arg=pose.element_handle())
    tab(page, "By hand")
    page.get_by_role("button", name="Back to the photo's own").click()
    page.wait_for_function("document.querySelector('#hand-yaw input[type=range]').value == 0")


def test_models_says_what_a_model_is_for_with_a_picture_and_tables_below(visit):
    page = visit()
    tab(page, "Models")
    summary = page.locator("#summary")
    for text in ("May I use it?", "also commercially (Apache-2.0)", "What it cannot do"):
        summary.get_by_text(text).first.wait_for()
    page.locator("#specimen img").wait_for()
    assert summary.locator("table").count() == 0
    tables = page.locator("#card table")
    assert not tables.first.is_visible()
    page.get_by_role("button", name="Figures and tables").click()
    tables.first.wait_for()
    page.locator("#pull textarea, #pull input").first.fill("no such/model name")
    page.get_by_role("button", name="Get it").click()
    page.locator(".fault:visible").get_by_text("is not a name on the Hub").wait_for()


def test_stop_ends_the_work_and_leaves_nothing(visit, files, served, monkeypatch):
    before = {path for path in served.cache.rglob("*-bunraku.mp4") if path.is_file()}
    page = visit()
    upload(page, files)
    gate, studio = threading.Event(), served.studio
    render, calls = Finish.__call__, []

    def held(finish, *arguments):
        calls.append(None)
        if len(calls) == 2:
            gate.wait(120)
        return render(finish, *arguments)

    monkeypatch.setattr(Finish, "__call__", held)
    go(page)
    # Real progress: one batch is done.
    page.get_by_text(re.compile(rf"{studio.engine.first_batch}/10 frames")).wait_for()
    page.get_by_role("button", name="Stop").click()
    page.locator("#caption").get_by_text("Stopped.").wait_for()
    page.get_by_role("button", name="Make it move").wait_for()
    gate.set()
    page.wait_for_timeout(300)
    assert page.get_by_text(words.UNKNOWN).count() == 0
    assert len(calls) == 2
    assert page.locator("#result video").count() == 0
    left = {path for path in served.cache.rglob("*-bunraku.mp4") if path.is_file()}
    assert left - before == set()  # who was here before may just be leaving, and takes theirs
    go(page)  # and it still works
    assert playing(page)


def test_who_waits_sees_a_place_and_who_leaves_makes_room(visit, files, served, monkeypatch, request):
    gate, running = threading.Event(), served.studio.visitors._running
    render = Finish.__call__
    monkeypatch.setattr(Finish, "__call__", lambda *arguments: gate.wait(120) and render(*arguments))
    request.addfinalizer(gate.set)  # whatever fails here, the tests that follow do not wait for it
    first, second = visit(), visit()
    for page in (first, second):
        upload(page, files)
        go(page)
        page.get_by_role("button", name="Stop").wait_for()
    second.get_by_text(re.compile(r"queue: 1/1")).first.wait_for()
    second.get_by_role("button", name="Stop").click()
    second.locator("#caption").get_by_text("Stopped.").wait_for()
    go(second)
    second.get_by_text(re.compile(r"queue: 1/1")).first.wait_for()
    (event,) = next(iter(running.values()))
    first.context.close()
    assert event.wait(30)  # closing the page stops the work
    gate.set()
    assert playing(second)
    assert not running


@pytest.mark.parametrize(("phone", "scheme"), [(PHONE, "light"), (SMALL_PHONE, "dark")], ids=["390", "320"])
def test_a_phone_shows_everything_without_scrolling_sideways(visit, files, phone, scheme):
    page = visit(**phone, color_scheme=scheme)
    overhang = "document.documentElement.scrollWidth - window.innerWidth"
    assert page.evaluate(overhang) <= 0
    upload(page, files)
    page.get_by_role("button", name="Fine tuning").click()
    page.get_by_label("Calm").first.wait_for()
    go(page)
    assert playing(page)
    assert page.evaluate(overhang) <= 0


def test_light_and_dark_follow_the_visitors_system(visit):
    brightness = {}
    for scheme in ("light", "dark"):
        page = visit(color_scheme=scheme)
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        brightness[scheme] = sum(int(value) for value in re.findall(r"\d+", colour)[:3]) / 3
    assert brightness["light"] > 200
    assert brightness["dark"] < 50


def test_every_field_and_button_has_a_name(visit):
    page = visit()
    page.get_by_role("button", name="Fine tuning", expanded=False).click()
    page.get_by_role("button", name="Fine tuning", expanded=True).wait_for()
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('button, input:not([type=file])')]
            .filter(e => e.checkVisibility())
            .filter(e => !(e.innerText || e.ariaLabel || e.title || e.labels?.[0]?.innerText || '').trim())
            .map(e => e.outerHTML.slice(0, 200))"""
    )
    assert nameless == []


def test_a_slow_model_says_how_slow_before_it_begins(served, visit, files, monkeypatch):
    monkeypatch.setattr(served.studio.shelf, "known_pace", lambda name=None: 30.0)
    page = visit()
    upload(page, files)
    slow = f"{words.ONLY_SLOW}: this will take about 5 minutes (10 frames, 30 seconds each, as measured here)."
    page.locator("#estimate").get_by_text(slow).wait_for()
