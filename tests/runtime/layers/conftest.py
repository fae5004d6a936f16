"""A drawn person, whose face lies where the engine finds it, and the default model."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import runtime
from runtime.animator import Animator
from runtime.engine import Engine
from runtime.media.picture import read_image

SAMPLE = Path(runtime.__file__).parent / "assets" / "sample.jpg"


@pytest.fixture(scope="session")
def engine():
    return Engine("faces-lite")


@pytest.fixture(scope="session")
def sample():
    return read_image(SAMPLE)


@pytest.fixture(scope="session")
def animator(engine, sample):
    animator = Animator(engine)
    animator.set_source(sample)
    return animator


@pytest.fixture(scope="session")
def layers(animator):
    return animator._finish.layers


@pytest.fixture(scope="session")
def frames(engine):
    """Four driving frames of the bundled video, far apart."""
    from runtime.motion.driving import frame_clip, open_clip, read_squares

    framed = frame_clip(open_clip(SAMPLE.with_suffix(".mp4")), Animator(engine).framer)
    read = list(read_squares(framed, engine.resolution))
    return np.stack(read)[[0, len(read) // 3, len(read) // 2, -1]]


@pytest.fixture
def busy():
    """A picture f32 (128, 128, 4) with structure everywhere, opaque."""
    noise = np.random.default_rng(0).random((16, 16, 3))
    picture = np.asarray(Image.fromarray((255 * noise).astype(np.uint8)).resize((128, 128), 3), np.float32)
    return np.concatenate([picture, np.ones((128, 128, 1), np.float32)], -1)
