"""What axe finds wrong with a page as it stands."""

from functools import cache
from importlib import resources

_RUN = """
  axe.run(document, {resultTypes: ["violations"]}).then(({passes, violations}) => ({
    passed: passes.length,
    violations: violations.map(({id, impact, nodes}) => ({id, impact, where: nodes[0].html.slice(0, 200)})),
  }))
"""
"""Every element that a rule passes would be told, at many times the cost of looking."""


@cache
def _axe() -> str:
    return (resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


def check(page, name: str) -> None:
    """Nothing serious, and nothing that has to be scrolled sideways; `name` says which part of the page is shown."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(_axe())
    found = page.evaluate(_RUN)
    assert found["passed"] > 10  # it has looked
    serious = [(rule["id"], rule["where"]) for rule in found["violations"] if rule["impact"] in ("serious", "critical")]
    assert serious == [], name
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0, name
