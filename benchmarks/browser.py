"""The page in the browser beside the engine: one photo and one clip, file to file, in turn on the same machine.

python -m benchmarks.browser --rounds 3

Chromium visits `web/dist` (`npm run build` in web/) with the model in `web/public/model` (`npm run model`), on
WebAssembly with a worker for each core, and animates the bundled example; its rate is that at which pictures come onto
the screen, from the tenth on, decoding, framing and encoding included. The engine does the same in a process of its
own. What else the machine does slows both, so that it is the ratio that is compared from day to day.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import file_to_file
from benchmarks.subjects import ROOT
from checkpoints.errors import InputError
from checkpoints.registry import load_model
from runtime.commands.animate import SAMPLE
from runtime.engine import DEFAULT_MODEL
from web.tools.hosting import serving

DIST, MODEL = ROOT / "web" / "dist", ROOT / "web" / "public" / "model"
WARM = 10
"""Frames that are not counted: compilers still work on what they run."""
_WATCH = 'window.shown = []; addEventListener("frame", () => window.shown.push(performance.now()));'
_OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]


@dataclass(frozen=True)
class Round:
    """One turn of both."""

    browser: float
    """Frames a second."""
    engine: float
    """The same."""
    ready: float
    """Seconds from the page's address to a page that is ready, with nothing kept from before."""

    @property
    def ratio(self) -> float:
        """The engine's rate is one."""
        return self.browser / self.engine


def missing() -> str | None:
    """What is to be done before the browser can be measured; None where nothing is."""
    if not (DIST / "index.html").is_file() or not (MODEL / "bundle.json").is_file():
        return "the page is not built: npm install && npm run model && npm run build, in web/"
    try:
        import playwright  # noqa: F401
    except ImportError:
        return "playwright is not installed: pip install -e '.[dev]'"
    return None if _chromium() else "there is no Chromium: apt-get install chromium"


def rounds(count: int) -> Iterator[Round]:
    """`count` turns of both. Raises `InputError` where something is missing."""
    if (lacking := missing()) is not None:
        raise InputError(f"The browser cannot be measured; {lacking}.")
    model = str(load_model(DEFAULT_MODEL).folder)
    for _ in range(count):
        browser, ready = in_browser()
        with tempfile.TemporaryDirectory() as folder:
            engine = file_to_file(model, *SAMPLE[:2], Path(folder)).fps
        yield Round(browser, engine, ready)


def in_browser() -> tuple[float, float]:
    """Frames a second of a new visitor's first animation, and the seconds until the page is ready."""
    with _visitor() as browser, serving(DIST, MODEL) as site:
        page = browser.new_page()
        page.set_default_timeout(600_000)
        page.add_init_script(_WATCH)
        begun = page.evaluate("() => Date.now()")
        page.goto(f"{site.url}?backend=wasm")
        page.get_by_text("Ready.", exact=True).wait_for()
        ready = (page.evaluate("() => Date.now()") - begun) / 1000
        for field, path in zip(("photo", "clip"), SAMPLE, strict=False):
            page.locator(f"#{field} input[type=file]").set_input_files(str(path))
        page.get_by_role("button", name="Make it move").click()
        page.locator("#stop").wait_for(state="visible")
        page.locator("#go").wait_for(state="visible")
        shown = page.evaluate("() => window.shown")[WARM:]
    return 1000 * (len(shown) - 1) / (shown[-1] - shown[0]), ready


@contextmanager
def _visitor() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=_chromium(), args=_OPTIONS)
        try:
            yield browser
        finally:
            browser.close()


def _chromium() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((found for name in names if (found := shutil.which(name))), None)


def report(count: int) -> dict[str, Any]:
    """Measure and print; the medians."""
    found = []
    for each in rounds(count):
        found.append(each)
        print(
            f"  browser {each.browser:6.1f}, engine {each.engine:6.1f} frames a second, ratio {each.ratio:.2f}; "
            f"page ready after {each.ready:.1f} s",
            flush=True,
        )
    median = {name: statistics.median(getattr(each, name) for each in found) for name in ("browser", "engine", "ratio")}
    print(f"  median: browser {median['browser']:.1f}, engine {median['engine']:.1f}, ratio {median['ratio']:.2f}")
    return median


def main(arguments: list[str] | None = None) -> int:
    """Run; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.browser", description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3, help="turns of both (default: %(default)s)")
    report(parser.parse_args(arguments).rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
