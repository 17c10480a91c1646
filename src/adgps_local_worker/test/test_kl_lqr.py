"""A bounded step is the best policy within its bound, and says when there is none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from linear_systems import evaluate, random_cost, random_dynamics, random_policy

from adgps_core.policies import LinearGaussianPolicy
from adgps_core.tasks import CostExpansion
from adgps_core.typing import Array
from adgps_local_worker.gaussians import negative_log_density, policy_divergence
from adgps_local_worker.kl_lqr import ETA_MIN, Step, add, augmented_cost, bounded_step
from adgps_local_worker.lqr import LinearDynamics, backward_pass, expected_cost, forward_pass

seeds = st.integers(0, 2**32 - 1)


def _divergence(
    dynamics: LinearDynamics, policy: LinearGaussianPolicy, other: LinearGaussianPolicy
) -> Array:
    """Of each step, over the states that the first policy visits."""
    marginals = forward_pass(dynamics, policy)
    return policy_divergence(policy, other, marginals.mean[:, :3], marginals.covariance[:, :3, :3])


def _solve(
    dynamics: LinearDynamics, cost: CostExpansion, previous: LinearGaussianPolicy, eta: float
) -> LinearGaussianPolicy:
    """Optimum of the Lagrangian for a given η."""
    anchored = add(cost, negative_log_density(previous), eta)
    return backward_pass(dynamics, anchored, np.full(previous.horizon, eta)).policy


def _improvement(
    dynamics: LinearDynamics, cost: CostExpansion, previous: LinearGaussianPolicy, step: Step
) -> float:
    before = expected_cost(cost, forward_pass(dynamics, previous)).sum()
    return float(before - expected_cost(cost, step.marginals).sum())


@given(seeds, st.floats(0.01, 20.0))
@settings(deadline=None, max_examples=25)
def test_an_active_bound_is_met_and_never_broken(seed: int, epsilon: float) -> None:
    """The divergence, recomputed, lies in [0.9, 1] ε; or the free optimum is nearer than that."""
    rng = np.random.default_rng(seed)
    dynamics, cost, previous = random_dynamics(rng), random_cost(rng), random_policy(rng)
    step = bounded_step(dynamics, cost, previous, epsilon)
    assert step.feasible and step.repaired == 0
    divergence = _divergence(dynamics, step.policy, previous).sum()
    assert divergence == pytest.approx(step.divergence)
    assert divergence <= epsilon
    if step.eta > ETA_MIN:
        assert divergence >= 0.9 * epsilon
    assert _improvement(dynamics, cost, previous, step) > 0


@given(seeds)
@settings(deadline=None, max_examples=10)
def test_the_dual_s_gradient_is_the_excess(seed: int) -> None:
    """d/dη of the dual is Σ KL - ε, and it falls with η: the root is the dual's maximum."""
    rng = np.random.default_rng(seed)
    dynamics, cost, previous = random_dynamics(rng), random_cost(rng), random_policy(rng)
    epsilon = 2.0

    def dual(eta: float) -> float:
        policy = _solve(dynamics, cost, previous, eta)
        paid = expected_cost(cost, forward_pass(dynamics, policy)).sum()
        return float(paid + eta * (_divergence(dynamics, policy, previous).sum() - epsilon))

    excesses = []
    for eta in (0.1, 1.0, 10.0):
        h = 1e-4 * eta
        slope = (dual(eta + h) - dual(eta - h)) / (2 * h)
        policy = _solve(dynamics, cost, previous, eta)
        excesses.append(_divergence(dynamics, policy, previous).sum() - epsilon)
        assert slope == pytest.approx(excesses[-1], rel=1e-4, abs=1e-4)
    assert excesses == sorted(excesses, reverse=True)


@given(seeds)
@settings(deadline=None, max_examples=10)
def test_no_policy_within_the_bound_is_better(seed: int) -> None:
    """Strong duality: on the way to any other policy of the same divergence the cost is higher."""
    rng = np.random.default_rng(seed)
    dynamics, cost, previous = random_dynamics(rng), random_cost(rng), random_policy(rng)
    step = bounded_step(dynamics, cost, previous, 1.0)
    least = expected_cost(cost, step.marginals).sum()
    best = step.policy
    for size in (0.02, 0.1, 0.3):
        other = LinearGaussianPolicy(
            best.K + size * rng.standard_normal(best.K.shape),
            best.k + size * rng.standard_normal(best.k.shape),
            best.C * np.exp(size * rng.standard_normal()),
        )
        paid = expected_cost(cost, forward_pass(dynamics, other)).sum()
        excess = _divergence(dynamics, other, previous).sum() - step.divergence
        assert paid + step.eta * excess > least
        assert excess > 0 or paid > least


def test_without_a_bound_it_is_the_plain_regulator() -> None:
    """η falls to its least, gains become the regulator's and exploration goes with η."""
    rng = np.random.default_rng(0)
    dynamics, cost, previous = random_dynamics(rng), random_cost(rng), random_policy(rng)
    step = bounded_step(dynamics, cost, previous, 1e9)
    plain = backward_pass(dynamics, cost, np.full(6, ETA_MIN)).policy
    assert step.eta == pytest.approx(ETA_MIN)
    np.testing.assert_allclose(step.policy.K, plain.K, atol=1e-4)
    np.testing.assert_allclose(step.policy.k, plain.k, atol=1e-4)
    np.testing.assert_allclose(step.policy.C, plain.C, rtol=1e-4)


def test_wider_bounds_gain_more() -> None:
    """The improvement grows with ε, up to that of the free optimum."""
    rng = np.random.default_rng(1)
    dynamics, cost, previous = random_dynamics(rng), random_cost(rng), random_policy(rng)
    gains = [
        _improvement(dynamics, cost, previous, bounded_step(dynamics, cost, previous, epsilon))
        for epsilon in (0.01, 0.1, 1.0, 10.0, 1e9)
    ]
    assert gains == sorted(gains) and gains[0] > 0


def test_a_bound_that_cannot_be_met_changes_nothing_and_says_so() -> None:
    """No η makes the divergence negative."""
    rng = np.random.default_rng(2)
    dynamics, cost, previous = random_dynamics(rng), random_cost(rng), random_policy(rng)
    step = bounded_step(dynamics, cost, previous, 1e-40)
    assert not step.feasible
    assert step.policy is previous
    np.testing.assert_array_equal(step.marginals.mean, forward_pass(dynamics, previous).mean)


@given(seeds)
@settings(deadline=None, max_examples=5)
def test_costs_that_fall_for_ever_still_give_a_bounded_step(seed: int) -> None:
    """The bound makes a problem sound that has no optimum, even where numbers overflow without."""
    rng = np.random.default_rng(seed)
    horizon = 60
    dynamics, previous = random_dynamics(rng, horizon), random_policy(rng, horizon)
    hessian = rng.standard_normal((horizon, 5, 5))
    cost = CostExpansion(
        hessian + hessian.swapaxes(-1, -2), rng.standard_normal((horizon, 5)), np.zeros(horizon)
    )
    step = bounded_step(dynamics, cost, previous, 1.0)
    assert step.feasible and step.repaired == 0
    assert 0.9 <= step.divergence <= 1.0
    assert _improvement(dynamics, cost, previous, step) > 0


@given(seeds)
@settings(deadline=None, max_examples=25)
def test_augmented_cost_is_its_formula_at_every_point(seed: int) -> None:
    """L - λᵀu - ν log π̄, each part evaluated on its own."""
    rng = np.random.default_rng(seed)
    cost, linearized = random_cost(rng), random_policy(rng)
    multipliers, weights = rng.standard_normal((6, 2)), rng.uniform(0, 2, 6)
    x, u = 2 * rng.standard_normal((5, 6, 3)), 2 * rng.standard_normal((5, 6, 2))
    z = np.concatenate([x, u], axis=-1)
    tied = evaluate(cost, z) - np.einsum("tu,ntu->nt", multipliers, u)
    np.testing.assert_allclose(
        evaluate(augmented_cost(cost, multipliers, weights, None), z), tied, atol=1e-9
    )
    np.testing.assert_allclose(
        evaluate(augmented_cost(cost, multipliers, weights, linearized), z),
        tied - weights * linearized.log_probability(x, u),
        rtol=1e-8,
        atol=1e-8,
    )


def test_a_heavy_penalty_makes_it_the_global_policy() -> None:
    """With ν huge the local policy becomes π̄, covariance and all; with ν = 0 it does not."""
    rng = np.random.default_rng(3)
    dynamics, cost, previous = random_dynamics(rng), random_cost(rng), random_policy(rng)
    linearized = random_policy(rng)

    def stepped(weight: float) -> LinearGaussianPolicy:
        weights = np.full(6, weight)
        augmented = augmented_cost(cost, np.zeros((6, 2)), weights, linearized)
        return bounded_step(dynamics, augmented, previous, 1e9, weights).policy

    tied, free = stepped(1e8), stepped(0.0)
    np.testing.assert_allclose(tied.K, linearized.K, atol=1e-5)
    np.testing.assert_allclose(tied.k, linearized.k, atol=1e-5)
    np.testing.assert_allclose(tied.C, linearized.C, rtol=1e-5)
    assert np.abs(free.K - linearized.K).max() > 0.1


@given(seeds)
@settings(deadline=None, max_examples=10)
def test_penalty_step_minimises_the_penalised_objective(seed: int) -> None:
    """E[l - λᵀu] + ν KL(p || π̄): the entropy's weight is ν + η and no other."""
    rng = np.random.default_rng(seed)
    dynamics, cost, previous = random_dynamics(rng), random_cost(rng), random_policy(rng)
    linearized, multipliers = random_policy(rng), rng.standard_normal((6, 2))
    weights = rng.uniform(0.5, 2.0, 6)
    tilted = augmented_cost(cost, multipliers, weights, None)
    step = bounded_step(
        dynamics, augmented_cost(cost, multipliers, weights, linearized), previous, 2.0, weights
    )

    def lagrangian(policy: LinearGaussianPolicy) -> float:
        paid = expected_cost(tilted, forward_pass(dynamics, policy))
        penalty = weights * _divergence(dynamics, policy, linearized)
        anchor = step.eta * _divergence(dynamics, policy, previous)
        return float((paid + penalty + anchor).sum())

    best = step.policy
    for scale in (0.8, 1.25):  # of exploration: wrong entropy weights show here
        assert lagrangian(LinearGaussianPolicy(best.K, best.k, scale * best.C)) > lagrangian(best)
    for size in (-0.05, 0.05):
        moved = LinearGaussianPolicy(best.K, best.k + size, best.C)
        assert lagrangian(moved) > lagrangian(best)
