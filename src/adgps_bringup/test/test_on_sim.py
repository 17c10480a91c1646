"""Executing recorded torques: no difference from a lock-step recording, and one that is told."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from adgps_bringup.bags.on_sim import Difference, SimulatedArm
from adgps_core.tasks import make_task
from adgps_core.trajectory import Trajectory

TASK = make_task("reach")
HORIZON = 12


@pytest.fixture(scope="module")
def arm() -> Iterator[SimulatedArm]:
    made = SimulatedArm(TASK, 240.0, 1.0)
    yield made
    made.close()


@pytest.fixture(scope="module")
def recorded(arm: SimulatedArm) -> Trajectory:
    """A trajectory of random torques from near the start pose."""
    rng = np.random.default_rng(0)
    torques = rng.normal(0.0, [4.0, 4.0, 4.0, 4.0, 0.5, 0.5, 0.5], (HORIZON, 7))
    instance = TASK.instances("training")[0]
    begin = TASK.start_joint_angles + 0.01 * rng.standard_normal(7)
    states = arm.execute(instance, begin, torques)
    return Trajectory(
        instance=instance,
        states=states,
        observations=TASK.observe(states[:-1], instance),
        actions_sampled=torques,
        actions_applied=torques,
        log_probabilities=np.zeros(HORIZON),
        stamps=TASK.control_period * np.arange(HORIZON + 1),
        lateness=np.zeros(HORIZON),
        robot="/robot_1",
    )


def test_the_same_arm_repeats_a_trajectory_bit_for_bit(
    arm: SimulatedArm, recorded: Trajectory
) -> None:
    elsewhere = recorded.states[0, :7] + 0.3
    arm.execute(recorded.instance, elsewhere, 3.0 * recorded.actions_applied)
    assert arm.compare(recorded) == Difference(trajectories=1, identical=1)


def test_an_arm_with_other_physics_differs(recorded: Trajectory) -> None:
    other = SimulatedArm(TASK, 240.0, 1.5)
    difference = other.compare(recorded)
    other.close()
    assert difference.identical == 0
    assert difference.angle > 1e-4 and difference.velocity > 1e-3 and difference.position > 1e-4


def test_the_largest_difference_counts(arm: SimulatedArm, recorded: Trajectory) -> None:
    states = recorded.states.copy()
    states[5, 2] += 0.25
    difference = arm.compare(replace(recorded, states=states))
    assert difference == Difference(trajectories=1, angle=pytest.approx(0.25))
    together = difference + arm.compare(recorded)
    assert (together.trajectories, together.identical) == (2, 1)
    assert together.angle == difference.angle


def test_what_a_simulated_arm_cannot_repeat_is_told(
    arm: SimulatedArm, recorded: Trajectory
) -> None:
    states, stamps = recorded.states.copy(), recorded.stamps.copy()
    states[0, 7] = 0.1
    stamps[3:] += 0.004
    difference = arm.compare(replace(recorded, states=states, stamps=stamps))
    assert (difference.moving, difference.uneven) == (1, 1)
