"""The reference of all public names, made from the docstrings: `python -m docs.reference FOLDER`.

Needs the extra `docs` and, as every module is imported, PyTorch. Packages with `__all__` would hide their modules from
pdoc, so the modules are found as files. Warnings are errors. The names of `bunraku` are those of `runtime`, and stand
there.
"""

from __future__ import annotations

import inspect
import sys
import warnings
from dataclasses import is_dataclass
from pathlib import Path
from types import ModuleType
from typing import get_type_hints

ROOT = Path(__file__).parent.parent
PACKAGES = ("runtime", "checkpoints", "export", "training")


def modules(packages: tuple[str, ...] = PACKAGES) -> list[str]:
    """Names of the public modules, packages before what they hold: neither private ones nor subcommands."""
    found = []
    for path in sorted(path for package in packages for path in (ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = parts[:-1] if parts[-1] == "__init__" else parts
        if not any(part.startswith("_") or part == "commands" for part in name):
            found.append(".".join(name))
    return sorted(found)


def resolve_inherited(module: ModuleType) -> None:
    """Give constructors of dataclasses in `module` their types: pdoc looks for the names of inherited ones in `module`,
    where nobody imported them."""
    for kind in vars(module).values():
        if inspect.isclass(kind) and is_dataclass(kind) and any(map(is_dataclass, kind.__bases__)):
            given = kind.__init__.__annotations__
            given.update({name: hint for name, hint in get_type_hints(kind).items() if name in given})


def build(folder: Path, names: list[str]) -> None:
    """Write a page for each of the modules `names`, a list of them and a search index to `folder`.

    Raises what an import raises, and the warning where pdoc cannot read a docstring, a type or a name.
    """
    import pdoc.render
    from pdoc.doc import Module

    pdoc.render.configure(footer_text="Bunraku", show_source=False)
    with warnings.catch_warnings():
        found = {name: Module.from_name(name) for name in names}
        for module in found.values():
            resolve_inherited(module.obj)
        warnings.simplefilter("error")
        pages = {name.replace(".", "/"): pdoc.render.html_module(module, found) for name, module in found.items()}
    pages["index"] = pdoc.render.html_index(found)
    for name, text in pages.items():
        page = folder / f"{name}.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text, encoding="utf-8")
    (folder / "search.js").write_text(pdoc.render.search_index(found), encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m docs.reference FOLDER")
    build(Path(sys.argv[1]), modules())
    print(Path(sys.argv[1]) / "index.html")
