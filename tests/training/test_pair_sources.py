"""Every kind of training data gives the same kind of sample."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from checkpoints.errors import InputError
from training.data.clips import ClipPairs, scan
from training.data.pairs import PairDataset, StepSampler, batches
from training.data.shard_pairs import ShardPairs
from training.data.synth_pairs import SynthPairs

TRUTH = {"source_points", "driving_points", "source_visible", "driving_visible", "flow", "flow_visible", "background"}


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four clips of three frames at 64 pixels, two identities a motion."""
    from training.data.synth.sets.plan import SetPlan
    from training.data.synth.sets.writers import jobs, make_set

    folder = tmp_path_factory.mktemp("shards")
    plan = SetPlan(4, 3, 0, "train", 2, 0.7, 0.6)
    make_set(jobs(plan, folder, 64, "shard", 2), 1, False)
    return folder


def test_shards_and_renderer_give_pairs_with_truth(shards):
    for source in (ShardPairs(shards), SynthPairs("test", size=64)):
        sample = source.draw(1, np.random.default_rng(0))
        turns = {"source_turn", "driving_turn"} if isinstance(source, SynthPairs) else set()
        assert set(sample) == {"source", "driving"} | TRUTH | turns
        assert sample["source"].shape == (3, 64, 64)
        assert sample["source"].dtype == torch.uint8
        assert sample["flow"].shape == (64, 64, 2)
        assert sample["source_points"].shape == (50, 2)
        assert not torch.equal(sample["source"], sample["driving"])


def test_the_backdrop_moves_as_its_matrix_says(shards):
    """Where the driving frame shows the backdrop, the flow is the affine motion of the background."""
    source = ShardPairs(shards)
    for clip in range(len(source)):
        pair = source.shards.pair(clip, 0, 2)
        behind = ~torch.nn.functional.max_pool2d(pair.mask.float()[None], 5, 1, 2)[0].bool()
        axis = torch.linspace(-1, 1, 64)
        grid = torch.stack([*torch.meshgrid(axis, axis, indexing="xy"), torch.ones(64, 64)], -1)
        moved = (grid @ pair.background.T)[..., :2]
        assert torch.allclose(pair.flow[behind], moved[behind], atol=1e-4)
        assert torch.equal(pair.background[2], torch.tensor([0.0, 0.0, 1.0]))


def test_cross_pairs_have_the_target_of_the_sources_identity(shards):
    source = ShardPairs(shards)
    plain = source.draw(0, np.random.default_rng(3))
    source.cross = 1.0
    crossed = source.draw(0, np.random.default_rng(3))
    assert torch.equal(crossed["target"], plain["driving"])
    assert torch.equal(crossed["source"], plain["source"])
    assert not torch.equal(crossed["driving"], crossed["target"])
    assert torch.equal(crossed["driving_points"], plain["driving_points"])


@pytest.mark.parametrize("kind", ["shards", "renderer"])
def test_a_batch_may_mix_crossed_and_plain_pairs(shards, kind):
    source = ShardPairs(shards) if kind == "shards" else SynthPairs("test", size=64)
    source.cross = 0.5
    (batch,) = batches(PairDataset(source, seed=2), 6, 0, 1)
    plain = (batch["target"] == batch["driving"]).flatten(1).all(1)
    assert plain.any()
    assert not plain.all()


def test_shards_shrink_and_refuse_to_grow(shards):
    source = ShardPairs(shards)
    source.size = 32
    assert source.draw(0, np.random.default_rng(0))["source"].shape == (3, 32, 32)
    source.size = 128
    with pytest.raises(InputError, match="64 pixels cannot train at 128"):
        source.draw(0, np.random.default_rng(0))


def test_a_draw_depends_on_seed_and_number_alone(shards):
    first, second = (PairDataset(ShardPairs(shards), seed=5) for _ in range(2))
    wanted = first[13]
    second[2], second[40]
    again = second[13]
    assert all(torch.equal(wanted[name], again[name]) for name in wanted)


def test_processes_share_out_what_one_would_see():
    one = list(StepSampler(100, batch=6, start=2, stop=4))
    parts = [list(StepSampler(100, batch=3, start=2, stop=4, rank=rank, world=2)) for rank in (0, 1)]
    assert sorted(one) == sorted(parts[0] + parts[1])
    assert [*parts[0][:3], *parts[1][:3]] == one[:6]


def test_layouts_of_real_clips(tmp_path):
    import imageio_ffmpeg

    frames = [np.full((48, 64, 3), 40 * index, np.uint8) for index in range(6)]
    writer = imageio_ffmpeg.write_frames(str(tmp_path / "ann#1.mp4"), (64, 48), fps=5, macro_block_size=2)
    writer.send(None)
    for frame in frames:
        writer.send(frame)
    writer.close()
    (tmp_path / "ann#2").mkdir()
    for index, frame in enumerate(frames):
        Image.fromarray(frame).save(tmp_path / "ann#2" / f"{index}.png")
    Image.fromarray(np.concatenate([frame[:, :48] for frame in frames], 1)).save(tmp_path / "bob.png")
    (tmp_path / "broken.mp4").write_bytes(b"nothing")
    (tmp_path / "single").mkdir()
    Image.fromarray(frames[0]).save(tmp_path / "single" / "0.png")
    (tmp_path / "mixed").mkdir()
    Image.fromarray(frames[0]).save(tmp_path / "mixed" / "0.png")
    Image.fromarray(frames[0][:20]).save(tmp_path / "mixed" / "1.png")
    clips, problems = scan(tmp_path)
    assert {(clip.path.name, clip.frames) for clip in clips} == {("ann#1.mp4", 6), ("ann#2", 6), ("bob.png", 6)}
    assert [next(name for name in ("broken", "mixed", "single") if name in p) for p in problems] == [
        "broken", "mixed", "single"
    ]  # fmt: skip
    assert "different sizes (64x20, 64x48)" in problems[1]
    pairs = ClipPairs(tmp_path, size=32, by_identity=True)
    assert len(pairs) == 2  # ann and bob
    for clip in range(2):
        sample = pairs.draw(clip, np.random.default_rng(clip))
        assert sample["source"].shape == (3, 32, 32)
        grey = [float(sample[name].float().mean()) for name in ("source", "driving")]
        assert abs(grey[0] - grey[1]) > 20  # really two frames
        assert min(abs(grey[0] - 40 * index) for index in range(6)) < 6


def test_a_video_frame_is_the_one_that_was_asked_for(tmp_path):
    import imageio_ffmpeg

    from training.data.clips import read_frame

    writer = imageio_ffmpeg.write_frames(str(tmp_path / "a.mp4"), (64, 64), fps=25, macro_block_size=2)
    writer.send(None)
    for index in range(50):
        writer.send(np.full((64, 64, 3), 5 * index, np.uint8))
    writer.close()
    clip = scan(tmp_path)[0][0]
    for index in (0, 1, 17, 30, 49):
        assert float(read_frame(clip, index, 32).float().mean()) == pytest.approx(5 * index, abs=3)
