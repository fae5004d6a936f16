"""The painter of teeth: cuts, states of a smile, training that goes on where it stopped."""

import json

import pytest
import torch
from PIL import Image

from checkpoints.errors import BunrakuWarning, InputError
from runtime.commands.animate import SAMPLE
from runtime.media.video import probe, read_frames
from training.checkpoint import load_tensors
from training.mouths import cuts as cut
from training.mouths.__main__ import main
from training.mouths.cuts import Cuts, cut_mouths
from training.mouths.network import MouthPainter
from training.mouths.states import draw_states
from training.mouths.train import LOG, MODEL, Painting, Settings, compose

SKIN, TOOTH = torch.tensor([0.8, 0.6, 0.5]), torch.tensor([0.95, 0.95, 0.9])


@pytest.fixture
def smiles():
    """Cuts of 20 faces that are all skin, with teeth between lips of various openings."""
    count, side = 20, cut.SIDE
    columns = torch.arange(side, dtype=torch.float32)
    middle = (side - 1) / 2
    bow = (1 - ((columns - middle) / 24) ** 2).clamp_min(0)
    gaps = torch.linspace(6, 12, count)[:, None] * bow
    upper = torch.full((count, side), float(cut.ROW))
    edges = torch.stack([upper, upper + gaps], 1)
    rows = torch.arange(side, dtype=torch.float32).view(1, side, 1)
    inside = (rows > edges[:, :1]) & (rows < edges[:, 1:])
    picture = torch.where(inside[:, None], TOOTH.view(1, 3, 1, 1), SKIN.view(1, 3, 1, 1))
    corners = torch.tensor([middle - 24, middle + 24]).expand(count, 2)
    return Cuts((picture * 255).round().to(torch.uint8), edges, corners)


def teeth(picture):
    """(B,): pixels as light as teeth."""
    return ((picture - TOOTH.view(3, 1, 1)).abs().amax(1) < 0.06).sum((1, 2))


def test_a_mouth_drawn_shut_hides_its_teeth_and_the_photograph_shows_them_in_its_hole(smiles):
    states = draw_states(smiles, augment=False)
    assert teeth(states.source).max() == 0
    assert states.own.max() == 0
    shown = (states.opened * (states.hole > 0.99)).sum((2, 3)) / (states.hole > 0.99).sum((2, 3))
    torch.testing.assert_close(shown, TOOTH.expand(len(smiles), 3), atol=0.02, rtol=0)
    outside = states.opened.permute(0, 2, 3, 1)[states.hole[:, 0] == 0]
    torch.testing.assert_close(outside, SKIN.expand_as(outside), atol=0.08, rtol=0)


def test_states_show_none_some_or_all_of_the_teeth_and_lips_that_fell_further_show_the_dark(smiles):
    torch.manual_seed(1)
    states = draw_states(smiles[torch.arange(20).repeat(10)])
    kept = states.own.sum((1, 2, 3)) / states.hole.sum((1, 2, 3))
    assert 0.3 < (kept == 0).float().mean() < 0.7
    assert ((kept > 0.9).float().mean() > 0.05).item()
    assert (((kept > 0.05) & (kept < 0.8)).float().mean() > 0.1).item()
    deep = (states.opened - states.dark).abs().amax(1, keepdim=True) < 0.02
    share = (deep * (states.hole > 0.99)).sum((1, 2, 3)) / states.hole.sum((1, 2, 3))
    assert 0.25 < (share > 0.15).float().mean() < 0.65


def test_a_painting_stays_within_the_hole(smiles):
    states = draw_states(smiles, augment=False)
    made = compose(states, torch.rand(len(smiles), 4, 64, 64))
    same = (states.hole == 0).expand_as(made)
    assert torch.equal(made[same], states.opened[same])
    assert not torch.equal(made, states.opened)


def test_training_learns_to_paint_what_a_shut_mouth_hides(smiles, tmp_path):
    run = Painting(tmp_path, Settings(steps=80, batch=8, every=20))
    fresh = run.error(smiles)
    lines = list(run.run(smiles, smiles))
    assert [line["step"] for line in lines] == [20, 40, 60, 80]
    assert "verdict" in lines[-1]
    assert lines[-1]["held"] < 0.4 * fresh
    assert len((tmp_path / LOG).read_text().splitlines()) == 4
    assert json.loads((tmp_path / LOG).read_text().splitlines()[-1]) == lines[-1]


def test_a_run_that_was_stopped_ends_with_the_weights_of_an_unbroken_one(smiles, tmp_path):
    settings = Settings(steps=6, batch=4, every=2)
    list(Painting(tmp_path / "whole", settings).run(smiles, smiles))
    stopped = Painting(tmp_path / "stopped", settings).run(smiles, smiles)
    next(stopped)
    list(Painting(tmp_path / "stopped", settings).run(smiles, smiles))
    (whole, about), (again, _) = (load_tensors(tmp_path / name / MODEL) for name in ("whole", "stopped"))
    assert about == {"kind": "mouth", "steps": 6}
    assert whole.keys() == MouthPainter().state_dict().keys()
    assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_a_folder_of_photographs_becomes_cuts_level_and_of_one_size(tmp_path):
    (tmp_path / "deeper").mkdir()
    frames = list(read_frames(probe(SAMPLE[1])))[::12]
    for index, frame in enumerate(frames):
        Image.fromarray(frame).save(tmp_path / "deeper" / f"{index}.png")
    Image.new("RGB", (64, 64)).save(tmp_path / "nobody.png")
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "broken.jpg").write_bytes(b"no picture either")
    with pytest.warns(BunrakuWarning, match=r"broken\.jpg.*left out"):
        found = cut_mouths(tmp_path)
    assert 0 < len(found) < len(frames)  # those in which the mouth is shut teach nothing
    gap = found.edges[0, 1] - found.edges[0, 0]
    right, left = found.corners[0]
    assert (right + left) / 2 == pytest.approx((cut.SIDE - 1) / 2, abs=0.1)
    assert (gap[: int(right)] == 0).all()
    assert (gap[int(left) + 2 :] == 0).all()
    assert found.edges[0, 0, cut.SIDE // 2] == pytest.approx(cut.ROW, abs=1.5)


def test_splits_share_nothing_and_follow_the_seed(smiles):
    (train, held), (_, again) = smiles.split(3), smiles.split(3)
    assert (len(train), len(held)) == (18, 2)
    assert torch.equal(held.edges, again.edges)
    gaps = {float(edges.max()) for edges in train.edges} & {float(edges.max()) for edges in held.edges}
    assert not gaps


def test_a_folder_without_smiles_is_told_of(tmp_path, capsys):
    Image.new("RGB", (64, 64)).save(tmp_path / "nobody.png")
    with pytest.raises(InputError, match="no photograph with parted lips"):
        cut_mouths(tmp_path)
    assert main(["--photos", str(tmp_path), "-o", str(tmp_path / "run")]) == 2
    assert "give a folder of faces" in capsys.readouterr().err
