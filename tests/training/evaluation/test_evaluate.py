"""The whole command on small clips: bounds, models, resuming, pairs, report, bad input."""

import argparse
import json
import shutil
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from typing import ClassVar

import numpy as np
import onnx
import pytest
import torch
import toy_bundle
from clips import moving
from PIL import Image
from skimage.data import astronaut
from small_models import SIZE, model
from small_models import checkpoint as stored
from tiny_run import TINY_MODEL, moving_square

from checkpoints.bundle import Bundle, write_bundle
from checkpoints.errors import BunrakuError, InputError, OptionError
from export.card_metrics import read_metrics
from export.convert import Options, convert
from runtime.framing.faces import find_faces
from training.checkpoint import save_model
from training.commands import evaluate
from training.evaluation.cases import ANIMATION, RECONSTRUCTION, ClipData, Drawn, open_data
from training.evaluation.measure import Reference, Rulers, Tracks
from training.evaluation.movers import BundleMover, Echo, Still, TorchMover
from training.evaluation.run import Plan, run
from training.evaluation.store import Key, Store
from training.evaluation.summary import METRICS, Row, summarise
from training.evaluation.table import best, markdown
from training.models.registry import build


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Three people: a folder of frames, a strip, and a video."""
    folder = tmp_path_factory.mktemp("clips")
    rng = np.random.default_rng(1)
    (folder / "anna#1").mkdir()
    for index, frame in enumerate(moving_square(rng, 4)):
        Image.fromarray(frame).save(folder / "anna#1" / f"{index}.png")
    Image.fromarray(np.concatenate(list(moving_square(rng, 4)), 1)).save(folder / "bert#1.png")
    moving(folder / "carl#1.mp4", 6)
    return folder


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("run") / "model.safetensors"
    save_model(path, build("tpsmm", TINY_MODEL), {"steps": 7})
    return path


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy")
    toy_bundle.build(folder)
    return folder


class Corner:
    """A detector that finds the brightest and the darkest pixel: enough to count and to see motion."""

    name = "corner"
    layout: ClassVar = None

    def __init__(self):
        self.calls = 0

    def __call__(self, frames):
        self.calls += 1
        light = frames.astype(int).sum(-1).reshape(len(frames), -1)
        places = np.stack([light.argmax(1), light.argmin(1)], 1)
        points = np.stack(np.divmod(places, frames.shape[2])[::-1], -1).astype(float)
        return Tracks(points, np.ones(len(frames), bool))


def command(*words):
    parser = argparse.ArgumentParser()
    evaluate.add_arguments(parser)
    return evaluate.run(parser.parse_args([str(word) for word in words]))


def test_every_layout_is_read(clips):
    data = ClipData(clips, 32, 3, drawn=Drawn(count=4))
    assert data.names(RECONSTRUCTION) == ["anna#1", "bert#1.png", "carl#1.mp4"]
    for name in data.names(RECONSTRUCTION):
        case = data.load(RECONSTRUCTION, name)
        assert case.driving.shape == (3, 32, 32, 3)
        np.testing.assert_array_equal(case.source, case.driving[0])
        assert np.abs(case.driving[2].astype(int) - case.driving[0]).max() > 50  # it moves
    pairs = data.names(ANIMATION)
    assert len(pairs) == 4
    assert pairs == ClipData(clips, 32, 3, drawn=Drawn(count=4)).names(ANIMATION)
    case = data.load(ANIMATION, pairs[0])
    assert case.target is None
    assert all(a.split("#")[0] != b.split("#")[0] for a, b in (pair.split(" > ") for pair in pairs))


def test_a_list_of_pairs_as_published(clips, tmp_path):
    (tmp_path / "pairs.csv").write_text(
        "distance,source,driving,frame\n0.1,anna#1,carl#1.mp4,0\n0.2,bert#1.mp4,anna#1,0\n"
    )
    data = ClipData(clips, 32, None, drawn=Drawn(tmp_path / "pairs.csv"))
    assert data.names(ANIMATION) == ["anna#1 > carl#1.mp4", "bert#1.png > anna#1"]
    (tmp_path / "bad.csv").write_text("source,driving\nanna#1,nobody\n")
    with pytest.raises(InputError, match="nobody"):
        ClipData(clips, 32, None, drawn=Drawn(tmp_path / "bad.csv"))
    (tmp_path / "none.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="columns source and driving"):
        ClipData(clips, 32, None, drawn=Drawn(tmp_path / "none.csv"))


def test_a_picture_beside_the_clips_is_a_source(tmp_path):
    moving(tmp_path / "carl.mp4", 4)
    picture = np.random.default_rng(0).integers(0, 256, (80, 64, 3), np.uint8)
    Image.fromarray(picture).save(tmp_path / "photo.png")
    data = ClipData(tmp_path, 64, None, drawn=Drawn(count=9))
    assert data.names(RECONSTRUCTION) == ["carl.mp4"]
    assert data.names(ANIMATION) == ["photo.png > carl.mp4"]
    case = data.load(ANIMATION, "photo.png > carl.mp4")
    np.testing.assert_array_equal(case.source, picture[8:72])
    assert len(case.driving) == 4


def test_the_checkpoint_does_what_the_model_does(clips, checkpoint):
    mover = TorchMover(checkpoint, batch=3)
    case = ClipData(clips, 64, None).load(RECONSTRUCTION, "anna#1")
    moved = mover.reconstruct(case.source, case.driving)
    pictures = torch.from_numpy(case.driving.copy()).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        wanted = mover.model(pictures[:1].expand_as(pictures), pictures)
    image = (wanted.image * 255).round().permute(0, 2, 3, 1).numpy()
    assert np.abs(image - moved.frames).max() <= 1
    np.testing.assert_allclose(moved.flow, wanted.flow.numpy(), atol=1e-4)
    np.testing.assert_allclose(moved.occlusion, wanted.occlusions[-1][:, 0].numpy(), atol=1e-4)


def test_relative_motion_from_the_own_pose_is_absolute_motion(clips, checkpoint):
    mover = TorchMover(checkpoint, batch=2)
    case = ClipData(clips, 64, None).load(RECONSTRUCTION, "anna#1")
    relative = mover.animate(case.source, case.driving, "relative").frames
    assert np.abs(relative.astype(int) - mover.reconstruct(case.source, case.driving).frames).max() <= 1
    with pytest.raises(OptionError, match="disentanglement"):
        mover.animate(case.source, case.driving, "disentangled")


def test_a_bundle_moves_and_keeps_the_size(clips, bundle):
    mover = BundleMover(str(bundle))
    case = ClipData(clips, 96, None).load(RECONSTRUCTION, "carl#1.mp4")
    moved = mover.reconstruct(case.source, case.driving).frames
    assert moved.shape == case.driving.shape
    still = np.abs(case.source.astype(int) - case.driving[-1]).mean()
    assert np.abs(moved[-1].astype(int) - case.driving[-1]).mean() < 0.5 * still


@pytest.fixture(scope="module")
def exported(traced, tmp_path_factory):
    """A small model as a bundle; its pictures for parity are noise."""
    frames = list(np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), np.uint8))
    folder = tmp_path_factory.mktemp("exported") / "model"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("export.convert.build_graphs", traced)
        convert(model("fomm"), folder, frames, name="small", options=Options(resolution=SIZE, weights="fp32"))
    return folder


@pytest.mark.slow
def test_a_checkpoint_and_its_bundle_give_the_same_numbers(exported, tmp_path):
    checkpoint = stored("fomm", tmp_path / "model.safetensors")
    data = open_data("synth:test:2", SIZE, 4)
    movers = [TorchMover(checkpoint, batch=3), BundleMover(str(exported), layers="off")]
    chosen = Plan(movers, data, Rulers(Corner()))
    store = Store(None)
    run(chosen, store, progress=False)
    for task in (RECONSTRUCTION, ANIMATION):
        for name in data.names(task):
            torch_values, engine_values = (store.values[chosen.key(mover.identity, task, name)] for mover in movers)
            assert torch_values.keys() == engine_values.keys()
            assert torch_values == pytest.approx(engine_values, rel=2e-3, abs=2e-4)
    truths = {"flow_epe", "occlusion_iou", "surface_points"}
    case = data.load(RECONSTRUCTION, data.names(RECONSTRUCTION)[0])
    assert all(truths <= store.values[chosen.key(m.identity, RECONSTRUCTION, case.name)].keys() for m in movers)
    one, other = (mover.reconstruct(case.source, case.driving) for mover in movers)
    assert np.abs(one.flow - Still().reconstruct(case.source, case.driving).flow[:, ::4, ::4]).max() > 0.01
    np.testing.assert_allclose(one.flow, other.flow, atol=1e-4)
    np.testing.assert_allclose(one.occlusion, other.occlusion, atol=1e-4)


def test_a_bundle_without_maps_is_measured_by_its_pictures(clips, bundle, tmp_path):
    described = Bundle.load(bundle)
    data = {name: described.path(name).read_bytes() for name in described.graphs}
    render = onnx.load_from_string(data["render"])
    del render.graph.output[1:]
    data["render"] = render.SerializeToString()
    graphs = {
        name: replace(graph, sha256=sha256(data[name]).hexdigest(), bytes=len(data[name]))
        for name, graph in described.graphs.items()
    }
    graphs["render"] = replace(graphs["render"], outputs=("image",))
    write_bundle(tmp_path / "bare", replace(described, outputs=("image",), graphs=graphs), data)
    case = ClipData(clips, 64, None).load(RECONSTRUCTION, "anna#1")
    whole, bare = (
        BundleMover(str(folder)).reconstruct(case.source, case.driving) for folder in (bundle, tmp_path / "bare")
    )
    assert bare.flow is None
    assert bare.occlusion is None
    assert whole.flow.shape == (len(case.driving), 64, 64, 2)
    assert whole.occlusion.shape == (len(case.driving), 64, 64)
    np.testing.assert_array_equal(bare.frames, whole.frames)


def plan(clips, movers, detector=None, **changes):
    return Plan(movers, ClipData(clips, 64, None, drawn=Drawn(count=2)), Rulers(detector), **changes)


def test_the_bounds_are_bounds(clips, bundle):
    chosen = plan(clips, [Still(), BundleMover(str(bundle)), Echo()], Corner())
    store = Store(None)
    run(chosen, store, progress=False)
    summary = summarise(chosen, store)
    still, _, echo = summary.tasks[RECONSTRUCTION]
    assert (still.values["l1_ratio"], still.values["transfer"]) == (1, 0)
    assert (echo.values["l1_ratio"], echo.values["transfer"], echo.values["l1"]) == (0, 1, 0)
    assert echo.values["ssim"] == pytest.approx(1)
    assert echo.values["flicker"] == 0
    assert still.values["l1"] > 0.01
    assert "l1" not in summary.tasks[ANIMATION][0].values  # nobody knows the true result
    still, _, echo = summary.tasks[ANIMATION]
    assert "jitter" in still.values
    assert (still.values["followed"], echo.values["followed"]) == (0, 1)
    assert "followed" not in summary.tasks[RECONSTRUCTION][0].values  # AKD says it better there


def test_a_picture_is_looked_at_once(clips):
    detector = Corner()
    case = ClipData(clips, 64, None).load(RECONSTRUCTION, "anna#1")
    reference = Reference(RECONSTRUCTION, case, Rulers(detector))
    first = reference.detect(case.driving)
    calls = detector.calls
    assert calls == len(case.driving)
    still = reference.detect(np.repeat(case.source[None], 5, 0))
    assert detector.calls == calls  # the source is the first driving frame
    np.testing.assert_array_equal(still.points, np.repeat(first.points[:1], 5, 0))


def test_what_was_measured_is_not_measured_again(clips, tmp_path):
    detector = Corner()
    first = plan(clips, [Still()], detector, limit=2, tasks=(RECONSTRUCTION,))
    run(first, Store(tmp_path), progress=False)
    calls = detector.calls
    run(first, Store(tmp_path), progress=False)
    assert detector.calls == calls
    path = tmp_path / "results.jsonl"
    whole = path.read_text()
    path.write_text(whole[:-20])  # killed while writing
    store = Store(tmp_path)
    assert len(store.values) == 1
    run(first, store, progress=False)
    assert path.read_text() == whole
    other = plan(clips, [Still()], detector, limit=2, tasks=(RECONSTRUCTION,), setting="another size")
    assert not store.has(other.key("still-1", RECONSTRUCTION, "anna#1"), [])


def test_damaged_results_are_named(tmp_path):
    (tmp_path / "results.jsonl").write_text('{"key": {}, "values": {}}\n')
    with pytest.raises(InputError, match="line 1 is damaged"):
        Store(tmp_path)


def test_features_survive(tmp_path):
    key = Key("m", RECONSTRUCTION, "absolute", "s", "a/b c")
    Store(tmp_path).put(key, {"l1": 0.5}, {"fid": np.arange(6.0).reshape(2, 3)})
    again = Store(tmp_path)
    assert again.values[key] == {"l1": 0.5}
    np.testing.assert_array_equal(again.features(key, "fid"), np.arange(6.0).reshape(2, 3))
    assert again.has(key, ["fid"])
    assert not again.has(key, ["fd_lite0"])


def test_the_best_is_bold_and_bounds_are_not():
    l1 = METRICS[0]
    values = {"unmoved source": 0.2, "a": 0.1, "b": 0.10004, "driving itself": 0.0}
    rows = [Row(name, 1, {"l1": value}, {}) for name, value in values.items()]
    assert best(l1, rows) == {"a", "b"}  # equal as shown
    assert best(l1, [rows[0], rows[1], rows[3]]) == set()
    jitter = next(metric for metric in METRICS if metric.name == "jitter")
    frozen = [Row(name, 1, {"jitter": value}, {}) for name, value in (("a", 0.0), ("b", 1.0))]
    assert best(jitter, frozen) == set()


class Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.images = []
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag == "img":
            self.images.append(dict(attrs)["src"])
        elif tag not in ("meta", "br", "path", "use", "rect"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in ("path", "use", "rect"):
            assert self.open.pop() == tag


def test_the_command_writes_table_json_and_report(clips, checkpoint, bundle, tmp_path, capsys):
    words = (
        checkpoint,
        clips,
        "--compare",
        bundle,
        "--keypoints",
        "none",
        "--size",
        64,
        "--random-pairs",
        2,
        "--quiet",
    )
    words += ("--also", "fd-lite0")
    assert command(*words, "--json", tmp_path / "r.json", "--report", tmp_path / "r") == 0
    printed = capsys.readouterr().out
    assert printed.splitlines()[-1] == str(tmp_path / "r" / "report.html")
    values = json.loads((tmp_path / "r.json").read_text())
    names = [model["name"] for model in values["models"]]
    assert names[0] == "unmoved source"
    assert names[-1] == "driving itself"
    assert all(model["reconstruction"]["cases"] == 3 for model in values["models"])
    assert values["models"][-1]["reconstruction"]["metrics"]["fd_lite0"] == pytest.approx(0, abs=1e-6)
    assert values["models"][1]["steps"] == 7
    page = Links()
    page.feed((tmp_path / "r" / "report.html").read_text())
    assert not page.open
    assert len(page.images) == 4  # worst and best of both tasks
    for image in page.images:
        with Image.open(tmp_path / "r" / image) as video:
            assert video.n_frames >= 4
            assert video.width == 4 * video.height
    assert all(name in (tmp_path / "r" / "report.md").read_text() for name in names)


def test_two_models_on_two_sets_of_data_from_one_command(clips, checkpoint, bundle, tmp_path, capsys):
    words = (checkpoint, "synth:test:2", clips, "--compare", bundle, "--keypoints", "none", "--size", 64, "--frames", 2)
    words += ("--random-pairs", 1, "--quiet", "--json", tmp_path / "r.json", "--report", tmp_path / "r")
    assert command(*words) == 0
    printed = capsys.readouterr().out
    assert printed.index("synth:test:2: 64 pixels, up to 2 frames") < printed.index(f"{clips}: 64 pixels")
    sets = json.loads((tmp_path / "r.json").read_text())["sets"]
    assert [one["data"] for one in sets] == ["synth:test:2", str(clips)]
    assert [len(one["models"]) for one in sets] == [4, 4]
    assert "l1" in sets[0]["models"][1]["animation"]["metrics"]  # the true target is rendered
    assert "l1" not in sets[1]["models"][1]["animation"]["metrics"]
    alone = [{**one, "models": [row for row in one["models"] if row["name"] != "toy"]} for one in sets]
    (tmp_path / "one.json").write_text(json.dumps({"sets": alone}))
    told = read_metrics(tmp_path / "one.json")  # what a model card takes
    assert "reconstruction of 2 clips of synth:test:2" in told
    assert len(told) == 2 * 2 * 2
    page = Links()
    page.feed((tmp_path / "r" / "report.html").read_text())
    assert not page.open
    assert len(set(page.images)) == 2 + 2 + 2 + 1  # worst and best of each task; of one pair only the worst
    assert all((tmp_path / "r" / image).is_file() for image in page.images)
    with pytest.raises(OptionError, match="--pairs belongs to one set"):
        command(checkpoint, clips, clips, "--pairs", "pairs.csv", "--keypoints", "none")


def test_every_third_frame(clips):
    whole = ClipData(clips, 32, None)
    some = ClipData(clips, 32, 2, every=3)
    for name in ("anna#1", "carl#1.mp4"):
        wanted = whole.load(RECONSTRUCTION, name).driving[::3][:2]
        np.testing.assert_array_equal(some.load(RECONSTRUCTION, name).driving, wanted)
    assert len(wanted) == 2


def test_cut_to_the_face_a_clip_keeps_its_square(tmp_path):
    person = astronaut()[::2, ::2]
    strip = np.concatenate([np.roll(person, 4 * step, 1) for step in range(3)], 1)
    Image.fromarray(strip).save(tmp_path / "eileen.png")
    Image.fromarray(astronaut()).save(tmp_path / "photo.jpg")
    data = ClipData(tmp_path, 128, None, drawn=Drawn(count=1, to_face=True))
    case = data.load(ANIMATION, "photo.jpg > eileen.png")
    heights = []
    for picture in (case.source, case.driving[0], case.driving[-1]):
        (face,) = find_faces(picture)
        heights.append((face.bottom - face.top) / 128)
    assert all(0.3 < height < 0.5 for height in heights)  # in the whole picture it is 0.2
    shift = find_faces(case.driving[-1])[0].center[0] - find_faces(case.driving[0])[0].center[0]
    assert shift > 6  # the face moves in the square, not the square with the face


def test_models_of_one_name_are_told_apart(clips, bundle, tmp_path, capsys):
    other = shutil.copytree(bundle, tmp_path / "older")
    words = (bundle, clips, "--compare", other, other, "--keypoints", "none", "--limit", 1, "--quiet")
    assert command(*words, "--tasks", "reconstruction") == 0
    rows = [line.split(" | ")[0].lstrip("| ") for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert rows == ["Method", "unmoved source", "toy", "older", "toy (3)", "driving itself"]


def test_bodies_and_cartoons_are_rendered_too():
    for kind in ("body", "cartoon"):
        data = open_data(f"synth:{kind}:test:1", 32, 2, every=8)
        assert data.name == f"synth:{kind}:test:1"
        case = data.load(RECONSTRUCTION, data.names(RECONSTRUCTION)[0])
        assert case.driving.shape == (2, 32, 32, 3)
        assert case.truth is not None
        assert np.abs(case.driving[1].astype(int) - case.driving[0]).max() > 30


def test_the_table_says_what_is_not_known(clips):
    chosen = plan(clips, [Still(), Echo()], tasks=(RECONSTRUCTION,))
    store = Store(None)
    run(chosen, store, progress=False)
    text = markdown(summarise(chosen, store))
    assert "| driving itself | 0.0000 | 0.000 | " in text
    assert "(3 cases, absolute)" in text


def test_rendered_people_have_truth_and_a_true_target():
    data = open_data("synth:test:2", 48, 3)
    case = data.load(RECONSTRUCTION, data.names(RECONSTRUCTION)[0])
    chosen = Plan([Still()], data, Rulers(), limit=1)
    store = Store(None)
    run(chosen, store, progress=False)
    values = store.values[chosen.key("still-1", RECONSTRUCTION, case.name)]
    assert {"flow_epe", "surface_points", "occlusion_iou"} <= set(values)
    assert values["flow_epe"] > 0
    cross = data.load(ANIMATION, data.names(ANIMATION)[0])
    assert cross.target is not None
    np.testing.assert_array_equal(cross.source, cross.target[0])
    assert np.abs(cross.target.astype(int) - cross.driving).mean() > 2  # another person


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        ("nowhere", (), "no such folder"),
        ("synth:test:0", (), "synth:test:N"),
        ("synth:all:3", (), "synth:test:N"),
        ("synth:horse:test:3", (), "synth:test:N"),
        ("clips", ("--limit", "0"), "--limit is 0"),
    ],
)
def test_bad_input_is_one_sentence(checkpoint, clips, data, options, message):
    with pytest.raises(BunrakuError, match=message):
        command(checkpoint, clips if data == "clips" else data, "--quiet", "--keypoints", "none", *options)
