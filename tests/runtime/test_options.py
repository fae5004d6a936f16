"""An option is said once: what `animate`, the commands, a batch's list and the page know of it comes from one field."""

import argparse
import inspect
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, get_type_hints

import pytest

from checkpoints.errors import InputError, OptionError
from runtime import Animator, Limits, animate
from runtime.animate import Request
from runtime.animator import AnimatorOptions
from runtime.commands.declaring import declare
from runtime.options import (
    GROUPS,
    CommonOptions,
    Option,
    Options,
    called_with,
    defaults,
    described,
    docstrings,
    read_word,
)

WRONG = {
    "mode": ("sideways", None, ["relative"]),
    "strength": (
        -1,
        1e9,
        {"mouth": 101},
        True,
        float("nan"),
        "1",
        None,
        {"nose": 1},
        {"mouth": -1},
        {"mouth": "1"},
        [1],
    ),
    "parts": ("nose", "", "mouth,,eyes", [], ["mouth", 1], 5, None, "all,mouth"),
    "pose": ({"nod": 1}, {"yaw": 46}, {"mouth": True}, {"mouth": float("nan")}, "yaw=1", [1]),
    "neutral": ("yes", 1, None),
    "retargeting": ("nose", "", "mouth,,eyes", "none,mouth", ["mouth", 1], 5, None),
    "stitching": (1.1, -0.1, float("nan"), "on", None),
    "smoothing": (1.1, True, "0", None),
    "adapt_scale": ("yes", 1, None),
    "fit": ("squash", None),
    "crop": ("nowhere", (1, 2, 3), None),
    "driving_crop": ("nowhere", 5),
    "face": (0, True, 1.0, "0", "some", "1,1", [], [1, 1], (0, 1), [None]),
    "driving_face": (0, True, 1.0, "1"),
    "paste_back": ("no", 0, None),
    "size": (15, 17, 4096, True, 64.0, "64"),
    "detail": ("yes", None),
    "layers": ("maybe", None),
    "background": ("no colour", "", "#12345678", 5, None),
    "limits": ("pixels=1", None),
    "source_frame": (-1, True, 1.0, "1"),
    "timing": ("both", None),
    "sound": ("loud", None, True),
    "reference": ("last", -1, True, 1.0, None),
    "fps": (0, True, 1001, float("nan"), "25"),
    "start": (-1, True, float("inf"), "0", None),
    "end": (0, True, float("nan"), "1"),
    "loop": (0, True, 1.0, 10_001, None, "seam", "2"),
    "compare": (1, None),
    "show": ("bones", True),
    "urls": ("yes", None),
    "label": ("AI", None),
    "sign": (5, True),
}
RIGHT = {
    "face": (None, 1, 2, "all", [3, 1], (2,)),
    "size": (None, 16, 2048),
    "strength": (0, 1, 2.5, 100, {"mouth": 1.4, "head": 0}, {}),
    "parts": ("all", "mouth", " Mouth, eyes", ["gaze"], ("head", "brows")),
    "pose": (None, {}, {"yaw": -45, "mouth": 1}),
    "retargeting": ("none", "all", " Mouth, eyes", ["eyes"], ("mouth", "eyes"), []),
    "stitching": (0, 1, 0.5, True, False),
    "loop": (1, 2, "seamless"),
    "crop": ("auto", "1,2,3,4", (1, 2, 3, 4), [0.5, 0, 9, 9]),
    "fps": (None, 25, 29.97, 1000),
    "end": (None, 1e-9, 3),
    "sign": (None, "key.pem"),
    "limits": (Limits(pixels=1),),
    "background": ("keep", "transparent", "rebeccapurple", "#123", "rgb(1, 2, 3)", __file__, Path(__file__)),
}


def test_every_wrong_value_is_refused_by_name():
    assert set(WRONG) == set(defaults(Options))
    for name, values in WRONG.items():
        for value in values:
            with pytest.raises(OptionError, match=name.replace("label", "label is").replace("background", "colour")):
                Options(**{name: value})


def test_every_right_value_is_taken():
    for name, values in RIGHT.items():
        for value in values:
            assert getattr(Options(**{name: value}), name) == value


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        ({"face": "all", "show": "structure"}, "leave paste_back or show out"),
        ({"paste_back": True, "show": "structure"}, "leave paste_back or show out"),
        ({"start": 2.0, "end": 1.0}, "From second 2.0 to 1.0"),
        ({"neutral": True, "mode": "absolute"}, "leave neutral or absolute out"),
        ({"background": "transparent", "compare": True}, "leave compare, show or transparent out"),
        ({"background": "transparent", "show": "structure"}, "leave compare, show or transparent out"),
    ],
)
def test_pairs_that_cannot_go_together_are_refused(pair, said):
    with pytest.raises(OptionError, match=said):
        Options(**pair)


def test_every_option_has_words_and_a_group():
    for kind in (Options, Request, AnimatorOptions):
        told = docstrings(kind)
        for name, (_, option) in described(kind).items():
            assert option.group in GROUPS
            assert told[name].endswith(".")
            assert "  " not in told[name]
    assert set(defaults(CommonOptions)) < set(defaults(AnimatorOptions)) & set(defaults(Options))


def test_the_functions_have_the_fields_as_their_keywords():
    assert list(inspect.signature(animate).parameters) == [
        *("source", "driving"),
        *(field.name for field in fields(Request) if field.kw_only),
    ]
    of_animator = inspect.signature(Animator.__init__).parameters
    assert list(of_animator)[:2] == ["self", "engine"]
    assert of_animator["crop"].annotation == get_type_hints(CommonOptions)["crop"]
    with pytest.raises(TypeError, match=r"animate\(\) got an unexpected keyword argument 'strenth'"):
        animate("a.png", "b.mp4", strenth=2)
    with pytest.raises(TypeError, match=r"Animator\.__init__\(\) got an unexpected keyword argument 'loop'"):
        Animator(loop=2)
    with pytest.raises(InputError, match="driving is NoneType: it is missing"):
        animate("a.png")


@pytest.mark.parametrize(
    ("name", "word", "value"),
    [
        ("strength", "0.5", 0.5),
        ("strength", "mouth=1.4, head=.5", {"mouth": 1.4, "head": 0.5}),
        ("parts", "mouth,eyes", "mouth,eyes"),
        ("pose", "yaw=10,Mouth=0.5", {"yaw": 10.0, "mouth": 0.5}),
        ("stitching", "off", 0.0),
        ("stitching", "On", 1.0),
        ("stitching", "0.25", 0.25),
        ("retargeting", "mouth,eyes", "mouth,eyes"),
        ("loop", "3", 3),
        ("loop", "seamless", "seamless"),
        ("face", "2", 2),
        ("compare", "Yes", True),
        ("detail", "off", False),
        ("reference", "7", 7),
        ("reference", "best", "best"),
        ("crop", "1,2,3,4", "1,2,3,4"),
        ("face", "3,1", [3, 1]),
        ("face", "3;1", [3, 1]),
        ("face", "all", "all"),
        ("limits", "pixels=5M", Limits(pixels=5e6)),
    ],
)
def test_words_of_a_list_become_values(name, word, value):
    assert read_word(Options, name, word) == value


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("strength", "much"),
        ("face", "1.5"),
        ("face", "both"),
        ("compare", "perhaps"),
    ],
)
def test_words_that_are_no_value_are_refused(name, word):
    with pytest.raises(OptionError, match=f'{name} is "{word}"; it must be'):
        read_word(Options, name, word)


@dataclass(frozen=True, kw_only=True)
class More(Options):
    """One option more."""

    grain: Annotated[float, Option("output", metavar="AMOUNT")] = 0.25
    """Film grain, from 0 to 1."""


def test_a_field_more_is_an_option_more_everywhere():
    @called_with(More)
    def moved(asked: More) -> float:
        return asked.grain

    assert moved(grain=0.5) == 0.5
    assert inspect.signature(moved).parameters["grain"].default == 0.25
    with pytest.raises(OptionError, match="grain is True; it must be a number"):
        moved(grain=True)
    parser = argparse.ArgumentParser()
    declare(parser, More)
    assert parser.parse_args(["--grain", "0.75"]).grain == 0.75
    assert "--grain AMOUNT" in parser.format_help()
    assert "film grain, from 0 to 1 (0.25)" in parser.format_help()
    assert read_word(More, "grain", "0.5") == 0.5


def test_the_page_has_fields_for_options_and_none_besides():
    page = pytest.importorskip("demo.fields", reason="Gradio is not installed (the extra demo)", exc_type=ImportError)
    words = page.words
    assert set(words.OPTIONS) | set(page.BY_PART) == set(page.NAMES) <= set(defaults(Options))
    given = {parameter.name: parameter.default for parameter in page.parameters()}
    assert page.chosen(given) == given
    empty = {name: type(value)() if value is not None else 0 for name, value in given.items()}
    found = page.chosen(given | {name: empty[name] for name in ("face", "size", "end", "start")} | {"show": ""})
    assert (found["face"], found["size"], found["show"], found["end"], found["start"]) == (None, None, None, None, 0)
    assert page.chosen(given | {"reference": "7", "start": None})["reference"] == 7


@pytest.mark.parametrize(
    ("name", "word", "said"),
    [
        ("strength", "mouth=much", 'strength of mouth is "much"'),
        ("strength", "mouth=1,mouth=2", 'strength has "mouth" twice'),
        ("strength", "mouth=1,2", 'strength has "2"'),
        ("pose", "yaw", 'pose has "yaw"'),
        ("stitching", "perhaps", 'stitching is "perhaps"; it must be on, off, or a number'),
        ("stitching", "0,5", 'stitching is "0,5"; it must be on, off, or a number'),
        ("pose", "=1", 'pose has "=1"'),
    ],
)
def test_numbers_by_name_that_are_none_are_refused(name, word, said):
    with pytest.raises(OptionError, match=said):
        read_word(Options, name, word)
