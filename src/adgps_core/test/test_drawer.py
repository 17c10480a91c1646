"""Drawer: reach with other goals; a hand that a caught drawer stops is not there."""

import numpy as np
import pytest

from adgps_core import end_effector as ee
from adgps_core.tasks import SPLITS, make_task
from adgps_core.tasks.drawer import FRONT, GOALS, ROTATION, SHUT, Drawer
from adgps_core.tasks.reach import Reach

TASK = Drawer()
CAUGHT_AT = 0.06
"""Where the simulated catch stops the drawer [m]."""


def test_goals_lie_behind_the_front_and_need_the_whole_way() -> None:
    """A drawer that was caught counts as shut for no goal, with a hand to spare."""
    for split in SPLITS:
        for instance in TASK.instances(split):
            position = instance.parameters[:3]
            assert (position >= GOALS.low).all() and (position <= GOALS.high).all()
            assert position[0] - (FRONT[0] + CAUGHT_AT) > SHUT


def test_the_cost_is_that_of_reach() -> None:
    """The same formula for the same goal."""
    rng = np.random.default_rng(0)
    instance = TASK.instances("test")[0]
    states, actions = rng.standard_normal((4, 32)), rng.standard_normal((4, 7))
    np.testing.assert_array_equal(
        TASK.cost(states, actions, instance), Reach().cost(states, actions, instance)
    )


def test_distance_is_the_way_that_is_left() -> None:
    """Sideways counts for nothing, and neither does going too far."""
    instance = TASK.instances("test")[0]
    states = np.zeros((3, 32))
    states[:, ee.POINT_POSITIONS] = instance.parameters
    states[:, ee.POINT_POSITIONS.start] += (-0.02, 0.0, 0.05)
    states[:, ee.POINT_POSITIONS.start + 1] += 0.3
    np.testing.assert_allclose(TASK.distance(states, instance), [0.02, 0.0, 0.0], atol=1e-12)


def test_the_hand_points_ahead() -> None:
    """A rotation that maps the hand's z to the base's x; observations are centred on the goals."""
    np.testing.assert_allclose(ROTATION @ ROTATION.T, np.eye(3))
    assert np.linalg.det(ROTATION) == pytest.approx(1.0)
    np.testing.assert_array_equal(ROTATION @ [0, 0, 1], [1, 0, 0])
    offset, scale = make_task("drawer").observation_scaling
    for instance in TASK.instances("training"):
        seen = TASK.observe(np.zeros(32), instance)
        assert (np.abs((seen - offset) * scale)[32:] < 1).all()
