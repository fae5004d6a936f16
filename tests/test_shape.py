"""Modules and functions stay small: what grows past this is two things."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("benchmarks", "bunraku", "checkpoints", "demo", "export", "runtime", "training", "web/tools")
MOST_LINES = 400
MOST_LINES_OF_A_FUNCTION = 60


def test_no_module_and_no_function_is_large():
    found = []
    for path in sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        name, text = path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
        if text.count("\n") > MOST_LINES:
            found.append(f"{name} has {text.count(chr(10))} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
                lines = node.end_lineno - node.lineno + 1
                if lines > MOST_LINES_OF_A_FUNCTION:
                    found.append(f"{name}: {node.name} has {lines} lines")
    assert found == []
