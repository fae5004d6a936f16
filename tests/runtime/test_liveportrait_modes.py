"""LivePortrait's driving modes and regions by the engine's own arithmetic, against numbers of the publication."""

import numpy as np
import pytest
from golden_data import shared

from checkpoints.parameters import Parameter
from runtime.control.declared import says_parts, weigh
from runtime.control.parts import Strengths
from runtime.motion.modes import Motion, absolute, relative
from training.models.liveportrait import meaning

PARAMETERS = {
    "rotation": Parameter("rotation", (1, 3, 3), parts=("head",)),
    "expression": Parameter("code", (21, 3), kept=meaning.kept(21), parts=meaning.parts(21)),
    "scale": Parameter("ratio", (1,)),
    "translation": Parameter("code", (3,), parts=("head",) * 3),
}
REGIONS = {"exp": "mouth,eyes,brows", "pose": "head", "lip": "mouth", "eyes": "eyes"}


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray]:
    return shared("liveportrait")[1]


def motion(arrays: dict[str, np.ndarray], role: str) -> Motion:
    def of(name: str, *shape: int) -> np.ndarray:
        return arrays[f"{role}_{name}"].reshape(-1, *shape)

    return Motion.of(
        {
            "rotation": of("R", 1, 3, 3),
            "expression": of("raw_exp", 21, 3),
            "scale": of("raw_scale", 1),
            "translation": of("raw_t", 3),
        },
        PARAMETERS,
    )


def points(arrays: dict[str, np.ndarray], driven: Motion) -> np.ndarray:
    """(T, 21, 3): x = s (k R + e) + t in the plane (shared facts, section 7)."""
    found = {name: array.astype(np.float64) for name, array in driven.arrays.items()}
    head = arrays["source_raw_kp"].reshape(21, 3) @ found["rotation"][:, 0] + found["expression"]
    moved = found["scale"][:, :, None] * head
    moved[..., :2] += found["translation"][:, None, :2]
    return moved


def test_eighteen_numbers_of_an_expression_are_kept_and_regions_have_the_publication_s_rows():
    kept = {divmod(at, 3) for at in meaning.kept(21)}
    assert len(kept) == 18
    assert not {row for row, _ in kept} & {1, 2, 6, *range(11, 21)}
    assert not kept & {(3, 1), (4, 1), (5, 2), (8, 2), (9, 1), (9, 2)}
    parts = meaning.parts(21)
    assert [row for row, part in enumerate(parts) if part == "mouth"] == [6, 12, 14, 17, 19, 20]
    assert [row for row, part in enumerate(parts) if part == "eyes"] == [11, 13, 15, 16, 18]
    assert meaning.kept(4) == meaning.parts(4) == ()  # other points mean other things


def test_everything_moves_as_published(arrays):
    source, driving = motion(arrays, "source"), motion(arrays, "driving")
    moved = {"relative": relative(source, driving, driving[:1]), "absolute": absolute(source, driving)}
    for mode, driven in moved.items():
        np.testing.assert_allclose(points(arrays, driven), arrays[f"{mode}_x"], atol=2e-6)
    # "Expression-friendly" is the same for a picture.
    np.testing.assert_allclose(points(arrays, moved["relative"]), arrays["expression_x"], atol=2e-6)


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("mode", ["relative", "absolute"])
def test_parts_move_as_the_publication_s_regions(arrays, mode, region):
    source, driving = motion(arrays, "source"), motion(arrays, "driving")
    whole = relative(source, driving, driving[:1]) if mode == "relative" else absolute(source, driving)
    driven = weigh(source, whole, Strengths.of(REGIONS[region]))
    np.testing.assert_allclose(points(arrays, driven)[1], arrays[f"{mode}_f1_{region}_x"], atol=2e-6)
    wrong = weigh(source, whole, Strengths.of("head,brows"))
    assert np.abs(points(arrays, wrong)[1] - arrays[f"{mode}_f1_{region}_x"]).max() > 1e-4  # it can tell


def test_parts_that_have_their_whole_strength_are_all_of_the_motion():
    assert says_parts(PARAMETERS)
    assert not says_parts({"points": Parameter("point", (4, 2))})
    random = np.random.default_rng(0)
    source, driven = (
        Motion.of({"expression": random.normal(size=(count, 21, 3)).astype(np.float32)}, PARAMETERS) for count in (1, 3)
    )
    np.testing.assert_array_equal(weigh(source, driven, Strengths()).arrays["expression"], driven.arrays["expression"])
    still = weigh(source, driven, Strengths.of(strength=0.0)).arrays["expression"]
    np.testing.assert_array_equal(still, np.repeat(source.arrays["expression"], 3, 0))
    half = weigh(source, driven, Strengths.of(strength={"mouth": 0.5})).arrays["expression"]
    lips = meaning.parts(21).index("mouth")
    wanted = (source.arrays["expression"] + driven.arrays["expression"]) / 2
    np.testing.assert_allclose(half[:, lips], wanted[:, lips], atol=1e-6)
