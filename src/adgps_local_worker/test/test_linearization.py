"""A policy that is linear comes back; one that is not leaves its residual in the covariance."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from linear_systems import random_policy

from adgps_local_worker.gmm_prior import fit_mixture
from adgps_local_worker.linearization import linearize_policy

seeds = st.integers(0, 2**32 - 1)


@given(seeds)
@settings(deadline=None, max_examples=15)
def test_a_linear_policy_is_recovered(seed: int) -> None:
    """Gains and feed-forward torques to 1e-6, with the policy's own variance and no more."""
    rng = np.random.default_rng(seed)
    true = random_policy(rng)
    states = rng.standard_normal((10, 6, 3)) + 2.0
    variance = rng.uniform(0.1, 1.0, 2)
    mixture = fit_mixture(rng.standard_normal((50, 5)), 2, rng)  # of something else altogether
    for prior in (None, mixture):
        linear = linearize_policy(
            states, true.mean(states), variance, prior, strength=0.0, regularisation=1e-13
        )
        np.testing.assert_allclose(linear.K, true.K, atol=1e-6)
        np.testing.assert_allclose(linear.k, true.k, atol=1e-6)
        np.testing.assert_allclose(linear.C, np.tile(np.diag(variance), (6, 1, 1)), atol=1e-6)


def test_what_a_line_cannot_explain_is_covariance() -> None:
    """For u = x² on x ~ N(0, 1) the best line is u = 1, and its residual has variance 2."""
    states = np.random.default_rng(0).standard_normal((200_000, 1, 1))
    linear = linearize_policy(states, states**2, np.array([0.5]), None)
    np.testing.assert_allclose(linear.K, 0.0, atol=0.05)
    np.testing.assert_allclose(linear.k, 1.0, atol=0.05)
    np.testing.assert_allclose(linear.C, 2.5, atol=0.1)


@given(seeds)
@settings(deadline=None, max_examples=15)
def test_covariance_is_never_less_than_the_policy_s_own(seed: int) -> None:
    """Whatever the prior says, and however few the samples are."""
    rng = np.random.default_rng(seed)
    states = rng.standard_normal((4, 6, 3))
    means = np.sin(states @ rng.standard_normal((3, 2)))
    past = rng.standard_normal((60, 3))
    mixture = fit_mixture(
        np.concatenate([past, np.sin(past @ rng.standard_normal((3, 2)))], axis=1), 3, rng
    )
    variance = np.array([0.2, 0.4])
    linear = linearize_policy(states, means, variance, mixture)
    assert np.linalg.eigvalsh(linear.C - np.diag(variance)).min() > -1e-10


def test_a_prior_carries_the_slope_of_past_states() -> None:
    """Samples that all lie in one spot tell no slope; past ones do."""
    rng = np.random.default_rng(1)
    gain, offset = np.array([[0.5, -1.0, 2.0], [1.0, 0.0, -0.5]]), np.array([0.3, -0.7])
    past = rng.standard_normal((300, 3))
    mixture = fit_mixture(np.concatenate([past, past @ gain.T + offset], axis=1), 1, rng)
    states = np.tile(rng.standard_normal(3), (4, 2, 1))
    linear = linearize_policy(states, states @ gain.T + offset, np.ones(2), mixture, 1.0)
    np.testing.assert_allclose(linear.K, np.tile(gain, (2, 1, 1)), atol=1e-3)
    np.testing.assert_allclose(linear.k, np.tile(offset, (2, 1)), atol=1e-3)
