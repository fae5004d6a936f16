"""Mouths and eyes of drawn heads alone, at a high resolution."""

import numpy as np
import pytest
import torch
from synth_cases import command
from torch.nn import functional

from checkpoints.errors import InputError, OptionError, OutputError
from training.data.resident import ResidentShards
from training.data.synth import SceneSpec, true_flow
from training.data.synth.person.contours import contour_vertices
from training.data.synth.person.cuts import PARTS
from training.data.synth.person.scene import sample_scene
from training.data.synth.sets.plan import SetPlan
from training.data.synth.sets.shards import SynthShards
from training.data.synth.sets.writers import jobs

SPEC = SceneSpec(4, 4, 4)
TIMES = torch.tensor([0.3, 0.6], dtype=torch.float64)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("cuts")
    words = ("--clips", "2", "--frames", "2", "--size", "48", "--split", "test", "--seed", "24")
    assert command(str(out), *words, "--cuts", "eye_right") == 0
    written = (out / "eye_right" / "clips-00000.safetensors").stat().st_mtime_ns
    assert command(str(out), *words, "--cuts", "mouth,eye_right") == 0  # adds the mouth
    assert (out / "eye_right" / "clips-00000.safetensors").stat().st_mtime_ns == written
    return out


@pytest.fixture(scope="module")
def cuts(renderer_of):
    return renderer_of("head").cuts([SPEC] * 2, TIMES, 48)


@pytest.fixture(scope="module")
def whole(renderer_of):
    return renderer_of("head").render([SPEC] * 2, TIMES, 192)


def test_each_part_is_in_the_middle_and_larger_than_in_the_frame(renderer_of, cuts):
    assert tuple(cuts) == tuple(PARTS)
    lines = contour_vertices(renderer_of("head").asset)
    for part, (names, _) in PARTS.items():
        frames = cuts[part].frames
        assert frames.image.shape == (2, 48, 48, 3)
        at = frames.truth.screen[:, torch.cat([lines[name] for name in names]), :2]
        torch.testing.assert_close(at.amin(1), -at.amax(1), atol=1e-3, rtol=0)
        assert 0.3 < at.abs().max() < 0.95
        assert (cuts[part].resolution > 200).all()
    assert (cuts["eye_left"].window[:, 0] > cuts["eye_right"].window[:, 0]).all()  # the person's left


def test_a_cut_s_truth_is_that_of_the_frame_seen_through_its_window(cuts, whole):
    for cut in cuts.values():
        back = cut.frames.truth.screen[..., :2] * cut.window[:, None, 2:] + cut.window[:, None, :2]
        torch.testing.assert_close(back, whole.truth.screen[..., :2], atol=1e-4, rtol=1e-4)
        assert torch.equal(cut.frames.truth.screen[..., 2], whole.truth.screen[..., 2])


def test_a_cut_shows_what_the_frame_does(cuts, whole):
    for cut in cuts.values():
        axis = torch.linspace(-1, 1, 48)
        grid = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1)[None]
        grid = grid * cut.window[:, None, None, 2:] + cut.window[:, None, None, :2]
        small = functional.grid_sample(whole.image.permute(0, 3, 1, 2).float(), grid, align_corners=True)
        large = cut.frames.image.permute(0, 3, 1, 2).float()
        assert (small - large).abs().mean() < 12
        both = torch.stack([small.flatten(), large.flatten()])
        assert torch.corrcoef(both)[0, 1] > 0.9


def test_flow_within_a_cut_takes_points_to_where_they_were(renderer_of, cuts):
    lines = contour_vertices(renderer_of("head").asset)
    frames = cuts["mouth"].frames
    flow, visible = true_flow(frames[:1], frames[1:], 48)
    lips = torch.cat([lines["lip_upper_outer"], lines["lip_lower_outer"]])
    there, here = frames.truth.screen[:, lips, :2]
    grid = here[None, None]
    found = functional.grid_sample(flow.permute(0, 3, 1, 2), grid, align_corners=True)[0, :, 0].T
    seen = functional.grid_sample(visible[:, None].float(), grid, align_corners=True)[0, 0, 0] > 0.99
    assert seen.sum() > 10
    assert (found - there)[seen].abs().median() < 0.02


def test_only_what_is_asked_for_is_drawn(renderer_of, cuts):
    alone = renderer_of("head").cuts([SPEC], TIMES[1:], 48, ("eye_right",))
    assert tuple(alone) == ("eye_right",)
    assert torch.equal(alone["eye_right"].frames.image[0], cuts["eye_right"].frames.image[1])
    with pytest.raises(KeyError):
        renderer_of("head").cuts([SPEC], TIMES[:1], 48, ("nose",))


def test_the_command_writes_a_folder_of_each_part_that_is_asked_for(renderer_of, folder):
    assert sorted(path.name for path in folder.iterdir()) == ["eye_right", "mouth"]
    for part in ("mouth", "eye_right"):
        shards = SynthShards(folder / part)
        assert (len(shards), shards.side, shards.frames_of(1)) == (2, 48, 2)
        clip = shards.info[1]
        spec = SceneSpec(clip.identity, clip.motion, clip.scene)
        drawn = renderer_of("head").cuts([spec] * 2, torch.tensor(clip.times, dtype=torch.float64), 48, (part,))[part]
        for frame in range(2):
            assert torch.equal(shards.image(1, frame), drawn.frames.image[frame])
            assert torch.equal(shards.matte(1, frame), drawn.frames.matte[frame])
            assert torch.equal(shards.window(1, frame), drawn.window[frame])
            for name, line in contour_vertices(renderer_of("head").asset).items():
                at = shards.contours(1, frame)[name]
                torch.testing.assert_close(at, drawn.frames.truth.screen[frame, line].clamp(-4, 4), atol=1e-4, rtol=0)
        assert torch.equal(shards[1, 0, 1].points_b, drawn.frames.points[1])
        assert torch.equal(shards.rest(1), torch.from_numpy(renderer_of("head").identity(clip.identity).rest))
        flow, visible = true_flow(drawn.frames[:1], drawn.frames[1:], 64)
        stored, seen, _ = shards.flow(1, 0, 1)
        assert (visible[0] == seen).float().mean() > 0.93  # depth is compared at 64 there, at 128 here
        assert ((flow[0] - stored)[visible[0] & seen].norm(dim=-1) * 32).quantile(0.99) < 0.25  # pixels of 64


def test_what_trains_on_shards_trains_on_parts(folder):
    source = ResidentShards(folder / "mouth")
    sample = source.draw_step(np.random.default_rng(3), 3)
    assert sample["source"].shape == (3, 3, 48, 48)
    assert sample["flow_visible"].float().mean() > 0.3


def test_nothing_passes_before_parts(folder):
    assert sample_scene(SetPlan(2, 2, 24, "test").clip(0).spec.scene).prop is not None
    assert all(sample_scene(clip.scene).prop is None for clip in SynthShards(folder / "mouth").info)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--cuts", "nose"), "parts are mouth, eye_left, eye_right, not 'nose'"),
        (("--cuts", "--kind", "body"), "--kind head"),
        (("--cuts", "--format", "mp4"), "--format shard"),
        (("--cuts", "--exposure", "0.1"), "--exposure"),
    ],
)
def test_what_no_part_can_be_is_refused_before_anything_is_made(tmp_path, words, said):
    with pytest.raises(OptionError, match=said):
        command(str(tmp_path / "out"), *words)
    assert not (tmp_path / "out").exists()


def test_folders_in_the_way_and_folders_of_parts_are_told_of(folder, tmp_path):
    with pytest.raises(InputError, match=r"holds no shards, .*eye_right does"):
        SynthShards(folder)
    (tmp_path / "mouth").touch()
    with pytest.raises(OutputError, match=r"mouth: cannot be made"):
        command(str(tmp_path), "--clips", "1", "--frames", "1", "--size", "16", "--cuts", "mouth")


def test_jobs_know_the_parts_there_are(tmp_path):
    with pytest.raises(OptionError, match="not nose"):
        jobs(SetPlan(1, 1), tmp_path, 48, "shard", parts=("nose",))
    with pytest.raises(OptionError, match="--kind head"):
        jobs(SetPlan(1, 1, kind="body"), tmp_path, 48, "shard", parts=("mouth",))
