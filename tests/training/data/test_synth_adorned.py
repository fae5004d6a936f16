"""Beards, glasses, make-up, things that pass before a face, and the camera: who decides them, and their truth."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import grid_sample

from training.data.synth import Frames, HeadRenderer, SceneSpec, true_flow
from training.data.synth.core.lens import Lens, through_lenses
from training.data.synth.core.seeds import Draw
from training.data.synth.core.truth import surface_buffer
from training.data.synth.person.actor import build_actor
from training.data.synth.person.head import BEARD, FRAME, HAIR, HAIR_ROWS, LENS, PROP, SCALP_ROWS, load_head
from training.data.synth.person.performance import motion
from training.data.synth.person.prop import KINDS, PROP_VERTICES, sample_prop
from training.data.synth.person.shade import noise_texture


@pytest.fixture(scope="module")
def renderer():
    torch.set_num_threads(1)
    return HeadRenderer()


def first(test) -> int:
    return next(seed for seed in range(500) if test(seed))


@pytest.fixture(scope="module")
def seeds(renderer) -> dict[str, int]:
    """One identity or scene that has each thing."""

    def beard(seed: int, kind: int) -> bool:
        who = renderer.identity(seed)
        return who.beard_shape.thickness > 0 and who.beard_kind == kind

    def glasses(seed: int, dark: bool) -> bool:
        pair = renderer.identity(seed).glasses
        return pair is not None and pair.dark == dark

    def bare(seed: int) -> bool:
        who = renderer.identity(seed)
        return who.glasses is None and not who.beard_shape.thickness and not who.hair.bald

    def prop(seed: int) -> bool:
        scene = renderer.scene(seed)
        return scene.prop is not None and scene.camera.head_width > 0.35

    found = {"beard": first(lambda s: beard(s, 0)), "glasses": first(lambda s: glasses(s, False))}
    found |= {"dark": first(lambda s: glasses(s, True)), "bare": first(bare), "prop": first(prop)}
    return found | {"free": first(lambda s: renderer.scene(s).prop is None)}


def parts_seen(frames: Frames) -> set[int]:
    seen = surface_buffer(frames.truth, 128).triangle
    return set(load_head().triangle_part[seen[seen >= 0]].tolist())


def test_each_seed_decides_its_own_things(renderer, seeds):
    """Identity: beard and glasses; scene: what passes before the face; the motion is the same for all of them."""
    free = seeds["free"]
    shown = {}
    for name in ("beard", "glasses", "dark", "bare"):
        # Another motion and scene without a prop changes nothing of what is worn.
        specs = [SceneSpec(seeds[name], 0, free), SceneSpec(seeds[name], 6, free)]
        frames = renderer.render(specs, torch.zeros(2), 64)
        shown[name] = parts_seen(frames[:1])
        assert shown[name] & {BEARD, FRAME, LENS} == parts_seen(frames[1:]) & {BEARD, FRAME, LENS}
    assert BEARD in shown["beard"]
    assert FRAME in shown["glasses"]
    assert LENS not in shown["glasses"]  # clear: what is behind it is the truth
    assert {FRAME, LENS} <= shown["dark"]
    assert not shown["bare"] & {BEARD, FRAME, LENS, PROP}
    times = torch.linspace(0, 5, 6)
    frames = renderer.render([SceneSpec(seeds["bare"], 0, seeds["prop"])] * 6, times, 48)
    assert PROP in parts_seen(frames)
    pose, again = (motion(0).at(times.double().numpy()) for _ in range(2))
    np.testing.assert_array_equal(pose.rotation, again.rotation)


def test_things_worn_and_passing_keep_the_flow_exact(renderer, seeds):
    """Warped by the flow, the source is the driving frame where visible, to 2/255, with beard, glasses and prop."""
    specs = [SceneSpec(seeds[who], 11, seeds["free"]) for who in ("beard", "glasses", "dark")]
    specs.append(SceneSpec(seeds["bare"], 11, seeds["prop"]))
    a = renderer.render(specs, torch.full((len(specs),), 0.4), 192, shading=False)
    b = renderer.render(specs, torch.full((len(specs),), 1.0), 192, shading=False)
    flow, visible = true_flow(a, b, 192)
    warped = grid_sample(a.image.permute(0, 3, 1, 2).float(), flow, align_corners=True)
    error = (warped - b.image.permute(0, 3, 1, 2)).abs().mean(1)
    unmoved = (a.image.float() - b.image).abs().mean(-1)
    assert visible.float().mean() > 0.6
    assert error[visible].mean() < 2
    assert unmoved[visible].mean() > 4 * error[visible].mean()
    # The new surfaces alone: the flow explains most of how they change.
    triangle = surface_buffer(b.truth, 192).triangle
    part = torch.where(triangle >= 0, load_head().triangle_part[triangle.clamp_min(0)], -1)
    for row, which in ((0, BEARD), (1, FRAME), (2, FRAME), (2, LENS), (3, PROP)):
        inside = (part[row] == which) & visible[row]
        assert inside.sum() > 50
        assert error[row][inside].mean() < 0.5 * unmoved[row][inside].mean()


def test_what_a_prop_hides_is_not_visible(renderer, seeds):
    """Points behind it are hidden; the backdrop and face it uncovers are not visible where it was."""
    spec = SceneSpec(seeds["bare"], 0, seeds["prop"])
    times = torch.linspace(0, 6, 13)
    frames = renderer.render([spec] * 13, times, 48)
    seen = surface_buffer(frames.truth, 96).triangle
    part = torch.where(seen >= 0, load_head().triangle_part[seen.clamp_min(0)], -1)
    covered = (part == PROP).flatten(1).sum(1)
    most, least = int(covered.argmax()), int(covered.argmin())
    pixel = ((frames.points[most] + 1) / 2 * 95).round().long().clamp(0, 95)
    behind = (part[most][pixel[:, 1], pixel[:, 0]] == PROP) & (frames.points[most].abs() < 0.95).all(-1)
    if behind.any():
        assert frames.points_visible[most][behind].float().mean() < 0.2
    _, visible = true_flow(frames[most : most + 1], frames[least : least + 1], 96)
    uncovered = (part[most] == PROP) & (part[least] != PROP) & (part[least] < 0)
    still = renderer.scene(seeds["prop"]).camera.drift[:, 0].max() == 0
    if still and uncovered.sum() > 20:
        assert visible[0][uncovered].float().mean() < 0.1


def test_lamps_and_cameras_change_pictures_but_no_truth(renderer, seeds):
    spec, time = [SceneSpec(seeds["glasses"], 0, seeds["free"])], torch.zeros(1)
    plain, lit = renderer.render(spec, time, 64, shading=False), renderer.render(spec, time, 64)
    blurred = renderer.render(spec, time + 0.2, 64, exposure=0.1)
    sharp = renderer.render(spec, time + 0.2, 64)
    assert not torch.equal(plain.image, lit.image)
    assert torch.equal(plain.truth.screen, lit.truth.screen)
    assert torch.equal(blurred.truth.screen, sharp.truth.screen)  # of the middle of the exposure
    assert not torch.equal(blurred.image, sharp.image)


def through_lens(image: torch.Tensor, lens: Lens, seed: int, time: float, texture: torch.Tensor) -> torch.Tensor:
    """One picture alone, which is also what it is among others."""
    alone = through_lenses(image[None], [lens], [seed], [time], texture)
    others = [Lens(0.3, 0.01, 0.02, 0.5), lens, Lens(0, 0, 0, 0)]
    among = through_lenses(torch.stack([image * 0.5, image, image]), others, [7, seed, 8], [1.0, time, 2.0], texture)
    assert torch.equal(alone[0], among[1])
    assert torch.equal(among[2], image)
    return alone[0]


def test_a_camera_darkens_corners_softens_and_adds_its_noise():
    texture = noise_texture()[..., 3]
    grey = torch.full((3, 64, 64), 0.2)
    clean = Lens(0, 0, 0, 0)
    assert torch.equal(through_lens(grey, clean, 1, 0.0, texture), grey)
    dark = through_lens(grey, replace(clean, vignette=0.5), 1, 0.0, texture)
    assert dark[0, 0, 0] < 0.6 * dark[0, 32, 32]
    edge = grey.clone()
    edge[:, :, 32:] = 0.8
    soft = through_lens(edge, replace(clean, softness=0.02), 1, 0.0, texture)
    assert (soft[0, 10].diff() >= -1e-6).all()
    assert soft[0, 10].diff().max() < 0.45
    noisy = replace(clean, noise=0.03, grain=0.0)
    one = through_lens(grey, noisy, 1, 0.04, texture)
    assert torch.equal(one, through_lens(grey, noisy, 1, 0.04, texture))
    assert not torch.equal(one, through_lens(grey, noisy, 1, 0.08, texture))
    spread = (one ** (1 / 2.2) - 0.2 ** (1 / 2.2)).std()
    assert 0.024 < spread < 0.036


def test_all_kinds_of_things_pass_before_the_camera():
    found = [sample_prop(Draw(1, seed), 0.5) for seed in range(400)]
    props = [prop for prop in found if prop]
    assert 0.1 < len(props) / len(found) < 0.25
    assert {prop.kind for prop in props} == set(range(len(KINDS)))
    for prop in props:
        assert prop.points.shape == (PROP_VERTICES, 3)
        assert np.isfinite(prop.points).all()
        _, place = prop.at(np.linspace(0, 30, 50))
        nearest = place[:, 2].min() - (0.12 if prop.kind != 2 else 0.17)  # its own extent, turned anyhow
        assert place[:, 2].max() < -0.1  # before the nose
        assert nearest > -0.5


def test_a_hand_is_mostly_that_of_whom_it_passes_before(renderer):
    hands = [prop for seed in range(60) if (prop := sample_prop(Draw(7, seed), 1.0)) and prop.kind == 0]
    other = [prop for seed in range(60) if (prop := sample_prop(Draw(7, seed), 1.0)) and prop.kind != 0]
    hands += [prop for seed in range(60, 400) if (prop := sample_prop(Draw(7, seed), 1.0)) and prop.kind == 0]
    assert 0.6 < np.mean([prop.own for prop in hands]) < 1
    assert not any(prop.own for prop in other)

    def colour(own: bool):
        scene = replace(renderer.scene(3), prop=replace(hands[0], own=own))
        actor = build_actor(renderer.asset, renderer.identity(5), scene)
        return actor.paint[renderer.asset.span(PROP), :3]

    assert torch.allclose(colour(True), torch.from_numpy(renderer.identity(5).skin).float())
    assert torch.allclose(colour(False), torch.from_numpy(hands[0].colours[0]).float())


def test_cameras_make_pale_faces_darker_and_dark_ones_lighter(renderer):
    fair, dark = np.full(3, 0.7), np.full(3, 0.04)
    for seed in range(12):
        light = renderer.scene(seed).light
        assert light.metered(fair) < light.metered(dark)
        # Apart as before, but by half as many stops, unless that were more than a camera does.
        assert 4 <= fair[0] * light.metered(fair) / (dark[0] * light.metered(dark)) < 0.5 * 0.7 / 0.04
        assert 0.5 <= light.metered(dark) / light.exposure <= 3


def test_hair_without_locks_stays_on_the_head_in_a_turn(renderer):
    """Locks of no length once hung from the torso and were drawn down over the forehead when the head turned."""
    seed = first(lambda s: not renderer.identity(s).hair.bald and renderer.identity(s).hair.length.max() == 0)
    times = torch.linspace(0, 40, 200).double().numpy()
    turned = float(times[np.abs(motion(7).at(times).rotation[:, 0]).argmax()])
    screen = renderer.render([SceneSpec(seed, 7, 11)], torch.tensor([turned]), 32).truth.screen[0]
    hair = screen[load_head().span(HAIR)].view(HAIR_ROWS, -1, 3)
    shell, locks = hair[SCALP_ROWS - 1], hair[SCALP_ROWS:]
    assert (locks - shell).abs().max() < 1e-4
