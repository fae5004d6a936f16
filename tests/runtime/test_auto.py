"""`model="auto"`: what pictures show, which model that asks for, and what is said of it."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from clips import moving, spot
from PIL import Image
from skimage.data import chelsea

from checkpoints.bundle import Bundle
from checkpoints.errors import BunrakuWarning, ModelError, OptionError
from demo import words
from demo.notices import heard
from demo.studio import Studio
from runtime import Engine, animate
from runtime.auto import AutoModel
from runtime.commands.animate import SAMPLE
from runtime.framing import kinds
from runtime.framing.front import SIDE
from runtime.framing.kinds import kind_of, pair_kind
from runtime.media.picture import read_image
from runtime.motion.driving import open_clip


@pytest.fixture(scope="module")
def portrait() -> Image.Image:
    return read_image(SAMPLE[0])


def offering(toy, **moved: str):
    """An `AutoModel` of toys that say what they move, and what it opened."""
    opened: list[str] = []
    bundles = [(name, replace(Bundle.load(toy), name=name, framing={"moves": kind})) for name, kind in moved.items()]

    def engine(name: str) -> Engine:
        opened.append(name)
        return Engine(dict(bundles)[name], device="cpu")

    return AutoModel(engine, lambda: bundles), opened


def test_a_portrait_shows_a_face_and_a_cat_none(portrait):
    assert kind_of([portrait], thorough=True) == "face"
    assert kind_of([Image.fromarray(chelsea())], thorough=True) == "cartoon"
    cats = [Image.fromarray(chelsea())] * 2
    assert kind_of([portrait, *cats], thorough=False) == "cartoon"  # what most of them show
    assert kind_of([], thorough=False) == "face"


@pytest.mark.parametrize(("below", "kind"), [(0, "face"), (3, "body")])
def test_who_is_seen_to_the_knees_shows_a_body(portrait, monkeypatch, below, kind):
    """The network that tells people from their backdrop needs legs; here it is told of them."""
    width, height = portrait.size
    whole = Image.new("RGB", (width, (1 + below) * height), "grey")
    whole.paste(portrait)
    person = np.zeros((SIDE, SIDE), np.float32)
    person[SIDE // 8 :, SIDE // 4 : -SIDE // 4] = 0.99
    monkeypatch.setattr(kinds, "people_in", lambda images: [person])
    assert kind_of([whole], thorough=True) == kind


@pytest.mark.parametrize(
    ("source", "driving", "wanted"),
    [
        ("face", "face", "face"),
        ("body", "body", "body"),
        ("cartoon", "cartoon", "cartoon"),
        ("face", "body", "face"),
        ("body", "face", "face"),
        ("cartoon", "face", "cartoon"),
        ("cartoon", "body", "cartoon"),
        ("face", "cartoon", "face"),
        ("body", "cartoon", "cartoon"),
    ],
)
def test_both_sides_have_a_say(source, driving, wanted):
    assert pair_kind(source, driving) == wanted


def test_the_model_of_what_both_show_is_taken_and_named(toy, tmp_path):
    model, opened = offering(toy, people="face", others="cartoon", more="cartoon")
    moving(tmp_path / "dot.mp4", 3)
    for _ in range(2):
        with heard() as said:
            made = animate(spot(20, 40), tmp_path / "dot.mp4", model=model, progress=False)
        assert len(made) == 3
        assert said[0] == (
            "The picture shows nobody's face, what drives it nobody's face: the model \"others\" is taken."
        )
    assert opened == ["others"]  # once


def test_our_own_model_goes_before_others(toy, portrait):
    model, opened = offering(toy, aaa="face", **{"faces-lite": "face"})
    with pytest.warns(BunrakuWarning, match='"faces-lite" is taken'):
        model.engine_for(None, [portrait], [open_clip([portrait])])
    assert opened == ["faces-lite"]


def test_what_is_not_here_is_said_with_how_to_get_it(toy, portrait):
    cat = chelsea()
    model, opened = offering(toy, people="face")
    with pytest.warns(BunrakuWarning, match=r"none of drawn figures is here\. Get one \(.*models --hub.*docs/training"):
        model.engine_for(None, [cat], [open_clip([cat])])
    assert opened == ["people"]
    with pytest.raises(ModelError, match="no model here"):
        AutoModel(Engine, list).engine_for(None, [portrait], [open_clip([portrait])])


def test_frames_that_can_be_read_once_are_not_looked_at(toy, portrait):
    model, opened = offering(toy, people="face", others="cartoon")
    frames = iter([chelsea(), chelsea()])
    with pytest.warns(BunrakuWarning):
        model.engine_for(None, [portrait], [open_clip(frames)])
    assert opened == ["people"]
    assert len(list(frames)) == 2


def test_by_name_it_is_ours(portrait):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        made = animate(portrait, [portrait], model="auto", progress=False, layers="off")
    assert made[0].shape == (256, 256, 3)
    assert '"faces-lite" is taken' in str(said[0].message)


def test_what_is_not_animated_needs_a_name():
    with pytest.raises(OptionError, match=r"in animate, in batch and on the page"):
        Engine("auto")


def test_without_a_face_the_usual_model_suggests_it():
    with heard() as said:
        animate(chelsea(), [chelsea()], progress=False, layers="off")
    assert [each.endswith("may do better: model=auto.") for each in said[:2]] == [True, False]  # once
    assert f'may do better: "{words.MODEL_AUTO}", under "{words.MORE}".' in words.notice(said[0])


def test_the_page_chooses_among_its_own(toy, tmp_path):
    studio = Studio(device="cpu")
    studio.shelf.add(toy)
    assert studio.shelf.bundle("auto").name == "faces-lite"
    take = studio.animate(
        str(SAMPLE[0]), str(SAMPLE[1]), tmp_path, visitor="a", report=lambda *_: None, model="auto", end=0.1
    )
    assert take.notices[0].endswith('the model "faces-lite" is taken.')
