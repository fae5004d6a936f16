"""Clips on disk: shards, videos, picture folders, and the command that makes them."""

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from synth_cases import command

from checkpoints.errors import InputError, OptionError, OutputError
from training.data.synth import HeadRenderer, SceneSpec, true_flow
from training.data.synth.core.plate import plate_in_frame, plate_margin
from training.data.synth.core.renderer import TEST_SEEDS
from training.data.synth.person.scene import has_prop, sample_scene
from training.data.synth.sets.plan import SetPlan
from training.data.synth.sets.shards import SynthShards
from training.data.synth.sets.writers import jobs, make_set


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("shards")
    assert command(str(out), "--clips", "4", "--frames", "3", "--size", "64", "--format", "shard",
                   "--clips-per-shard", "2", "--seed", "5", "--split", "test") == 0  # fmt: skip
    return out


def test_shards_give_back_what_was_rendered(folder):
    shards = SynthShards(folder)
    assert (len(shards), shards.side, shards.frames_of(0)) == (4, 64, 3)
    info = shards.info[3]
    spec = SceneSpec(info.identity, info.motion, info.scene)
    frames = HeadRenderer().render([spec] * 2, torch.tensor([info.times[0], info.times[2]], dtype=torch.float64), 64)
    pair = shards[3, 0, 2]
    assert torch.equal(pair.image_a, frames.image[0])
    assert torch.equal(pair.image_b, frames.image[1])
    assert torch.equal(pair.points_b, frames.points[1])
    assert torch.equal(pair.visible_a, frames.points_visible[0])
    assert torch.equal(pair.mask, frames.mask[1])
    flow, visible = true_flow(frames[:1], frames[1:], 64)
    both = visible[0] & pair.flow_visible
    assert (visible[0] == pair.flow_visible).float().mean() > 0.93  # depth is compared at 64 there, at 128 here
    assert (flow[0] - pair.flow)[both].abs().max() * 32 < 0.25  # pixels of 64


def test_plates_show_what_is_seen_around_people_in_every_frame(folder):
    shards = SynthShards(folder)
    cameras = [sample_scene(clip.scene).camera for clip in shards.info]
    assert any(camera.drift[:, 0].any() for camera in cameras)
    for clip in range(4):
        for frame in range(3):
            picture, plate = shards.image(clip, frame).float(), shards.plate(clip, frame)
            off = (picture - plate.float()).abs().mean(-1)
            around = shards.matte(clip, frame) == 0
            assert off[around].median() < 6  # noise and compression
            assert off[shards.matte(clip, frame) == 255].mean() > 2 * off[around].mean()


def test_a_plate_moves_as_its_backdrop_does():
    size, margin = 40, plate_margin(40)
    columns = torch.arange(size + 2 * margin, dtype=torch.uint8)
    plate = (4 * columns).expand(size + 2 * margin, -1)[..., None].expand(-1, -1, 3)
    assert torch.equal(plate_in_frame(plate, torch.eye(3), size), plate[margin:-margin, margin:-margin])
    motion = torch.eye(3)
    motion[0, 2] = 3 * 2 / (size - 1)  # three pixels
    moved = plate_in_frame(plate, motion, size)
    assert torch.equal(moved, plate[margin:-margin, margin + 3 : margin + 3 + size])


def test_shards_without_plates_say_so(tmp_path):
    words = ("--clips", "1", "--frames", "1", "--size", "32", "--format", "shard", "--no-plates")
    assert command(str(tmp_path), *words) == 0
    assert SynthShards(tmp_path).plate(0, 0) is None


def test_what_faces_do_at_rest_is_kept_and_their_lines_are_known(folder):
    shards = SynthShards(folder)
    for clip, info in enumerate(shards.info):
        assert torch.equal(shards.rest(clip), torch.from_numpy(HeadRenderer().identity(info.identity).rest))
        assert shards.window(clip, 0) is None
        lips = shards.contours(clip, 1)["lip_upper_outer"][:, :2]
        lids = shards.contours(clip, 1)["upper_lid_left"][:, :2]
        assert lids[:, 1].mean() < lips[:, 1].mean()
        assert lips.abs().max() < 1


def test_shards_of_before_are_read(folder, tmp_path):
    (path,) = folder.glob("clips-00000*")
    with safe_open(path, "pt") as file:
        names = set(file.keys()) - {"matte", "loose", "plate", "rest"}
        tensors, metadata = {name: file.get_tensor(name) for name in names}, file.metadata()
    save_file(tensors, tmp_path / path.name, metadata=metadata)
    old, new = SynthShards(tmp_path), SynthShards(folder)
    assert (old.rest(0), old.matte(0, 0), old.plate(0, 0)) == (None, None, None)
    assert torch.equal(old.image(1, 2), new.image(1, 2))
    assert torch.equal(old.flow(1, 0, 2)[0], new.flow(1, 0, 2)[0])


def test_groups_share_motion_and_times_but_not_people(folder):
    shards = SynthShards(folder)
    assert shards.group_of(0) == [0, 1]
    one, two = shards.info[0], shards.info[1]
    assert (one.motion, one.times) == (two.motion, two.times)
    assert one.identity != two.identity
    pair, driving, points = shards.cross(0, 1, 0, 2)
    assert torch.equal(pair.image_b, shards.image(0, 2))
    assert torch.equal(driving, shards.image(1, 2))
    assert torch.equal(points, shards[1, 0, 2].points_b)
    with pytest.raises(ValueError, match="share"):
        shards.cross(0, 2, 0, 1)


def test_without_props_only_scenes_that_had_one_are_others():
    usual, clear = SetPlan(60, 2, split="test"), SetPlan(60, 2, split="test", props=False)
    scenes = [(usual.clip(index).spec.scene, clear.clip(index).spec.scene) for index in range(60)]
    assert not any(has_prop(after) for _, after in scenes)
    assert all((before == after) != has_prop(before) for before, after in scenes)
    # Scenes themselves are dear; of some, with and without: they are what was asked about.
    some = [pair for pair in scenes if pair[0] != pair[1]][:3]
    assert all((sample_scene(before).prop is None, sample_scene(after).prop) == (False, None) for before, after in some)
    assert 3 < sum(before != after for before, after in scenes) < 20
    assert all(TEST_SEEDS <= after < 2 * TEST_SEEDS for _, after in scenes)
    assert usual.clip(7).times == clear.clip(7).times
    with pytest.raises(OptionError, match="only heads have things that pass"):
        SetPlan(1, 1, kind="cartoon", props=False)


def test_repeating_adds_only_what_is_missing(folder):
    plan = SetPlan(4, 3, 5, "test", 2, 0.7, 0.6)
    assert jobs(plan, folder, 64, "shard", 2) == []
    shards = SynthShards(folder)
    more = SetPlan(6, 3, 5, "test", 2, 0.7, 0.6)
    todo = jobs(more, folder, 64, "shard", 2)
    assert [job.path.name for job in todo] == ["clips-00002.safetensors"]
    make_set(todo, 1, progress=False)
    assert shards.refresh() == 6
    todo[0].path.unlink()


def test_damaged_and_missing_shards_are_named(folder, tmp_path):
    with pytest.raises(InputError, match="no shards"):
        SynthShards(tmp_path)
    whole = (folder / "clips-00000.safetensors").read_bytes()
    (tmp_path / "clips-00000.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="clips-00000"):
        SynthShards(tmp_path)


def test_an_interrupted_shard_leaves_nothing_behind(folder, tmp_path, monkeypatch):
    from training.data.synth.sets import shards as module

    def full_disk(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "save_file", full_disk)
    with pytest.raises(OutputError, match="No space left"):
        make_set(jobs(SetPlan(1, 1), tmp_path, 64, "shard"), 1, progress=False)
    assert list(tmp_path.iterdir()) == []


def test_a_playable_video_of_the_right_length(tmp_path, capsys):
    import imageio_ffmpeg

    assert command(str(tmp_path), "--clips", "1", "--frames", "5", "--size", "64") == 0
    assert capsys.readouterr().out.strip().splitlines()[-1] == str(tmp_path)
    (video,) = tmp_path.iterdir()
    assert video.name.startswith("id0#")
    assert video.suffix == ".mp4"
    reader = imageio_ffmpeg.read_frames(str(video))
    meta = next(reader)
    frames = [np.frombuffer(frame, np.uint8).reshape(64, 64, 3) for frame in reader]
    assert (meta["size"], meta["fps"], len(frames)) == ((64, 64), 25.0, 5)
    clip = SetPlan(1, 5).clip(0)
    drawn = HeadRenderer().render([clip.spec] * 5, torch.tensor(clip.times, dtype=torch.float64), 64).image.numpy()
    assert np.abs(np.stack(frames).astype(int) - drawn).mean() < 12


def test_frame_folders_are_exact(tmp_path):
    from PIL import Image

    make_set(jobs(SetPlan(2, 2), tmp_path, 64, "frames"), 1, progress=False)
    clip = SetPlan(2, 2).clip(1)
    (found,) = tmp_path.glob(f"id{clip.spec.identity}#*")
    drawn = HeadRenderer().render([clip.spec], torch.tensor(clip.times[1:], dtype=torch.float64), 64).image[0]
    assert np.array_equal(np.asarray(Image.open(found / "000001.png")), drawn.numpy())


def test_bad_options_are_refused(tmp_path):
    with pytest.raises(OptionError, match="size"):
        command(str(tmp_path), "--size", "65")
    with pytest.raises(OptionError, match="clips"):
        command(str(tmp_path), "--clips", "0")
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="file"):
        command(str(tmp_path / "file"))


def test_metadata_is_plain_json(folder):
    from safetensors import safe_open

    with safe_open(folder / "clips-00000.safetensors", "pt") as file:
        head = json.loads(file.metadata()["bunraku"])
    assert head["format"] == "1"
    assert [clip["identity"] for clip in head["clips"]] == sorted({clip["identity"] for clip in head["clips"]})
