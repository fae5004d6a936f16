"""What is asked for and not there, or written as people and spreadsheets write it, is understood or said."""

import struct
import warnings
from fractions import Fraction

import heif
import numpy as np
import pytest
from clips import encode, moving, spot
from PIL import Image

from checkpoints.errors import BunrakuWarning, InputError, OptionError
from runtime import animate
from runtime.cli import main
from runtime.control.templates import templates
from runtime.many.pairs import read_pairs
from runtime.media.picture import read_image
from runtime.media.streams import Stream, own_rate
from runtime.media.video import probe
from runtime.motion.driving import open_clip
from runtime.options import Options


@pytest.mark.parametrize(
    ("ticks", "rate"),
    [
        ([0, 1] * 20, 50),  # handed over two at once, every 40 ms
        ([0, 3] * 20, 50),
        ([0] * 20, 25),
        ([0, 1], 1000),  # two pictures say nothing else
    ],
)
def test_frames_in_pairs_are_no_thousand_a_second(ticks, rate):
    pairs = len(set(ticks))
    times = [40 * (index // pairs) + tick for index, tick in enumerate(ticks)]
    found = own_rate(Stream(0, "video", base=Fraction(1, 1000), ticks=[(tick, 0) for tick in times]), Fraction(1000))
    assert found == rate


@pytest.mark.parametrize("rate", [240, 480, 1000])
def test_slow_motion_keeps_its_rate(rate):
    times = [tick * 90000 // rate for tick in range(60)]
    assert own_rate(
        Stream(0, "video", base=Fraction(1, 90000), ticks=[(tick, 0) for tick in times]), Fraction(25)
    ) == pytest.approx(rate, 0.01)


def test_a_video_of_frames_in_pairs_is_read_at_their_mean_rate(tmp_path):
    options = ["-vf", "settb=1/1000,setpts='floor(N/2)*40+mod(N,2)'", "-fps_mode", "vfr", "-enc_time_base", "1/1000"]
    video = probe(encode(tmp_path / "a.mkv", [spot(20 + t, 30) for t in range(20)], options=options))
    assert video.rate == 50
    assert video.frames == pytest.approx(20, abs=2)


@pytest.mark.parametrize("whose", ["driving", "source"])
def test_sound_that_is_asked_for_by_name_and_not_there_is_said(toy, tmp_path, whose):
    silent, loud = moving(tmp_path / "silent.mp4", 3), moving(tmp_path / "loud.mp4", 3, sound=0.2)
    source = {"driving": loud, "source": silent}[whose]
    driving = {"driving": silent, "source": loud}[whose]
    options = {"model": toy, "progress": False, "output": tmp_path / "out.mp4"}
    with pytest.warns(BunrakuWarning, match=f"The {whose} has no sound"):
        animate(source, driving, sound=whose, **options)
    other = "source" if whose == "driving" else "driving"
    for quiet in (other, "auto", "none"):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            animate(source, driving, sound=quiet, **options)
    with pytest.warns(BunrakuWarning, match="The source has no sound"):
        animate(spot(20, 30), loud, sound="source", **options)


def test_a_pose_of_a_video_says_what_to_do(in_tmp, toy, capsys):
    moving(in_tmp / "clip.mp4", 4)
    assert main(["pose", "clip.mp4", "--model", str(toy)]) == 2
    assert 'clip.mp4 is a video; give one picture of it, or move all of it with "bunraku animate' in (
        capsys.readouterr().err
    )
    (in_tmp / "text.jpg").write_text("no picture")
    assert main(["pose", "text.jpg", "--model", str(toy)]) == 2
    assert "text.jpg is not a picture that can be read" in capsys.readouterr().err


@pytest.mark.parametrize(("text", "same"), [("1,3", (1, 3)), ("2;1", (2, 1)), ("2", 2), ("all", "all")])
def test_faces_may_be_text_in_python_too(text, same):
    face = Options(face=text).face
    assert (tuple(face) if isinstance(face, list) else face) == same


@pytest.mark.parametrize("text", ["", "1,", "0", "1,1", "first", "1.0"])
def test_text_that_names_no_faces_is_refused(text):
    with pytest.raises(OptionError, match="face is"):
        Options(face=text)


@pytest.mark.parametrize(("word", "meant"), [("nodd", "nod"), ("Smile", "smile"), ("winks", "wink"), ("iddle", "idle")])
def test_a_template_that_is_misspelt_is_guessed(in_tmp, word, meant):
    with pytest.raises(InputError, match=f'{word} does not exist; did you mean the template "{meant}"'):
        open_clip(word)


def test_files_are_not_taken_for_templates(in_tmp):
    for word in ("nodd.mp4", "nothing-like-it"):
        with pytest.raises(InputError, match="does not exist; check the path"):
            open_clip(word)
    Image.fromarray(spot(20, 30)).save(in_tmp / "nodd", format="png")
    assert open_clip("nodd").total == 1
    assert all(open_clip(name).motion for name in templates())


@pytest.mark.parametrize(
    ("column", "cell", "value"),
    [
        *(("compare", word, "yes") for word in ("WAHR", "VRAI", "VERDADERO", "Waar", "PRAWDA")),
        *(("compare", word, "no") for word in ("FALSCH", "FAUX", "FALSO", "FA\u0141SZ")),
        *(("size", word, "128") for word in ("128,0", "128.0", "128,00", "128")),
        ("smoothing", "0,5", "0.5"),
    ],
)
def test_cells_are_read_as_spreadsheets_of_many_countries_write_them(tmp_path, column, cell, value):
    (tmp_path / "pairs.csv").write_text(f"source;driving;{column}\na;b;{cell}\n", encoding="utf-8")
    assert read_pairs(tmp_path / "pairs.csv")[0].options == {column: value}


@pytest.mark.parametrize(("column", "cell"), [("size", "128,5"), ("size", "WAHR"), ("compare", "VIELLEICHT")])
def test_cells_that_mean_nothing_are_refused(tmp_path, column, cell):
    (tmp_path / "pairs.csv").write_text(f"source;driving;{column}\na;b;{cell}\n", encoding="utf-8")
    with pytest.raises(InputError, match=f"line 2: {column} is"):
        read_pairs(tmp_path / "pairs.csv")


def cut_to(width, height, whole, properties=()):
    """Properties: of a picture of the size `whole` (width, height) the upper left part is shown, and more."""
    right, down = width - whole[0], height - whole[1]
    return [heif.box(b"clap", struct.pack(">IIIIiIiI", width, 1, height, 1, right, 2, down, 2)), *properties]


def stored(height, width):
    rows, columns = np.mgrid[:height, :width]
    return np.stack([2 * columns, 2 * rows, np.full_like(rows, 90)], -1).astype(np.uint8)


@pytest.mark.parametrize("colours", ["yuv444p", "yuv420p"])
@pytest.mark.parametrize("turns", [0, 1, 3])
@pytest.mark.parametrize("mirrored", [None, 0, 1])
def test_odd_heic_pictures_keep_their_last_row_and_column(tmp_path, colours, turns, mirrored):
    """Whatever is turned and mirrored after that, as ffmpeg does it to pictures of which nothing is to be cut off."""
    more = [heif.box(b"irot", bytes([turns]))] if turns else []
    more += [] if mirrored is None else [heif.box(b"imir", bytes([mirrored]))]
    whole = stored(66, 98)
    found = read_image(heif.save(tmp_path / "a.heic", whole, cut_to(97, 65, (98, 66), more), colours=colours))
    expected = np.rot90(whole[:65, :97], turns)
    if mirrored is not None:
        expected = expected[:, ::-1] if mirrored else expected[::-1]
    assert found.size == expected.shape[1::-1]
    assert np.abs(np.asarray(found).astype(int) - expected).mean() < 3
    uncut = read_image(heif.save(tmp_path / "b.heic", whole, more, colours=colours))
    assert np.asarray(uncut)[0, 0] == pytest.approx(np.asarray(found)[0, 0], abs=6)


def test_a_cut_that_cannot_be_is_no_crash(tmp_path):
    for body in (struct.pack(">IIIIiIiI", 97, 0, 65, 1, 0, 1, 0, 1), struct.pack(">II", 9, 1),
                 struct.pack(">IIIIiIiI", 97, 1, 65, 1, 1 << 30, 1, 0, 1)):  # fmt: skip
        path = heif.save(tmp_path / "a.heic", stored(66, 98), [heif.box(b"clap", body)])
        assert read_image(path).size == (98, 66)
