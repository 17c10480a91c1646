"""Arms that differ: by their seed, by no more than is said, and each of them repeats itself."""

import numpy as np
import pytest

from adgps_core.tasks import make_task
from adgps_core.typing import Array
from adgps_sim.camera import OVER_SHOULDER
from adgps_sim.variation import Variation, vary
from adgps_sim.world import World

START = make_task("reach").start_joint_angles
SAME = Variation(np.ones(7), np.zeros(7), np.ones(7), np.ones(7))


def motion(variation: Variation | None, torque: float = 2.0) -> Array:
    """Joint angles (20, 7) under constant torques."""
    world = World(variation=variation)
    world.reset(START)
    rows = []
    for _ in range(20):
        world.step(np.full(7, torque), 0.05)
        rows.append(world.state.positions)
    world.close()
    return np.array(rows)


def test_no_variation_is_the_arm_itself() -> None:
    """Amount 0 draws it, and it moves like it."""
    none = vary(0.0, np.random.default_rng(3))
    for name in ("damping", "friction", "masses", "torques"):
        np.testing.assert_array_equal(getattr(none, name), getattr(SAME, name))
    assert none.camera == OVER_SHOULDER
    np.testing.assert_allclose(motion(none), motion(None), atol=1e-9)


def test_arms_differ_by_their_seed_and_repeat_themselves() -> None:
    """More of it is further from the arm itself; and at rest every one of them stays there."""
    first, again, other = (vary(1.0, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(motion(first), motion(again))
    assert abs(motion(first) - motion(other)).max() > 0.02
    assert first.camera != other.camera
    little = vary(0.1, np.random.default_rng(1))
    plain = motion(None)
    assert abs(motion(little) - plain).max() < 0.5 * abs(motion(first) - plain).max()
    for variation in (first, other):
        np.testing.assert_allclose(motion(variation, 0.0), np.tile(START, (20, 1)), atol=1e-5)


def test_each_part_acts() -> None:
    """Friction holds against less than itself; scaled torques and masses are those of a twin."""
    firm = Variation(np.ones(7), np.full(7, 3.0), np.ones(7), np.ones(7))
    assert abs(motion(firm) - START).max() < 1e-3
    weak = Variation(np.ones(7), np.zeros(7), np.ones(7), np.full(7, 0.5))
    np.testing.assert_allclose(motion(weak, 2.0), motion(SAME, 1.0), atol=1e-9)
    damped = Variation(np.full(7, 2.0), np.zeros(7), np.ones(7), np.ones(7))
    heavy = Variation(np.ones(7), np.zeros(7), np.full(7, 2.0), np.ones(7))
    for slower in (damped, heavy):
        assert abs(motion(slower) - START)[3, 0] < abs(motion(SAME) - START)[3, 0]


def test_what_cannot_be_is_refused() -> None:
    """Too much, and less than nothing."""
    for amount in (-0.1, 1.1, np.nan):
        with pytest.raises(ValueError, match="between 0 and 1"):
            vary(amount, np.random.default_rng(0))
    with pytest.raises(ValueError, match="masses must not be negative"):
        Variation(np.ones(7), np.zeros(7), np.full(7, -1.0), np.ones(7))
