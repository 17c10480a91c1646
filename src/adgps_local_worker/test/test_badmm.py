"""Multipliers pull both policies together, and penalties grow where they drift apart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adgps_core.policies import LinearGaussianPolicy
from adgps_core.tasks import CostExpansion
from adgps_local_worker.badmm import update_kl_weights, update_multipliers
from adgps_local_worker.kl_lqr import augmented_cost, bounded_step
from adgps_local_worker.lqr import LinearDynamics

T, DIM_U = 5, 2
seeds = st.integers(0, 2**32 - 1)


def test_multipliers_follow_the_mean_gap() -> None:
    """λ + α ν (global - local), averaged over rollouts, for each step with its own ν."""
    multipliers = np.zeros((2, 1))
    local = np.zeros((2, 2, 1))
    ahead = np.array([[[1.0], [1.0]], [[3.0], [3.0]]])  # 2 rollouts, the mean gap is 2
    updated = update_multipliers(multipliers, np.array([1.0, 10.0]), ahead, local, 0.1)
    np.testing.assert_allclose(updated, [[0.2], [2.0]])
    again = update_multipliers(updated, np.array([1.0, 10.0]), ahead, local, 0.1)
    np.testing.assert_allclose(again, 2 * updated)


@given(seeds)
def test_policies_that_agree_on_average_keep_their_multipliers(seed: int) -> None:
    """A fixed point, also where single rollouts differ."""
    rng = np.random.default_rng(seed)
    multipliers, weights = rng.standard_normal((T, DIM_U)), rng.uniform(0.1, 1.0, T)
    local = rng.standard_normal((4, T, DIM_U))
    difference = rng.standard_normal((4, T, DIM_U))
    agreeing = local + difference - difference.mean(0)
    np.testing.assert_allclose(
        update_multipliers(multipliers, weights, agreeing, local, 0.5), multipliers, atol=1e-12
    )


@pytest.mark.parametrize("constrained", [False, True])
def test_alternating_steps_agree(constrained: bool) -> None:
    """Local steps of this package and closed-form global ones meet in the constrained optimum.

    One step, no state to speak of: the local cost is ½ (u - 3)ᵀ H (u - 3), and the global policy
    prefers means near zero, ½ |m|² (with `constrained`, it can do nothing but m₁ = m₂). The best
    common mean is known; penalties alone stop short of it, multipliers reach it.
    """
    H = np.array([[2.0, 0.5], [0.5, 1.0]])
    basis = np.array([[1.0], [1.0]]) if constrained else np.eye(2)
    optimum = basis @ np.linalg.solve(
        basis.T @ (H + np.eye(2)) @ basis, basis.T @ H @ np.full(2, 3.0)
    )
    hessian = np.zeros((1, 3, 3))
    hessian[0, 1:, 1:] = H
    gradient = np.concatenate([[0.0], -H @ np.full(2, 3.0)])[None]
    cost = CostExpansion(hessian, gradient, np.zeros(1))
    still = LinearDynamics(
        np.zeros((1, 1, 3)), np.zeros((1, 1)), np.zeros((1, 1, 1)), np.zeros(1), np.zeros((1, 1))
    )
    variance, weights = np.eye(2), np.ones(1)
    gain = np.zeros((1, 2, 1))
    local = LinearGaussianPolicy(gain, np.zeros((1, 2)), variance[None])

    def alternate(rate: float) -> tuple[LinearGaussianPolicy, LinearGaussianPolicy]:
        policy, mean, multipliers = local, np.zeros(2), np.zeros((1, 2))
        for _ in range(300):
            linearized = LinearGaussianPolicy(gain, mean[None], variance[None])
            multipliers = update_multipliers(
                multipliers, weights, mean[None, None], policy.k[None], rate
            )
            tied = augmented_cost(cost, multipliers, weights, linearized)
            policy = bounded_step(still, tied, local, 1e9, weights).policy
            # min over m = basis c of ½ |m|² + ν ½ (m - k)ᵀ C⁻¹ (m - k) + λᵀ m
            precision = policy.precision[0]
            c = np.linalg.solve(
                basis.T @ (np.eye(2) + precision) @ basis,
                basis.T @ (precision @ policy.k[0] - multipliers[0]),
            )
            mean = basis @ c
        return policy, linearized

    policy, linearized = alternate(rate=1.0)
    np.testing.assert_allclose(linearized.k[0], optimum, atol=1e-3)
    np.testing.assert_allclose(policy.k[0], optimum, atol=1e-3)
    penalised, _ = alternate(rate=0.0)
    assert np.abs(penalised.k[0] - optimum).max() > 0.1


@given(seeds)
def test_weights_stay_within_their_bounds(seed: int) -> None:
    """However often and however far divergences jump."""
    rng = np.random.default_rng(seed)
    weights, previous = np.full(T, 0.1), None
    for _ in range(20):
        divergence = np.exp(5 * rng.standard_normal(T))
        updated = update_kl_weights(weights, divergence, previous, low=0.05, high=0.4)
        assert updated.min() >= 0.05 and updated.max() <= 0.4
        assert (np.abs(np.log(updated / weights)) <= np.log(4) + 1e-12).all()
        weights, previous = updated, divergence


def test_steps_that_stand_out_are_weighted_more_or_less() -> None:
    """By the factor named, beyond two standard deviations; the others stay."""
    divergence = np.ones(20)
    divergence[3], divergence[7] = 9.0, 0.9
    weights = update_kl_weights(np.full(20, 0.1), divergence, None, growth=3.0)
    assert weights[3] == pytest.approx(0.3)
    np.testing.assert_allclose(np.delete(weights, 3), 0.1)
    lower = update_kl_weights(np.full(20, 0.1), 10.0 - divergence, None, growth=3.0)
    assert lower[3] == pytest.approx(0.1 / 3)
    np.testing.assert_allclose(np.delete(lower, 3), 0.1)


@pytest.mark.parametrize(
    ("ratio", "factor"), [(1.0, 1.0), (2.25, 1.5), (0.25, 0.5), (100.0, 2.0), (1e-9, 0.5)]
)
def test_all_weights_follow_the_whole_trajectory_s_divergence(ratio: float, factor: float) -> None:
    """With the square root of its growth since the previous iteration, within the factor."""
    previous = np.linspace(1.0, 1.5, T)
    weights = update_kl_weights(np.linspace(0.1, 0.2, T), ratio * previous, previous)
    np.testing.assert_allclose(weights, factor * np.linspace(0.1, 0.2, T))


def test_no_divergence_before_is_no_reason_to_fail() -> None:
    """Policies that agreed exactly, and no longer do."""
    weights = update_kl_weights(np.full(T, 0.1), np.ones(T), np.zeros(T))
    np.testing.assert_allclose(weights, 0.2)
