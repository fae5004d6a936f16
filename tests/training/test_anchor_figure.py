"""The figure of HDAM's anchors: its numbers against ones worked out by hand, and that it can be drawn."""

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_run import TINY_FIRST_ORDER, moving_square

from checkpoints.errors import OptionError
from training.anchor_figure import SIDE, draw_attention, findings, main
from training.checkpoint import save_model
from training.models.registry import build


def test_numbers_are_those_worked_out_by_hand():
    apart = torch.tensor([[[1.0, 0, 0], [0, 1, 0]]])
    same = torch.tensor([[[0.5, 0.5, 0], [0.5, 0.5, 0]]])
    points = torch.tensor([[[0.0, 0.0], [3.0, 4.0], [9.0, 9.0]]]).repeat(2, 1, 1)
    found = findings(torch.cat([apart, same]), points, dead=(2,))
    assert found.living == (0, 1)
    assert found.rows_apart == pytest.approx(1.0)  # 2 in the first picture, 0 in the second
    assert found.attended == 1.0
    assert found.spread == pytest.approx(2.5)
    assert found.nearest == pytest.approx(5.0)
    np.testing.assert_allclose(found.attention, [[0.75, 0.25, 0], [0.25, 0.75, 0]])
    neglected = findings(torch.tensor([[[0.9, 0.1, 0], [0.9, 0.1, 0]]]), points[:1], dead=())
    assert neglected.attended == pytest.approx(1 / 3)
    assert "1.800" in str(neglected)


def test_the_table_is_dark_where_attention_is():
    found = findings(torch.tensor([[[1.0, 0, 0], [0, 1, 0]]]), torch.rand(1, 3, 2), dead=(2,))
    table = draw_attention(found, 200)
    rows, columns = (np.array([1.2, 2.2]) * 26).astype(int), 40 + 44 * np.arange(3) + 3
    np.testing.assert_array_equal(table[rows][:, columns, 0], [[0, 255, 255], [255, 0, 255]])


def test_the_command_draws_a_model_and_refuses_one_without_attention(tmp_path, capsys):
    clips = tmp_path / "clips"
    clips.mkdir()
    for index in range(2):
        strip = np.concatenate(moving_square(np.random.default_rng(index), 4), axis=1)
        Image.fromarray(strip).save(clips / f"{index}.png")
    for count in (0, 2):
        save_model(tmp_path / f"{count}.safetensors", build("dam", {**TINY_FIRST_ORDER, "num_intermediate": count}), {})
    where = [str(clips), "--kind", "clips", "--pairs", "4", "-o", str(tmp_path / "figure.png")]
    with pytest.raises(OptionError, match="HDAM"):
        main([str(tmp_path / "0.safetensors"), *where])
    assert not (tmp_path / "figure.png").exists()
    main([str(tmp_path / "2.safetensors"), *where])
    with Image.open(tmp_path / "figure.png") as image:
        assert image.width == 3 * SIDE
        assert image.height > 2 * SIDE
    assert "living motion anchors                4 of 4" in capsys.readouterr().out
