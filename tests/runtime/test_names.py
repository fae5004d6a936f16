"""Names of results: as long as file systems allow, links, letters that a console does not have; and addresses."""

from __future__ import annotations

import http.server
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from clips import lengths, moving, spot
from PIL import Image
from serving import serving

from checkpoints.errors import InputError, OutputError
from runtime import Engine, animate, extract_motion
from runtime.cli import main
from runtime.media import fetch
from runtime.media.names import joined, shortened

FRAMES = [spot(20 + 2 * t, 30) for t in range(3)]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def engine(toy):
    return Engine(toy, device="cpu", threads=1)


def make(engine, output, **options):
    return animate(spot(20, 40), FRAMES, model=engine, output=output, progress=False, **options)


@pytest.mark.parametrize("letter", ["n", "ü", "日", "🎭"])
@pytest.mark.parametrize("ending", [".mp4", ".gif", "/"])
def test_names_as_long_as_there_can_be(engine, tmp_path, letter, ending):
    name = shortened(letter * 250, 255 - len(ending.rstrip("/"))) + ending
    result = make(engine, f"{tmp_path}/{name}")
    assert len(list(result.frames)) == 3
    assert [path.name for path in tmp_path.iterdir()] == [name.rstrip("/")]


def test_a_long_name_with_sound_and_a_recorded_motion(engine, tmp_path):
    moving(tmp_path / "driving.mp4", 10, sound=0.4)
    name = "n" * 240 + ".mp4"
    for loop in (1, 2):
        result = animate(
            spot(20, 40), tmp_path / "driving.mp4", model=engine, output=tmp_path / name, progress=False, loop=loop
        )
        assert lengths(result.path)[1] == pytest.approx(0.4 * loop, abs=0.1)
    extract_motion(FRAMES, tmp_path / ("m" * 248 + ".motion"), model=engine, progress=False)
    assert len(list(tmp_path.iterdir())) == 3


def test_a_name_that_is_too_long_is_told(engine, tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        make(engine, tmp_path / ("n" * 252 + ".mp4"))


def test_names_that_the_command_makes_are_not_too_long(toy, in_tmp, capsys):
    Image.fromarray(spot(20, 40)).save("p" * 240 + ".png")
    moving(in_tmp / ("v" * 240 + ".mp4"), 3)
    options = ["--model", str(toy), "--no-progress"]
    assert main(["animate", "p" * 240 + ".png", "v" * 240 + ".mp4", *options]) == 0
    made = Path(capsys.readouterr().out.strip())
    assert made.exists()
    assert made.name.startswith("ppp")
    assert "-vvv" in made.name
    assert joined("photo", "driving", ".mp4") == "photo-driving.mp4"
    assert joined("photo", "v" * 300, ".mp4").startswith("photo-vvv")
    assert shortened("aü", 2) == "a"


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="this system has no links")
@pytest.mark.parametrize("there", [True, False])
def test_an_output_that_is_a_link_stays_one(engine, tmp_path, there):
    (tmp_path / "elsewhere").mkdir()
    target = tmp_path / "elsewhere" / "real.mp4"
    if there:
        target.write_bytes(b"old")
    for name in ("link.mp4", "second.mp4"):
        (tmp_path / name).symlink_to(target if name == "link.mp4" else "link.mp4")
    result = make(engine, tmp_path / "second.mp4")
    assert len(list(result.frames)) == 3
    assert (tmp_path / "link.mp4").is_symlink()
    assert (tmp_path / "second.mp4").is_symlink()
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == ["real.mp4"]


def test_links_to_folders_and_motion_files_and_nowhere(engine, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "frames").symlink_to(tmp_path / "real")
    make(engine, f"{tmp_path}/frames/")
    assert len(list((tmp_path / "real").glob("*.png"))) == 3
    (tmp_path / "nod.motion").symlink_to(tmp_path / "real.motion")
    extract_motion(FRAMES, tmp_path / "nod.motion", model=engine, progress=False)
    assert (tmp_path / "nod.motion").is_symlink()
    assert (tmp_path / "real.motion").exists()
    (tmp_path / "lost.mp4").symlink_to(tmp_path / "absent" / "a.mp4")
    with pytest.raises(OutputError, match="absent does not exist"):
        make(engine, tmp_path / "lost.mp4")
    (tmp_path / "photo.png").symlink_to(tmp_path / "own.gif")
    Image.fromarray(spot(20, 40)).save(tmp_path / "own.gif")
    with pytest.raises(OutputError, match="is the input itself"):
        animate(tmp_path / "photo.png", FRAMES, model=engine, output=tmp_path / "own.gif", progress=False)


@pytest.mark.skipif(sys.platform != "linux", reason="names that are no text are those of Linux")
@pytest.mark.parametrize("encoding", ["ascii", "utf-8", "cp1252", "latin-1:strict"])
def test_names_that_the_console_cannot_print(toy, tmp_path, encoding):
    Image.fromarray(spot(20, 40)).save(tmp_path / "photo.png")
    moving(tmp_path / "driving.mp4", 3)
    env = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONPATH": str(ROOT)}
    command = [
        sys.executable,
        "-m",
        "runtime",
        "animate",
        "photo.png",
        "driving.mp4",
        "--model",
        str(toy),
        "--no-progress",
    ]
    for name in (b"\xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x8e\xad.mp4", b"no text \xff\xfe.mp4"):
        ran = subprocess.run([*command, "-o", name], cwd=tmp_path, env=env, capture_output=True)
        assert ran.returncode == 0, ran.stderr
        assert os.path.exists(os.path.join(os.fsencode(tmp_path), name))
        if encoding == "utf-8":
            assert ran.stdout == name + b"\n"
        ran = subprocess.run([*command, "-o", b"absent/" + name], cwd=tmp_path, env=env, capture_output=True)
        assert ran.returncode == 2
        assert b"Traceback" not in ran.stderr
        assert ran.stderr.count(b"\n") == 1


def test_a_list_in_a_folder_whose_name_is_no_text(toy, in_tmp):
    folder = Path(os.fsdecode(b"in \xff"))
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this file system takes text only")
    Image.fromarray(spot(20, 40)).save(folder / "a.png")
    moving(folder / "b.mp4", 3)
    (folder / "pairs.csv").write_text("source,driving\na.png,b.mp4\n")
    words = ["batch", str(folder / "pairs.csv"), "-o", str(folder / "out"), "--model", str(toy), "--no-progress"]
    assert main(words) == 0
    before = (folder / "out" / "results.jsonl").read_bytes()
    assert main(words) == 0
    assert (folder / "out" / "results.jsonl").read_bytes() == before


@pytest.fixture
def server(tmp_path):
    """Serves the test's folder, and keeps what was asked for."""
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(tmp_path))

        def do_GET(self):
            asked.append((self.headers["Host"], self.path))
            super().do_GET()

    with serving(Handler) as port:
        yield port, asked


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("my photo.png", "/my%20photo.png"),
        ("my%20photo.png", "/my%20photo.png"),
        ("Grüße aus 東京.png", "/Gr%C3%BC%C3%9Fe%20aus%20%E6%9D%B1%E4%BA%AC.png"),
        ("a.png?größe=1 2&x=a%26b", "/a.png?gr%C3%B6%C3%9Fe=1%202&x=a%26b"),
        ("a.png#part", "/a.png"),
        ('"quoted" <a>.png', "/%22quoted%22%20%3Ca%3E.png"),
    ],
)
def test_addresses_as_people_write_them(engine, server, tmp_path, written, sent):
    port, asked = server
    name = {"my%20photo.png": "my photo.png"}.get(written, written.partition("?")[0].partition("#")[0])
    Image.fromarray(spot(20, 40)).save(tmp_path / name)
    address = f" http://127.0.0.1:{port}/{written}\n"
    found = animate(address, FRAMES, model=engine, urls=True, progress=False).frames
    np.testing.assert_array_equal(found, animate(spot(20, 40), FRAMES, model=engine, progress=False).frames)
    assert asked[0][1] == sent


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("http://bücher.example/a.png", "http://xn--bcher-kva.example/a.png"),
        ("HTTPS://例え.テスト:8080/a b", "https://xn--r8jz45g.xn--zckzah:8080/a%20b"),
        ("http://nobody:p%40ss wörd@host/a", "http://nobody:p%40ss%20w%C3%B6rd@host/a"),
        ("http://[::1]:80/ä", "http://[::1]:80/%C3%A4"),
        ("http://[::1]/ä", "http://[::1]/%C3%A4"),
    ],
)
def test_international_hosts(written, sent):
    assert fetch._plain(written) == sent


@pytest.mark.parametrize(
    "address", ["http://", "http:///a.png", "http://a..b/c", "http://" + "ü" * 80 + "/", "http://[/a"]
)
def test_what_is_no_address_is_told(engine, address):
    with pytest.raises(InputError, match="cannot be fetched"):
        animate(address, FRAMES, model=engine, urls=True, progress=False)


def test_what_was_fetched_goes_by_its_address(engine, server, tmp_path):
    (tmp_path / "page.png").write_text("<html>")
    (tmp_path / "clip.mp4").write_text("<html>")
    address = f"http://127.0.0.1:{server[0]}"
    with pytest.raises(InputError, match=rf"^{address}/page\.png is not a picture"):
        animate(f"{address}/page.png", FRAMES, model=engine, urls=True, progress=False)
    with pytest.raises(InputError, match=rf"^{address}/clip\.mp4 is not a video"):
        animate(spot(20, 40), f"{address}/clip.mp4", model=engine, urls=True, progress=False)
