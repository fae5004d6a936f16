"""Photographs set in motion. A drawn person's picture is the photograph: so the truth is known, to the vertex."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from synth_cases import command
from torch.nn.functional import grid_sample

from checkpoints.errors import InputError, OptionError
from training.data.resident import ResidentShards
from training.data.shard_pairs import ShardPairs
from training.data.synth import HeadRenderer, SceneSpec, make_renderer, true_flow
from training.data.synth.core.photos import open_photos
from training.data.synth.core.renderer import REST
from training.data.synth.core.truth import Truth, surface_buffer
from training.data.synth.person.actor import build_actor
from training.data.synth.person.contours import contour_vertices
from training.data.synth.person.head import EYE_LEFT, EYE_RIGHT, HAIR, SKIN
from training.data.synth.person.performance import ACTIONS, Pose
from training.data.synth.person.pose import pose_vertices, project, to_camera
from training.data.synth.photo.depth import _DROP, _map, _relief, spread_over
from training.data.synth.photo.movement import _LIDS, Acted, moved_pose
from training.data.synth.photo.portrait import _ROWS, _deeper, face_vertices
from training.data.synth.photo.render import _screen, _told
from training.data.synth.photo.sheet import make_sheet
from training.data.synth.photo.survey import RECORD, is_held_out, survey
from training.data.synth.sets.plan import SetPlan
from training.data.synth.sets.shards import SynthShards

SIZE = 320
WHO = 104
STILL = torch.eye(3)[None, :2]


def pose(yaw=0.0, **actions):
    """One moment; yaw in degrees."""
    row = np.zeros((1, len(ACTIONS)), np.float32)
    for name, value in actions.items():
        row[0, ACTIONS.index(name)] = value
    turn = np.radians([[yaw, 3, 2]]).astype(np.float32)
    return Pose(turn, np.zeros((1, 3), np.float32), row, np.zeros((1, 2), np.float32))


SMILING = {"mouthSmileLeft": 0.5, "mouthSmileRight": 0.5, "jawOpen": 0.1}


class Drawn:
    """A drawn person who sits for photographs."""

    def __init__(self):
        self.renderer = HeadRenderer()
        scene = self.renderer.scene(WHO)
        camera = replace(
            scene.camera, distance=1.2, head_width=0.42, offset=np.array([0, 0.05], np.float32), tilt=0.0, roll=0.0
        )
        who = replace(self.renderer.identity(WHO), glasses=None)
        self.actor = build_actor(self.renderer.asset, who, replace(scene, camera=camera, prop=None))

    def screen(self, moment):
        """All vertices: (V, 3) before the camera, and (V, 2) in pixels of the photograph."""
        points = to_camera(pose_vertices(self.renderer.asset, [self.actor], moment), [self.actor])
        screen = project(points, [self.actor], STILL)
        return points, screen, ((screen[0, :, :2] + 1) * ((SIZE - 1) / 2) + 0.5).double().numpy()

    def photograph(self, moment):
        points, screen, _ = self.screen(moment)
        behind = torch.linspace(0.2, 0.6, SIZE).expand(1, 3, SIZE, SIZE)
        truth = Truth(screen, STILL)
        stand = self.renderer._stand([self.actor], points, truth, True)
        linear = self.renderer._draw([self.actor], stand, truth, behind)[0][0]
        return (linear.clamp(0, 1) ** (1 / 2.2) * 255).round().byte().permute(1, 2, 0).contiguous().numpy()


@pytest.fixture(scope="module")
def drawn():
    return Drawn()


@pytest.fixture(scope="module")
def folder(drawn, tmp_path_factory):
    path = tmp_path_factory.mktemp("portraits")
    Image.fromarray(drawn.photograph(pose(5, **SMILING))).save(path / "a.png")
    return path


@pytest.fixture(scope="module")
def renderer(folder):
    return make_renderer("photo", photos=open_photos(folder))


SPEC = SceneSpec(0, 3, 7, "photo")


def acted(renderer, moment):
    """A moment in which nothing of the photograph's own expression is taken away."""
    return Acted(moment, renderer.sitting(SPEC).portrait.rest.actions, 1.0)


def screen_of(renderer, doing):
    """(V, 3) in the frame."""
    sitting = renderer.sitting(SPEC)
    moved = sitting.at(128)
    return _screen(sitting, moved, doing, _told(sitting, moved, doing))[0]


def pixels(renderer, moment):
    """(V, 2) of the moved photograph's vertices, in pixels of the photograph."""
    crop = renderer.sitting(SPEC).crop
    return screen_of(renderer, acted(renderer, moment))[:, :2].double().numpy() * crop.half + crop.middle


def face_of(asset):
    """Vertices of the face that are seen from the front, with some of the points among them."""
    mesh = asset.mesh_vertices
    near = (asset.mean[:mesh, 2] < 0.02) & (asset.mean[:mesh, 1] < 0.09) & (asset.mean[:mesh, 1] > -0.05)
    chosen = face_vertices(asset) & (asset.part[:mesh] == SKIN) & (asset.masks[:, 3] < 0.3) & near
    return chosen.nonzero().flatten().numpy()


def test_the_fitted_head_lies_where_the_drawn_one_does(drawn, renderer):
    face = face_of(renderer.asset)
    true = drawn.screen(pose(5, **SMILING))[2][face]
    found = pixels(renderer, renderer.sitting(SPEC).portrait.rest)[face]
    eyes = renderer.study(0).seen.scale
    away = np.linalg.norm(found - true, axis=1) / eyes
    assert np.median(away) < 0.03
    assert np.quantile(away, 0.95) < 0.08
    assert np.abs(np.degrees(renderer.study(0).fit.rotation) - [5, 3, 2]).max() < 6


def test_lips_and_brows_lie_along_the_network_s_lines(renderer):
    """Not only landmarks' places on the head: its own lines, which is what shards' contours are."""
    seen = renderer.study(0).seen
    flat = pixels(renderer, renderer.sitting(SPEC).portrait.rest)
    lines = contour_vertices(renderer.asset)
    for name, row in _ROWS.items():
        way = seen.mesh[list(row)]
        fine = np.concatenate([np.linspace(a, b, 20) for a, b in pairwise(way)])
        away = np.linalg.norm(flat[lines[name].numpy()][:, None] - fine, axis=-1).min(1) / seen.scale
        assert away.max() < 0.015, name
    assert np.linalg.norm(flat[lines["lip_upper_outer"][[0, -1]].numpy()] - seen.mesh[[61, 291]]).max() < 3
    corners = {(int(line[0]), int(line[-1])) for name, line in lines.items() if name.startswith("lip")}
    assert len(corners) == 1


@pytest.mark.parametrize(("turn", "jaw", "most"), [(14, 0.0, 0.15), (-20, 0.0, 0.15), (0, 0.4, 0.5), (10, 0.4, 0.15)])
def test_it_moves_as_the_drawn_head_does(drawn, renderer, turn, jaw, most):
    """Flow of the face against the truth, vertex by vertex: turns, an opened mouth, which the engine opens in its own
    way, and both.
    """
    face, rest = face_of(renderer.asset), renderer.sitting(SPEC).portrait.rest
    opened = {**SMILING, "jawOpen": SMILING["jawOpen"] + jaw}
    true = drawn.screen(pose(5 + turn, **opened))[2][face] - drawn.screen(pose(5, **SMILING))[2][face]
    actions = rest.actions.copy()
    actions[0, ACTIONS.index("jawOpen")] += jaw
    moved = replace(rest, rotation=rest.rotation + np.radians([[turn, 0, 0]]).astype(np.float32), actions=actions)
    flow = pixels(renderer, moved)[face] - pixels(renderer, rest)[face]
    error = np.linalg.norm(flow - true, axis=1).mean()
    assert error < most * np.linalg.norm(true, axis=1).mean()


def test_lids_close_and_irises_go_where_eyes_look(renderer):
    """The truth's lines, and what is painted there: a shut eye is as light as the skin about it."""
    sitting, lines = renderer.sitting(SPEC), contour_vertices(renderer.asset)
    portrait, moved = sitting.portrait, sitting.at(128)
    actions = portrait.rest.actions.copy()
    actions[:, list(_LIDS)] = portrait.shut
    shut, opened = (screen_of(renderer, acted(renderer, moment)) for moment in
                    (replace(portrait.rest, actions=actions), portrait.rest))  # fmt: skip
    for side in ("left", "right"):
        upper, lower = (lines[f"{lid}_lid_{side}"][3:7] for lid in ("upper", "lower"))
        gaps = [float((at[lower] - at[upper])[:, 1].mean()) for at in (shut, opened)]
        assert gaps[1] > 0.02
        assert abs(gaps[0]) < 0.12 * gaps[1]
    picture = moved.stage(*_told(sitting, moved, acted(renderer, replace(portrait.rest, actions=actions))))[0]
    still = moved.stage.still()
    for side in ("left", "right"):
        middle = opened[lines[f"iris_{side}"], :2].mean(0)
        cheek = opened[lines[f"lower_lid_{side}"], :2].mean(0) + torch.tensor([0.0, 0.1])
        at = torch.stack([middle, cheek])[None, None]
        light = [grid_sample(each.mean(1, keepdim=True), at, align_corners=True).flatten() for each in (picture, still)]
        assert light[0][0] > 0.5 * light[0][1]
        assert light[1][0] < 0.4 * light[1][1]
    aside = replace(portrait.rest, gaze=portrait.rest.gaze + np.radians([[14, 0]]).astype(np.float32))
    away = screen_of(renderer, acted(renderer, aside)) - opened
    iris, lid = (away[torch.cat([lines[f"{name}_{side}"] for side in ("left", "right")]), 0].abs().mean()
                 for name in ("iris", "upper_lid"))  # fmt: skip
    assert iris > 10 * lid
    assert iris > 0.01


def test_eyes_keep_their_own_irises_and_stay_under_their_lids(renderer):
    sitting, asset, seen = renderer.sitting(SPEC), renderer.asset, renderer.study(0).seen
    flat, lines = pixels(renderer, sitting.portrait.rest), contour_vertices(renderer.asset)
    full = renderer.render([SPEC], torch.tensor([REST], dtype=torch.float64), 128).truth.screen
    buffer = surface_buffer(Truth(full, STILL), 256)
    for name, part, eye in zip(("left", "right"), (EYE_LEFT, EYE_RIGHT), seen.eyes, strict=True):
        ring = lines[f"iris_{name}"].numpy()
        assert np.hypot(*(flat[ring].mean(0) - eye.iris)) < 0.25 * eye.radius
        corners = np.stack([eye.upper[0], eye.upper[-1]])
        beyond = sitting.crop(corners + 0.15 * (corners - corners.mean(0)))
        column, row = np.round((beyond + 1) * 127.5).astype(int).T
        assert part not in asset.triangle_part[buffer.triangle[0][row, column]].tolist()


def test_eyeballs_give_way_to_lids_that_lie_deep(renderer):
    asset, mesh = renderer.asset, renderer.asset.mesh_vertices
    skin = (asset.part[:mesh] == SKIN)[:, None]
    by = [_deeper(asset, asset.mean[:mesh] + skin * torch.tensor([0, 0, z]), asset.mean[-2], EYE_LEFT)
          for z in (-0.004, 0.003, 0.0035, 0.03)]  # fmt: skip
    assert by == sorted(by)
    assert by[0] == pytest.approx(0.0012)
    assert by[2] - by[1] == pytest.approx(0.0005, abs=1e-5)
    assert by[3] == pytest.approx(0.004)


def test_a_mouth_lies_within_the_face_however_wide_it_opens(renderer):
    """Its hollow is no hole in the relief, and no sheet is seen there."""
    stage = renderer.sitting(SPEC).at(128).stage
    face, lines = stage.face, contour_vertices(renderer.asset)
    rim = face.solid.places[lines["lip_lower_outer"].numpy()]
    middle = rim.mean(0)
    assert spread_over(face.skin.astype(float), middle[None], len(stage.canvas.picture)).item() == 1
    away = spread_over(face.deep, np.stack([middle, rim[6]]), len(stage.canvas.picture)) / face.solid.metre
    assert abs(away[0] - away[1]) < 0.01
    sheet = make_sheet(stage.alpha, face.skin, face.unit)
    near = np.hypot(*(sheet.places - middle).T) < 0.1 * face.unit
    assert not sheet.true[near].any()


def test_a_jaw_lies_before_its_neck_with_the_edge_on_the_neck(renderer):
    """So what comes to be seen behind it is of the neck; and no wall within an outline is high."""
    stage = renderer.sitting(SPEC).at(128).stage
    face, side = stage.face, len(stage.canvas.picture)
    deep, known, skin = _map(renderer.asset, face.solid, side)
    found = _relief(deep, known, skin, face.solid, np.ones((side, side)), face.unit)
    beyond = ~skin & (np.roll(skin, 3, 0) | np.roll(skin, -3, 1) | np.roll(skin, 3, 1))
    assert (found <= deep + 1)[beyond].mean() > 0.9
    assert (found < deep - 2)[beyond].any()
    assert np.abs(found - deep)[skin].mean() < 1
    walled = _relief(deep, known, skin, face.solid, stage.alpha, face.unit)
    assert (walled - found).max() <= _DROP * face.solid.metre + 1e-6
    assert (walled - found).max() > 0


def test_the_truth_is_what_moves_the_pixels(renderer):
    """Its flow to the photograph against the engine's own maps, at every pixel but mouths, eyes and what is drawn."""
    sitting = renderer.sitting(SPEC)
    moved = sitting.at(128)
    times = [0.7, 1.9, 4.1]
    frames = renderer.render([SPEC] * 4, torch.tensor([*times, REST], dtype=torch.float64), 128)
    axis = np.linspace(-1, 1, 128)
    places = moved.stage.places(np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2))
    for index, time in enumerate(times):
        flow, visible = true_flow(frames[3:], frames[index : index + 1], 128)
        seen = surface_buffer(frames[index : index + 1].truth, 128).triangle[0].flatten()
        part = torch.where(seen < 0, -1, renderer.asset.triangle_part[seen.clamp_min(0)]).numpy()
        points, face = _told(sitting, moved, moved_pose(SPEC, sitting.portrait, time))
        head, trunk = moved.stage.maps(points)
        true, shown = moved.stage.places(flow[0].reshape(-1, 2).double().numpy()), visible[0].flatten().numpy()
        away, went = np.hypot(*(true - trunk(places)).T) / 2, np.hypot(*(true - places).T) / 2
        hair = shown & (part == HAIR)
        assert went[hair].mean() > 1
        assert np.median(away[hair]) < 0.06
        assert np.quantile(away[hair], 0.9) < 0.5
        inner = (places[:, 1] < moved.stage.face.middle[1]) | (face.at_rest)
        forehead = shown & (part == SKIN) & inner & (np.abs(true - places).max(1) > 0)
        lids = np.zeros(len(places), bool)
        for eye, _ in moved.stage.shutters._eyes:  # whose skin is moved before the head is
            rows, columns = eye.patch.place
            x, y = true.T
            lids |= (x > columns.start) & (x < columns.stop) & (y > rows.start) & (y < rows.stop)
        bare = forehead & ~lids
        if bare.sum() > 50:
            assert np.quantile(np.hypot(*(true - head(places)).T)[bare] / 2, 0.9) < 0.1


def test_the_first_frame_is_the_photograph(renderer, folder):
    """And the engine makes the photograph of its own pose, in which vertices lie where they were seen."""
    still = renderer.render([SPEC], torch.tensor([REST], dtype=torch.float64), 128)
    picture = np.asarray(Image.open(folder / "a.png")).astype(np.float32)
    colours = still.image[0].reshape(-1, 3).float().mean(0).numpy()
    assert np.abs(colours - picture.mean((0, 1))).max() < 25
    sitting = renderer.sitting(SPEC)
    moved, doing = sitting.at(128), acted(renderer, sitting.portrait.rest)
    linear = moved.stage(*_told(sitting, moved, doing))[0][0]
    painted = (linear.clamp(0, 1) ** (1 / 2.2) * 255).permute(1, 2, 0)
    assert (painted - still.image[0]).abs().max() < 1
    assert still.mask.float().mean() > 0.2
    shown = torch.from_numpy(moved.vertices.shown) > 0
    away = moved.stage.places(still.truth.screen[0, :, :2].double().numpy()) - np.concatenate(
        [moved.stage.face.solid.places, np.zeros((len(shown) - renderer.asset.mesh_vertices, 2))])  # fmt: skip
    assert np.abs(away[: renderer.asset.mesh_vertices][shown[: renderer.asset.mesh_vertices].numpy()]).max() < 0.01


def test_warping_by_the_flow_gives_the_photograph(renderer):
    """The moved photograph as the source, the photograph itself as the target: as pairs are drawn from shards."""
    times = torch.tensor([0.7, 1.9, 3.3, 4.1], dtype=torch.float64)
    moved = renderer.render([SPEC] * 4, times, 128)
    still = renderer.render([SPEC] * 4, torch.full((4,), REST, dtype=torch.float64), 128)
    flow, visible = true_flow(moved, still, 128)
    warped = grid_sample(moved.image.permute(0, 3, 1, 2).float(), flow, align_corners=True)
    error = (warped - still.image.permute(0, 3, 1, 2)).abs().mean(1)
    unmoved = (moved.image.float() - still.image).abs().mean(-1)
    figure = visible & still.mask
    assert figure.sum() / still.mask.sum() > 0.7
    assert error[figure].mean() < 5
    assert unmoved[figure].mean() > 2 * error[figure].mean()


def test_turns_stay_within_what_a_photograph_shows(renderer):
    portrait = renderer.sitting(SPEC).portrait
    for motion in range(12):
        for time in (0.0, 1.3, 5.2):
            moved = moved_pose(replace(SPEC, motion=motion), portrait, time).pose
            turned = np.degrees(np.abs(moved.rotation - portrait.rest.rotation))
            assert (turned <= np.array([22.01, 14.01, 14.01])).all()
            assert ((moved.actions >= 0) & (moved.actions <= 1.7)).all()
    assert moved_pose(SPEC, portrait, REST).pose is portrait.rest


def test_shards_of_photographs_and_of_drawn_people_mix(folder, tmp_path, capsys):
    split = "test" if is_held_out(open_photos(folder), "a.png") else "train"
    out = tmp_path / "out"
    words = ("--clips", 2, "--frames", 3, "--size", 64, "--format", "shard", "--quiet")
    command(out, "--kind", "photo", "--photos", folder, "--split", split, *words, quiet=False)
    assert "1 of 1 photographs fit" in capsys.readouterr().err
    path = out / "clips-00000.safetensors"
    with safe_open(path, "pt") as file:
        head = json.loads(file.metadata()["bunraku"])
    assert head["kind"] == "head"
    assert head["photographs"] == {"names": ["a.png"], "sha256": open_photos(folder).digest}
    assert [clip["times"][0] for clip in head["clips"]] == [REST, REST]
    path.rename(out / "clips-90000.safetensors")
    command(out, *words, "--split", split, quiet=False)
    shards = SynthShards(out)
    assert len(shards) == 4
    assert [len(shards.group_of(clip)) for clip in range(4)] == [2, 2, 1, 1]
    pair = shards.pair(2, 1, 0)
    assert pair.flow_visible.float().mean() > 0.5
    assert pair.mask.float().mean() > 0.2
    assert pair.visible_b.float().mean() > 0.5
    plate, around = shards.plate(2, 1).float(), shards.matte(2, 1) == 0  # the photograph's own backdrop, completed
    assert (shards.image(2, 1).float() - plate)[around].abs().max() <= 1
    assert (shards.image(2, 1).float() - plate)[~around].abs().mean() > 5
    source = ShardPairs(out)
    source.cross = 1.0
    assert source.draw(2, np.random.default_rng(0))["target"].shape == (3, 64, 64)
    sample = ResidentShards(out).draw_step(np.random.default_rng(0), 6)
    assert sample["flow"].shape == (6, 64, 64, 2)


def test_what_does_not_fit_is_left_out_and_counted(drawn, folder, tmp_path):
    path = tmp_path / "mixed"
    path.mkdir()
    (path / "a.png").write_bytes((folder / "a.png").read_bytes())
    Image.fromarray(drawn.photograph(pose(58))).save(path / "b.png")
    Image.new("RGB", (300, 300), (90, 120, 160)).save(path / "c.png")
    small = Image.new("RGB", (600, 600), (90, 120, 160))
    small.paste(Image.open(folder / "a.png").resize((64, 64)), (260, 260))
    small.save(path / "d.png")
    record = tmp_path / RECORD
    found = survey(open_photos(path), record)
    assert [bool(why) for why in found.verdicts.values()] == [False, True, True, True]
    assert found.verdicts["c.png"] == "no face"
    assert found.summary().startswith("1 of 4 photographs fit")
    held = is_held_out(found.photos, "a.png")
    assert found.usable("test" if held else "train").names == ("a.png",)
    with pytest.raises(InputError, match="none of its 4 photographs"):
        found.usable("train" if held else "test")
    record.write_text(record.read_text().replace("no face", "seen before"))
    assert survey(open_photos(path), record).verdicts["c.png"] == "seen before"  # not looked at again
    Image.new("RGB", (300, 301)).save(path / "c.png")
    open_photos.cache_clear()
    assert survey(open_photos(path), record).verdicts["c.png"] == "no face"


def test_impossible_wishes_are_refused(folder, tmp_path):
    for words in (("--kind", "photo"), ("--photos", folder), ("--kind", "photo", "--photos", folder, "--group", "2")):
        with pytest.raises(OptionError, match="--photos FOLDER"):
            command(tmp_path / "out", "--quiet", *words, quiet=False)
    with pytest.raises(OptionError, match="--photos FOLDER"):
        SetPlan(1, 1, kind="photo")
    with pytest.raises(InputError, match="no photographs"):
        make_renderer("photo")
