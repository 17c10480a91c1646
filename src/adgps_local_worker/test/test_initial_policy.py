"""The first policy is an impedance at the start pose."""

import numpy as np

from adgps_local_worker.initial_policy import hold

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
