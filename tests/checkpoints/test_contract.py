"""The contract's names stand in one module, and the document says the same."""

import re
from pathlib import Path

from checkpoints import contract

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "contract.md").read_text(encoding="utf-8")


def test_the_document_lists_the_graphs_and_what_they_take_and_give():
    rows = dict(re.findall(r"^\| `(\w+)\.onnx` \| (.*) \|$", TEXT, re.MULTILINE))
    assert tuple(rows) == contract.GRAPHS
    told = {name: set(re.findall(r"`(\w+)`", row)) for name, row in rows.items()}
    both = {name for role in ("source", "driving") for name in contract.of(role, dict.fromkeys(contract.PARAMETERS))}
    assert told[contract.SOURCE] >= {contract.IMAGE, "points", "jacobians", contract.feature(0)}
    assert told[contract.MOTION] >= {contract.FRAME, *contract.PARAMETERS, *contract.STRUCTURE}
    assert told[contract.RENDER] >= {contract.feature(0), *both, *contract.OUTPUTS}
    assert told[contract.DISENTANGLE] >= set(contract.PARAMETERS)


def test_no_other_module_spells_what_the_contract_names():
    found = []
    for package in ("benchmarks", "checkpoints", "demo", "export", "runtime", "training"):
        for path in (ROOT / package).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            spelt = re.findall(r'"feature_"|"points", "jacobians"|"source", "motion"|"absolute", "relative"', text)
            if spelt and path != Path(contract.__file__):
                found.append((path.relative_to(ROOT).as_posix(), spelt))
    assert found == []
