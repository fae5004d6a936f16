"""What ComfyUI documents of nodes, and no more: a stand-in that loads a folder of nodes and runs one as ComfyUI does
(`nodes.load_custom_node`, `execution.validate_inputs` and `get_output_data`). ComfyUI itself is in no registry.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

KINDS = {"INT": int, "FLOAT": (int, float), "STRING": str, "BOOLEAN": bool}


def load(folder: Path, name: str) -> ModuleType:
    """The folder, imported as a package of some name."""
    spec = importlib.util.spec_from_file_location(
        name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    assert module.NODE_CLASS_MAPPINGS.keys() == module.NODE_DISPLAY_NAME_MAPPINGS.keys()
    return module


def fields(node: type) -> dict[str, tuple[Any, dict[str, Any]]]:
    """Kind and settings of every input, required ones first."""
    told = node.INPUT_TYPES()  # type: ignore[attr-defined]
    assert set(told) <= {"required", "optional", "hidden"}
    assert "required" in told
    both = {**told["required"], **told.get("optional", {})}
    return {name: (field[0], field[1] if len(field) > 1 else {}) for name, field in both.items()}


def run(node: type, **linked: Any) -> dict[str, Any]:
    """The outputs by name, of a node whose widgets have their defaults but for what is `linked`, or set."""
    values = {}
    for name, (kind, settings) in fields(node).items():
        value = linked.pop(name) if name in linked else settings.get("default")
        if isinstance(kind, list):
            value = kind[0] if value is None else value
            assert value in kind, (name, value)
        elif kind in KINDS:
            assert isinstance(value, KINDS[kind]), (name, value)
            if "min" in settings:
                assert settings["min"] <= value <= settings.get("max", value), (name, value)
        values[name] = value
    assert not linked
    made = node()
    function = getattr(made, node.FUNCTION)  # type: ignore[attr-defined]
    inspect.signature(function).bind(**values)
    outputs = function(**values)
    kinds = node.RETURN_TYPES  # type: ignore[attr-defined]
    assert isinstance(outputs, tuple)
    assert len(outputs) == len(kinds)
    return dict(zip(getattr(node, "RETURN_NAMES", kinds), outputs, strict=True))
