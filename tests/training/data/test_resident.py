"""Pairs made on the device are those that single reads give, and the set may grow."""

import numpy as np
import pytest
import torch

from checkpoints.errors import InputError
from training.data.pairs import PairDataset, batches
from training.data.resident import ResidentShards
from training.data.shard_pairs import ShardPairs
from training.data.synth.sets.plan import SetPlan
from training.data.synth.sets.writers import jobs, run_job


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards")
    for job in jobs(SetPlan(6, 3, seed=2, step=0.5), folder, 64, "shard", clips_per_shard=2):
        run_job(job)
    return folder


class Told:
    """Says what `ResidentShards` asks: clips, then two frames of each."""

    def __init__(self, clips, frames):
        self.clips, self.frames = clips, iter(frames)

    def integers(self, *args, size=None):
        return np.array(self.clips) if size else 0

    def choice(self, *args, **kwargs):
        return np.array(next(self.frames))

    def random(self):
        return 0.0


@pytest.mark.parametrize("cross", [0.0, 1.0])
@pytest.mark.parametrize("size", [64, 32])
def test_a_batch_on_the_device_is_what_single_reads_give(shards, cross, size):
    whole, single = ResidentShards(shards), ShardPairs(shards)
    whole.size = single.size = size
    whole.cross = single.cross = cross
    batch = whole.draw_step(Told([0, 5, 3], [(0, 2), (1, 0), (2, 1)]), 3)
    for row, (clip, a, b) in enumerate([(0, 0, 2), (5, 1, 0), (3, 2, 1)]):
        other = next(each for each in single.shards.group_of(clip) if each != clip)
        pair = single.shards.pair(clip, a, b)
        wanted = single._sample(pair)
        if cross:
            wanted |= {"target": wanted["driving"], "driving": single._picture(single.shards.image(other, b))}
        assert set(batch) == set(wanted)
        for name, value in wanted.items():
            torch.testing.assert_close(batch[name][row], value, atol=2e-6, rtol=0, msg=name)


def test_a_stage_that_needs_no_flow_gets_none(shards):
    source = ResidentShards(shards)
    with_flow = source.draw_step(np.random.default_rng(1), 4)
    source.flow = False
    without = source.draw_step(np.random.default_rng(1), 4)
    assert set(with_flow) - set(without) == {"flow", "flow_visible"}
    for name, value in without.items():
        torch.testing.assert_close(value, with_flow[name], atol=1e-6, rtol=0)


def test_steps_follow_from_seed_and_number_and_the_set_may_grow(shards, tmp_path, monkeypatch):
    monkeypatch.setattr("training.data.resident.LOOK_EVERY", 0)
    files = sorted(shards.glob("clips-*"))
    folder = tmp_path / "grows"
    folder.mkdir()
    (folder / files[0].name).write_bytes(files[0].read_bytes())
    dataset = PairDataset(ResidentShards(folder), seed=7)
    dataset.source.views = 2
    five = list(batches(dataset, 4, 0, 5))
    again = list(batches(dataset, 4, 3, 5))
    assert all(torch.equal(five[3][name], again[0][name]) for name in five[3])
    assert not torch.equal(five[3]["seed"], five[4]["seed"])
    assert five[0]["references"].shape == (4, 1, 3, 64, 64)
    assert len(dataset.source) == 2
    for file in files[1:]:
        (folder / file.name).write_bytes(file.read_bytes())
    list(batches(dataset, 4, 0, 1))
    assert len(dataset.source) == 6
    whole = ResidentShards(shards)
    rows = torch.arange(18)
    for name, store in whole._stores.items():
        assert torch.equal(dataset.source._stores[name][rows], store[rows]), name


def test_two_sizes_in_one_folder_are_refused(shards, tmp_path):
    for file in shards.glob("clips-*"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (job,) = jobs(SetPlan(8, 3, seed=2, step=0.5), tmp_path, 32, "shard", clips_per_shard=2)
    run_job(job)
    with pytest.raises(InputError, match=r"clips-00003\.safetensors: image is of another size"):
        ResidentShards(tmp_path)
