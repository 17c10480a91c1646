"""The regulator is optimal, its value function is the cost, and its marginals are exact."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from linear_systems import evaluate, random_cost, random_dynamics, random_policy, sample_points
from scipy.linalg import solve_discrete_are

from adgps_core.policies import LinearGaussianPolicy
from adgps_core.tasks import CostExpansion
from adgps_core.typing import Array
from adgps_local_worker.lqr import (
    LinearDynamics,
    backward_pass,
    expected_cost,
    forward_pass,
)

seeds = st.integers(0, 2**32 - 1)


def _objective(
    dynamics: LinearDynamics,
    cost: CostExpansion,
    policy: LinearGaussianPolicy,
    entropy_weight: Array,
) -> float:
    """Expected cost minus the weighted entropies: what the backward pass minimises."""
    entropy = 0.5 * np.linalg.slogdet(2 * np.pi * np.e * policy.C)[1]
    expected = expected_cost(cost, forward_pass(dynamics, policy))
    return float((expected - entropy_weight * entropy).sum())


def _rollout(dynamics: LinearDynamics, policy: LinearGaussianPolicy, start: Array) -> Array:
    """Points z = (x, u), (T, dX+dU), of the noise-free system under the policy's means."""
    x, points = start, []
    for t in range(policy.horizon):
        z = np.concatenate([x, policy.K[t] @ x + policy.k[t]])
        points.append(z)
        x = dynamics.F[t] @ z + dynamics.f[t]
    return np.array(points)


def test_long_horizons_reach_the_stationary_riccati_solution() -> None:
    """Far from the end, V_xx solves the algebraic Riccati equation and K is its gain."""
    rng = np.random.default_rng(0)
    A, B = rng.standard_normal((4, 4)) / 2, rng.standard_normal((4, 2))
    cost = random_cost(rng, 1, 4, 2)
    H = cost.hessian[0]
    horizon = 150
    dynamics = LinearDynamics(
        np.tile(np.hstack([A, B]), (horizon, 1, 1)),
        np.zeros((horizon, 4)),
        np.zeros((horizon, 4, 4)),
        np.zeros(4),
        np.eye(4),
    )
    repeated = CostExpansion(np.tile(H, (horizon, 1, 1)), np.zeros((horizon, 6)), np.zeros(horizon))
    result = backward_pass(dynamics, repeated, np.ones(horizon))
    Q, S, R = H[:4, :4], H[:4, 4:], H[4:, 4:]
    P = solve_discrete_are(A, B, Q, R, s=S)
    Quu = R + B.T @ P @ B
    np.testing.assert_allclose(result.value_hessian[0], P, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(
        result.policy.K[0], -np.linalg.solve(Quu, B.T @ P @ A + S.T), atol=1e-9
    )
    np.testing.assert_allclose(result.policy.C[0], np.linalg.inv(Quu), atol=1e-9)
    assert np.abs(result.value_hessian[-1] - P).max() > 0.1  # near the end it is another one


@given(seeds)
@settings(deadline=None, max_examples=25)
def test_differences_of_rollout_costs_are_differences_of_the_value(seed: int) -> None:
    """V(x) - V(y), of every step, is what rollouts from x and from y cost more or less."""
    rng = np.random.default_rng(seed)
    dynamics, cost = random_dynamics(rng), random_cost(rng)
    result = backward_pass(dynamics, cost, np.ones(6))
    for t in (0, 3):
        tail = LinearDynamics(
            dynamics.F[t:], dynamics.f[t:], dynamics.covariance[t:], np.zeros(3), np.eye(3)
        )
        policy = LinearGaussianPolicy(result.policy.K[t:], result.policy.k[t:], result.policy.C[t:])
        rest = CostExpansion(cost.hessian[t:], cost.gradient[t:], cost.value[t:])
        x, y = rng.standard_normal((2, 3))
        paid = [evaluate(rest, _rollout(tail, policy, start)).sum() for start in (x, y)]
        V, v = result.value_hessian[t], result.value_gradient[t]
        value = [0.5 * start @ V @ start + v @ start for start in (x, y)]
        assert paid[0] - paid[1] == pytest.approx(value[0] - value[1], rel=1e-8, abs=1e-8)


@given(seeds)
@settings(deadline=None, max_examples=25)
def test_any_other_policy_is_worse(seed: int) -> None:
    """In gains, feed-forward torques or covariances, with an entropy weight of every step's own.

    The objective's slope is zero in every direction, and it rises to both sides.
    """
    rng = np.random.default_rng(seed)
    dynamics, cost = random_dynamics(rng), random_cost(rng)
    weight = rng.uniform(0.1, 2.0, 6)
    best = backward_pass(dynamics, cost, weight).policy
    root = best.cholesky
    dK, dk = rng.standard_normal(best.K.shape), rng.standard_normal(best.k.shape)
    dL = rng.standard_normal(best.C.shape)
    wider = np.eye(2) + 0.1 * (dL + dL.swapaxes(-1, -2))
    moves: list[Callable[[float], LinearGaussianPolicy]] = [
        lambda s: LinearGaussianPolicy(best.K + s * dK, best.k, best.C),
        lambda s: LinearGaussianPolicy(best.K, best.k + s * dk, best.C),
        lambda s: LinearGaussianPolicy(
            best.K,
            best.k,
            root @ (np.eye(2) + s * (wider - np.eye(2))) @ root.swapaxes(-1, -2),
        ),
    ]
    least = _objective(dynamics, cost, best, weight)
    for move in moves:
        for size in (1e-2, 0.3):
            below, above = (
                _objective(dynamics, cost, move(sign * size), weight) for sign in (-1, 1)
            )
            assert below > least and above > least
        step = 1e-4
        below, above = (_objective(dynamics, cost, move(sign * step), weight) for sign in (-1, 1))
        curvature = (above + below - 2 * least) / step**2
        assert abs(above - below) / (2 * step) < 1e-5 * (1 + curvature)


def test_covariance_is_the_entropy_weight_over_the_curvature_in_the_action() -> None:
    """C_t = w_t Q_uu⁻¹; at the last step Q_uu is the cost's own curvature."""
    rng = np.random.default_rng(1)
    dynamics, cost = random_dynamics(rng), random_cost(rng)
    weight = np.array([1.0, 2.0, 0.5, 3.0, 0.1, 0.7])
    result = backward_pass(dynamics, cost, weight)
    np.testing.assert_allclose(
        result.policy.C[-1], 0.7 * np.linalg.inv(cost.hessian[-1][3:, 3:]), rtol=1e-10
    )
    B = dynamics.F[:-1, :, 3:]
    Quu = cost.hessian[:-1, 3:, 3:] + B.swapaxes(-1, -2) @ result.value_hessian[1:] @ B
    expected = weight[:-1, None, None] * np.linalg.inv(Quu)
    np.testing.assert_allclose(result.policy.C[:-1], expected, rtol=1e-8)


def _joint_states(dynamics: LinearDynamics, policy: LinearGaussianPolicy) -> tuple[Array, Array]:
    """Mean and covariance of the stacked vector of all z_t, as one linear map of all noises."""
    horizon, dim_x, dim_z = dynamics.F.shape
    dim_u = dim_z - dim_x
    sizes = [dim_x, *([dim_u, dim_x] * horizon)]  # of x_0, then action and state noise by turns
    noises = [dynamics.initial_covariance]
    for t in range(horizon):
        noises += [policy.C[t], dynamics.covariance[t]]
    ends = np.cumsum(sizes)
    total = ends[-1]

    def selector(index: int) -> Array:
        chosen = np.zeros((sizes[index], total))
        chosen[:, ends[index] - sizes[index] : ends[index]] = np.eye(sizes[index])
        return chosen

    x_map, x_mean = selector(0), dynamics.initial_mean
    maps, means = [], []
    for t in range(horizon):
        u_map = policy.K[t] @ x_map + selector(1 + 2 * t)
        z_map = np.vstack([x_map, u_map])
        z_mean = np.concatenate([x_mean, policy.K[t] @ x_mean + policy.k[t]])
        maps.append(z_map)
        means.append(z_mean)
        x_map = dynamics.F[t] @ z_map + selector(2 + 2 * t)
        x_mean = dynamics.F[t] @ z_mean + dynamics.f[t]
    noise = np.zeros((total, total))
    for index, covariance in enumerate(noises):
        part = selector(index)
        noise += part.T @ covariance @ part
    stacked = np.vstack(maps)
    return np.concatenate(means), stacked @ noise @ stacked.T


@given(seeds)
@settings(deadline=None, max_examples=15)
def test_marginals_are_those_of_the_joint_gaussian(seed: int) -> None:
    """Blocks on the diagonal of the whole trajectory's covariance, written as one linear map."""
    rng = np.random.default_rng(seed)
    dynamics, policy = random_dynamics(rng), random_policy(rng)
    marginals = forward_pass(dynamics, policy)
    mean, covariance = _joint_states(dynamics, policy)
    for t in range(6):
        block = slice(5 * t, 5 * (t + 1))
        np.testing.assert_allclose(marginals.mean[t], mean[block], atol=1e-9)
        np.testing.assert_allclose(marginals.covariance[t], covariance[block, block], atol=1e-9)


def test_expected_cost_is_the_mean_cost_of_samples() -> None:
    """Within four standard errors at every step, over 100 000 rollouts."""
    rng = np.random.default_rng(2)
    dynamics, cost, policy = random_dynamics(rng), random_cost(rng), random_policy(rng)
    paid = evaluate(cost, sample_points(dynamics, policy, 100_000, rng))
    error = np.abs(paid.mean(0) - expected_cost(cost, forward_pass(dynamics, policy)))
    assert (error < 4 * paid.std(0) / np.sqrt(100_000)).all()


def test_expected_cost_of_a_certain_point_is_its_cost() -> None:
    """Without any covariance only the quadratic itself is left."""
    rng = np.random.default_rng(3)
    dynamics, cost = random_dynamics(rng), random_cost(rng)
    marginals = forward_pass(dynamics, random_policy(rng))
    certain = type(marginals)(marginals.mean, np.zeros_like(marginals.covariance))
    np.testing.assert_allclose(expected_cost(cost, certain), evaluate(cost, marginals.mean))


@given(seeds, st.sets(st.integers(0, 5), min_size=1))
@settings(deadline=None, max_examples=25)
def test_curvature_of_the_wrong_sign_is_repaired_and_counted(seed: int, bad: set[int]) -> None:
    """Where the cost falls for ever in an action, that step is repaired; none is fatal."""
    rng = np.random.default_rng(seed)
    dynamics, cost = random_dynamics(rng), random_cost(rng)
    still = LinearDynamics(  # the future does not depend on actions: Q_uu is the cost's own
        np.concatenate([dynamics.F[:, :, :3], np.zeros((6, 3, 2))], axis=-1),
        dynamics.f,
        dynamics.covariance,
        dynamics.initial_mean,
        dynamics.initial_covariance,
    )
    hessian = cost.hessian.copy()
    for t in bad:
        hessian[t, 3:, 3:] = np.diag([1.0, -3.0])
    result = backward_pass(still, CostExpansion(hessian, cost.gradient, cost.value), np.ones(6))
    assert result.repaired == len(bad)
    for t in bad:
        np.testing.assert_allclose(result.policy.C[t], np.diag([1.0, 1 / 3e-6]), rtol=1e-6)
        np.testing.assert_allclose(
            result.policy.k[t], -cost.gradient[t, 3:] / [1.0, 3e-6], rtol=1e-6
        )


@given(seeds, st.floats(-20.0, 0.0))
@settings(deadline=None, max_examples=60)
def test_curvature_that_nearly_vanishes_is_never_fatal(seed: int, exponent: float) -> None:
    """Q_uu may be singular to any degree, as costs without a price on some action make it."""
    rng = np.random.default_rng(seed)
    dynamics, cost = random_dynamics(rng), random_cost(rng)
    direction = rng.standard_normal((6, 5, 1))
    flat = direction @ direction.swapaxes(-1, -2) + 10.0**exponent * np.eye(5)
    result = backward_pass(
        dynamics, CostExpansion(flat, cost.gradient, cost.value), np.full(6, 1e-6)
    )
    assert np.isfinite(result.policy.precision).all()
    assert np.isfinite(result.value_hessian).all()
