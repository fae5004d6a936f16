"""Which rewrites pay on this machine, measured: `bunraku export --tune`.

The rewrites that trade one kind of work for another pay differently from processor to processor. By default all are
applied, by the sizes from which they paid where they were measured (`benchmarks/RESULTS.md`), so that an export gives
the same bundle everywhere. Tuned, each is left out of a graph that is faster without it, and the plain graph takes
the place of one that is slower. This happens when a bundle is made, which takes minutes in any case and never
when somebody waits for a first frame; what was chosen stands in the graph and in the bundle's description, and an
export without `--tune` from the same checkpoint gives the usual graphs again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import onnx

from export.rewrites.catalogue import Rewrite
from export.timing import compare

TUNED = ("enlarged", "upsample", "winograd", "rows", "narrow")
"""Rewrites that are tried without, in this order; the others save work on every machine, or run nowhere without."""

PLAIN = ("simplify", "norm")
"""Those that a graph is written with in any case: ONNX Runtime does the same when it opens one."""

MARGIN = 0.97
"""Part of the time that a graph must do with to take another's place: less is within what measuring differs by."""

_KEY = "bunraku.tuned"

Build = Callable[[Sequence[Rewrite]], onnx.ModelProto]
Compare = Callable[[bytes, bytes], float]


def tune(rewrites: Sequence[Rewrite], build: Build, compared: Compare = compare) -> onnx.ModelProto:
    """The fastest graph here of those that `build` makes with all `rewrites`, without some of `TUNED`, and with `PLAIN`
    alone.

    `compared` gives the time of its first graph over its second's. What was chosen is noted in the graph (`note_of`).
    """
    kept, left_out = list(rewrites), []
    best = build(kept)
    content = best.SerializeToString()
    for name in TUNED:
        fewer = [each for each in kept if each.name != name]
        if len(fewer) == len(kept):
            continue
        candidate = build(fewer)
        other = candidate.SerializeToString()
        if _nodes(candidate) != _nodes(best) and compared(other, content) < MARGIN:
            best, content, kept = candidate, other, fewer
            left_out.append(name)
    plain = build([each for each in rewrites if each.name in PLAIN])
    share = 1.0 if _nodes(plain) == _nodes(best) else compared(content, plain.SerializeToString())
    if share > 1:
        best, share = plain, 1.0
        left_out = [each.name for each in rewrites if each.name not in PLAIN]
    entry = best.metadata_props.add()
    entry.key, entry.value = _KEY, json.dumps({"left_out": left_out, "of_plain": round(share, 3)})
    return best


def note_of(model: onnx.ModelProto) -> dict[str, object] | None:
    """What tuning left out of a graph (`left_out`, names of rewrites), and its time as a part of the plain graph's
    (`of_plain`); None for a graph that was not tuned.
    """
    found = [entry.value for entry in model.metadata_props if entry.key == _KEY]
    return json.loads(found[0]) if found else None


def _nodes(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]
