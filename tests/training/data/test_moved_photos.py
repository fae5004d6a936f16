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
from training.data.synth.core.backdrop import EXTENT
from training.data.synth.core.photos import open_photos
from training.data.synth.core.renderer import REST
from training.data.synth.core.truth import Truth, surface_buffer
from training.data.synth.person.actor import build_actor
from training.data.synth.person.contours import contour_vertices
from training.data.synth.person.head import EYE_LEFT, EYE_RIGHT, SKIN
from training.data.synth.person.performance import ACTIONS, Pose
from training.data.synth.person.pose import pose_vertices, project, to_camera
from training.data.synth.photo.colours import _open_eyes, dress
from training.data.synth.photo.fit import landmarks
from training.data.synth.photo.movement import _LIDS, closing, moved_pose
from training.data.synth.photo.portrait import _ROWS, _deeper, face_vertices
from training.data.synth.photo.render import pose_led
from training.data.synth.photo.sheet import _look, _maps
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


def pixels(renderer, moment):
    """(V, 2) of the moved photograph's vertices, in pixels of the photograph."""
    sitting = renderer.sitting(SPEC)
    actor = sitting.portrait.actor
    points = to_camera(pose_led(renderer.asset, sitting.sheet, actor, moment), [actor])
    flat = project(points, [actor], STILL)[0, :, :2].double().numpy()
    crop_scale = renderer.study(0).fit.focal / (2 * actor.scene.camera.head_width * actor.scene.camera.distance)
    half = crop_scale * actor.size
    middle = renderer.study(0).fit.offset - half * actor.scene.camera.offset
    return flat * half + middle


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


@pytest.mark.parametrize(("turn", "jaw"), [(14, 0.0), (-20, 0.0), (0, 0.4), (10, 0.4)])
def test_it_moves_as_the_drawn_head_does(drawn, renderer, turn, jaw):
    """Flow of the face against the truth, vertex by vertex: turns, an opened mouth, and both."""
    face, rest = face_of(renderer.asset), renderer.sitting(SPEC).portrait.rest
    opened = {**SMILING, "jawOpen": SMILING["jawOpen"] + jaw}
    true = drawn.screen(pose(5 + turn, **opened))[2][face] - drawn.screen(pose(5, **SMILING))[2][face]
    actions = rest.actions.copy()
    actions[0, ACTIONS.index("jawOpen")] += jaw
    moved = replace(rest, rotation=rest.rotation + np.radians([[turn, 0, 0]]).astype(np.float32), actions=actions)
    flow = pixels(renderer, moved)[face] - pixels(renderer, rest)[face]
    error = np.linalg.norm(flow - true, axis=1).mean()
    assert error < 0.15 * np.linalg.norm(true, axis=1).mean()


def test_lids_close(renderer):
    portrait, asset = renderer.sitting(SPEC).portrait, renderer.asset
    marks, gaps = landmarks(asset), []
    for shut in (False, True):
        actions = portrait.rest.actions.copy()
        if shut:
            actions[:] = 0
            actions[0, [ACTIONS.index(f"eyeBlink{side}") for side in ("Left", "Right")]] = portrait.shut
        moment = replace(portrait.rest, actions=actions)
        places = marks.of(pixels(renderer, moment)[: asset.mesh_vertices])
        gaps.append([places[374, 1] - places[386, 1], places[145, 1] - places[159, 1]])
    opened, closed = np.array(gaps)
    assert (opened > 2).all()
    assert (np.abs(closed) < 0.15 * opened).all()


def test_no_skin_is_seen_within_the_openings_of_eyes_nor_lashes_where_they_are_shut():
    eye = np.array([[-1.0, 0], [0, -0.4], [1, 0], [0, 0.4]])
    places = torch.tensor([[0.0, 0], [0.9, 0], [0, -0.42], [0, -0.6], [5, 0], [5, 5]])
    beside, lashes = _open_eyes(places, [eye, np.add(eye, 5)])
    assert beside.tolist() == [0, 0, 0, 1, 1, 0]
    assert lashes[[0, 1, 2, 4]].tolist() == [[1, 0], [1, 0], [1, 0], [0, 0]]
    assert 0 < float(lashes[3, 0]) < 1
    assert lashes[5].tolist() == [0, 1]


def test_a_lid_that_closes_shows_skin_and_no_lashes(renderer):
    sitting = renderer.sitting(SceneSpec(0, 4, 0, "photo"))
    portrait, asset, rest = sitting.portrait, renderer.asset, sitting.portrait.rest
    assert closing(rest, portrait).tolist() == [0, 0]
    actions = rest.actions.copy()
    actions[:, list(_LIDS)] = portrait.shut
    pose_shut = replace(rest, actions=actions)
    assert closing(pose_shut, portrait).tolist() == [1, 1]
    posed = to_camera(pose_led(asset, sitting.sheet, portrait.actor, pose_shut), [portrait.actor])
    screen = project(posed, [portrait.actor], STILL)
    lines = contour_vertices(asset)
    edge, brow = (screen[0, lines[name], :2] for name in ("upper_lid_left", "brow_left"))
    lid = edge[2:-2] + 0.3 * (brow.mean(0) - edge.mean(0))  # skin that was folded away, and lay behind lashes
    cheek = screen[0, lines["lower_lid_left"], :2] + torch.tensor([0.0, 0.08])

    def seen(places: torch.Tensor, shut: float) -> torch.Tensor:
        picture = renderer._paint(sitting, screen, 160, torch.full((2,), shut))[0].mean(1, keepdim=True)
        return grid_sample(picture, places[None, None], align_corners=True).flatten()

    shut, stay = (seen(lid, amount) / seen(cheek, amount).median() for amount in (1.0, 0.0))
    assert shut.median() > 0.5
    assert shut.min() > 0.33
    assert stay.min() < 0.28  # lashes stay while the eye is open


def test_eyes_keep_their_own_irises_and_stay_under_their_lids(renderer):
    sitting, asset, seen = renderer.sitting(SPEC), renderer.asset, renderer.study(0).seen
    flat, mesh, lines = pixels(renderer, sitting.portrait.rest), asset.mesh_vertices, contour_vertices(asset)
    for name, part, eye in zip(("left", "right"), (EYE_LEFT, EYE_RIGHT), seen.eyes, strict=True):
        ring = lines[f"iris_{name}"].numpy()
        assert np.hypot(*(flat[ring].mean(0) - eye.iris)) < 0.25 * eye.radius
        ball = (asset.part[:mesh] == part).numpy()
        inner = ball & (np.hypot(*(flat[:mesh] - eye.iris).T) < 0.9 * eye.radius)
        sure = sitting.coat.sure[:mesh].numpy()
        assert (sure[inner] == 1).sum() >= 3
        out = ball & (np.hypot(*(flat[:mesh] - eye.iris).T) > 0.8 * eye.width)
        assert sure[ball & out].max(initial=0) < 0.01
        corners = np.stack([eye.upper[0], eye.upper[-1]])
        beyond = corners + 0.15 * (corners - corners.mean(0))
        full, _ = renderer._project(SPEC, REST)
        buffer = surface_buffer(Truth(full, STILL), 256)
        scale = (flat[ring].std(0) / full[0, lines[f"iris_{name}"], :2].numpy().std(0)).mean()
        at = (beyond - flat[ring].mean(0)) / scale + full[0, lines[f"iris_{name}"], :2].numpy().mean(0)
        column, row = np.round((at + 1) * 127.5).astype(int).T
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


def test_no_sheet_is_seen_between_parted_lips(drawn):
    """A mouth lies within the face, however wide it opens, so that teeth and its inside are what is seen there."""
    points, screen, _ = drawn.screen(pose(5, jawOpen=0.8, mouthUpperUpLeft=0.5, mouthUpperUpRight=0.5))
    inside = _maps(drawn.renderer.asset, points[0], screen[0])[2]
    lines = contour_vertices(drawn.renderer.asset)
    upper, lower = (screen[0, lines[f"lip_{name}_inner"][5], :2] for name in ("upper", "lower"))
    assert lower[1] - upper[1] > 0.1
    assert _look(inside, ((upper + lower) / 2)[None].numpy()).item() > 0.15


def test_a_collar_that_the_jaw_lies_over_does_not_colour_it(renderer):
    """The fit is least sure of the jaw: what is no skin there is neither shown nor carried under the chin."""
    sitting, asset = renderer.sitting(SPEC), renderer.asset
    actor, canvas, mesh = sitting.portrait.actor, sitting.canvas, renderer.asset.mesh_vertices
    posed = to_camera(pose_led(asset, sitting.sheet, actor, sitting.portrait.rest), [actor])
    screen = project(posed, [actor], STILL)[0]
    face = face_vertices(asset) & (asset.part[:mesh] == SKIN) & (asset.masks[:, 3] < 0.3)
    low = face & (asset.mean[:mesh, 1] > 0.085)
    chin = float(screen[:mesh, 1][low].max()) - 0.04
    rows = torch.linspace(-EXTENT, EXTENT, canvas.picture.shape[1])
    collared = canvas.picture.clone()
    collared[:, rows > chin] = torch.tensor([0.1, 0.3, 0.9])[:, None, None]
    away = [np.array([[5.0, 5], [6, 4], [7, 5], [6, 6]])] * 2  # no eyes here
    shades = torch.ones(len(screen))
    coat = dress(asset, actor, replace(canvas, picture=collared), posed[0], screen, shades, None, away)
    over = low.clone()
    over[low] = screen[:mesh, 1][low] > chin + 0.01
    assert over.sum() > 20
    assert coat.sure[:mesh][over].max() < 0.01
    blue, red = coat.instead[:mesh][low][:, 2], coat.instead[:mesh][low][:, 0]
    assert (blue < red).all()


def test_the_first_frame_is_the_photograph(renderer, folder):
    """And what is painted for the photograph's own pose is the photograph, but for eyes and mouth."""
    still = renderer.render([SPEC], torch.tensor([REST], dtype=torch.float64), 128)
    picture = np.asarray(Image.open(folder / "a.png")).astype(np.float32)
    colours = still.image[0].reshape(-1, 3).float().mean(0).numpy()
    assert np.abs(colours - picture.mean((0, 1))).max() < 25
    sitting = renderer.sitting(SPEC)
    full, _ = renderer._project(SPEC, REST)
    linear = renderer._paint(sitting, full, 128, torch.zeros(2))[0][0]
    painted = (linear.clamp(0, 1) ** (1 / 2.2) * 255).permute(1, 2, 0)
    assert (painted - still.image[0]).abs().mean() < 2.5
    assert still.mask.float().mean() > 0.2


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
            moved = moved_pose(replace(SPEC, motion=motion), portrait, time)
            turned = np.degrees(np.abs(moved.rotation - portrait.rest.rotation))
            assert (turned <= np.array([22.01, 14.01, 14.01])).all()
            assert ((moved.actions >= 0) & (moved.actions <= 1.7)).all()
    assert moved_pose(SPEC, portrait, REST) is portrait.rest


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
