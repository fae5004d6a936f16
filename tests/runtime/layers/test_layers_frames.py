"""Frames of reference: maps are found again; a head's own frame does not depend on where and how large the head is."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from runtime.layers.frames import TEMPLATE, Affine, head_frame

POINTS = np.random.default_rng(0).normal(size=(12, 2))
numbers = st.floats(-2, 2)


@given(numbers, numbers, numbers, numbers, numbers, numbers)
def test_an_affine_map_is_found_again_and_inverted(a, b, c, d, e, f):
    linear = np.array([[2 + a / 4, b / 4], [c / 4, 2 + d / 4]])
    wanted = Affine(linear, np.array([e, f]))
    found = Affine.fit(POINTS, wanted(POINTS))
    np.testing.assert_allclose(found.linear, linear, atol=1e-6)
    np.testing.assert_allclose(found.offset, [e, f], atol=1e-6)
    np.testing.assert_allclose(wanted.inverse()(wanted(POINTS)), POINTS, atol=1e-9)


def test_the_same_points_are_mapped_onto_themselves():
    for found in (Affine.fit(POINTS, POINTS, 0.1), Affine.similarity(POINTS, POINTS)):
        np.testing.assert_allclose(found(POINTS), POINTS, atol=1e-9)


def test_stiffness_pulls_towards_a_similarity():
    after = POINTS * [1.0, 0.5]
    similar = Affine.similarity(POINTS, after).linear
    distances = [np.abs(Affine.fit(POINTS, after, stiff).linear - similar).max() for stiff in (0.0, 1.0, 100.0)]
    assert distances[0] > distances[1] > distances[2]
    assert distances[2] < 0.01


@given(st.integers(0, 2**32 - 1))
def test_a_heads_frame_is_the_least_squares_one_of_its_template(seed):
    aims = 60 * np.array(list(TEMPLATE.values())) + np.random.default_rng(seed).normal(100, 4, (len(TEMPLATE), 2))
    points, template = dict(zip(TEMPLATE, aims, strict=True)), np.array(list(TEMPLATE.values()))
    for found, wanted in (
        (head_frame(points, rigid=True), Affine.similarity(template, aims)),
        (head_frame(points), Affine.fit(template, aims, 0.05)),
    ):
        np.testing.assert_allclose(found.linear, wanted.linear, atol=1e-9)
        np.testing.assert_allclose(found.offset, wanted.offset, atol=1e-9)


def test_fields_of_points_are_mapped_as_lists_of_them_are():
    field, wanted = POINTS.reshape(3, 4, 2), Affine(np.array([[1.2, -0.3], [0.4, 0.9]]), np.array([3.0, -2.0]))
    np.testing.assert_allclose(wanted(field).reshape(-1, 2), wanted(POINTS), atol=1e-12)
    np.testing.assert_allclose(wanted(field[:, ::2]), wanted(field)[:, ::2], atol=1e-12)


def test_a_similarity_neither_shears_nor_stretches():
    found = Affine.similarity(POINTS, POINTS @ np.array([[1, 0.4], [0, 0.7]])).linear
    np.testing.assert_allclose(found[0, 0], found[1, 1])
    np.testing.assert_allclose(found[0, 1], -found[1, 0])


def test_places_in_a_heads_own_frame_stay_when_the_head_moves_turns_and_grows():
    mouth = np.array([0.03, 0.8])
    for angle, scale, shift in ((0, 60, (100, 90)), (0.4, 31, (20, 200))):
        turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        pose = Affine(turn, np.array(shift))
        points = {name: pose(np.array(place)) for name, place in TEMPLATE.items()}
        for rigid in (True, False):
            np.testing.assert_allclose(head_frame(points, rigid=rigid).inverse()(pose(mouth)), mouth, atol=1e-6)


def test_a_turned_head_is_seen_foreshortened_and_its_frame_follows():
    points = {name: np.array(place) * [30, 60] for name, place in TEMPLATE.items()}
    linear = head_frame(points).linear
    assert linear[0, 0] < 0.6 * linear[1, 1]
