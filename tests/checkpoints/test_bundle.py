"""A bundle that is written reads back; one that is damaged, hostile or from another time is refused in one
line.
"""

import json
import os
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import onnx
import onnxruntime
import pytest
import toy_bundle
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from checkpoints import own_card
from checkpoints.bundle import Bundle, describe_graph, read_description, write_bundle
from checkpoints.card import model_card
from checkpoints.description import FORMAT, seal
from checkpoints.errors import BunrakuError, ModelError
from checkpoints.onnx_file import has_external_data, signature
from checkpoints.own_card import seal_card, shown_card, with_card

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "bundle.schema.json").read_text())
FIFO = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")


@pytest.fixture
def folder(toy: Path, tmp_path: Path) -> Path:
    """A copy of the toy bundle that a test may damage."""
    return Path(shutil.copytree(toy, tmp_path / "toy"))


def rewrite(folder: Path, change) -> None:
    """Apply `change` to the JSON of a bundle in place, as a program would that writes such descriptions."""
    values = json.loads((folder / "bundle.json").read_text())
    change(values)
    (folder / "bundle.json").write_text(seal(values))


def nested(depth: int) -> list:
    """A list in a list in a list ..."""
    inner: list = []
    for _ in range(depth):
        inner = [inner]
    return inner


def models_of(folder: Path) -> dict[str, bytes]:
    bundle = Bundle.load(folder)
    return {name: bundle.path(name).read_bytes() for name in bundle.graphs}


def test_what_is_written_reads_back(toy, tmp_path):
    bundle = replace(Bundle.load(toy), parity={"max_abs_difference": 0.4}, training={"steps": 7}, licence="CC0-1.0")
    written = write_bundle(tmp_path / "copy", bundle, models_of(toy))
    assert written == bundle == Bundle.load(tmp_path / "copy")
    assert written.folder == tmp_path / "copy"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["copy"]


def test_the_description_is_that_of_the_contract(folder):
    values = json.loads((folder / "bundle.json").read_text())
    assert values["format"] == FORMAT
    assert list(values)[:4] == ["format", "sha256", "name", "family"]
    assert "folder" not in values
    keys = ("file", "sha256", "bytes", "precision", "gflops", "inputs", "outputs", "weights")
    assert set(values["graphs"]["motion"]) == set(keys)
    assert values["graphs"]["motion"]["inputs"] == ["frame"]


def test_writing_replaces_an_older_bundle_but_nothing_else(toy, folder, tmp_path):
    (folder / "stale.onnx").write_bytes(b"")
    write_bundle(folder, replace(Bundle.load(toy), name="newer"), models_of(toy))
    assert Bundle.load(folder).name == "newer"
    assert not (folder / "stale.onnx").exists()
    mine = tmp_path / "holiday"
    mine.mkdir()
    (mine / "photo.jpg").write_bytes(b"precious")
    with pytest.raises(ModelError, match="is not a bundle"):
        write_bundle(mine, Bundle.load(toy), models_of(toy))
    assert (mine / "photo.jpg").read_bytes() == b"precious"


def test_a_failed_write_leaves_nothing_and_keeps_the_older_bundle(toy, folder, tmp_path):
    models = models_of(toy)
    models["render"] += b"\0"  # no longer what is described
    with pytest.raises(ModelError, match="damaged"):
        write_bundle(folder, Bundle.load(toy), models)
    assert Bundle.load(folder) == Bundle.load(toy)
    with pytest.raises(ModelError, match="damaged"):
        write_bundle(tmp_path / "new", Bundle.load(toy), models)
    assert [file.name for file in tmp_path.iterdir()] == ["toy"]


@pytest.mark.parametrize("failing", [1, 2])
def test_an_older_bundle_comes_back_when_it_cannot_be_replaced(toy, folder, monkeypatch, failing):
    """The first renaming sets the older bundle aside, the second gives the newer one its name."""
    rename, calls = Path.rename, []

    def stuck(path: Path, target: Path) -> Path:
        calls.append(path)
        if len(calls) == failing:
            raise PermissionError(13, "Permission denied")
        return rename(path, target)

    before = sorted(folder.parent.iterdir())
    monkeypatch.setattr(Path, "rename", stuck)
    with pytest.raises(ModelError, match=r"cannot be written \(Permission denied\)"):
        write_bundle(folder, replace(Bundle.load(toy), name="newer"), models_of(toy))
    assert len(calls) == (1, 3)[failing - 1]
    assert Bundle.load(folder) == Bundle.load(toy)
    assert sorted(folder.parent.iterdir()) == before


def test_models_and_description_must_name_the_same_graphs(toy, tmp_path):
    models = models_of(toy)
    del models["motion"]
    with pytest.raises(ModelError, match="motion"):
        write_bundle(tmp_path / "new", Bundle.load(toy), models)


def test_a_higher_minor_format_is_accepted_with_what_it_adds(folder):
    def newer(values):
        values["format"] = "2.7"
        values["colour"] = "blue"
        values["modes"].append("telepathic")
        values["graphs"]["enhance"] = {"anything": True}

    rewrite(folder, newer)
    bundle = Bundle.load(folder)
    assert bundle.format == "2.7"
    assert "enhance" not in bundle.graphs


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda v: v.update(format="3.0"), "format 3.0"),
        (lambda v: v.update(format="1.3"), 'lacks "num_points"'),
        (lambda v: v.update(format=1), "wrong type"),
        (lambda v: v.pop("family"), 'lacks "family"'),
        (lambda v: v.update(resolution="256"), "wrong type"),
        (lambda v: v.update(resolution=True), "wrong type"),
        (lambda v: v.update(resolution=0), "impossible value for resolution"),
        (lambda v: v.update(views="two"), "impossible value for views"),
        (lambda v: v.update(modes=["sideways"]), "impossible value for modes"),
        (lambda v: v["graphs"].pop("disentangle"), "impossible value for modes"),
        (lambda v: v.update(outputs=["flow"]), "impossible value for outputs"),
        (lambda v: v["graphs"].pop("render"), "lacks the graphs render"),
        (lambda v: v["graphs"].update(motion=[]), "wrong type"),
        (lambda v: v["graphs"]["motion"].pop("sha256"), 'lacks graph "motion": "sha256"'),
        (lambda v: v["graphs"]["motion"].update(gflops="many"), "gflops"),
        (lambda v: v["graphs"]["motion"].update(inputs=[1]), "wrong type"),
        (lambda v: v["graphs"]["motion"].update(file="../motion.onnx"), "plain .onnx name"),
        (lambda v: v["graphs"]["motion"].update(file="..\\motion.onnx"), "plain .onnx name"),
        (lambda v: v["graphs"]["motion"].update(file="/etc/passwd"), "plain .onnx name"),
        (lambda v: v["graphs"]["motion"].update(file="other.onnx"), "cannot be read"),
        (lambda v: v["graphs"]["motion"].update(file="*.onnx"), "plain .onnx name"),
        (lambda v: v["graphs"]["motion"].update(file="mo\ntion.onnx"), "plain .onnx name"),
        (lambda v: v["graphs"]["motion"].update(file=".onnx"), "plain .onnx name"),
        (lambda v: v["graphs"]["motion"].update(bytes=3), "damaged"),
        (lambda v: v["graphs"]["motion"].update(bytes=0), 'impossible value for graph "motion": "bytes"'),
        (lambda v: v["graphs"]["motion"].update(bytes=1 << 40), 'impossible value for graph "motion": "bytes"'),
        (lambda v: v.update(structure=[]), "wrong type"),
        (lambda v: v.update(structure={"parts": 3}), "impossible value for structure"),
        (lambda v: v.update(structure={"parts": 0}), "impossible value for structure"),
        (lambda v: v.update(structure={"dead": [4]}), "impossible value for structure"),
        (lambda v: v.update(structure={"dead": ["1"]}), "impossible value for structure"),
        (lambda v: v.update(format="1"), "format 1"),
        (lambda v: v.update(format="1.x"), "format 1.x"),
        (lambda v: v["graphs"]["motion"].update(sha256="0" * 64), "damaged"),
        (lambda v: v.update(format="1." + "9" * 5000), "has format 1.9999"),
        (lambda v: v.update(format="9" * 5000 + ".1"), "has format 9999"),
        (lambda v: v["graphs"]["motion"].update(gflops=10**400), 'impossible value for graph "motion": "gflops"'),
        (lambda v: v["graphs"]["motion"].update(gflops=float("nan")), '"gflops"'),
        (lambda v: v["graphs"]["motion"].update(gflops=float("inf")), '"gflops"'),
        (lambda v: v["graphs"]["motion"].update(gflops=-1), '"gflops"'),
        (lambda v: v["graphs"]["motion"].update(precision="fp12"), 'impossible value for graph "motion": "precision"'),
        (lambda v: v["graphs"]["motion"].update(weights="string"), 'impossible value for graph "motion": "weights"'),
        (lambda v: v["graphs"]["motion"].update(inputs=[]), 'impossible value for graph "motion": "inputs"'),
        (lambda v: v["graphs"]["motion"].update(outputs=[]), 'impossible value for graph "motion": "outputs"'),
        (lambda v: v["graphs"]["motion"].update(inputs=["film"]), "does not fit its description (inputs)"),
        (lambda v: v["graphs"]["motion"].update(outputs=["points", "taste"]), "does not fit its description (outputs)"),
        (lambda v: v.update(outputs=[]), "impossible value for outputs"),
        (lambda v: v.update(outputs=["image", "smell"]), "does not fit its description (outputs)"),
        (lambda v: v.pop("motion"), 'lacks "motion"'),
        (lambda v: v.update(motion={}), "a motion needs parameters"),
        (lambda v: v.update(motion=[]), "wrong type"),
        (lambda v: v["motion"].update(points=[4, 2]), '"points" must hold an object'),
        (lambda v: v["motion"]["points"].update(kind="smell"), "of a kind that this program does not know"),
        (lambda v: v["motion"]["points"].update(kind=["point"]), "of a kind that this program does not know"),
        (lambda v: v["motion"]["points"].update(shape=[4, 4]), "a shape that no point has"),
        (lambda v: v["motion"]["points"].update(shape=[True, 2]), "a shape that no point has"),
        (lambda v: v["motion"]["points"].update(shape=[100_001, 2]), "a shape that no point has"),
        (lambda v: v["motion"].update(more=v["motion"]["points"] | {"shape": [99_999, 2]}), "too many points"),
        (lambda v: v["motion"].update(Eyes=v["motion"]["points"]), 'no parameter can be called "Eyes"'),
        (lambda v: v["motion"].update(eyes=v["motion"]["points"]), 'no parameter can be called "eyes"'),
        (lambda v: v["motion"].update(source_a=v["motion"]["points"]), 'no parameter can be called "source_a"'),
        (lambda v: v["motion"].update(face={"kind": "coefficient", "shape": [2]}), "needs a name and a range for each"),
        (lambda v: v["motion"]["points"].update(shape=[8, 2]), "does not fit its description (motion)"),
        (lambda v: v["motion"]["points"].update(shape=[4, 3]), "does not fit its description (motion)"),
        (lambda v: v["motion"].update(more=v["motion"]["points"]), "does not fit its description (motion)"),
        (lambda v: v["motion"].update(more=v["motion"].pop("points")), "does not fit its description (motion)"),
        (lambda v: v.update(resolution=128), "does not fit its description (resolution)"),
        (
            lambda v: v["motion"].update(jacobians={"kind": "linear", "shape": [4, 2, 2]}),
            "does not fit its description (motion)",
        ),
        (lambda v: v.update(card="none"), "impossible value for card"),
        (lambda v: v.update(card=None), "wrong type"),
        (lambda v: v["training"].update(deep=nested(40)), "nested too deeply"),
        (lambda v: v["parity"].update(deep=nested(900)), "nested too deeply"),
    ],
)
def test_a_wrong_description_is_refused(folder, change, words):
    rewrite(folder, change)
    with pytest.raises(ModelError) as caught:
        Bundle.load(folder)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_changed_graph_is_refused(folder):
    path = folder / "render.onnx"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(ModelError, match=r"render\.onnx is damaged"):
        Bundle.load(folder)


NO_DESCRIPTIONS = [
    "",
    "{",
    "[]",
    "null",
    '"text"',
    "[" * 100_000,
    "\x00",
    '{"format": 1' + "0" * 5000 + "}",
    '["\\ud800"]',
]


@pytest.mark.parametrize("text", NO_DESCRIPTIONS)
def test_what_is_no_description_is_refused(folder, text):
    (folder / "bundle.json").write_text(text)
    with pytest.raises(ModelError):
        Bundle.load(folder)


def test_a_missing_folder_and_an_empty_one_are_told_apart(tmp_path):
    with pytest.raises(ModelError, match="no model folder"):
        Bundle.load(tmp_path / "absent")
    with pytest.raises(ModelError, match=r"holds no bundle\.json"):
        Bundle.load(tmp_path)


def test_the_schema_describes_what_is_written_and_what_is_read(toy, toy_affine, toy_tree):
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for folder in (toy, toy_affine, toy_tree):
        jsonschema.validate(json.loads((folder / "bundle.json").read_text()), SCHEMA)
    newer = json.loads((toy / "bundle.json").read_text())
    newer.update(format="2.9", modes=["absolute", "telepathic"], colour="blue")
    newer["graphs"]["enhance"] = {"anything": True}
    jsonschema.validate(newer, SCHEMA)
    jsonschema.validate(toy_bundle.as_format_1(json.loads((toy / "bundle.json").read_text())), SCHEMA)
    for version in ("1.3", "3.0"):  # the first has other keys, the second nobody knows
        other = json.loads((toy / "bundle.json").read_text()) | {"format": version}
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(other, SCHEMA)


def test_descriptions_of_format_1_1_say_nothing_on_drawings(folder):
    values = toy_bundle.as_format_1(json.loads((folder / "bundle.json").read_text()), "1.1")
    del values["structure"]
    (folder / "bundle.json").write_text(seal(values))
    assert Bundle.load(folder).structure == {}
    jsonschema.validate(json.loads((folder / "bundle.json").read_text()), SCHEMA)


def test_descriptions_of_format_1_0_had_no_seal(folder):
    values = toy_bundle.as_format_1(json.loads((folder / "bundle.json").read_text()), "1.0")
    del values["sha256"]
    for graph in values["graphs"].values():
        del graph["weights"]
    (folder / "bundle.json").write_text(json.dumps(values))
    assert Bundle.load(folder).graphs["render"].weights == "fp32"
    values["format"] = "1.1"
    (folder / "bundle.json").write_text(json.dumps(values))
    with pytest.raises(ModelError, match="changed after it was written"):
        Bundle.load(folder)


@pytest.mark.parametrize("kind", ["toy", "toy_affine"])
def test_descriptions_of_format_1_are_read_as_what_they_would_say_now(kind, tmp_path, request):
    folder = Path(shutil.copytree(request.getfixturevalue(kind), tmp_path / "old"))
    now = Bundle.load(folder)
    older = toy_bundle.as_format_1(json.loads((folder / "bundle.json").read_text()))
    (folder / "bundle.json").write_text(seal(older))
    read = Bundle.load(folder)
    assert read == replace(now, format="1.3")
    assert write_bundle(tmp_path / "new", read, models_of(folder)).motion == now.motion
    assert json.loads((tmp_path / "new" / "bundle.json").read_text())["format"] == FORMAT
    for changed in ({"num_points": 8}, {"num_points": 0}, {"jacobians": not older["jacobians"]}, {"jacobians": 1}):
        (folder / "bundle.json").write_text(seal(older | changed))
        with pytest.raises(ModelError):
            Bundle.load(folder)


def test_line_ends_of_another_system_do_no_harm(folder):
    path = folder / "bundle.json"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert Bundle.load(folder).name == "toy"


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_one_changed_byte_anywhere_is_found(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp() / "tampered"
    if not folder.exists():
        toy_bundle.build(folder)
    files = sorted(folder.iterdir())
    sizes = [file.stat().st_size for file in files]
    # Half of the positions in the description, which is small beside the graphs.
    description = files.index(folder / "bundle.json")
    chosen = data.draw(st.sampled_from([description, *range(len(files))]))
    position = data.draw(st.integers(0, sizes[chosen] - 1))
    change = data.draw(st.integers(1, 255))
    original = files[chosen].read_bytes()
    tampered = bytearray(original)
    tampered[position] ^= change
    files[chosen].write_bytes(tampered)
    try:
        with pytest.raises(ModelError):
            Bundle.load(folder)
    finally:
        files[chosen].write_bytes(original)
    assert Bundle.load(folder).name == "toy"


def test_a_graph_of_another_size_is_not_read(folder, monkeypatch):
    path = folder / "render.onnx"
    with path.open("r+b") as file:
        file.truncate(1 << 40)  # a hole: no disk could fill it, and no memory hold it
    with pytest.raises(ModelError, match=r"render\.onnx is damaged"):
        Bundle.load(folder)


@FIFO
def test_what_is_no_file_is_not_read(folder):
    path = folder / "render.onnx"
    path.unlink()
    os.mkfifo(path)  # reading it would wait for ever
    with pytest.raises(ModelError, match=r"render\.onnx"):
        Bundle.load(folder)


def test_every_bundle_has_its_card(toy):
    card = (toy / "README.md").read_text()
    assert card == model_card(Bundle.load(toy))


def test_a_card_that_is_changed_after_it_was_sealed_is_refused_until_it_is_sealed_again(folder):
    (folder / "README.md").write_text("# My own words\n")
    with pytest.raises(ModelError, match=r"README\.md was changed after it was sealed"):
        Bundle.load(folder)
    assert shown_card(read_description(folder)) == model_card(read_description(folder))
    seal_card(folder)
    assert shown_card(Bundle.load(folder)) == "# My own words\n"
    jsonschema.validate(json.loads((folder / "bundle.json").read_text()), SCHEMA)
    (folder / "README.md").write_bytes(b"# My own words\r\n")  # as a checkout may make it
    assert shown_card(Bundle.load(folder)) == "# My own words\n"
    (folder / "README.md").unlink()  # the Hub's cache has none
    assert shown_card(Bundle.load(folder)) == model_card(Bundle.load(folder))


@pytest.mark.parametrize("sealed", [True, False])
def test_a_card_that_leads_out_of_the_bundle_is_not_read(folder, tmp_path, sealed):
    (tmp_path / "secret").write_text("Nobody's business\n")
    (folder / "README.md").unlink()
    (folder / "README.md").symlink_to("../secret")
    if sealed:
        (folder / "bundle.json").write_text(with_card(folder, "Nobody's business\n"))
    else:
        rewrite(folder, lambda values: values.pop("card"))
    bundle = Bundle.load(folder)
    assert "business" not in shown_card(bundle)
    with pytest.raises(ModelError, match=r"no README\.md of its own"):
        seal_card(folder)


@FIFO
def test_a_card_may_be_anything(folder):
    card = folder / "README.md"
    for make in (card.mkdir, lambda: os.mkfifo(card), lambda: card.symlink_to(card), lambda: card.write_bytes(b"")):
        card.unlink()
        make()
        assert shown_card(read_description(folder)) == model_card(read_description(folder))
        if card.is_dir() and not card.is_symlink():
            card.rmdir()
            card.touch()
    with card.open("r+b") as file:
        file.truncate(1 << 40)
    assert shown_card(read_description(folder)) == model_card(read_description(folder))


def test_descriptions_of_format_1_2_have_no_card(folder):
    values = toy_bundle.as_format_1(json.loads((folder / "bundle.json").read_text()), "1.2")
    del values["card"]
    (folder / "bundle.json").write_text(seal(values))
    (folder / "README.md").write_text("# My own words\n")
    assert shown_card(Bundle.load(folder)) == "# My own words\n"
    jsonschema.validate(json.loads((folder / "bundle.json").read_text()), SCHEMA)


def test_the_seal_of_a_card_has_a_command(folder, monkeypatch, capsys):
    (folder / "README.md").write_text("# My own words\n")
    monkeypatch.setattr("sys.argv", ["own_card", str(folder)])
    assert own_card.main() == 0
    assert Bundle.load(folder).card == own_card.digest("# My own words\n")
    (folder / "README.md").unlink()
    assert own_card.main() == 2
    assert capsys.readouterr().err.startswith("bunraku: error: ")


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_json_value_anywhere_escapes_the_family_of_errors(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp() / "fuzz"
    if not folder.exists():
        toy_bundle.build(folder)
        (folder / "original").write_text((folder / "bundle.json").read_text())
    values = json.loads((folder / "original").read_text())
    if data.draw(st.booleans()):
        values = toy_bundle.as_format_1(values)
    junk = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.just([]), st.just({}))
    parameters = values.get("motion", {})
    targets = [values, values["graphs"], *values["graphs"].values(), *([parameters] if parameters else [])]
    target = data.draw(st.sampled_from([*targets, *parameters.values()]))
    target[data.draw(st.sampled_from(sorted(target)))] = data.draw(junk)
    (folder / "bundle.json").write_text(seal(values))
    with suppress(BunrakuError):
        Bundle.load(folder)
        # What is read, the published schema allows.
        jsonschema.validate(json.loads((folder / "bundle.json").read_text()), SCHEMA)


def small_model(location: str | None = None, *, nested: bool = False, sparse: bool = False) -> onnx.ModelProto:
    """A graph with one constant, which is stored in the file `location` where given."""
    tensor = numpy_helper.from_array(np.arange(4, dtype=np.float32), "weights")
    if location is not None:
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        entry = tensor.external_data.add()
        entry.key, entry.value = "location", location
    output = helper.make_tensor_value_info("out", onnx.TensorProto.FLOAT, [4])
    constant = helper.make_node("Constant", [], ["out"], value=tensor)
    if nested:
        inner = helper.make_graph([constant], "inner", [], [output])
        condition = helper.make_node("Constant", [], ["yes"], value_int=1)
        choice = helper.make_node("If", ["yes"], ["out"], then_branch=inner, else_branch=inner)
        return helper.make_model(helper.make_graph([condition, choice], "outer", [], [output]))
    if sparse:
        graph = helper.make_graph([], "g", [], [output])
        indices = numpy_helper.from_array(np.arange(4, dtype=np.int64), "indices")
        graph.sparse_initializer.append(helper.make_sparse_tensor(tensor, indices, [4]))
        return helper.make_model(graph)
    identity = helper.make_node("Identity", ["weights"], ["out"])
    return helper.make_model(helper.make_graph([identity], "g", [], [output], initializer=[tensor]))


@pytest.mark.parametrize("options", [{}, {"nested": True}, {"sparse": True}])
def test_external_data_is_found_wherever_it_hides(options):
    assert not has_external_data(small_model(**options).SerializeToString())
    assert has_external_data(small_model("/etc/passwd", **options).SerializeToString())


def test_external_data_in_a_function_is_found():
    model = small_model()
    inner = small_model("weights.bin", nested=True)
    model.functions.append(
        helper.make_function("local", "F", [], ["out"], list(inner.graph.node), [helper.make_opsetid("", 20)])
    )
    assert has_external_data(model.SerializeToString())


def test_a_bundle_with_external_data_is_refused(toy, tmp_path):
    models = models_of(toy)
    models["source"] = small_model("weights.bin").SerializeToString()
    bundle = Bundle.load(toy)
    entry = describe_graph("source.onnx", models["source"], inputs=["image"], outputs=["points"])
    bundle = replace(bundle, graphs={**bundle.graphs, "source": entry})
    with pytest.raises(ModelError, match="outside its file"):
        write_bundle(tmp_path / "new", bundle, models)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_either_read_or_refused(data):
    with suppress(ValueError):
        assert has_external_data(data) in (True, False)


def field(number: int, payload: bytes) -> bytes:
    """A field of a protocol buffer that holds a message or bytes."""
    return bytes([number << 3 | 2, len(payload)]) + payload


def hidden(tag: bytes, value: bytes) -> bytes:
    """A graph with one more constant, which ends with `tag` and `value`."""
    tensor = numpy_helper.from_array(np.arange(1, dtype=np.float32), "more").SerializeToString()
    return small_model().SerializeToString() + field(7, field(5, tensor + tag + value))


LOCATION = field(1, b"location") + field(2, b"weights.bin")
ENTRY = bytes([len(LOCATION)]) + LOCATION


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        (b"\xea\x80\x80\x80\x10", ENTRY),  # 13, and a bit that protobuf drops
        (b"\xf0\x80\x80\x80\x10", b"\x01"),  # 14
        (b"\xea\x80\x80\x80\x20", ENTRY),
        (b"\xea\x00", ENTRY),  # 13 in two bytes, and in ten
        (b"\xf0\x80\x00", b"\x01"),
        (b"\xea" + 8 * b"\x80" + b"\x00", ENTRY),
        (b"\x6a", bytes([len(LOCATION) | 0x80, 0]) + LOCATION),  # the length
        (b"\x70", b"\x81\x00"),  # the value
        (b"\x70", b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02"),  # a 65th bit
    ],
)
def test_external_data_is_not_hidden_by_odd_numbers(tag, value):
    with pytest.raises(ValueError, match="a number that is"):
        has_external_data(hidden(tag, value))


def test_onnx_runtime_takes_odd_numbers_for_external_data(tmp_path):
    """Else the test above were about nothing."""
    model = small_model()
    model.ir_version, model.opset_import[0].version = 10, 20
    tensor = model.graph.initializer.pop()
    tensor.ClearField("raw_data")
    odd = b"\xf0\x80\x80\x80\x10\x01" + b"\xea\x80\x80\x80\x10" + ENTRY
    data = model.SerializeToString() + field(7, field(5, tensor.SerializeToString() + odd))
    (tmp_path / "model.onnx").write_bytes(data)
    (tmp_path / "weights.bin").write_bytes(np.arange(4, 8, dtype=np.float32).tobytes())
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    np.testing.assert_array_equal(session.run(None, {})[0], [4, 5, 6, 7])
    with pytest.raises(ValueError, match="a number that is"):
        has_external_data(data)


def test_usual_numbers_are_read():
    assert has_external_data(hidden(b"\x6a", ENTRY))
    assert has_external_data(hidden(b"\x70", b"\x01"))
    assert not has_external_data(hidden(b"\x08", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))  # -1 is ten bytes


def test_what_a_graph_takes_and_gives_is_read_from_its_file(toy_tree):
    bundle = Bundle.load(toy_tree)
    takes, gives = signature(bundle.read("motion"))
    assert takes == {"frame": (None, 64, 64, 3)}
    assert gives == {"points": (None, 4, 2), "anchors": (None, 7, 2), "attention": (None, 2, 4)}
    assert signature(small_model().SerializeToString()) == ({}, {"out": (4,)})
