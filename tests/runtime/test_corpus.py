"""What people throw at it: every awkward input ends in the right picture or in the right error, of one line."""

import os
import sys
from pathlib import Path

import corpus_pictures
import corpus_videos
import numpy as np
import pytest
from clips import center, spot

from checkpoints.errors import InputError
from runtime import Engine, animate

STILL = [spot(30, 30)]


@pytest.fixture(scope="module")
def engine(toy) -> Engine:
    return Engine(toy, device="cpu", threads=1)


@pytest.fixture(autouse=True)
def every_file_is_closed():
    """No reader may leave a descriptor open."""
    if sys.platform != "linux":
        yield
        return
    before = len(os.listdir("/proc/self/fd"))
    yield
    assert len(os.listdir("/proc/self/fd")) <= before


def refused(call, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value).strip()
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize("name", corpus_pictures.GOOD)
def test_a_good_picture_is_shown_as_it_was_meant(engine, tmp_path, name):
    path = tmp_path / name
    corpus_pictures.GOOD[name](path)
    result = animate(path, STILL, model=engine, progress=False)
    np.testing.assert_allclose(center(result.frames[0]), (20, 40), atol=0.8)
    assert result.frames[0].min() < 60  # the ground is dark, so it was neither inverted nor washed out


@pytest.mark.parametrize("name", corpus_pictures.BAD)
def test_a_bad_picture_is_refused(engine, tmp_path, name):
    make, words = corpus_pictures.BAD[name]
    make(tmp_path / name)
    refused(lambda: animate(tmp_path / name, STILL, model=engine, progress=False), words)


@pytest.mark.filterwarnings("ignore::checkpoints.errors.BunrakuWarning")
@pytest.mark.parametrize("name", corpus_videos.GOOD)
def test_a_good_video_moves_the_picture_as_it_was_meant(engine, tmp_path, name):
    video = corpus_videos.GOOD[name]
    path = tmp_path / name
    video.make(path)
    result = animate(spot(20, 40), path, model=engine, progress=False)
    assert len(result) in video.frames
    assert float(result.rate) == pytest.approx(video.rate)
    # Where it is at the end must be as far from where it is in the beginning as in the video.
    first, last = center(result.frames[0]), center(result.frames[-1])
    np.testing.assert_allclose(first, (20, 40), atol=0.8)
    np.testing.assert_allclose(last - first, video.way, atol=2.2)


@pytest.mark.parametrize("name", corpus_videos.BAD)
def test_a_bad_video_is_refused(engine, tmp_path, name):
    make, words = corpus_videos.BAD[name]
    path: Path = tmp_path / name
    make(path)
    refused(lambda: animate(spot(20, 40), path, model=engine, progress=False), words)


def test_there_are_enough_of_them():
    assert sum(map(len, (corpus_pictures.GOOD, corpus_pictures.BAD, corpus_videos.GOOD, corpus_videos.BAD))) >= 100
