"""What the command says of words that it does not know, and how it names options."""

from __future__ import annotations

import argparse

import pytest

from checkpoints.errors import InputError
from runtime.cli import main, whole_parser
from runtime.commands import animate as command
from runtime.commands.wording import as_flags, meant, with_flags


def said(capsys, *words):
    """The one line on stderr."""
    assert main(list(words)) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n"), err[:16]) == ("", 1, "bunraku: error: ")
    return err[16:-1]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("anmate a b", 'There is no command "anmate"; did you mean "animate"? (see bunraku --help)'),
        ("photo.jpg b.mp4", '"photo.jpg" is no command; did you mean "bunraku animate photo.jpg b.mp4"?'),
        ("zzz", 'There is no command "zzz"; there are animate, '),
        ("animate --modle x", '"bunraku animate" has no option "--modle"; did you mean "--model"?'),
        ("animate a b --paste-bakc=1", '"bunraku animate" has no option "--paste-bakc"; did you mean "--paste-back"?'),
        ("animate a b --qqq", '"bunraku animate" has no option "--qqq" (see bunraku animate --help)'),
        ("animate a b -q", '"bunraku animate" has no option "-q" (see bunraku animate --help)'),
        ("animate a b c", '"c" is a word too many for "bunraku animate" (see bunraku animate --help)'),
        ("animate a b --mode relativ", 'did you mean "relative"? (see bunraku animate --help)'),
        ("batch --outptu out", 'did you mean "--output"? (see bunraku batch --help)'),  # before what it lacks then
        ("motion extrat a", 'did you mean "extract"?'),
        ("motion extract --outptu a", 'did you mean "--output"?'),
    ],
)
def test_what_may_have_been_meant_is_asked(capsys, in_tmp, words, expected):
    assert expected in said(capsys, *words.split())


def test_letters_in_another_order_are_the_likeliest_slip():
    assert meant("--modle", ["--mode", "--model"]) == '; did you mean "--model"?'
    assert meant("--moed", ["--mode", "--model"]) == '; did you mean "--mode"?'
    assert meant("xyz", ["--mode"]) == ""


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--show structure --paste-back", "leave --paste-back or --show out."),
        ("--background transparent --compare", "leave --compare, --show or transparent out."),
        ("--strength -1", "--strength is -1.0; it must be"),
        ("--start 3 --end 2", "--start must be 0 or more and before --end."),
        ("--size 7", "--size is 7; it must be"),
        ("--driving-face 0", "--driving-face is 0; it must be"),
        ("--driving-crop nowhere", '--driving-crop is "nowhere"; choose'),
    ],
)
def test_options_are_named_as_flags(capsys, in_tmp, words, expected):
    assert expected in said(capsys, "animate", "a.png", "b.mp4", *words.split())


def test_words_of_every_day_stay_what_they_are():
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    for text in (
        "a.mp4 ends before second 3; start earlier.",
        "paste_backs, my-size and the face in face.png",
        "The model has no points to frame its pictures by; choose another crop.",
    ):
        assert as_flags(text, parser) == text
    told = as_flags("With paste_back it is as large as the picture; leave size out.", parser)
    assert told == "With --paste-back it is as large as the picture; leave --size out."
    assert as_flags("a/driving_face is paste_back.mp4", parser) == "a/driving_face is paste_back.mp4"
    assert as_flags("allow it (urls=True, or --urls)", parser) == "allow it (--urls)"


def test_limits_are_raised_by_the_flag_of_that_name_and_files_keep_their_names():
    parser, plain = argparse.ArgumentParser(), argparse.ArgumentParser()
    command.add_arguments(parser)
    limit = InputError("driving_face has more than 10 pixels; make it smaller, or raise the limit of pixels.")
    told = with_flags(limit, parser)
    assert isinstance(told, InputError)
    assert str(told) == "driving_face has more than 10 pixels; make it smaller, or raise it by --limits pixels=N."
    assert str(with_flags(InputError("or raise the limit."), parser)) == "or raise it by --limits bytes=N."
    assert str(with_flags(limit, plain)) == str(limit)


@pytest.mark.parametrize("words", [["--limits"], ["animate", "--limits"], ["batch", "--limits"]])
def test_the_limits_alone_are_told(capsys, words):
    assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["pixels=120M", "seconds=3600", "bytes=16G"]


def test_commands_stand_as_people_need_them(capsys):
    assert main([]) == 0
    out = capsys.readouterr().out
    places = [out.index(f"\n    {name} ") for name in ("animate", "live", "batch", "motion", "doctor", "completion")]
    assert places == sorted(places)
    pytest.importorskip("torch", reason="PyTorch is not installed (the extra train)")
    assert places[-1] < out.index("\n    train ")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "tcsh", "powershell"])
def test_shells_complete_commands_options_and_choices(capsys, shell):
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for word in ("animate", "doctor", "driving-crop", "disentangled", "extract"):
        assert word in script


def test_what_is_completed_is_what_there_is():
    actions = [action for action in whole_parser()._actions if isinstance(action, argparse._SubParsersAction)]
    assert {"animate", "batch", "completion", "doctor", "live", "motion"} <= set(actions[0].choices)
