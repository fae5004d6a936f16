"""What is behind a person: a colour, a picture or nothing in place of the backdrop, in frames and in files."""

import warnings

import numpy as np
import pytest
from PIL import Image

from checkpoints.errors import InputError, OptionError, OutputError
from runtime import animate
from runtime.animator import Animator
from runtime.media.background import Background
from runtime.media.video import probe, read_transparent
from runtime.result.label import Label
from tests.clips import encode


def moved(engine, picture, frames, **options):
    animator = Animator(engine, driving_crop="off", **options)
    animator.set_source(picture)
    return animator, animator.frames(frames)


def over(results, colour):
    """Results with alpha over a colour: f64 (B, h, w, 3)."""
    alpha = results[..., 3:] / 255
    return results[..., :3] * alpha + np.array(colour) * (1 - alpha)


@pytest.fixture(scope="module")
def kept(engine, sample, frames):
    return moved(engine, sample, frames)[1]


@pytest.fixture(scope="module")
def transparent(engine, sample, frames):
    return moved(engine, sample, frames, background="transparent")


def test_a_colour_is_behind_the_person_and_nowhere_else(engine, sample, frames, kept):
    animator, results = moved(engine, sample, frames, background="#00b140")
    assert (results[:, :40, :20] == (0x00, 0xB1, 0x40)).all()
    row, column = (
        np.rint(animator._finish.layers._subject.middle[::-1]).astype(int) - animator._finish.layers._canvas.margin
    )
    assert (
        results[0, row - 20 : row + 20, column - 20 : column + 20]
        == kept[0, row - 20 : row + 20, column - 20 : column + 20]
    ).all()
    assert (animator.pose() == animator.still).all()


def test_a_picture_covers_what_is_behind_its_middle_being_seen(engine, sample, frames, tmp_path):
    wide = np.zeros((50, 300, 3), np.uint8)
    wide[:, :150], wide[:, 150:] = (255, 0, 0), (0, 0, 255)
    Image.fromarray(wide).save(tmp_path / "wide.png")
    _, results = moved(engine, sample, frames, background=tmp_path / "wide.png", size=512)
    assert results.shape[1:] == (512, 512, 3)
    assert (results[:, :80, :40] == (255, 0, 0)).all()
    assert (results[:, :80, -40:] == (0, 0, 255)).all()


@pytest.mark.parametrize(("options", "most"), [({}, 3), ({"size": 512}, 3), ({"size": 100}, 10)])  # made small last
def test_transparent_results_laid_over_a_colour_are_those_before_it(engine, sample, frames, options, most):
    animator, results = moved(engine, sample, frames, background="transparent", **options)
    assert results.shape[-1] == 4
    assert (results[:, :4, :4] == 0).all()
    assert (results[:, results.shape[1] // 2, results.shape[2] // 2, 3] == 255).all()
    assert 0.1 < (results[..., 3] > 0).mean() < 0.9
    _, before = moved(engine, sample, frames, background="#00b140", **options)
    difference = np.abs(over(results, (0x00, 0xB1, 0x40)) - before)
    assert difference.mean() < 0.1
    assert np.quantile(difference, 0.9999) <= most
    at_rest, still = (over(each, (0, 0, 0)) for each in (animator.pose(), animator.still))
    assert np.abs(at_rest - still).max() < 0.05  # the colour of what is hardly there is a matter of rounding
    assert (animator.pose()[..., 3] == animator.still[..., 3]).all()


@pytest.mark.parametrize("extension", [".webm", ".webp"])
@pytest.mark.parametrize("loop", [1, 2])
def test_files_are_transparent_too(engine, sample, frames, transparent, tmp_path, extension, loop):
    clip = encode(tmp_path / "with sound.mp4", list(frames), sound=0.16)
    found = animate(
        *(sample, clip), model=engine, background="transparent", driving_crop="off", loop=loop, progress=False
    )
    written = animate(
        *(sample, clip),
        model=engine,
        background="transparent",
        driving_crop="off",
        loop=loop,
        progress=False,
        output=tmp_path / f"result{extension}",
    )
    assert (probe(written.path).audio is not None) == (extension == ".webm")
    read = np.stack(list(written.frames))
    assert read.shape == found.frames.shape == (loop * len(frames), 256, 256, 4)
    assert np.abs(read[..., 3].astype(int) - found.frames[..., 3]).mean() < 2
    assert (read[:, :10, :10, 3] <= 2).all()
    assert np.abs(over(read, (0, 0, 0)) - over(found.frames, (0, 0, 0))).mean() < 4
    again = next(iter(read_transparent(probe(written.path))))
    assert (again == read[0]).all()


def test_so_are_folders_of_frames_without_any_loss(engine, sample, frames, tmp_path):
    options = {"model": engine, "background": "transparent", "driving_crop": "off", "progress": False}
    written = animate(sample, list(frames), output=f"{tmp_path}/frames/", **options)
    found = animate(sample, list(frames), **options)
    assert (np.stack(list(written.frames)) == found.frames).all()
    with Image.open(tmp_path / "frames" / "frame-000001.png") as image:
        assert image.mode == "RGBA"


@pytest.mark.parametrize("extension", [".mp4", ".mov", ".mkv", ".gif"])
def test_formats_without_alpha_are_refused_before_anything_is_done(sample, tmp_path, extension):
    with pytest.raises(OutputError, match=r"cannot be transparent; let it end in \.webm, \.webp, or write a folder/"):
        animate(sample, "missing.mp4", background="transparent", output=tmp_path / f"a{extension}", progress=False)
    assert not list(tmp_path.iterdir())


def test_a_colour_can_be_written_into_any_file(engine, sample, frames, tmp_path):
    animate(
        sample,
        list(frames),
        model=engine,
        background="blue",
        driving_crop="off",
        output=tmp_path / "a.mp4",
        progress=False,
    )
    shown = next(iter(animate(sample, tmp_path / "a.mp4", model=engine, layers="off", progress=False).frames))
    assert shown.shape[-1] == 3


@pytest.mark.parametrize("background", ["red", "transparent"])
def test_where_nobody_is_seen_there_is_no_other_background(engine, sample, background):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(InputError, match="no person is seen in the picture; leave it at keep"):
            Animator(engine, background=background).set_source(Image.new("RGB", (256, 256), "grey"))
    with pytest.raises(InputError, match="is not moved in layers; leave it at keep"):
        Animator(engine, background=background, layers="off").set_source(sample)
    with pytest.raises(OptionError, match="leave background out"):
        Animator(engine, background=background, paste_back=True).set_source(sample)


def test_a_cut_out_picture_takes_a_colour_as_ever(engine, sample, frames):
    """Behind its transparent parts, with layers or without, pasted back or not; an opaque alpha channel is none."""
    cut = sample.convert("RGBA")
    cut.paste((0, 0, 0, 0), (0, 0, sample.width, 30))
    for options in ({}, {"layers": "off"}, {"paste_back": True}):
        animator = Animator(engine, background="red", crop="off", **options)
        animator.set_source(cut)
        assert (animator.still[2, 2] == (255, 0, 0)).all()
        assert np.abs(animator.still[-2, 2].astype(int) - (255, 0, 0)).max() > 20
    _, opaque = moved(engine, sample.convert("RGBA"), frames[:1], background="red")
    assert (opaque[0, :20, :10] == (255, 0, 0)).all()


def test_a_background_that_is_no_picture_is_refused_by_its_name(engine, sample, tmp_path):
    (tmp_path / "words.txt").write_text("no picture")
    with pytest.raises(InputError, match=r"words\.txt is not a picture"):
        Animator(engine, background=tmp_path / "words.txt").set_source(sample)


def test_words_before_colours_before_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("keep", "red"):
        (tmp_path / name).touch()
    assert Background.of("keep").file is None
    assert Background.of("red").colour == (255, 0, 0)
    assert Background.of("./red").file is not None
    assert Background.of("red").filling == "red"
    assert Background.of("transparent").filling == "white"


def test_the_label_is_opaque_on_what_is_transparent():
    frame = np.zeros((64, 256, 4), np.uint8)
    frame[..., :3] = 200  # the colour of nothing counts for nothing
    labelled = Label((256, 64))(frame)
    place = (labelled != frame).any(-1)
    assert (labelled[place][:, 3] == 255).all()
    assert labelled[place][:, :3].max() >= 240
    assert labelled[place][:, :3].min() == 0
    assert (labelled[~place] == frame[~place]).all()
