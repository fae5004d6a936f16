"""What `bunraku reproduce` writes: the table of all families, and what becomes of the papers' orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from training.fair import Measured

ORDERS: tuple[tuple[str, str, str], ...] = (
    ("DiME, one view", "TPSMM", "DiME"),
    ("TPSMM", "MRAA", "TPSMM"),
    ("MRAA", "FOMM", "MRAA"),
    ("HDAM", "DAM", "DAM"),
    ("DAM", "FOMM", "DAM"),
    ("DiME, four views", "DiME, one view", "DiME"),
)
"""Who comes before whom, and whose publication says so (of real data, published sizes and full training)."""


def as_tables(found: Mapping[str, Sequence[Measured]]) -> str:
    """Markdown: what is left of the unmoved source's L1 in each chapter, mean and every seed; then the orders."""
    chapters = list(dict.fromkeys(each.chapter for runs in found.values() for each in runs))
    head = ["family", *chapters, "flow error, held-out"]
    rows = [
        [name, *(_cell(_ratios(runs, chapter)) for chapter in chapters), _flow(runs)] for name, runs in found.items()
    ]
    text = _table(head, rows)
    verdicts = [
        [f"{better} before {worse}", where, *(verdict(found, better, worse, chapter) for chapter in chapters)]
        for better, worse, where in ORDERS
        if better in found and worse in found
    ]
    return f"{text}\n\n{_table(['order', 'said in', *chapters], verdicts)}" if verdicts else text


def verdict(found: Mapping[str, Sequence[Measured]], better: str, worse: str, chapter: str) -> str:
    """Whether one family is better than another in a chapter: with every seed, with none, or with some."""
    pairs = zip(_ratios(found[better], chapter), _ratios(found[worse], chapter), strict=True)
    holds = [first < second for first, second in pairs]
    return "confirmed" if all(holds) else "undecided" if any(holds) else "contradicted"


def _ratios(runs: Sequence[Measured], chapter: str) -> list[float]:
    return [each.ratio for each in runs if each.chapter == chapter]


def _cell(ratios: Sequence[float]) -> str:
    mean = f"{sum(ratios) / len(ratios):.3f}"
    return mean if len(ratios) == 1 else f"{mean} ({', '.join(f'{ratio:.3f}' for ratio in ratios)})"


def _flow(runs: Sequence[Measured]) -> str:
    known = [each.flow for each in runs if each.chapter == "held-out" and each.flow is not None]
    return f"{sum(known) / len(known):.4f}" if known else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
