"""The first policy is an impedance, at the start pose or around a demonstrated motion."""

import numpy as np

from adgps_core.demonstration import Demonstration
from adgps_core.tasks import Instance
from adgps_local_worker.initial_policy import follow, hold

START, STIFFNESS = np.array([0.5, -1.0]), np.array([10.0, 20.0])
DAMPING, NOISE = np.array([1.0, 3.0]), np.array([0.5, 2.0])


def test_torques_are_those_of_springs_and_dampers() -> None:
    """The same at every step, whatever else is in the state."""
    policy = hold(4, 7, START, STIFFNESS, DAMPING, NOISE)
    rng = np.random.default_rng(0)
    states = rng.standard_normal((3, 4, 7))
    angles, velocities = states[..., :2], states[..., 2:4]
    np.testing.assert_allclose(
        policy.mean(states), STIFFNESS * (START - angles) - DAMPING * velocities
    )


def test_at_rest_at_the_start_it_only_explores() -> None:
    """No mean torque, and the standard deviations asked for."""
    policy = hold(4, 4, START, STIFFNESS, DAMPING, NOISE)
    np.testing.assert_allclose(policy.mean(np.tile([*START, 0, 0], (4, 1))), 0.0)
    np.testing.assert_allclose(policy.cholesky, np.tile(np.diag(NOISE), (4, 1, 1)))


def _demonstration(horizon: int = 4) -> Demonstration:
    rng = np.random.default_rng(1)
    return Demonstration(
        Instance("reach", "training/0", np.zeros(2)),
        rng.standard_normal((horizon + 1, 2)),
        rng.standard_normal((horizon + 1, 2)),
        rng.standard_normal((horizon, 2)),
    )


def test_on_the_demonstrated_path_torques_are_those_of_the_demonstration() -> None:
    """Of each step its own, whatever else is in the state; and the noise asked for."""
    shown = _demonstration()
    policy = follow(shown, 7, STIFFNESS, DAMPING, NOISE)
    rest = np.random.default_rng(2).standard_normal((4, 3))
    states = np.hstack([shown.joint_angles[:-1], shown.joint_velocities[:-1], rest])
    np.testing.assert_allclose(policy.mean(states), shown.feedforward, atol=1e-12)
    np.testing.assert_allclose(policy.cholesky, np.tile(np.diag(NOISE), (4, 1, 1)))


def test_beside_the_demonstrated_path_springs_and_dampers_pull_back() -> None:
    """By the deviation of each joint's angle and velocity."""
    shown = _demonstration()
    policy = follow(shown, 4, STIFFNESS, DAMPING, NOISE)
    off = np.random.default_rng(3).standard_normal((4, 4))
    states = np.hstack([shown.joint_angles[:-1], shown.joint_velocities[:-1]]) + off
    expected = shown.feedforward - STIFFNESS * off[:, :2] - DAMPING * off[:, 2:]
    np.testing.assert_allclose(policy.mean(states), expected, atol=1e-12)
