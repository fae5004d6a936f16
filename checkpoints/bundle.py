"""The bundle: a folder with `bundle.json` and the ONNX graphs of one model (docs/contract.md).

Reading trusts nothing: format, keys, types, sizes, hashes and the graphs' self-containedness are checked
before anybody makes a session of them. Writing is atomic: a folder that carries the final name is complete.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from checkpoints.card import CARD, model_card
from checkpoints.contract import GRAPHS, IMAGE, MODES, MOTION, NEEDS, REQUIRED_GRAPHS
from checkpoints.description import DESCRIPTION, FORMAT, is_newer, is_ours, major, names_in, read_json, seal, value_of
from checkpoints.errors import ModelError
from checkpoints.graph_file import check_graph, read_graph
from checkpoints.own_card import check_card, digest
from checkpoints.parameters import Parameter, count_points, parse_parameters
from checkpoints.paths import check_place
from checkpoints.upgrade import upgraded

PRECISIONS = ("fp32", "fp16")
"""What a graph may compute in."""

WEIGHTS = ("fp32", "fp16", "int16")
"""What a graph's large weights may be stored in; "int16" ones are scaled when the graph is opened."""

_MAX_GRAPH_BYTES = (2 << 30) - 1
"""ONNX's own limit for one file."""
_MOST_GFLOPS = 1e9

_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\.onnx", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True)
class Graph:
    """One ONNX file of a bundle."""

    file: str
    """Name inside the folder, without any path."""
    sha256: str
    """Lower-case hexadecimal."""
    bytes: int
    """Size of the file."""
    precision: str
    """What it computes in, out of `PRECISIONS`."""
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    gflops: float | None = None
    """Multiplications and additions of one frame, in 1e9; None where nobody counted."""
    weights: str = "fp32"
    """What its large weights are stored in, out of `WEIGHTS`."""


def describe_graph(
    file: str,
    model: bytes,
    *,
    inputs: Sequence[str],
    outputs: Sequence[str],
    precision: str = "fp32",
    gflops: float | None = None,
    weights: str = "fp32",
) -> Graph:
    """The entry of the serialised ONNX `model` that is to be stored as `file`."""
    digest = hashlib.sha256(model).hexdigest()
    return Graph(file, digest, len(model), precision, tuple(inputs), tuple(outputs), gflops, weights)


@dataclass(frozen=True)
class Bundle:
    """What `bundle.json` says, plus the folder it was read from."""

    name: str
    family: str
    """Of what kind of model it is; the engine never looks at it."""
    resolution: int
    """Height and width in pixels of every picture that goes in, and, unless `output_resolution` says otherwise, that
    comes out."""
    motion: Mapping[str, Parameter]
    """The parameters of its motions by name: what the graph `motion` gives and `render` takes."""
    modes: tuple[str, ...]
    """Driving modes that make sense with this model, out of `contract.MODES`."""
    outputs: tuple[str, ...]
    """Outputs of `render`; always "image", sometimes "flow", "occlusion" and "masks"."""
    graphs: Mapping[str, Graph]
    licence: str
    """SPDX expression of the weights' licence."""
    title: str = ""
    """Full name of the family with its source, as cards give it; empty where nobody wrote it down."""
    views: str = "one"
    """"one" source picture, or "many" that the model fuses."""
    parity: Mapping[str, Any] = field(default_factory=dict)
    """How far the graphs are from the PyTorch model, as measured by the export."""
    training: Mapping[str, Any] = field(default_factory=dict)
    """Where the weights come from: data, steps, losses."""
    framing: Mapping[str, Any] = field(default_factory=dict)
    """How the training pictures are framed (keys of `runtime.framing.framer.Framing`); where a key is missing, a
    usual value is taken.
    """
    structure: Mapping[str, Any] = field(default_factory=dict)
    """`parts`, how many parts the points belong to, equally many each and in order; `dead`, the numbers of those that
    follow nothing; `names`, what each point marks ("eye_left.inner"). Without the keys every point is a part, none is
    dead, and none has a name.
    """
    output_resolution: int | None = None
    """Height and width in pixels of the pictures that come out, where they are others than those that go in."""
    format: str = FORMAT
    card: str | None = field(default=None, compare=False)
    """Hash of the card, which the seal thus covers; None before format 1.3."""
    sealed: bool = field(default=True, compare=False)
    """Whether the description that was read has a seal; those of format 1.0 had none."""
    folder: Path | None = field(default=None, compare=False)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Bundle:
        """Read and verify the bundle in `folder`.

        Raises `ModelError` when the folder or a file is missing, the format is unknown, a key is missing or
        has the wrong type or an impossible value, a file's size or hash differs (the card's, too), or a graph refers
        to data outside its file or is not as described.
        """
        folder = Path(folder)
        bundle = read_description(folder)
        for name, graph in bundle.graphs.items():
            check_graph(bundle, name, folder / graph.file)
        check_card(bundle)
        return bundle

    def path(self, graph: str) -> Path:
        """File of `graph`. Raises `ModelError` when the bundle has no such graph or was not read from a
        folder.
        """
        if graph not in self.graphs:
            raise ModelError(f'The model "{self.name}" has no "{graph}" graph; it has {", ".join(self.graphs)}.')
        if self.folder is None:
            raise ModelError(f'The model "{self.name}" is not stored in a folder yet; write it, then load it.')
        return self.folder / self.graphs[graph].file

    def read(self, graph: str) -> bytes:
        """The content of the file of `graph`, verified: what is opened is never read a second time. Raises `ModelError`
        as `path` does, and when the file is no longer what it was when the bundle was loaded.
        """
        return read_graph(self.path(graph), self.graphs[graph])

    @property
    def side_out(self) -> int:
        """Height and width in pixels of the pictures that come out."""
        return self.output_resolution or self.resolution

    @property
    def points(self) -> int:
        """Number of its points, whatever else its motions hold."""
        return count_points(self.motion)

    def to_json(self) -> str:
        """The text of `bundle.json`, sealed. What was read from an older format becomes one of the current format."""
        values = asdict(self)
        values["motion"] = {name: parameter.to_json() for name, parameter in self.motion.items()}
        values["format"] = self.format if major(self.format) == major(FORMAT) else FORMAT
        for key in ("folder", "sealed", *(key for key in ("card", "title", "output_resolution") if not values[key])):
            del values[key]
        return seal(values)


def write_bundle(folder: str | os.PathLike[str], bundle: Bundle, models: Mapping[str, bytes]) -> Bundle:
    """Write `bundle` with the serialised ONNX `models` (graph name -> bytes) and its model card to `folder`, and load
    it from there.

    The folder is filled under another name beside its place and checked as any reader would check it; only
    then does it take the name, replacing an older bundle. Raises `ModelError` when the description is
    invalid, does not fit the models, or `folder` holds something that is not a bundle or cannot be replaced.
    """
    folder = Path(folder)
    check_place(folder)
    if set(models) != set(bundle.graphs):
        raise ModelError(
            f'The model "{bundle.name}" describes the graphs {sorted(bundle.graphs)}, not {sorted(models)}.'
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    card = model_card(bundle)
    bundle = replace(bundle, card=digest(card))
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _parse(json.loads(bundle.to_json()), aside)  # refuses file names that would leave the folder
        for name, model in models.items():
            (aside / bundle.graphs[name].file).write_bytes(model)
        (aside / DESCRIPTION).write_text(bundle.to_json(), encoding="utf-8", newline="\n")
        (aside / CARD).write_text(card, encoding="utf-8", newline="\n")
        aside.chmod(0o755)  # mkdtemp makes folders that only their owner may enter
        Bundle.load(aside)
        _take_place(aside, folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return Bundle.load(folder)


def _take_place(aside: Path, folder: Path) -> None:
    """Give the finished bundle in `aside` the name `folder`. Raises `ModelError` when that fails; an older bundle is
    there as before then.
    """
    older = aside.with_name(aside.name + "-older")
    replaces = folder.exists()
    try:
        if replaces:
            folder.rename(older)
        try:
            aside.rename(folder)
        except BaseException:
            if replaces:
                older.rename(folder)
            raise
    except OSError as error:
        raise ModelError(f"{folder} cannot be written ({error.strerror}); choose another folder.") from error
    shutil.rmtree(older, ignore_errors=True)


def read_description(folder: Path) -> Bundle:
    """What `bundle.json` in `folder` says, before its graphs are there to be verified. Raises `ModelError`."""
    return _parse(read_json(folder), folder)


def _parse(values: Any, folder: Path) -> Bundle:
    """Turn the JSON of `folder` into a `Bundle`, checking every key; files are not touched."""
    where = folder / DESCRIPTION
    if not isinstance(values, dict):
        raise ModelError(f"{where} must hold a JSON object; fetch or export the model again.")
    version = value_of(values, "format", str, where)
    if not is_ours(version):
        told = version[:20]
        raise ModelError(f"{where} has format {told}, this program reads {FORMAT}; update bunraku or the model.")
    values = upgraded(values, where)
    graphs = {
        name: _parse_graph(value_of(values["graphs"], name, dict, where), name, where)
        for name in value_of(values, "graphs", dict, where)
        if name in GRAPHS  # a higher minor format may add graphs that this version has no use for
    }
    bundle = Bundle(
        name=value_of(values, "name", str, where),
        family=value_of(values, "family", str, where),
        resolution=value_of(values, "resolution", int, where),
        motion=_parse_motion(value_of(values, "motion", dict, where), where),
        modes=names_in(values, "modes", where),
        outputs=names_in(values, "outputs", where),
        graphs=graphs,
        licence=value_of(values, "licence", str, where),
        title=value_of(values, "title", str, where) if "title" in values else "",
        views=value_of(values, "views", str, where),
        parity=value_of(values, "parity", dict, where),
        training=value_of(values, "training", dict, where),
        framing=value_of(values, "framing", dict, where) if "framing" in values else {},
        structure=value_of(values, "structure", dict, where) if "structure" in values else {},  # since format 1.2
        output_resolution=_output_resolution(values, where),
        format=version,
        card=value_of(values, "card", str, where) if "card" in values else None,  # since format 1.3
        sealed="sha256" in values,
        folder=folder,
    )
    _check_sense(bundle, where)
    return bundle


def _output_resolution(values: Mapping[str, Any], where: Path) -> int | None:
    """Since format 2.1."""
    return value_of(values, "output_resolution", int, where) if "output_resolution" in values else None


def _parse_motion(values: Any, where: Path) -> dict[str, Parameter]:
    try:
        return parse_parameters(values)
    except ValueError as error:
        raise ModelError(f"{where} has an impossible motion ({error}); update bunraku or the model.") from error


def _parse_graph(values: Any, name: str, where: Path) -> Graph:
    what = f'graph "{name}": '
    gflops = values.get("gflops")
    if gflops is not None and (isinstance(gflops, bool) or not isinstance(gflops, int | float)):
        raise ModelError(f'{where} has a wrong type for {what}"gflops"; fetch or export the model again.')
    graph = Graph(
        file=value_of(values, "file", str, where, what),
        sha256=value_of(values, "sha256", str, where, what),
        bytes=value_of(values, "bytes", int, where, what),
        precision=value_of(values, "precision", str, where, what),
        inputs=names_in(values, "inputs", where, what),
        outputs=names_in(values, "outputs", where, what),
        gflops=gflops,
        weights=value_of(values, "weights", str, where, what) if "weights" in values else "fp32",  # since format 1.1
    )
    if not _FILE_NAME.fullmatch(graph.file):
        raise ModelError(f"{where} names the graph file {graph.file!r}; it must be a plain .onnx name in that folder.")
    checks = {
        "bytes": 0 < graph.bytes <= _MAX_GRAPH_BYTES,
        "precision": graph.precision in PRECISIONS,
        "weights": graph.weights in WEIGHTS,
        "inputs": bool(graph.inputs),
        "outputs": bool(graph.outputs),
        "gflops": graph.gflops is None or 0 <= graph.gflops <= _MOST_GFLOPS,  # which NaN is not
    }
    wrong = [key for key, fine in checks.items() if not fine]
    if wrong:
        raise ModelError(f'{where} has an impossible value for {what}"{wrong[0]}"; fetch or export the model again.')
    return graph


def _check_sense(bundle: Bundle, where: Path) -> None:
    missing = [name for name in REQUIRED_GRAPHS if name not in bundle.graphs]
    if missing:
        raise ModelError(f"{where} lacks the graphs {', '.join(missing)}; fetch or export the model again.")
    unknown = set(bundle.modes) - set(MODES)
    checks = {
        "resolution": 0 < bundle.resolution <= 8192,
        "output_resolution": 0 < bundle.side_out <= 8192 and bundle.output_resolution != 0,
        "views": bundle.views in ("one", "many"),
        "modes": bool(bundle.modes) and all(NEEDS.get(mode, MOTION) in bundle.graphs for mode in bundle.modes),
        "outputs": IMAGE in bundle.outputs,
        "structure": _is_structure(bundle.structure, bundle.points),
        "card": bundle.card is None or bool(_DIGEST.fullmatch(bundle.card)),
    }
    if not is_newer(bundle.format):
        checks["modes"] &= not unknown
    wrong = [key for key, fine in checks.items() if not fine]
    if wrong:
        raise ModelError(f"{where} has an impossible value for {', '.join(wrong)}; fetch or export the model again.")


def _is_structure(values: Mapping[str, Any], points: int) -> bool:
    """Whether `values` may stand under `structure` for that many points."""
    parts, dead, names = values.get("parts", points or 1), values.get("dead", []), values.get("names", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return False
    if len(set(names)) != len(names) or len(names) not in (0, points):
        return False
    if not _is_count(parts) or not isinstance(dead, list) or not all(_is_count(point, 0) for point in dead):
        return False
    return bool(points % parts == 0 and all(point < points for point in dead))


def _is_count(value: Any, least: int = 1) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least
