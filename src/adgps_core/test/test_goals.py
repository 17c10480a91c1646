"""Goals are spread over the box, and held-out ones ask for interpolation."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import Delaunay

from adgps_core.tasks.goals import Box, split_goals
from adgps_core.typing import Array

_SEEDS = st.integers(0, 2**32 - 1)
_CORNERS = st.tuples(*[st.floats(-2, 2)] * 3)
_SIDES = st.tuples(*[st.floats(0.1, 3)] * 3)
BOX = Box((0.4, -0.2, 0.15), (0.65, 0.2, 0.4))


def _fractions(box: Box, points: Array) -> Array:
    low, high = np.array(box.low), np.array(box.high)
    return (points - low) / (high - low)


@given(_CORNERS, _SIDES, _SEEDS)
def test_points_lie_at_their_fractions(
    low: tuple[float, float, float], sides: tuple[float, float, float], seed: int
) -> None:
    """0 is the low corner, 1 the high one, and between them it is linear."""
    box = Box(low, (low[0] + sides[0], low[1] + sides[1], low[2] + sides[2]))
    np.testing.assert_allclose(box.at(np.zeros(3)), box.low)
    np.testing.assert_allclose(box.at(np.ones(3)), box.high)
    fractions = np.random.default_rng(seed).random((2, 5, 3))
    np.testing.assert_allclose(_fractions(box, box.at(fractions)), fractions, atol=1e-9)


@settings(max_examples=40)
@given(_SEEDS)
def test_training_goals_are_one_an_octant_near_its_corner(seed: int) -> None:
    """Eight goals, one within a quarter of the side from each corner."""
    goals = _fractions(BOX, split_goals(BOX, np.random.default_rng(seed))["training"])
    assert goals.shape == (8, 3)
    corners = np.rint(goals)
    assert len({tuple(corner) for corner in corners}) == 8
    assert np.abs(goals - corners).max() <= 0.25 + 1e-9


@settings(max_examples=40)
@given(_SEEDS)
def test_held_out_goals_are_one_a_quadrant_within_the_hull(seed: int) -> None:
    """Four of validation, four of test; low and high, left and right in each."""
    goals = split_goals(BOX, np.random.default_rng(seed))
    hull = Delaunay(goals["training"])
    for split in ("validation", "test"):
        assert goals[split].shape == (4, 3)
        assert (hull.find_simplex(goals[split], tol=1e-9) >= 0).all()
        quadrants = _fractions(BOX, goals[split])[:, 1:] > 0.5
        assert len({tuple(quadrant) for quadrant in quadrants}) == 4


@settings(max_examples=40)
@given(_SEEDS)
def test_no_goal_is_drawn_twice(seed: int) -> None:
    """The three splits are disjoint, and the generator alone decides."""
    goals = split_goals(BOX, np.random.default_rng(seed))
    assert len(np.unique(np.concatenate(list(goals.values())), axis=0)) == 16
    again = split_goals(BOX, np.random.default_rng(seed))
    for split, points in goals.items():
        np.testing.assert_array_equal(again[split], points)
