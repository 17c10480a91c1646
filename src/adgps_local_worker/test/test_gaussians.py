"""Conditionals, divergences and log densities are what their definitions say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from linear_systems import covariances, evaluate, random_policy
from scipy.stats import multivariate_normal

from adgps_core.policies import LinearGaussianPolicy
from adgps_local_worker.gaussians import (
    condition,
    entropy,
    negative_log_density,
    policy_divergence,
    symmetric,
)

seeds = st.integers(0, 2**32 - 1)


def test_symmetric_part() -> None:
    """It equals its transpose, and leaves the quadratic form as it was."""
    rng = np.random.default_rng(0)
    matrices = rng.standard_normal((4, 3, 3))
    average = symmetric(matrices)
    np.testing.assert_array_equal(average, average.swapaxes(-1, -2))
    z = rng.standard_normal(3)
    np.testing.assert_allclose(z @ average @ z, z @ matrices @ z)


@given(seeds)
@settings(deadline=None, max_examples=25)
def test_conditional_times_marginal_is_the_joint(seed: int) -> None:
    """Putting E[y|z] = A z + b and its covariance back together gives the joint moments."""
    rng = np.random.default_rng(seed)
    mean, covariance = rng.standard_normal((4, 5)), covariances(rng, 4, 5)
    A, b, residual = condition(mean, covariance, 3, 0.0)
    given_part = covariance[:, :3, :3]
    np.testing.assert_allclose(np.einsum("tyz,tz->ty", A, mean[:, :3]) + b, mean[:, 3:])
    np.testing.assert_allclose(A @ given_part, covariance[:, 3:, :3], atol=1e-9)
    np.testing.assert_allclose(
        A @ given_part @ A.swapaxes(-1, -2) + residual, covariance[:, 3:, 3:], atol=1e-9
    )


def test_conditional_of_a_singular_joint_is_still_a_distribution() -> None:
    """With fewer samples than entries, the regularised residual has no negative variance."""
    rng = np.random.default_rng(1)
    samples = rng.standard_normal((3, 6))
    covariance = np.cov(samples, rowvar=False, bias=True)
    A, b, residual = condition(samples.mean(0), covariance, 4, 1e-6)
    assert np.isfinite(A).all() and np.isfinite(b).all()
    assert np.linalg.eigvalsh(residual).min() > -1e-12


def test_regularisation_shrinks_each_given_entry_by_its_own_amount() -> None:
    """For uncorrelated given entries, A = cross / (variance + regularisation)."""
    covariance = np.array([[2.0, 0.0, 1.0], [0.0, 3.0, 1.0], [1.0, 1.0, 4.0]])
    A, _, _ = condition(np.zeros(3), covariance, 2, np.array([1.0, 5.0]))
    np.testing.assert_allclose(A, [[1 / 3, 1 / 8]])


@given(seeds)
@settings(deadline=None, max_examples=25)
def test_negative_log_density_is_exact(seed: int) -> None:
    """Evaluated anywhere, the quadratic is minus the policy's own log probability."""
    rng = np.random.default_rng(seed)
    policy = random_policy(rng)
    states, actions = 3 * rng.standard_normal((7, 6, 3)), 3 * rng.standard_normal((7, 6, 2))
    quadratic = evaluate(negative_log_density(policy), np.concatenate([states, actions], axis=-1))
    np.testing.assert_allclose(
        quadratic, -policy.log_probability(states, actions), rtol=1e-8, atol=1e-8
    )


@given(seeds)
@settings(deadline=None, max_examples=25)
def test_entropy_is_that_of_scipy_and_completes_the_divergence(seed: int) -> None:
    """KL(p || q) = -H(p) - E_p[log q], of policies that differ in nothing but their covariances."""
    rng = np.random.default_rng(seed)
    policy, other = random_policy(rng), random_policy(rng)
    expected = [multivariate_normal(cov=C).entropy() for C in policy.C]
    np.testing.assert_allclose(entropy(policy), expected)
    wider = LinearGaussianPolicy(policy.K, policy.k, other.C)
    cross = 0.5 * np.einsum("tij,tji->t", wider.precision, policy.C)
    cross += 0.5 * np.linalg.slogdet(2 * np.pi * wider.C)[1]
    np.testing.assert_allclose(
        policy_divergence(policy, wider, np.zeros((6, 3)), covariances(rng, 6, 3)),
        cross - entropy(policy),
        atol=1e-9,
    )


@given(seeds)
@settings(deadline=None, max_examples=50)
def test_divergence_is_positive_between_different_policies(seed: int) -> None:
    """And zero from a policy to itself."""
    rng = np.random.default_rng(seed)
    policy, other = random_policy(rng), random_policy(rng)
    moments = rng.standard_normal((6, 3)), covariances(rng, 6, 3)
    assert (policy_divergence(policy, other, *moments) > 0).all()
    np.testing.assert_allclose(policy_divergence(policy, policy, *moments), 0.0, atol=1e-12)


def test_divergence_is_the_mean_log_ratio_of_samples() -> None:
    """In the direction named: the expectation is under the first policy."""
    rng = np.random.default_rng(2)
    policy, other = random_policy(rng), random_policy(rng)
    mean, covariance = rng.standard_normal((6, 3)), covariances(rng, 6, 3)
    count = 40_000
    root = np.linalg.cholesky(covariance)
    states = mean + np.einsum("tij,ntj->nti", root, rng.standard_normal((count, 6, 3)))
    noise = np.einsum("tij,ntj->nti", policy.cholesky, rng.standard_normal((count, 6, 2)))
    actions = policy.mean(states) + noise
    ratio = -evaluate(
        negative_log_density(policy), np.concatenate([states, actions], axis=-1)
    ) + evaluate(negative_log_density(other), np.concatenate([states, actions], axis=-1))
    exact = policy_divergence(policy, other, mean, covariance)
    error = np.abs(ratio.mean(0) - exact)
    assert (error < 4 * ratio.std(0) / np.sqrt(count)).all()
    reverse = policy_divergence(other, policy, mean, covariance)
    assert np.abs(reverse - exact).max() > 1.0  # the check tells the directions apart


@pytest.mark.parametrize("ratio", [0.25, 1.0, 4.0])
def test_divergence_of_one_dimensional_gaussians(ratio: float) -> None:
    """½ (v/w + d²/w - 1 - log v/w) for variances v, w and means d apart."""

    def policy(feedforward: float, variance: float) -> LinearGaussianPolicy:
        return LinearGaussianPolicy([[[0.0]]], [[feedforward]], [[[variance]]])  # type: ignore[arg-type]

    (divergence,) = policy_divergence(
        policy(1.5, ratio), policy(1.0, 1.0), np.zeros((1, 1)), np.ones((1, 1, 1))
    )
    assert divergence == pytest.approx(0.5 * (ratio + 0.25 - 1 - np.log(ratio)))
