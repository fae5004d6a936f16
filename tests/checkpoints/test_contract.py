"""The contract's names stand in one module, and the document says the same."""

import re
from pathlib import Path

from checkpoints import contract, parameters

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "contract.md").read_text(encoding="utf-8")


def test_the_document_lists_the_graphs_and_what_they_take_and_give():
    rows = dict(re.findall(r"^\| `(\w+)\.onnx` \| (.*) \|$", TEXT, re.MULTILINE))
    assert tuple(rows) == contract.GRAPHS
    told = {name: set(re.findall(r"`(\w+)`", row)) for name, row in rows.items()}
    both = {f"{role}NAME" for role in contract.ROLES}
    assert told[contract.SOURCE] >= {contract.IMAGE, contract.feature(0)}
    assert told[contract.MOTION] >= {contract.FRAME, *contract.STRUCTURE}
    assert told[contract.RENDER] >= {contract.feature(0), *both, *contract.OUTPUTS}
    assert told[contract.DISENTANGLE] >= both


def test_the_document_lists_the_kinds_of_parameters_and_those_of_the_families():
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| \(", TEXT, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", " ".join(rows))) == set(parameters.KINDS)
    assert set(contract.PARAMETERS) <= set(re.findall(r"`(\w+)`", TEXT))
    assert set(contract.PARAMETERS.values()) <= set(parameters.KINDS)


def test_no_other_module_spells_what_the_contract_names():
    found = []
    for package in ("benchmarks", "checkpoints", "demo", "export", "runtime", "training"):
        for path in (ROOT / package).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            spelt = re.findall(r'"feature_"|"points", "jacobians"|"source", "motion"|"absolute", "relative"', text)
            if spelt and path != Path(contract.__file__):
                found.append((path.relative_to(ROOT).as_posix(), spelt))
    assert found == []
