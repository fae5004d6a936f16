"""A page with the toy model on a free port, and a real browser to look at it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import clips
import pytest
from PIL import Image
from served_page import Served, free_port

pytest.importorskip("gradio", reason="the page needs the extra bunraku[demo]")


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photo.jpg (a square left of the middle), clip.mp4 (one that walks to the right, with sound), and
    broken files.
    """
    folder = tmp_path_factory.mktemp("files")
    Image.fromarray(clips.spot(26, 34)).save(folder / "photo.jpg", quality=95)
    clips.moving(folder / "clip.mp4", 10, sound=0.4)
    (folder / "text.jpg").write_text("not a picture")
    whole = clips.moving(folder / "whole.mp4", 20, options=["-movflags", "-faststart"]).read_bytes()
    (folder / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    return folder


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where Gradio keeps uploads and results; for every test here, so that none depends on which ran before it."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(folder))
        yield folder


@pytest.fixture(scope="session")
def served(toy: Path, files: Path, cache: Path) -> Iterator[Served]:
    """The page with examples, shared by all tests that do not change it."""
    from demo.page import serve
    from demo.samples import Samples
    from demo.studio import Studio

    pair = files / "photo.jpg", files / "clip.mp4"
    samples = Samples(pair[:1], pair[1:], figures=(pair,))
    studio, port = Studio(toy, samples=samples), free_port()
    page = serve(studio, host="127.0.0.1", port=port, wait=False)
    yield Served(f"http://127.0.0.1:{port}", cache, studio, page._queue)
    page.close()
