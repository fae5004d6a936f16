"""Inputs from everywhere: folders, animated pictures, standard input, the web on request, HDR, transparency."""

import http.server
import io
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from clips import center, encode, moving, spot
from PIL import Image
from serving import serving

from checkpoints.errors import InputError, OptionError
from runtime import Limits, animate
from runtime.cli import main
from runtime.media.video import probe, read_frames

FRAMES = [spot(20 + 2 * t, 30) for t in range(10)]


def walk(toy, driving, **options):
    """x of the spot in every result."""
    frames = animate(spot(20, 40), driving, model=toy, progress=False, **options).frames
    return [float(center(frame)[0]) for frame in frames]


def test_a_folder_of_frames_drives_in_the_order_of_the_numbers(toy, tmp_path):
    (tmp_path / "notes.txt").write_text("not a frame")
    for t, frame in enumerate(FRAMES):
        Image.fromarray(frame).save(tmp_path / f"shot {t + 1}.png")  # 10 after 9, not after 1
    np.testing.assert_allclose(walk(toy, tmp_path), 20 + 2 * np.arange(10), atol=0.7)


@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
def test_animated_pictures_drive(toy, tmp_path, suffix):
    first, *rest = (Image.fromarray(frame) for frame in FRAMES)
    path = tmp_path / f"driving.{suffix}"
    first.save(path, save_all=True, append_images=rest, duration=40, loop=0)
    assert probe(path).rate == 25
    np.testing.assert_allclose(walk(toy, path), 20 + 2 * np.arange(10), atol=0.7)


@pytest.mark.parametrize("curve", ["smpte2084", "arib-std-b67"])
def test_hdr_is_fitted_to_usual_brightness(tmp_path, curve):
    """A chart that was made for a usual screen, converted to HDR, looks the same again; only its lights are held back.

    Shown as it is stored, its middle grey would be 104 (PQ) or 112 (HLG), and its red half grey.
    """
    greys, colours = [40, 128, 200, 235], [(200, 40, 30), (30, 160, 60), (40, 60, 190)]
    fields = [(grey, grey, grey) for grey in greys] + colours
    chart = np.repeat(np.array([fields], np.uint8).repeat(64, 0), 32, axis=1)
    tagged = "format=yuv444p,setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv"
    linear = "zscale=t=linear:npl=203,format=gbrpf32le"
    to_hdr = f"{tagged},{linear},zscale=p=bt2020:t={curve}:m=bt2020nc:r=tv:npl=203"
    options = ["-vf", f"{to_hdr},format=yuv420p10le", "-c:v", "libx265", "-x265-params", "log-level=error"]
    tags = ["-color_trc", curve, "-color_primaries", "bt2020", "-colorspace", "bt2020nc", "-pix_fmt", "yuv420p10le"]
    path = encode(tmp_path / "hdr.mp4", [chart] * 3, options=[*options, *tags])
    assert probe(path).hdr
    assert not probe(encode(tmp_path / "usual.mp4", [chart] * 3)).hdr
    shown = next(iter(read_frames(probe(path)))).astype(float)
    found = np.stack([shown[16:48, 32 * field + 8 : 32 * field + 24].mean((0, 1)) for field in range(len(fields))])
    assert np.ptp(found[:4], axis=1).max() < 8
    np.testing.assert_allclose(found[:2], fields[:2], atol=4)
    np.testing.assert_allclose(found[4:], colours, atol=22)
    assert 180 < found[2].mean() < 200 < found[3].mean() < 235
    small = next(iter(read_frames(probe(path), 32))).astype(float)
    assert abs(small.mean() - shown[:, 80:144].mean()) < 6


def test_transparent_parts_take_the_background(toy, tmp_path):
    cut = np.dstack([spot(20, 40), np.full((64, 64), 255, np.uint8)])
    cut[:10, :, 3] = 0
    Image.fromarray(cut).save(tmp_path / "cut.png")
    frames = animate(tmp_path / "cut.png", [spot(30, 30)], model=toy, background="#204060", progress=False).frames
    np.testing.assert_array_equal(frames[0][4, 4], (0x20, 0x40, 0x60))
    with pytest.raises(OptionError, match="colour"):
        animate(tmp_path / "cut.png", [spot(30, 30)], model=toy, background="colourless", progress=False)


def test_standard_input_is_the_picture_or_the_video(toy, in_tmp, monkeypatch, capsys):
    Image.fromarray(spot(20, 30)).save("photo.png")
    moving(in_tmp / "driving.mp4", 10)
    options = ["--model", str(toy), "--no-progress"]
    for words, name in ((["-", "driving.mp4"], "photo.png"), (["photo.png", "-"], "driving.mp4")):
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO((in_tmp / name).read_bytes())))
        assert main(["animate", *words, *options]) == 0
    assert sorted(path.name for path in in_tmp.glob("*stdin*")) == ["photo-stdin.mp4", "stdin-driving.mp4"]
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO()))
    assert main(["animate", "-", "driving.mp4", *options]) == 2
    assert main(["animate", "-", "-", *options]) == 2
    assert "empty" in capsys.readouterr().err


@pytest.fixture
def server(tmp_path):
    """Serves the test's folder; /elsewhere leads to a file of this machine."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(tmp_path))

        def do_GET(self):
            if self.path == "/elsewhere":
                self.send_response(302)
                self.send_header("Location", f"file://{tmp_path}/photo.png")
                self.end_headers()
            else:
                super().do_GET()

    with serving(Handler) as port:
        yield f"http://127.0.0.1:{port}"


def test_addresses_are_fetched_where_asked_for(toy, server, tmp_path):
    Image.fromarray(spot(20, 40)).save(tmp_path / "photo.png")
    moving(tmp_path / "driving.mp4", 10)
    options = {"model": toy, "progress": False}
    source, driving = f"{server}/photo.png", f"{server}/driving.mp4"
    fetched = animate(source, driving, urls=True, **options).frames
    np.testing.assert_array_equal(fetched, animate(tmp_path / "photo.png", tmp_path / "driving.mp4", **options).frames)
    with pytest.raises(OptionError, match="second 9"):  # what fails later is not the address's fault
        animate(source, driving, urls=True, start=9, **options)
    with pytest.raises(OptionError, match="--urls"):
        animate(source, driving, **options)
    for bad in ("/absent.png", "/elsewhere"):
        with pytest.raises(InputError, match="cannot be fetched"):
            animate(server + bad, driving, urls=True, **options)
    with pytest.raises(InputError, match="bytes"):
        animate(source, driving, urls=True, limits=Limits(bytes=100), **options)
    with pytest.raises(InputError, match="cannot be fetched"):
        animate("http://127.0.0.1:1/photo.png", driving, urls=True, **options)
