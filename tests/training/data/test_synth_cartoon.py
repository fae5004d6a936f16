"""Cartoons: the truth of their pictures, what each seed decides, and their way through shards and pairs."""

import argparse
import json
from itertools import pairwise, product

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from checkpoints.errors import InputError, OptionError
from training.commands import synth
from training.config import Data
from training.data.sources import open_source
from training.data.synth import KINDS, HeadRenderer, SceneSpec, make_renderer
from training.data.synth.cartoon.figure import PART_VERTICES, PARTS, figure_point_vertices, triangle_parts
from training.data.synth.cartoon.gait import ACTIONS, Gait, gait
from training.data.synth.cartoon.identity import CREATURES, sample_toon
from training.data.synth.core.topology import PHOTO
from training.data.synth.core.truth import surface_buffer
from training.data.synth.person.head import BEARD, FRAME, PROP, load_head
from training.data.synth.sets.plan import SetPlan
from training.data.synth.sets.shards import SynthShards
from training.data.synth.sets.writers import jobs, make_set
from training.data.synth_pairs import SynthPairs


@pytest.fixture(scope="module")
def renderer(renderer_of):
    return renderer_of("cartoon")


@pytest.fixture(scope="module")
def pairs(pair_of):
    return pair_of("cartoon")


def test_points_lie_on_their_parts(pairs):
    vertices = figure_point_vertices()
    assert len(set(vertices.tolist())) == 50
    for frames in pairs:
        seen = surface_buffer(frames.truth, 128).triangle
        part = torch.where(seen >= 0, triangle_parts()[seen.clamp_min(0)], -1)
        pixel = ((frames.points + 1) / 2 * 127).round().long().clamp(1, 126)
        own = (vertices // PART_VERTICES).expand(len(frames), 50)
        near = torch.zeros_like(own, dtype=torch.bool)  # thin limbs: within a pixel
        for dy, dx in product((-1, 0, 1), repeat=2):
            near |= part[torch.arange(len(frames))[:, None], pixel[..., 1] + dy, pixel[..., 0] + dx] == own
        visible = frames.points_visible & (frames.points.abs() < 0.97).all(-1)
        assert 0.25 < visible.float().mean() < 0.95
        assert near[visible].float().mean() > 0.95
        for row in range(len(frames)):  # nobody's tail is visible on those who have none
            missing = ~torch.from_numpy(sample_toon(row).shown)[own[row]]
            assert not visible[row][missing].any()


def test_a_motion_depends_on_its_seed_alone():
    for time in (0.2, 0.9):
        np.testing.assert_array_equal(gait(2).at(time).values, Gait(2).at(time).values)


def test_all_creatures_and_actions_come_up_and_motion_is_continuous():
    assert {sample_toon(seed).creature for seed in range(40)} == set(CREATURES)
    assert {action for seed in range(40) for action in gait(seed).actions} == set(ACTIONS)
    for seed in range(12):
        poses = [gait(seed).at(t) for t in np.arange(0, 10, 0.01)]
        values = np.stack([pose.values for pose in poses])
        assert np.isfinite(values).all()
        assert np.abs(np.diff(values, axis=0)).max() < 0.3  # radians in a hundredth of a second
        assert max(abs(pose.facing) for pose in poses) <= 1


def test_kinds_are_not_mixed_in_one_folder_and_unknown_ones_refused(tmp_path):
    for number, kind in enumerate(("cartoon", "head")):
        (tmp_path / kind).mkdir()
        make_set(jobs(SetPlan(1, 1, kind=kind), tmp_path / kind, 32, "shard"), 1, progress=False)
        path = tmp_path / kind / "clips-00000.safetensors"
        path.rename(tmp_path / f"clips-{number:05d}.safetensors")
    with pytest.raises(InputError, match="shows a head"):
        SynthShards(tmp_path)
    with pytest.raises(OptionError, match="horse"):
        SetPlan(1, 1, kind="horse")
    with pytest.raises(OptionError, match="horse"):
        SynthPairs(kind="horse")


def test_shards_of_the_first_heads_are_still_read(tmp_path):
    """They hold fewer vertices; what they show has the same numbers."""
    asset = load_head()
    renderer = HeadRenderer()

    def bare(seed: int) -> bool:
        spec = SetPlan(1, 2, seed, "train", 1, 0.7).clip(0).spec
        who, scene = renderer.identity(spec.identity), renderer.scene(spec.scene)
        return not (who.glasses or who.beard_shape.thickness or scene.prop)

    clip = SetPlan(1, 2, next(s for s in range(50) if bare(s)), "train", 1, 0.7)
    make_set(jobs(clip, tmp_path, 48, "shard"), 1, progress=False)
    path = tmp_path / "clips-00000.safetensors"
    new = SynthShards(tmp_path).flow(0, 0, 1)
    tensors = load_file(path)
    old = asset.span(BEARD).start
    assert not (tensors["screen"][:, :, old:, 2] != 0).any()
    tensors["screen"] = tensors["screen"][:, :, :old].contiguous()
    del tensors["plate"]
    with safe_open(path, "pt") as file:
        head = json.loads(file.metadata()["bunraku"])
    head |= {"topology": 1}
    save_file(tensors, path, metadata={"bunraku": json.dumps(head)})
    for fresh, read in zip(new, SynthShards(tmp_path).flow(0, 0, 1), strict=True):
        assert torch.equal(fresh, read)
    assert SynthShards(tmp_path).plate(0, 0) is None
    assert asset.span(PROP).stop == len(asset.part)
    assert asset.span(FRAME).start == asset.span(BEARD).stop
    head |= {"topology": 99}
    save_file(tensors, path, metadata={"bunraku": json.dumps(head)})
    with pytest.raises(InputError, match="unknown to this version"):
        SynthShards(tmp_path)


def test_every_part_of_a_figure_has_its_own_layer(renderer):
    """Depth alone orders the parts, nearest last."""
    inverse = renderer.render([SceneSpec(0, 0, 0, "cartoon")], torch.zeros(1), 32).truth.screen[0, :, 2]
    layers = [inverse[i * PART_VERTICES : (i + 1) * PART_VERTICES] for i in range(len(PARTS))]
    layers = [layer for layer in layers if layer.max() > 0]
    assert all(float(far.max()) < float(near.min()) for far, near in pairwise(layers))


def test_the_command_and_the_configuration_know_every_kind(tmp_path):
    """The command's choices are written out there, since it must not import torch to print its help."""
    parser = argparse.ArgumentParser()
    synth.add_arguments(parser)
    (choices,) = (action.choices for action in parser._actions if action.dest == "kind")
    assert set(choices) == {*KINDS, PHOTO}
    words = [str(tmp_path), "--kind", "cartoon", "--clips", "1", "--frames", "2", "--size", "48", "--format", "frames"]
    assert synth.run(parser.parse_args([*words, "--exposure", "0.1", "--quiet"])) == 0
    clip = SetPlan(1, 2, kind="cartoon").clip(0)
    times = torch.tensor(clip.times, dtype=torch.float64)
    drawn = make_renderer("cartoon").render([clip.spec] * 2, times, 48, exposure=0.1).image.numpy()
    for index in range(2):
        (path,) = tmp_path.glob(f"*/{index:06d}.png")
        assert np.array_equal(np.asarray(Image.open(path)), drawn[index])
    assert open_source(Data(kind="synth", path="cartoon")).kind == "cartoon"
    assert open_source(Data(kind="synth")).kind == "head"
    with pytest.raises(OptionError, match="exposure"):
        synth.run(parser.parse_args([*words, "--exposure", "-1", "--quiet"]))
