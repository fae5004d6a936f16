"""What documents, docstrings and comments name is there: files, folders, modules and their names, sections, links."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import tokenize
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("benchmarks", "checkpoints", "demo", "docs", "export", "runtime", "tests", "training", "web")

SECTION = re.compile(r"\bmodels\.md\)?,? (\d+)")
LINK = re.compile(r"\[[^\]]*\]\((?!\w+:)([^)\s]*)\)")
PATH = re.compile(rf"(?<![\w/.*<-])(?:\./)?((?:{'|'.join(PACKAGES)}|\.ci|\.github)/[\w.*/-]*[\w*])")
FILE = re.compile(r"(?<![\w/.*<-])([a-z_]\w*\.(?:py|toml|md))\b(?!\.)")
DOTTED = re.compile(rf"(?<![\w/.@-])((?:{'|'.join(PACKAGES)})(?:\.\w+)+)")

ELSEWHERE = {"web/dist", "web/node_modules", "web/public/model"}
"""Built or fetched, not kept."""
WRITTEN = {"mine.toml", "report.md", "sitecustomize.py"}
"""What a reader or a program is to write."""


@cache
def tracked() -> frozenset[str]:
    """Paths of all files in the repository, those about to be added too; without git, those that are there."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is no checkout of the repository")
    return frozenset(name for name in listed if (ROOT / name).is_file())


@cache
def folders() -> frozenset[str]:
    """All folders that hold a file."""
    return frozenset(str(parent) for name in tracked() for parent in Path(name).parents)


def prose(name: str) -> str:
    """What `name` tells its readers: a document without code, of code the docstrings and comments."""
    text = (ROOT / name).read_text(encoding="utf-8")
    if name.endswith(".md"):
        return re.sub(r"^```(?:python|toml|diff)$.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    if name.endswith(".toml"):
        return "\n".join(part for line in text.splitlines() for part in re.findall(r"(?:^|\s)#(.*)", line))
    if name.endswith(".ts"):
        return "\n".join(re.findall(r"(?:^|(?<=\s))(?:/\*(?s:.*?)\*/|//.*)", text, re.MULTILINE))
    comments = [
        token.string for token in tokenize.generate_tokens(io.StringIO(text).readline) if token.type == tokenize.COMMENT
    ]
    strings = [
        node.value.value
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    ]
    return "\n".join(comments + strings)


def written(*endings: str) -> list[str]:
    return sorted(name for name in tracked() if name.endswith(endings))


@cache
def file_names() -> frozenset[str]:
    """Names of all files without their folders, and of those that a reader or a program is to write."""
    return frozenset(name.rsplit("/", 1)[-1] for name in tracked()) | WRITTEN


@cache
def sections() -> frozenset[str]:
    """Numbers of the sections of docs/models.md."""
    return frozenset(heading.split(".")[0] for heading in headings("docs/models.md"))


@cache
def headings(name: str) -> tuple[str, ...]:
    lines = re.sub(r"^```.*?^```", "", (ROOT / name).read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return tuple(re.findall(r"^#+ (.+)$", lines, re.MULTILINE))


def anchors(name: str) -> set[str]:
    """Headings as links name them: lower case, without punctuation, with hyphens."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings(name)}


def missing_path(cited: str, name: str) -> bool:
    """Whether `cited`, a path or a pattern, is there neither from the root nor from the folder of `name`."""
    here = Path(name).parent
    for path in (cited.rstrip("/"), str(here / cited)):
        if path in tracked() or path in folders() or path in ELSEWHERE:
            return False
        if "*" in path and any(Path(other).match(path) for other in tracked()):
            return False
    return True


def missing_name(cited: str) -> bool:
    """Whether `cited`, such as `training.models.base.MotionModel`, is no module and no name in one."""
    parts = cited.split(".")
    for count in range(len(parts), 0, -1):
        path = "/".join(parts[:count])
        module = next((file for file in (f"{path}.py", f"{path}/__init__.py") if file in tracked()), None)
        if module is None and path not in folders():
            continue
        if count == len(parts):
            return False
        text = (ROOT / module).read_text(encoding="utf-8") if module else ""
        return re.search(rf"\b{parts[count]}\b", text) is None
    return True


def findings(name: str) -> list[str]:
    """What `name` cites and is not there."""
    text = prose(name)
    missing = [f"models.md {number}" for number in SECTION.findall(text) if number not in sections()]
    missing += [path for path in PATH.findall(text) if missing_path(path, name)]
    missing += [file for file in FILE.findall(text) if file not in file_names()]
    missing += [cited for cited in DOTTED.findall(text) if not is_file(cited) and missing_name(cited)]
    if name.endswith(".md"):
        missing += [link for link in LINK.findall(text) if missing_link(link, name)]
    return missing


def is_file(cited: str) -> bool:
    """Whether `cited` is not a dotted name but that of a file, such as `page.md`, which other checks look for."""
    return cited.rsplit(".", 1)[1] in ("py", "md", "toml", "ts", "json")


def missing_link(link: str, name: str) -> bool:
    target, _, anchor = link.partition("#")
    path = Path(name).parent / target if target else Path(name)
    if target and not (ROOT / path).exists():
        return True
    return bool(anchor) and anchor not in anchors(str(path))


def test_all_that_is_cited_is_there() -> None:
    found = {name: missing for name in written(".py", ".md", ".ts", ".toml") if (missing := findings(name))}
    assert not found


def test_the_check_itself_sees_what_is_missing() -> None:
    assert missing_path("docs/nowhere.md", "README.md")
    assert not missing_path("training/configs/*.toml", "README.md")
    assert missing_name("training.models.base.Nothing")
    assert missing_name("training.models.nothing.Motion")
    assert not missing_name("training.models.base.MotionModel.encode")
    assert missing_link("contract.md#nowhere", "docs/models.md")
    assert PATH.findall("see (docs/nowhere.md), `training/nothing`.") == ["docs/nowhere.md", "training/nothing"]
    assert SECTION.findall("(models.md 3; Zhao) see models.md 12.") == ["3", "12"]


def test_every_section_of_the_models_is_numbered_in_order() -> None:
    numbers = [heading.split(".")[0] for heading in headings("docs/models.md")[1:]]
    assert numbers == [str(number) for number in range(1, len(numbers) + 1)]
