"""Driving videos as people film them: nobody there at first, two people, cuts; and single pictures that drive."""

import http.server
import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import toy_bundle
from clips import center, encode, ffmpeg, moving, spot
from drawn_face import face_picture
from PIL import Image
from serving import serving

from checkpoints.errors import BunrakuWarning, InputError
from runtime import Animator, Engine, animate, extract_motion
from runtime.framing.follow import find_cuts
from runtime.framing.framer import Framer, Framing
from runtime.motion.driving import frame_clip, open_clip, read_squares

SIZE = (320, 240)
PHOTO = face_picture((300, 300), (150, 150, 160))
BLACK = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)


@pytest.fixture(scope="module")
def faces(tmp_path_factory) -> Engine:
    folder = tmp_path_factory.mktemp("models") / "faces"
    return Engine(toy_bundle.build(folder, size=128, subject="face"), device="cpu", threads=1)


def head(x: float, y: float = 120, size: float = 120) -> np.ndarray:
    return face_picture(SIZE, (x, y, size))


def walk(count: int, x: float = 150) -> list[np.ndarray]:
    return [head(x + 2 * t) for t in range(count)]


def video(path: Path, frames, rate: str = "10") -> Path:
    return encode(path, frames, rate=rate, options=["-qp", "8"])


@contextmanager
def heard():
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        told: list[str] = []
        yield told
        told += [str(each.message) for each in said if issubclass(each.category, BunrakuWarning)]


def title() -> np.ndarray:
    rows, columns = np.mgrid[: SIZE[1], : SIZE[0]]
    return np.repeat((((rows // 24 + columns // 60) % 2) * 200)[..., None], 3, axis=2).astype(np.uint8)


def faded(frames) -> list[np.ndarray]:
    return [(frame * (t / len(frames))).astype(np.uint8) for t, frame in enumerate(frames)]


@pytest.mark.parametrize(
    ("before", "rests", "rate"),
    [
        ([BLACK] * 5, 5, "10"),
        ([title()] * 7, 7, "10"),
        (faded([head(150)] * 8), 4, "10"),
        ([BLACK] + [title()] * 12, 13, "2"),
    ],
    ids=["black", "title", "fade", "after six seconds"],
)
def test_motion_counts_from_the_first_frame_that_shows_a_face(faces, tmp_path, before, rests, rate):
    path = video(tmp_path / "a.mp4", [*before, *walk(8)], rate)
    with heard() as said:
        result = animate(PHOTO, path, model=faces, progress=False).frames
    assert len(result) == len(before) + 8
    still = Animator(faces)
    still.set_source(PHOTO)
    for frame in result[:rests]:
        np.testing.assert_array_equal(frame, still.still)
    assert not np.array_equal(result[-1], still.still)
    told = [each for each in said if "Nobody is seen" in each]
    assert len(told) == 1
    assert "--reference" in told[0]
    # What follows is what it would be without anything before it.
    alone = animate(PHOTO, video(tmp_path / "b.mp4", walk(8), rate), model=faces, progress=False).frames
    assert np.abs(result[-1].astype(int) - alone[-1]).mean() < 3 or len(before) != rests  # in a fade it began before
    recorded = extract_motion(path, tmp_path / "a.motion", model=faces, progress=False)
    assert (recorded.motion.takes[: rests - 1] == 0).all()
    played = animate(PHOTO, tmp_path / "a.motion", model=faces, progress=False).frames
    np.testing.assert_array_equal(played, result)
    counted = animate(PHOTO, path, model=faces, reference=len(before) + 3, progress=False).frames
    np.testing.assert_array_equal(counted[len(before) + 3], still.still)


def test_live_it_is_the_same(faces):
    animator = Animator(faces, fps=10)
    animator.set_source(PHOTO)
    for frame in [BLACK] * 3 + [title()] * 4 + [head(150)]:
        np.testing.assert_array_equal(animator.frame(frame), animator.still)
    for frame in walk(6):
        last = animator.frame(frame)
    assert not np.array_equal(last, animator.still)


def test_where_nobody_is_ever_seen_all_of_it_moves(faces, tmp_path):
    spots = [spot(100 + 4 * t, 120, size=320, height=240, side=60) for t in range(6)]
    for driving, what in ((video(tmp_path / "a.mp4", spots), ""), (spots, "the first picture of ")):
        with heard() as said:
            frames = animate(PHOTO, driving, model=faces, progress=False).frames
        assert any(f"No face was found in {what}the driving video" in each for each in said)
        assert not np.array_equal(frames[0], frames[-1])


def test_one_picture_that_shows_nobody_says_nothing_of_the_others(faces):
    """Neither does it move the square: the next one that shows somebody is where it was."""
    with heard() as said:
        plain = animate(PHOTO, walk(8), model=faces, progress=False).frames
        frames = animate(PHOTO, [*walk(8)[:4], title(), *walk(8)[4:]], model=faces, progress=False).frames
    assert not [each for each in said if "No face" in each or "Nobody" in each]
    np.testing.assert_array_equal(frames[:4], plain[:4])
    with heard() as said:
        animate(PHOTO, [title(), *walk(8)], model=faces, progress=False)
    assert any("No face was found in the first picture of the driving video" in each for each in said)


def two(left: float, right: float) -> np.ndarray:
    """Two people, with heads of these sizes."""
    return face_picture((600, 260), (150, 140, left), (440, 140, right))


def test_one_of_two_people_is_followed(faces, tmp_path):
    frames = [two(130, 110)] * 10 + [two(130 - 6 * t, 110 + 6 * t) for t in range(6)] + [two(94, 146)] * 5
    path = video(tmp_path / "a.mp4", frames)
    framer = Animator(faces).framer
    with heard() as said:
        window = frame_clip(open_clip(path), framer).window
    assert any("2 faces" in each and "driving_face=2" in each for each in said)
    assert window.left <= 150 - 60 < 150 + 60 <= window.left + window.side < 440 - 40
    other = Framer(Framing(), "crop", "auto", "auto", None, driving_face=2)
    with heard() as said:
        window = frame_clip(open_clip(path), other).window
    assert not said
    assert window.left > 150 + 40
    with pytest.raises(InputError, match="driving_face is 3, but 2"):
        animate(PHOTO, path, model=faces, driving_face=3, progress=False)


def test_motion_starts_anew_after_a_cut(faces, tmp_path):
    """Two shots: the head elsewhere, of another size, before another backdrop."""
    second = [np.maximum(face_picture(SIZE, (100 + 2 * t, 130, 100)), title() // 2) for t in range(12)]
    path = video(tmp_path / "a.mp4", [*walk(12, 200), *second])
    with heard() as said:
        frames = animate(PHOTO, path, model=faces, progress=False).frames
    assert sum("cut" in each for each in said) == 1
    framed = frame_clip(open_clip(path), Animator(faces).framer)
    assert [shot.first for shot in framed.shots] == [0, 12]
    assert len(list(read_squares(framed, 64))) == 24
    np.testing.assert_array_equal(frames[0], frames[12])
    assert not np.array_equal(frames[11], frames[0])
    assert not np.array_equal(frames[23], frames[12])


def test_neither_flashes_nor_fades_nor_fast_motion_are_cuts():
    rng = np.random.default_rng(0)
    scene, other = (np.kron(rng.integers(0, 255, (6, 8, 3)), np.ones((6, 6, 1))).astype(np.uint8) for _ in range(2))
    white = np.full_like(scene, 255)
    assert list(find_cuts([scene] * 5 + [other] * 5)) == [5]
    assert list(find_cuts([scene] * 5 + [white] + [scene] * 5)) == []
    fade = [(scene * (1 - t / 10) + other * (t / 10)).astype(np.uint8) for t in range(11)]
    assert list(find_cuts([scene] * 3 + fade + [other] * 3)) == []
    assert list(find_cuts([np.roll(scene, 3 * t, axis=1) for t in range(16)])) == []
    assert list(find_cuts([])) == []


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "bmp", "tif", "gif", "avif"])
def test_a_single_picture_drives(toy, tmp_path, suffix):
    Image.fromarray(spot(30, 30)).save(tmp_path / f"a.{suffix}")
    result = animate(spot(20, 40), tmp_path / f"a.{suffix}", model=toy, mode="absolute", progress=False)
    assert (len(result), result.fps) == (1, 25)
    np.testing.assert_allclose(center(result.frames[0]), (30, 30), atol=0.7)


def test_a_heic_drives_upright(toy):
    path = Path(__file__).parent / "sideways.heic"
    assert len(animate(spot(20, 40), path, model=toy, progress=False)) == 1


def test_a_picture_that_lies_on_its_side_drives_upright(toy, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.ascontiguousarray(np.rot90(spot(20, 40)))).save(tmp_path / "a.jpg", exif=exif, quality=95)
    result = animate(spot(20, 40), tmp_path / "a.jpg", model=toy, mode="absolute", progress=False)
    np.testing.assert_allclose(center(result.frames[0]), (20, 40), atol=0.7)


@pytest.mark.parametrize("end", [0.01, 0.1, 0.25, 0.333, 1.0, 1.7, 9.0])
@pytest.mark.parametrize("rate", ["10", "30000/1001"])
def test_a_video_and_its_motion_file_have_the_same_frames(toy, tmp_path, end, rate):
    path = moving(tmp_path / "a.mp4", 20, rate=rate, sound=3.0)
    extract_motion(path, tmp_path / "a.motion", model=toy, progress=False)
    for start in (0.0, 0.005):
        one, other = (
            animate(spot(20, 40), each, model=toy, start=start, end=end, progress=False).frames
            for each in (path, tmp_path / "a.motion")
        )
        np.testing.assert_array_equal(one, other)


@pytest.fixture
def torn_server(tmp_path):
    """Promises all of a video, and breaks off half way; at /chunked in pieces, at /whole.mp4 with nonsense."""
    data = moving(tmp_path / "a.mp4", 20).read_bytes()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.send_response(200)
            half = data[: len(data) // 2]
            if self.path == "/chunked.mp4":
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                self.wfile.write(b"%x\r\n" % len(data) + half)
            else:
                whole = self.path == "/whole.mp4"
                self.send_header("Content-Length", str(len(half if whole else data)))
                self.end_headers()
                self.wfile.write(half)
            self.close_connection = True

    with serving(Handler) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("name", "words"), [("a.mp4", "broke off after"), ("chunked.mp4", "broke off"), ("whole.mp4", "cut short")]
)
def test_a_transfer_that_breaks_off_is_said_to(toy, torn_server, name, words):
    address = f"{torn_server}/{name}"
    with pytest.raises(InputError, match=words) as caught:
        animate(spot(20, 40), address, model=toy, urls=True, progress=False)
    assert address in str(caught.value)
    assert "bunraku-" not in str(caught.value)


def test_warnings_name_what_was_given(toy, tmp_path):
    """A file that is fetched, piped or given as bytes lies in a temporary one."""
    data = moving(tmp_path / "a.mp4", 20).read_bytes()
    bad = bytearray(data)
    bad[len(data) // 3 : len(data) // 2] = bytes(len(data) // 2 - len(data) // 3)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(bad)))
            self.end_headers()
            self.wfile.write(bad)

    with serving(Handler) as port:
        for driving, name in ((f"http://127.0.0.1:{port}/a.mp4", None), (bytes(bad), "The given file")):
            with heard() as said:
                animate(spot(20, 40), driving, model=toy, urls=True, progress=False)
            assert any(str(each).startswith(name or driving) for each in said)
            assert not any("bunraku-" in str(each) for each in said)


def test_what_cannot_be_decoded_says_why(toy, tmp_path):
    from dataclasses import replace

    from runtime.media.video import probe, read_frames

    info = replace(probe(moving(tmp_path / "a.mp4", 5)), start=90.0)
    with pytest.raises(InputError, match="there is no frame from second 90 on"):
        next(read_frames(info, 64))
    ffmpeg("-f", "lavfi", "-i", "sine=d=0.2", str(tmp_path / "b.m4a"))
    with pytest.raises(InputError, match="no moving picture"):
        animate(spot(20, 40), tmp_path / "b.m4a", model=toy, progress=False)


def test_a_person_who_has_moved_on_in_a_freeze_is_no_cut():
    """As calls freeze: the head is elsewhere, the room is the same. Another room is a cut."""
    chance = np.random.default_rng(0)
    room, other = (chance.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(2))
    moved = room.copy()
    moved[:, 16:48] = other[:, 16:48]
    assert list(find_cuts([room] * 12 + [moved] * 12)) == []
    assert list(find_cuts([room] * 12 + [other] * 12)) == [12]
    assert list(find_cuts([room] * 4 + [moved] * 12)) == [4]  # no freeze
