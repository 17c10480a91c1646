"""Fitted dynamics are the true ones where samples tell, and sensible where they do not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from linear_systems import covariances, random_dynamics, random_policy, sample_points

from adgps_core.typing import Array
from adgps_local_worker.dynamics import fit_dynamics, posterior_moments, transitions
from adgps_local_worker.gmm_prior import fit_mixture
from adgps_local_worker.lqr import LinearDynamics

seeds = st.integers(0, 2**32 - 1)


def _rollouts(
    dynamics: LinearDynamics, count: int, rng: np.random.Generator
) -> tuple[Array, Array]:
    """States (N, T+1, dX) and actions (N, T, dU) under a random policy."""
    points = sample_points(dynamics, random_policy(rng), count, rng)
    last = points[:, -1] @ dynamics.F[-1].T + dynamics.f[-1]
    return np.concatenate([points[..., :3], last[:, None]], axis=1), points[..., 3:]


def test_transitions_put_a_state_its_action_and_the_next_state_side_by_side() -> None:
    """With and without rollouts in front."""
    states, actions = np.arange(24.0).reshape(2, 4, 3), -np.arange(12.0).reshape(2, 3, 2)
    stacked = transitions(states, actions)
    assert stacked.shape == (2, 3, 8)
    np.testing.assert_array_equal(stacked[1, 2], [18, 19, 20, -10, -11, 21, 22, 23])
    np.testing.assert_array_equal(transitions(states[1], actions[1]), stacked[1])


@given(seeds)
@settings(deadline=None, max_examples=10)
def test_a_linear_system_is_recovered_from_samples_that_span_it(seed: int) -> None:
    """Without noise and without a prior, F and f come back to 1e-6 and nothing is left over."""
    rng = np.random.default_rng(seed)
    true = random_dynamics(rng)
    quiet = LinearDynamics(
        true.F, true.f, np.zeros((6, 3, 3)), true.initial_mean, true.initial_covariance
    )
    states, actions = _rollouts(quiet, 12, rng)
    fitted = fit_dynamics(states, actions, None, regularisation=1e-13)
    np.testing.assert_allclose(fitted.F, true.F, atol=1e-6)
    np.testing.assert_allclose(fitted.f, true.f, atol=1e-6)
    np.testing.assert_allclose(fitted.covariance, 0.0, atol=1e-6)
    np.testing.assert_allclose(fitted.initial_mean, states[:, 0].mean(0))


def test_noise_is_recovered_from_many_samples() -> None:
    """Covariances of the disturbances and of the initial state, to sampling error."""
    rng = np.random.default_rng(0)
    true = random_dynamics(rng)
    states, actions = _rollouts(true, 20_000, rng)
    fitted = fit_dynamics(states, actions, None)
    np.testing.assert_allclose(fitted.covariance[:-1], true.covariance[:-1], atol=0.01)
    np.testing.assert_allclose(fitted.initial_mean, true.initial_mean, atol=0.03)
    np.testing.assert_allclose(fitted.initial_covariance, true.initial_covariance, atol=0.03)


@given(seeds)
@settings(deadline=None, max_examples=20)
def test_posterior_lies_between_samples_and_prior(seed: int) -> None:
    """Strength 0 gives the samples' moments, a huge one the prior's, N the middle of the means."""
    rng = np.random.default_rng(seed)
    samples = rng.standard_normal((5, 2, 4))
    prior = rng.standard_normal((2, 4)), covariances(rng, 2, 4)
    mean, covariance = posterior_moments(samples, *prior, 0.0)
    np.testing.assert_allclose(mean, samples.mean(0))
    for t in range(2):
        np.testing.assert_allclose(
            covariance[t], np.cov(samples[:, t], rowvar=False, bias=True), atol=1e-12
        )
    mean, covariance = posterior_moments(samples, *prior, 1e12)
    np.testing.assert_allclose(mean, prior[0], atol=1e-9)
    np.testing.assert_allclose(covariance, prior[1], atol=1e-9)
    mean, _ = posterior_moments(samples, *prior, 5.0)
    np.testing.assert_allclose(mean, (samples.mean(0) + prior[0]) / 2)


@pytest.mark.parametrize("strength", [3, 8])
def test_pseudo_samples_count_like_samples(strength: int) -> None:
    """Samples drawn so that they have the prior's moments give the same posterior."""
    rng = np.random.default_rng(strength)
    samples = rng.standard_normal((6, 1, 2)) + 1.0
    pseudo = rng.standard_normal((strength, 1, 2))
    prior_mean = pseudo.mean(0)
    prior_covariance = np.cov(pseudo[:, 0], rowvar=False, bias=True)[None]
    together = np.concatenate([samples, pseudo])
    mean, covariance = posterior_moments(samples, prior_mean, prior_covariance, strength)
    np.testing.assert_allclose(mean, together.mean(0))
    np.testing.assert_allclose(
        covariance[0], np.cov(together[:, 0], rowvar=False, bias=True), atol=1e-12
    )


def test_a_prior_helps_where_there_are_few_samples() -> None:
    """Four rollouts cannot tell five unknowns; past rollouts of the same system can."""
    rng = np.random.default_rng(1)
    one = random_dynamics(rng, horizon=1)
    horizon = 10
    true = LinearDynamics(
        np.tile(0.8 * one.F, (horizon, 1, 1)),
        np.tile(one.f, (horizon, 1)),
        np.tile(1e-3 * np.eye(3), (horizon, 1, 1)),
        one.initial_mean,
        one.initial_covariance,
    )

    def rollouts(count: int) -> tuple[Array, Array]:
        points = sample_points(true, random_policy(rng, horizon), count, rng)
        last = points[:, -1] @ true.F[-1].T + true.f[-1]
        return np.concatenate([points[..., :3], last[:, None]], axis=1), points[..., 3:]

    past = transitions(*rollouts(40)).reshape(-1, 8)
    mixture = fit_mixture(past, 2, rng)
    few, new = rollouts(4), transitions(*rollouts(200))

    def error(fitted: LinearDynamics) -> float:
        predicted = np.einsum("txz,ntz->ntx", fitted.F, new[..., :5]) + fitted.f
        return float(np.square(predicted - new[..., 5:]).mean())

    with_prior = fit_dynamics(*few, mixture)
    assert with_prior.F.shape == (horizon, 3, 5)
    assert with_prior.f.shape == (horizon, 3)
    assert with_prior.covariance.shape == (horizon, 3, 3)
    assert with_prior.initial_covariance.shape == (3, 3)
    assert error(with_prior) < 0.05 * error(fit_dynamics(*few, None))
