"""The default model in Node and in Chromium, on WebAssembly: the engine's pictures within 3/255."""

from __future__ import annotations

import json
import os
import subprocess
from itertools import islice
from pathlib import Path
from typing import Any

import clips
import numpy as np
import pytest
from PIL import Image
from visiting import Bytes, go, opened, put, shown

from checkpoints.bundle import Bundle
from checkpoints.description import read_json
from runtime import Animator, Engine
from runtime.commands.animate import SAMPLE
from runtime.framing.framer import Framer, Framing
from runtime.media.picture import read_image
from runtime.media.video import probe, read_frames
from web.tools.hosting import serving

pytestmark = pytest.mark.slow

LIMIT = 3
"""Largest difference of a byte."""
RARE, EDGE = 1e-5, 16
"""Share of bytes that may differ by more in layers, and by how much: where something hides what is behind it, a hair's
breadth decides.
"""
LARGEST_DOWNLOAD = 14_000_000
"""Of the model and of the networks that find faces, persons, eyes and lips, and paint teeth."""
NETWORKS = ("face", "eye", "face_mesh", "mouth", "person", "layers", "registration")
EVERY = 10
"""Frames of the clip for one that is compared: WebAssembly takes its time."""
WEB = Path(__file__).resolve().parents[2] / "web"


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled photo, decoded: what decoders make of a JPEG is not what is compared here."""
    path = tmp_path_factory.mktemp("photo") / "photo.png"
    read_image(SAMPLE[0]).save(path)
    return path


@pytest.fixture(scope="module")
def clip() -> list[Bytes]:
    """Every tenth frame of the bundled clip, as the engine's decoder gives them."""
    return list(islice(read_frames(probe(SAMPLE[1])), 0, None, EVERY))


def test_the_default_model_is_a_small_download(faces_lite: Path) -> None:
    bundle = Bundle.load(faces_lite)
    assets = [WEB.parent / "runtime" / "assets" / f"{name}.onnx" for name in NETWORKS]
    smaller = read_json(faces_lite)["smaller"]["graphs"].values()
    whole = sum(graph.bytes for graph in bundle.graphs.values()) + sum(each["bytes"] for each in smaller)
    whole += sum(path.stat().st_size for path in assets)
    print(f"{whole} bytes.")
    assert whole < LARGEST_DOWNLOAD
    assert bundle.parity["max_abs_difference"] <= LIMIT


def test_node_gives_the_engines_pictures(faces_lite: Path, photo: Path, clip: list[Bytes], tmp_path: Path) -> None:
    framer = Framer(Framing(), "crop", "auto", "auto", None)
    first, frames = Image.fromarray(clip[0]), clip[::3]
    windows = framer.source(read_image(photo)), framer.driving([first])
    assert windows[0] is not None
    assert windows[1] is not None
    side = Bundle.load(faces_lite).resolution
    driving = np.stack([windows[1].cut(Image.fromarray(frame), side) for frame in frames])
    picture = np.asarray(read_image(photo))
    (tmp_path / "driving.bin").write_bytes(driving.tobytes())
    (tmp_path / "photo.bin").write_bytes(picture.tobytes())
    modes = ("relative", "absolute", "disentangled")
    for mode in modes:
        for name, layers in ((mode, "off"), (f"{mode}-layers", "auto")):
            animator = Animator("faces-lite", mode=mode, layers=layers)
            animator.set_source(photo)
            (tmp_path / f"{name}.bin").write_bytes(animator.frames(driving).tobytes())
    engine = Engine("faces-lite")
    vars(engine)["names"] = {}  # as a model whose points have none
    animator = Animator(engine)
    animator.set_source(photo)
    (tmp_path / "nameless.bin").write_bytes(animator.frames(driving).tobytes())
    window = [windows[0].left, windows[0].top, windows[0].side]
    facts = {"model": str(faces_lite), "side": side, "frames": len(frames), "modes": modes}
    facts |= {"photo": picture.shape[1::-1], "window": window}
    (tmp_path / "reference.json").write_text(json.dumps(facts))
    environment = os.environ | {"BUNRAKU_REFERENCE": str(tmp_path)}
    command = ["npx", "vitest", "run", "tests/parity.test.ts"]
    done = subprocess.run(command, cwd=WEB, env=environment, capture_output=True, text=True)
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "1 passed" in done.stdout


def test_chromium_gives_the_engines_pictures(
    dist: Path, faces_lite: Path, photo: Path, clip: list[Bytes], browser: Any, tmp_path: Path
) -> None:
    names = [tmp_path / f"{index}.png" for index in range(len(clip))]
    for path, frame in zip(names, clip, strict=True):
        Image.fromarray(frame).save(path)
    context = browser.new_context()
    with serving(dist, faces_lite) as site:
        page = opened(context, site.url)
        put(page, photo, names)
        said = go(page)
        found = shown(page)
        note = page.locator("#engine").inner_text()
    context.close()
    animator = Animator("faces-lite")
    animator.set_source(photo)
    difference = [
        np.abs(frame.astype(int) - animator.frame(driving)) for frame, driving in zip(found, clip, strict=True)
    ]
    print(f"{said} {note} At most {np.max(difference)}/255, on average {np.mean(difference):.4f}/255.")
    assert np.max(difference) <= EDGE
    assert np.mean(np.stack(difference) > LIMIT) <= RARE


def test_the_browsers_own_decoders_change_little(
    dist: Path, faces_lite: Path, clip: list[Bytes], browser: Any, tmp_path: Path
) -> None:
    """The files themselves, as a visitor gives them: JPEG and H.264, decoded by the browser."""
    short = clips.encode(tmp_path / "short.mp4", clip, options=["-crf", "12"])
    context = browser.new_context()
    with serving(dist, faces_lite) as site:
        page = opened(context, site.url)
        put(page, SAMPLE[0], [short])
        go(page)
        found = shown(page)
    context.close()
    animator = Animator("faces-lite")
    animator.set_source(SAMPLE[0])
    expected = np.stack([animator.frame(frame) for frame in read_frames(probe(short))])
    difference = np.abs(found.astype(int) - expected)
    print(f"On average {difference.mean():.3f}/255.")
    assert len(found) == len(clip)
    assert difference.mean() < 2
