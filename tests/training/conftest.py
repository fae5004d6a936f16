"""Small real data for the trainer."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_run import moving_square


@pytest.fixture(scope="session")
def frame_folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six clips of five frames, as folders of PNG files."""
    folder = tmp_path_factory.mktemp("clips")
    rng = np.random.default_rng(0)
    for clip in range(6):
        (folder / f"id{clip}#a").mkdir()
        for index, frame in enumerate(moving_square(rng, 5)):
            Image.fromarray(frame).save(folder / f"id{clip}#a" / f"{index:03}.png")
    return folder
