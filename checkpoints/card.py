"""The model card: what a person should know before using a model, from what its bundle records.

It is the README.md of a model on the Hub: front matter that the Hub reads, then Markdown. Of what nobody recorded, the
card says so, rather than being silent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from checkpoints.contract import FRAMEWISE

if TYPE_CHECKING:
    from checkpoints.bundle import Bundle

CARD = "README.md"
"""Name of the card in a bundle's folder."""

TAG = "bunraku"
"""By which the Hub lists models that this engine runs."""

_SPEEDS = ((5.0, "fast"), (50.0, "moderate"))
"""Operations of one frame, in 1e9, up to which a model is of a class: two CPU cores do some 100 of them a second."""

_SPDX_TO_HUB = {"NOASSERTION": "other"}


def gflops(bundle: Bundle) -> float | None:
    """Operations of one driving frame, in 1e9; None where nobody counted them."""
    counts = [bundle.graphs[name].gflops for name in FRAMEWISE]
    return None if None in counts else round(sum(count or 0 for count in counts), 4)


def as_work(count: float) -> str:
    """Operations of one frame, in 1e9, in words."""
    return f"{count:.3g} GFLOP" if count < 999.5 else f"{count / 1000:.3g} TFLOP"


def speed(bundle: Bundle) -> str:
    """`fast` (video rate on a few CPU cores), `moderate` (some frames a second there), `heavy` (for GPUs), or
    `unknown`.
    """
    count = gflops(bundle)
    if count is None:
        return "unknown"
    return next((name for most, name in _SPEEDS if count <= most), "heavy")


def facts(bundle: Bundle) -> dict[str, Any]:
    """What a list of models tells of `bundle`: name, family, resolution (of what comes out, too, where it is another),
    bytes, licence, modes, speed.
    """
    return {
        "name": bundle.name,
        "family": bundle.family,
        "resolution": bundle.resolution,
        **({} if bundle.side_out == bundle.resolution else {"output_resolution": bundle.side_out}),
        "bytes": sum(graph.bytes for graph in bundle.graphs.values()),
        "licence": bundle.licence,
        "modes": list(bundle.modes),
        "speed": speed(bundle),
    }


_MIT = """\
> Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
> documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
> rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
> persons to whom the Software is furnished to do so, subject to the following conditions:
>
> The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
> Software.
>
> THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
> WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
> COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
> OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE."""
"""The MIT License, which wants to go with whatever is under it."""


def model_card(bundle: Bundle) -> str:
    """The card of `bundle`, as Markdown with front matter."""
    sections = {
        "What it is": _what(bundle),
        "Use": _use(bundle),
        "Data and training": _training(bundle),
        "Measured": _measured(bundle),
        "Limits": _limits(bundle),
        "Intended use": _intended(bundle),
        "Licence": _licence(bundle),
    }
    body = "\n\n".join(f"## {title}\n\n{text}" for title, text in sections.items())
    return f"---\n{_front_matter(bundle)}---\n\n# {_plain(bundle.name)}\n\n{body}\n"


def _front_matter(bundle: Bundle) -> str:
    """YAML, of which JSON is a part: every value stands as JSON, so that nothing in a name can break out of it. Of
    characters beyond ASCII, YAML wants the whole number where JSON gives halves of it.
    """
    values = {
        "license": _SPDX_TO_HUB.get(bundle.licence, bundle.licence.lower()),
        "library_name": TAG,
        "pipeline_tag": "image-to-video",
        "tags": [TAG, bundle.family, "onnx", "image-animation"],
        TAG: facts(bundle),
    }
    if bundle.licence == "NOASSERTION":
        values["license_name"] = "unknown"
    text = "".join(f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items())
    return re.sub(r"[^\x20-\x7e\n]", lambda found: f"\\U{ord(found[0]):08X}", text)


def _plain(text: object) -> str:
    """One line that Markdown takes as text."""
    return " ".join(str(text).split()).replace("<", "&lt;").replace("|", "\\|").replace("`", "'")


def _what(bundle: Bundle) -> str:
    pictures = "one picture" if bundle.views == "one" else "one or several pictures of one subject"
    lines = [
        f"A motion transfer model of the family {_plain(bundle.title or bundle.family)}: it moves "
        f"{pictures} as a video moves, at {bundle.side_out}x{bundle.side_out} pixels, in the modes "
        f"{_plain(', '.join(bundle.modes))}.",
        "",
        "| graph | size | weights | computes in | GFLOP a frame |",
        "|---|---|---|---|---|",
    ]
    for name, graph in bundle.graphs.items():
        count = "not counted" if graph.gflops is None else f"{graph.gflops:g}"
        size = f"{graph.bytes / 1e6:.1f} MB"
        lines.append(f"| {name} | {size} | {_plain(graph.weights)} | {_plain(graph.precision)} | {count} |")
    return "\n".join(lines)


def _use(bundle: Bundle) -> str:
    return (
        "```bash\npip install bunraku\nbunraku animate photo.jpg driving.mp4 --model OWNER/NAME -o moving.mp4\n```\n\n"
        "with this repository's name for OWNER/NAME, or the path of a folder that holds these files. It runs with ONNX "
        "Runtime on a CPU or an NVIDIA GPU; PyTorch is not needed."
    )


def _training(bundle: Bundle) -> str:
    known = dict(bundle.training)
    lines = [f"* data: {_plain(known.pop('data', None) or 'not recorded')}"]
    if "imported" in known:
        lines.append("* these are weights published by others, converted; this project did not train them")
    for elsewhere in ("licence", "copyright", "metrics", "limits"):
        known.pop(elsewhere, None)
    lines += [f"* {_plain(key)}: {_told(value)}" for key, value in known.items() if value not in ("", None, [], {})]
    if len(lines) == 1:
        lines.append("* how it was trained: not recorded")
    return "\n".join(lines)


def _told(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{_plain(key)} {_told(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_told(item) for item in value)
    return _plain(value)


def _measured(bundle: Bundle) -> str:
    lines = list(_parity(bundle.parity))
    metrics = bundle.training.get("metrics")
    if isinstance(metrics, Mapping) and any(isinstance(values, Mapping) for values in metrics.values()):
        lines += [f"* {_plain(what)}: {_told(values)}" for what, values in metrics.items()]
    else:
        lines.append(f"* metrics: {_told(metrics)}" if metrics else "* quality on held-out data: not recorded")
    count = gflops(bundle)
    cost = "not counted" if count is None else f"{count:g} GFLOP"
    lines.append(f"* speed class: {speed(bundle)} ({cost} a driving frame)")
    return "\n".join(lines)


def _parity(parity: Mapping[str, Any]) -> Iterator[str]:
    if "max_abs_difference" not in parity:
        yield "* difference from the PyTorch model: not recorded"
        return
    yield (
        f"* difference from the PyTorch model: at most {_plain(parity['max_abs_difference'])}/255, mean "
        f"{_plain(parity.get('mean_abs_difference', 'not recorded'))}/255, over {_plain(parity.get('frames', '?'))} "
        "frames"
    )
    float64 = parity.get("float64")
    for mode, each in (float64 if isinstance(float64, Mapping) else {}).items():
        yield (
            f"* {_plain(mode)} mode makes much of rounding errors: from the model in float64, PyTorch is at most "
            f"{_of(each, 'torch_max')}/255 away (mean {_of(each, 'torch_mean')}), these graphs "
            f"{_of(each, 'graphs_max')}/255 (mean {_of(each, 'graphs_mean')})"
        )
    if parity.get("stored_weights"):
        change = _plain(parity["stored_weights"])
        yield f"* of that, from storing weights in 16 bits: at most {change}/255 before rounding"


def _of(values: Any, name: str) -> str:
    return _plain(values.get(name, "?") if isinstance(values, Mapping) else "?")


def _limits(bundle: Bundle) -> str:
    given = bundle.training.get("limits")
    own = [f"* {_plain(line)}" for line in (given if isinstance(given, list | tuple) else [given] if given else [])]
    subject = _plain(bundle.framing.get("subject", "face"))
    return "\n".join(
        [
            *own,
            f"* made for pictures of the kind it was trained on (subject: {subject}); others come out distorted",
            "* what the picture does not show (the other side of a head, the inside of a mouth) is guessed",
            f"* details finer than {bundle.side_out}x{bundle.side_out} pixels are not made by the model",
        ]
    )


def _intended(bundle: Bundle) -> str:
    return (
        "Animating pictures that you may use, of people who agree. Not for deceiving, impersonating or harassing "
        "anyone. Videos made with Bunraku carry metadata that says they are AI-generated; leave it there, and tell "
        "viewers."
    )


def _licence(bundle: Bundle) -> str:
    if bundle.licence == "NOASSERTION":
        return "Nobody recorded the licence of these weights: find out before you use or share them."
    holder = bundle.training.get("copyright")
    said = f"{_plain(bundle.licence)} (the weights).{f' {_plain(holder)}.' if holder else ''}"
    return f"{said}\n\n{_MIT}" if holder and bundle.licence == "MIT" else said
