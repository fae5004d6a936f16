"""What the page does, without the page."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import clips
import pytest
from PIL import Image

import runtime
from checkpoints.errors import InputError, ModelError, OptionError
from demo.limits import Limits
from demo.studio import StoppedError, Studio

SAMPLE = Path(runtime.__file__).parent / "assets" / "sample.jpg"


@pytest.fixture(scope="module")
def studio(toy: Path) -> Studio:
    return Studio(toy)


def ignore(done: int, total: int | None) -> None:
    """A visitor who does not look."""


def everything(folder: Path) -> list[Path]:
    return list(folder.rglob("*"))


def test_a_take_lies_alone_under_a_name_nobody_can_guess(studio, files, tmp_path):
    pair = str(files / "photo.jpg"), str(files / "clip.mp4")
    takes = [studio.animate(*pair, tmp_path, visitor="v", report=ignore) for _ in range(2)]
    assert {take.path.name for take in takes} == {"photo-bunraku.mp4"}
    homes = {take.path.parent for take in takes}
    assert len(homes) == 2
    for home in homes:
        assert home.parent == tmp_path
        assert len(home.name) == 32
        assert [path.name for path in home.iterdir()] == ["photo-bunraku.mp4"]
    assert (takes[0].frames, takes[0].fps) == (10, 25)
    assert takes[0].seconds > 0


def test_progress_counts_frames_up_to_the_end(studio, files, tmp_path):
    seen = []
    report = lambda done, total: seen.append((done, total))  # noqa: E731
    studio.animate(str(files / "photo.jpg"), str(files / "clip.mp4"), tmp_path, visitor="v", report=report)
    first, batch = studio.engine.first_batch, studio.engine.batch
    assert first < batch  # what is waited for comes sooner
    assert seen == [(done, 10) for done in [*range(first, 10, batch), 10]]


@pytest.mark.parametrize(
    ("photo", "clip", "words"),
    [
        (None, "clip.mp4", r"There is no photo yet"),
        ("photo.jpg", None, r"There is no video yet"),
        ("text.jpg", "clip.mp4", r"^text\.jpg is not a picture"),
        ("photo.jpg", "cut.mp4", r"^cut\.mp4 is not a video"),
        ("photo.jpg", "text.jpg", r"^text\.jpg is not a video"),
    ],
)
def test_what_cannot_be_used_is_named_as_the_visitor_named_it(studio, files, tmp_path, photo, clip, words):
    source, driving = (name and str(files / name) for name in (photo, clip))
    with pytest.raises(InputError, match=words) as caught:
        studio.animate(source, driving, tmp_path, visitor="v", report=ignore)
    assert str(files) not in str(caught.value)
    assert everything(tmp_path) == []


def test_each_of_several_people_has_a_video(files, tmp_path):
    studio = Studio()
    pair = Image.new("RGB", (1200, 700), "grey")
    with Image.open(SAMPLE) as person:
        for place in ((20, 60), (620, 60)):
            pair.paste(person.convert("RGB").resize((560, 560)), place)
    pair.save(tmp_path / "pair.png")
    given = {"visitor": "v", "report": ignore, "drivings": [str(files / "clip.mp4")]}
    take = studio.animate(str(tmp_path / "pair.png"), str(SAMPLE.with_suffix(".mp4")), tmp_path, end=0.2, **given)
    assert take.frames == 5
    with pytest.raises(InputError, match=r"^face is 2, but 1 were found in the picture"):
        studio.animate(str(SAMPLE), str(SAMPLE.with_suffix(".mp4")), tmp_path, **given)
    given["drivings"] = [str(files / "cut.mp4")]
    with pytest.raises(InputError, match=r"^cut\.mp4 is not a video"):
        studio.animate(str(tmp_path / "pair.png"), str(SAMPLE.with_suffix(".mp4")), tmp_path, **given)


def test_a_wrong_option_is_refused(studio, files, tmp_path):
    pair = str(files / "photo.jpg"), str(files / "clip.mp4")
    with pytest.raises(OptionError, match="sideways"):
        studio.animate(*pair, tmp_path, visitor="v", report=ignore, mode="sideways")
    assert everything(tmp_path) == []


def test_stop_stops_one_visitor_and_not_another(studio, files, tmp_path):
    reached, go_on = threading.Barrier(3), threading.Event()
    ends: dict[str, object] = {}

    def work(visitor: str) -> None:
        def report(done: int, total: int | None) -> None:
            if done < 10 and not go_on.is_set():
                reached.wait(20)
                go_on.wait(20)

        pair = str(files / "photo.jpg"), str(files / "clip.mp4")
        try:
            ends[visitor] = studio.animate(*pair, tmp_path / visitor, visitor=visitor, report=report)
        except StoppedError as error:
            ends[visitor] = error

    threads = [threading.Thread(target=work, args=(name,)) for name in ("one", "other")]
    for thread in threads:
        thread.start()
    reached.wait(20)
    assert studio.stop("one") == 1
    assert studio.stop("nobody") == 0
    go_on.set()
    for thread in threads:
        thread.join(20)
    assert isinstance(ends["one"], StoppedError)
    assert everything(tmp_path / "one") == []
    assert ends["other"].path.is_file()  # type: ignore[attr-defined]
    assert studio.stop("other") == 0  # it is done


def test_a_clip_that_is_too_long_is_refused_before_any_work(toy, files, tmp_path):
    long = clips.moving(tmp_path / "long.mp4", 30)  # 1.2 seconds
    studio = Studio(toy, limits=Limits(seconds=1))
    out = tmp_path / "out"
    seen: list[int] = []
    with pytest.raises(InputError, match=r"^long\.mp4 is longer than 1 seconds; cut it shorter\.$"):
        studio.animate(
            str(files / "photo.jpg"), str(long), out, visitor="v", report=lambda done, total: seen.append(done)
        )
    assert seen == []
    assert everything(tmp_path / "out") == []
    take = studio.animate(str(files / "photo.jpg"), str(files / "clip.mp4"), out, visitor="v", report=ignore)
    assert take.frames == 10


def test_a_clip_that_does_not_say_its_length_is_stopped_at_the_limit(toy, files, tmp_path):
    options = ["-f", "matroska", "-live", "1"]  # as browsers record: no duration in the header
    endless = clips.moving(tmp_path / "endless.webm", 40, options=[*options, "-c:v", "libvpx"])
    studio = Studio(toy, limits=Limits(seconds=1))
    with pytest.raises(InputError, match=r"endless\.webm is longer than 1 seconds"):
        studio.animate(str(files / "photo.jpg"), str(endless), tmp_path / "out", visitor="v", report=ignore)
    assert everything(tmp_path / "out") == []


def test_an_unknown_model_is_refused_when_the_studio_opens(tmp_path):
    with pytest.raises(ModelError, match="no-such-model"):
        Studio("no-such-model")


def test_limits_come_from_the_environment():
    public = Limits(upload_mb=100, seconds=60)
    changed = public.with_environment({"BUNRAKU_SECONDS": "0", "BUNRAKU_AT_ONCE": " 2 ", "BUNRAKU_WAITING": ""})
    assert changed == Limits(upload_mb=100, seconds=0, at_once=2)


@pytest.mark.parametrize("value", ["-1", "many", "1.5", "0", "²"])
def test_a_limit_that_is_no_number_is_refused(value):
    with pytest.raises(OptionError, match=r"(BUNRAKU_AT_ONCE|at_once) is"):
        Limits().with_environment({"BUNRAKU_AT_ONCE": value})


def test_the_time_it_took_is_measured_not_guessed(studio, files, tmp_path):
    started = time.perf_counter()
    take = studio.animate(str(files / "photo.jpg"), str(files / "clip.mp4"), tmp_path, visitor="v", report=ignore)
    assert 0 < take.seconds <= time.perf_counter() - started
