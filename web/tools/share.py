"""What the page in the browser has in common with the rest, written out for it: words, colours, test vectors.

`python -m web.tools.share` in the repository's root writes those that have changed; a test holds that they are current.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from safetensors import safe_open

from checkpoints import contract
from checkpoints.parameters import RESIDUAL, Parameter
from demo import appearance, words
from runtime.control import awake, reference
from runtime.framing.window import Window
from runtime.layers import (
    anatomy,
    backdrop,
    border,
    compose,
    cut,
    exact,
    expression,
    eyes,
    frames,
    glasses,
    lips,
    matte,
    mended,
    mesh,
    mouth,
    person,
    relief,
    residual,
    shutters,
    silhouette,
    solid,
    teeth,
    turn,
)
from runtime.media.picture import square
from runtime.media.provenance import _XMP, COMMENT, STATEMENT
from runtime.motion.inside import kept_inside
from runtime.motion.kinds import KINDS, USUAL
from runtime.motion.modes import Motion, absolute, hull_area, movement_scale, relative
from runtime.motion.smoothing import SPEED_CUTOFF, SPEED_GAIN, OneEuro
from runtime.result.label import TEXT
from web.tools.flow_vectors import flow_vectors
from web.tools.framing_vectors import face_vectors, framing_vectors
from web.tools.layer_vectors import layer_vectors
from web.tools.solid_vectors import solid_vectors

WEB = Path(__file__).resolve().parents[1]

_WORDS = (
    *("TITLE", "LINE", "TAB_ANIMATE", "TAB_LIVE", "PHOTO", "CLIP", "RESULT", "PHOTO_EXAMPLE", "CLIP_EXAMPLE"),
    *("HOW", "MORE", "GO", "STOP", "DOWNLOAD", "SHARE", "DETECTING", "WORKING", "STOPPED", "LIVE_HELP"),
    *("LIVE_PHOTO", "LIVE_CAMERA", "LIVE_RESULT", "LIVE_RESET", "LIVE_SPEED", "LIVE_FIRST"),
)
_OPTIONS = ("mode", "strength", "smoothing", "driving_crop", "adapt_scale", "label")
"""Those that the page in the browser has, too: their words under their names, and `_HINT`."""
_COLOURS = (
    *("body_background_fill", "body_text_color", "body_text_color_subdued", "block_background_fill"),
    *("block_border_color", "input_background_fill", "input_border_color", "button_primary_background_fill"),
    *("button_primary_background_fill_hover", "button_primary_text_color", "button_secondary_background_fill_hover"),
    *("button_secondary_border_color", "slider_color"),
)


def shared_words() -> str:
    """The page's sentences, choices and marks."""
    found: dict[str, Any] = {name: getattr(words, name) for name in _WORDS}
    for name in _OPTIONS:
        option = words.OPTIONS[name]
        found |= {name.upper(): option.label} | ({f"{name.upper()}_HINT": option.hint} if option.hint else {})
    found["MODES"] = words.OPTIONS["mode"].choices
    found["CROPS"] = {value: text for text, value in words.crops() if value != "hand"}
    found["DRIVING_CROPS"] = _without_follow(words.OPTIONS["driving_crop"].choices or {})
    found |= {"LABEL_TEXT": TEXT, "STATEMENT": STATEMENT, "COMMENT": COMMENT, "XMP": _XMP.decode()}
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def _without_follow(crops: Mapping[str, str]) -> dict[str, str]:
    return {value: text for value, text in crops.items() if value != "follow"}


def shared_colours() -> str:
    """The theme's colours as CSS variables, for light and dark."""
    theme = appearance.theme()

    def value(name: str) -> str:
        found = getattr(theme, name)
        return value(found[1:]) if found.startswith("*") else found

    def block(suffix: str) -> str:
        lines = (f"--{name.replace('_', '-')}: {value(name + suffix)};" for name in _COLOURS)
        return " ".join(lines)

    return (
        "/* Written by web/tools/share.py from demo/appearance.py. */\n"
        f":root {{ color-scheme: light dark; {block('')} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ {block('_dark')} }} }}\n"
    )


_LAYERS = (
    *(frames, expression, awake, reference, eyes, lips, mesh, mended, matte, backdrop, border, person, shutters, teeth),
    *(mouth, exact, anatomy, residual, glasses, cut, compose, silhouette, solid, relief, turn),
)


def shared_layers() -> str:
    """The constants of `runtime/layers` and of what expressions count from, module by module, without the underscores
    that make them its own.
    """
    kinds = (int, float, str, tuple, dict, frozenset, slice, np.ndarray)
    found = {
        module.__name__.rpartition(".")[2]: {
            name.lstrip("_"): _listed(value)
            for name, value in vars(module).items()
            if name.lstrip("_").isupper() and isinstance(value, kinds)
        }
        for module in _LAYERS
    }
    return json.dumps(found, indent=2) + "\n"


def _listed(value: Any) -> Any:
    """What JSON has no word for as a list: sets in order, slices by where they start and stop, arrays."""
    if isinstance(value, slice):
        return [value.start, value.stop]
    if isinstance(value, dict):
        return {name: _listed(each) for name, each in value.items()}
    if isinstance(value, np.ndarray):
        return value.tolist()
    return sorted(value) if isinstance(value, frozenset) else value


def shared_head() -> str:
    """The drawn people's mean head: named points in centimetres, depths as the whole numbers that are kept of them."""
    with safe_open(solid.ASSET, "np") as file:
        about = json.loads(file.metadata()["head"])
        points, cells = file.get_tensor("points").astype(np.float64), file.get_tensor("depth")
    found = {"names": about["points"], "points": points.round(6).tolist()}
    return json.dumps(found | {"depth": about["depth"] | {"cells": cells.ravel().tolist()}}) + "\n"


def shared_motion() -> str:
    """Kinds of parameters, over how many axes of each a speed is measured, the constants of smoothing, the
    driving modes that count from a reference frame, and those that need a graph of their own.
    """
    axes = {name: None if kind.axes is None else len(kind.axes) for name, kind in KINDS.items()}
    found = {"USUAL": dict(USUAL), "AXES": axes, "SPEED_CUTOFF": SPEED_CUTOFF, "SPEED_GAIN": SPEED_GAIN}
    found["FROM_REFERENCE"], found["NEEDS"] = list(contract.FROM_REFERENCE), dict(contract.NEEDS)
    return json.dumps(found, indent=2) + "\n"


def _random(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def _numbers(values: NDArray[Any]) -> list[float]:
    return [float(value) for value in np.asarray(values).ravel()]


def _motion(random: np.random.Generator, affine: bool, frames: int = 1, looks: bool = False) -> Motion:
    points = random.uniform(-0.9, 0.9, (frames, 6, 2)).astype(np.float32)
    if looks:
        eyes, lips = (random.uniform(0, 0.4, (frames, *shape)).astype(np.float32) for shape in ((2, 3), (7, 2)))
        residual = random.normal(0, 0.1, (frames, 4, 4, 3)).astype(np.float32)
        return Motion(points, eyes=eyes, lips=lips).with_arrays({RESIDUAL: residual})
    if not affine:
        return Motion(points)
    jacobians, covariances = (random.normal(size=(frames, 6, 2, 2)).astype(np.float32) for _ in range(2))
    return Motion(points, jacobians, covariances)


_ALL = {
    "corners": Parameter("point", (5, 3)),
    "maps": Parameter("linear", (5, 3, 3)),
    "spreads": Parameter("covariance", (5, 2, 2)),
    "outline": Parameter("contour", (2, 7, 2)),
    "smile": Parameter("coefficient", (3,), ("left", "right", "open"), ((0.0, 1.0), (0.0, 1.0), (-2.0, 2.0))),
    "style": Parameter("code", (2, 4)),
    "turn": Parameter("rotation", (2, 3, 3)),
    "size": Parameter("ratio", (2,)),
    "look": Parameter("code", (3, 2), kept=(1, 4)),
}


def _motion_of_all(random: np.random.Generator, frames: int = 1) -> Motion:
    """A motion with a parameter of every kind."""
    arrays = {name: random.uniform(-1, 1, (frames, *what.shape)).astype(np.float32) for name, what in _ALL.items()}
    arrays["maps"] = arrays["maps"] * np.float32(0.2) + np.eye(3, dtype=np.float32)
    arrays["turn"] = KINDS["rotation"].mended(arrays["turn"] * np.float32(0.4) + np.eye(3, dtype=np.float32))
    arrays["size"] = np.exp2(arrays["size"])
    return Motion.of(arrays, _ALL)


def _arrays(motion: Motion) -> dict[str, list[float]]:
    return {name: _numbers(value) for name, value in motion.arrays.items()}


def _parameters(motion: Motion) -> dict[str, Any]:
    return {name: what.to_json() for name, what in motion.parameters.items()}


def motion_vectors() -> list[dict[str, Any]]:
    """Relative and absolute mode, hulls and scales."""
    cases = []
    for seed, kind in enumerate(("points", "affine", "points", "affine", "all", "all")):
        random = _random(seed)
        source, driving, reference = (
            _motion_of_all(random) if kind == "all" else _motion(random, kind == "affine") for _ in range(3)
        )
        strength, adapt = (1.0, 0.6, 1.7, 1.0, 1.0, 1.6)[seed], seed != 3
        moved = relative(source, driving, reference, strength=strength, adapt_scale=adapt)
        cases.append(
            {
                "parameters": _parameters(source),
                "source": _arrays(source),
                "driving": _arrays(driving),
                "reference": _arrays(reference),
                "strength": strength,
                "adaptScale": adapt,
                "relative": _arrays(moved),
                "inside": _arrays(kept_inside(source, moved)),
                "absolute": _arrays(absolute(source, driving, strength=strength)),
                "places": _numbers(source.places[0]),
                "hull": hull_area(source.places[0]),
                "scale": movement_scale(source.places[0], reference.places[0]),
            }
        )
    return cases


def smoothing_vectors() -> list[dict[str, Any]]:
    """Short streams through the One-Euro filter."""
    cases = []
    kinds = [
        (1.0, 25.0, "points"),
        (0.3, 30.0, "affine"),
        (0.0, 25.0, "points"),
        (0.5, 25.0, "looks"),
        (0.7, 25.0, "all"),
    ]
    for seed, (smoothing, rate, kind) in enumerate(kinds):
        random = _random(10 + seed)
        stream = (
            _motion_of_all(random, frames=5)
            if kind == "all"
            else _motion(random, kind == "affine", frames=5, looks=kind == "looks")
        )
        smoothed = OneEuro(smoothing, rate)(stream)
        frames = [[_arrays(each[index : index + 1]) for index in range(5)] for each in (stream, smoothed)]
        case = {"smoothing": smoothing, "rate": rate, "parameters": _parameters(stream)}
        cases.append({**case, "frames": frames[0], "smoothed": frames[1]})
    return cases


def drawn(width: int, height: int) -> NDArray[np.uint8]:
    """A picture with edges and slopes, uint8 (height, width, 3); the tests in TypeScript draw the same."""
    y, x, channel = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    return ((x * 37 + y * 91 + channel * 53 + (x * y) // 3 * 7) % 256).astype(np.uint8)


def picture_vectors() -> dict[str, Any]:
    """Resized pictures and cut windows, to the byte."""
    resized, cuts = [], []
    for width, height, size, box, kind, gap in [
        (9, 7, (5, 4), (0, 0, 9, 7), "bicubic", None),
        (9, 7, (14, 12), (1.25, 0.5, 8.5, 6.75), "bicubic", None),
        (61, 47, (6, 5), (2.0, 3.0, 60.0, 46.0), "bicubic", 3.0),
        (83, 64, (4, 3), (0, 0, 83, 64), "bilinear", 2.0),
        (24, 16, (12, 8), (0, 0, 24, 16), "box", None),
        (9, 7, (4, 5), (0, 0, 9, 7), "box", None),
    ]:
        resample = {
            "bicubic": Image.Resampling.BICUBIC,
            "bilinear": Image.Resampling.BILINEAR,
            "box": Image.Resampling.BOX,
        }[kind]
        image = Image.fromarray(drawn(width, height))
        result = np.asarray(image.resize(size, resample, box=box, reducing_gap=gap))
        case = {"picture": [width, height], "size": size, "box": box, "filter": kind, "gap": gap}
        resized.append({**case, "bytes": result.ravel().tolist()})
    for (width, height), window, target, replicate in [
        ((20, 16), Window(2, 1, 12), 6, True),
        ((20, 16), Window(-3.5, -2, 15), 6, True),
        ((20, 16), Window(10, 6, 14), 7, False),
        ((70, 64), Window(-5, 3, 66), 5, True),
    ]:
        image = Image.fromarray(drawn(width, height))
        result = window.cut(image, target, replicate=replicate)
        outside = "border" if replicate else "black"
        case = {"picture": [width, height], "window": [window.left, window.top, window.side], "target": target}
        cuts.append({**case, "outside": outside, "bytes": result.ravel().tolist()})
    middle = square(Image.fromarray(drawn(23, 17)), 5).ravel().tolist()
    return {"resized": resized, "cuts": cuts, "square": {"picture": [23, 17], "size": 5, "bytes": middle}}


def contract_names() -> dict[str, Any]:
    """The names that the page in the browser has, too."""
    return {
        "graphs": list(contract.GRAPHS),
        "modes": list(contract.MODES),
        "parameters": list(contract.PARAMETERS),
        "feature": contract.feature(0),
    }


def files() -> dict[Path, str]:
    """Every file that is written, with its content."""
    vectors = {
        "motion": motion_vectors(),
        "smoothing": smoothing_vectors(),
        "pictures": picture_vectors(),
        "framing": framing_vectors(),
        "faces": face_vectors(),
        "layers": layer_vectors() | flow_vectors() | solid_vectors(),
        "contract": contract_names(),
    }
    made = {WEB / "tests" / "vectors" / f"{name}.json": json.dumps(value) + "\n" for name, value in vectors.items()}
    made[WEB / "src" / "shared" / "words.json"] = shared_words()
    made[WEB / "src" / "shared" / "layers.json"] = shared_layers()
    made[WEB / "src" / "shared" / "head.json"] = shared_head()
    made[WEB / "src" / "shared" / "motion.json"] = shared_motion()
    made[WEB / "src" / "shared" / "colours.css"] = shared_colours()
    return made


def _alike(one: object, other: object) -> bool:
    """Whether two JSON values are the same, numbers to a millionth: libraries may sum in another order."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-6)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(value, other[key]) for key, value in one.items())
    return one == other


def stale() -> dict[Path, str]:
    """Those of `files` that say something else than what was written last."""

    def is_current(path: Path, text: str) -> bool:
        if not path.is_file():
            return False
        kept = path.read_text(encoding="utf-8")
        return _alike(json.loads(kept), json.loads(text)) if path.suffix == ".json" else kept == text

    return {path: text for path, text in files().items() if not is_current(path, text)}


if __name__ == "__main__":
    for path, text in stale().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
        print(path.relative_to(WEB.parent))
