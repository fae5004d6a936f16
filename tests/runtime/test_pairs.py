"""Lists of pairs are read as spreadsheets and people write them, and outputs that would be one file are told apart."""

from __future__ import annotations

import sys
import unicodedata
from pathlib import Path

import pytest

from checkpoints.errors import InputError
from runtime.many import pairs
from runtime.many.batch import run_batch
from runtime.many.pairs import Job, check_apart, read_pairs

PLAIN = "source,driving,output,mode,strength\na.png,one.mp4,x.mp4,absolute,0.5\nb.png,two.mp4,y.mp4,,\n"
SAME = [("a.png", "one.mp4", "x.mp4", {"mode": "absolute", "strength": "0.5"}), ("b.png", "two.mp4", "y.mp4", {})]


def read(folder: Path, text: str | bytes) -> list[Job]:
    (folder / "pairs.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_pairs(folder / "pairs.csv")


def told(folder: Path, text: str | bytes) -> list[tuple]:
    """Source, driving, output and options of each pair."""
    found = read(folder, text)
    return [(Path(job.source).name, Path(job.driving).name, job.output, dict(job.options)) for job in found]


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN.encode("utf-8-sig"),
        PLAIN.encode("utf-16"),
        b"\xfe\xff" + PLAIN.encode("utf-16-be"),
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", ";").replace("0.5", "0,5"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace(",", "\t").encode("utf-16"),
        "sep=;\r\n" + PLAIN.replace(",", ";"),
        "sep=|\n" + PLAIN.replace(",", "|"),
        PLAIN.replace(",", " , "),
        PLAIN.replace("\n", ",,,\n"),
        PLAIN.replace("\n", "\n,,,,\n"),
        "\n\n" + PLAIN.replace("\n", "\n\n"),
        ";;;;\n" + PLAIN.replace(",", ";") + ";;;;\n;;;;\n",
        PLAIN.removesuffix(",,\n"),
        '"source","driving","output","mode","strength"\n"a.png","one.mp4","x.mp4","absolute","0,5"\nb.png,two.mp4,y.mp4',
        PLAIN.replace("source", "Source ").replace("driving", " DRIVING"),
    ],
)
def test_all_ways_of_writing_a_list_are_the_same_list(tmp_path, text):
    assert told(tmp_path, text) == SAME


def test_a_name_with_a_separator_or_a_line_in_it(tmp_path):
    text = 'source;driving\n"a;b.png";one.mp4\n"c\nd.png";two.mp4\ne, f.png;three.mp4\n'
    assert [name for name, *_ in told(tmp_path, text)] == ["a;b.png", "c\nd.png", "e, f.png"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("source,driving\na,b\n,d\n", 3),
        ("\n\nsource,driving\n\na,b\n\n\nc,\n", 8),
        ('source,driving\n"a\nb",c\n"d\ne",\n', 4),
        ("sep=;\nsource;driving\na;b\n;d\n", 4),
        ("source,driving,strength\r\na,b,1\r\n,,\r\nc,d,much\r\n", 4),
        ("source,driving,mode\na,b,absolute\nc,d,relative,crop\n", 3),
        ("source,driving,\na,b,\nc,d,e\n", 3),
        ("source,driving,output\na,b,x.mp4\n\nc,d,./x.mp4\n", 4),
        ("source,driving,output\na,b,x/y/\n\nc,d,x/z/../y\n", 4),
        ("\nsource,driving,sauce\na,b,c\n", 2),
        ("source,driving,source\na,b,c\n", 1),
    ],
)
def test_the_line_that_is_told_is_that_of_the_file(tmp_path, text, line):
    with pytest.raises(InputError, match=rf"pairs\.csv, line {line}: "):
        read(tmp_path, text)


def test_outputs_are_kept_in_their_shortest_form(tmp_path):
    found = read(tmp_path, "source,driving,output\na,b,./x.mp4\na,b,sub//y.mp4\na,b,sub/../frames/\n")
    assert [job.output for job in found] == ["x.mp4", "sub/y.mp4", "frames/"]


def test_names_that_are_made_are_apart_on_every_file_system_and_not_too_long(tmp_path):
    one, other = "caf\u00e9", unicodedata.normalize("NFD", "caf\u00e9")
    long = "n" * 240
    text = f"source,driving\nA.png,v.mp4\na.png,v.mp4\n{one}.png,v.mp4\n{other}.png,v.mp4\n{long}.png,{long}.mp4\n"
    made = [job.output for job in read(tmp_path, text + f"{long}.png,{long}.mp4\n")]
    assert made[:4] == ["A-v.mp4", "a-v-2.mp4", f"{one}-v.mp4", f"{other}-v-2.mp4"]
    assert len(set(made)) == 6
    assert all(len(name.encode()) <= 255 for name in made)


@pytest.mark.parametrize("names", [("X.mp4", "x.mp4"), ("\u00e9.mp4", "e\u0301.mp4"), ("stra\u00dfe/", "STRASSE/")])
@pytest.mark.parametrize("alike", [True, False])
def test_names_collide_where_the_file_system_says_so(tmp_path, monkeypatch, names, alike):
    monkeypatch.setattr(pairs, "_are_one", lambda folder, one, other: alike)
    jobs = [Job("a", "b", name, line=2 + index) for index, name in enumerate(names)]
    if not alike:
        check_apart(jobs, tmp_path)
        return
    with pytest.raises(InputError, match=r"\(line 3 of the list\).*\(line 2\) are the same file"):
        run_batch(jobs, tmp_path / "out", {"model": "no-such-model"})


@pytest.mark.skipif(sys.platform != "linux", reason="asks a file system of Linux, which tells all names apart")
def test_a_file_system_is_asked_and_nothing_is_left_there(tmp_path):
    assert not pairs._are_one(tmp_path, "A", "a")
    assert pairs._are_one(tmp_path, "a", "a")
    check_apart([Job("a", "b", "X.mp4"), Job("a", "b", "x.mp4")], tmp_path)
    assert list(tmp_path.iterdir()) == []
