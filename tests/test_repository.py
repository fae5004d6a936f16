"""What describes the repository agrees with it: citation, extras, lanes of tests."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "web" / "README.md"]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def parsed(name: str) -> Any:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    return yaml.safe_load(read(name))


def test_the_citation_is_of_this_version() -> None:
    citation = parsed("CITATION.cff")
    assert (citation["version"], citation["license"]) == (PROJECT["version"], PROJECT["license"])


def test_the_citation_names_the_paper_of_every_family_that_has_one() -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed (the extra train)")
    from training.models.registry import FAMILIES

    citation = parsed("CITATION.cff")
    titles = " | ".join(reference["title"].lower() for reference in citation["references"])
    papers = {family: model.title for family, (_, model) in FAMILIES.items() if model.title}
    assert papers
    for family, title in papers.items():
        assert title.split(" (")[0].lower() in titles, family


def test_extras_that_documents_name_are_there() -> None:
    known = set(PROJECT["optional-dependencies"])
    for path in DOCUMENTS:
        for named in re.findall(r"'(?:bunraku|\.)\[([a-z,]+)\]'", path.read_text(encoding="utf-8")):
            assert set(named.split(",")) <= known, path


def test_the_workflow_runs_what_the_documents_say() -> None:
    jobs = parsed(".github/workflows/ci.yml")["jobs"]
    commands = {name: [step["run"] for step in job["steps"] if "run" in step] for name, job in jobs.items()}
    assert ".ci/run" in commands["linux"]
    (lane,) = re.findall(r"^\| fast \| `\S+python (.+?)`", read("CONTRIBUTING.md"), re.MULTILINE)
    assert f"python {lane}" in commands["fast"]
    systems = jobs["fast"]["strategy"]["matrix"]["os"]
    assert {system.split("-")[0] for system in systems} == {"ubuntu", "windows", "macos"}
    hooks = {hook["entry"].split()[0] for hook in parsed(".pre-commit-config.yaml")["repos"][1]["hooks"]}
    assert hooks <= {command.split()[0] for command in commands["style"]}
    assert hooks == {"ruff", "mypy"}
