"""Importance weights recover expectations under the newest policy, and only they do."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from adgps_core.policies import LinearGaussianPolicy
from adgps_global_worker.importance_weights import (
    effective_sample_size,
    importance_weights,
    log_weights,
    self_normalise,
    truncate,
)

Array = NDArray[np.float64]

T, DIM_X, DIM_U = 4, 2, 1
A = np.array([[1.0, 0.2], [-0.1, 0.9]])
B = np.array([[0.0], [0.5]])
NOISE = 0.05 * np.eye(DIM_X)
START = np.array([1.0, 0.0])
START_COVARIANCE = 0.1 * np.eye(DIM_X)


def _policy(gain: tuple[float, float], feedforward: float, variance: float) -> LinearGaussianPolicy:
    return LinearGaussianPolicy(
        np.tile(np.array(gain), (T, 1, 1)),
        np.full((T, DIM_U), feedforward),
        np.full((T, DIM_U, DIM_U), variance),
    )


BEHAVIOUR = _policy((-0.2, -0.3), 0.1, 0.5)
NEWEST = _policy((-0.4, -0.1), -0.2, 0.35)


def _state_moments(policy: LinearGaussianPolicy) -> tuple[Array, Array]:
    """Exact means (T, dX) and covariances (T, dX, dX) of the states under a policy."""
    mean, covariance = START, START_COVARIANCE
    means, covariances = [], []
    for t in range(T):
        means.append(mean)
        covariances.append(covariance)
        closed = A + B @ policy.K[t]
        mean = closed @ mean + B @ policy.k[t]
        covariance = closed @ covariance @ closed.T + B @ policy.C[t] @ B.T + NOISE
    return np.array(means), np.array(covariances)


def _rollouts(policy: LinearGaussianPolicy, count: int, seed: int) -> tuple[Array, Array, Array]:
    """States (N, T, dX), actions (N, T, dU) and their log densities (N, T)."""
    rng = np.random.default_rng(seed)
    state = rng.multivariate_normal(START, START_COVARIANCE, count)
    states, actions = [], []
    for t in range(T):
        noise = rng.standard_normal((count, DIM_U)) @ policy.cholesky[t].T
        action = state @ policy.K[t].T + policy.k[t] + noise
        states.append(state)
        actions.append(action)
        state = state @ A.T + action @ B.T + rng.multivariate_normal(np.zeros(2), NOISE, count)
    x, u = np.stack(states, axis=1), np.stack(actions, axis=1)
    return x, u, policy.log_probability(x, u)


def _errors(weights: Array, states: Array) -> Array:
    """Errors of weighted means and second moments against the exact ones, over standard errors."""
    means, covariances = _state_moments(NEWEST)
    second = covariances + means[:, :, None] * means[:, None, :]
    features = np.concatenate([states, (states[..., :, None] * states[..., None, :])[..., 0]], -1)
    exact = np.concatenate([means, second[..., 0]], axis=-1)
    estimate = np.einsum("nt,ntf->tf", weights, features)
    spread = np.sqrt(np.einsum("nt,ntf->tf", weights**2, (features - estimate) ** 2))
    return np.abs(estimate - exact) / spread


def test_weights_recover_the_expectation_under_the_newest_policy() -> None:
    """Weighted old rollouts give the newest policy's exact moments, to sampling error."""
    x, u, behaviour = _rollouts(BEHAVIOUR, 200_000, seed=0)
    weights = importance_weights(NEWEST.log_probability(x, u), behaviour)
    assert _errors(weights, x).max() < 4.0


def test_equal_weights_do_not() -> None:
    """The same check fails, by far, when all weights are equal."""
    x, _, _ = _rollouts(BEHAVIOUR, 200_000, seed=0)
    equal = np.full((len(x), T), 1 / len(x))
    errors = _errors(equal, x)
    assert errors[0].max() < 4.0  # the initial state depends on no policy
    assert (errors[1:].max(axis=1) > 20.0).all()


def test_weights_mend_a_mixture_of_behaviours() -> None:
    """Rollouts of several policies, each with its own recorded densities, may be pooled."""
    parts = [_rollouts(BEHAVIOUR, 100_000, seed=1), _rollouts(NEWEST, 100_000, seed=2)]
    x, u, behaviour = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    weights = importance_weights(NEWEST.log_probability(x, u), behaviour)
    assert _errors(weights, x).max() < 4.0


def test_truncation_trades_bias_for_effective_samples() -> None:
    """A bound raises the effective sample size, and one that hardly acts hardly biases."""
    x, u, behaviour = _rollouts(BEHAVIOUR, 20_000, seed=3)
    newest = NEWEST.log_probability(x, u)
    sizes = [
        effective_sample_size(importance_weights(newest, behaviour, bound))[-1]
        for bound in (1.0, 2.0, 10.0, np.inf)
    ]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == pytest.approx(20_000)
    assert _errors(importance_weights(newest, behaviour, 100.0), x).max() < 4.0


def test_weights_refer_to_the_actions_before_a_step() -> None:
    """Changing an action changes the weights after its step only."""
    rng = np.random.default_rng(0)
    newest, behaviour = rng.standard_normal((2, 3, 5))
    changed = newest.copy()
    changed[1, 2] += 1.0
    difference = log_weights(changed, behaviour) - log_weights(newest, behaviour)
    expected = np.zeros((3, 5))
    expected[1, 3:] = 1.0
    np.testing.assert_allclose(difference, expected, atol=1e-12)


@given(st.integers(1, 6), st.integers(1, 8), st.floats(0, 500), st.integers(0, 2**32 - 1))
def test_normalised_weights_sum_to_one(rollouts: int, steps: int, size: float, seed: int) -> None:
    """However far apart the policies are, weights are finite, sum to 1, and 1 ≤ ESS ≤ N."""
    log_w = size * np.random.default_rng(seed).standard_normal((rollouts, steps))
    weights = self_normalise(log_w)
    np.testing.assert_allclose(weights.sum(axis=0), 1.0)
    ess = effective_sample_size(weights)
    assert (ess > 1 - 1e-9).all() and (ess < rollouts + 1e-9).all()


@given(st.floats(1, 1e3), st.integers(0, 2**32 - 1))
def test_truncated_weights_stay_within_the_bound(bound: float, seed: int) -> None:
    """Truncated weights lie in [1/bound, bound] and those inside are untouched."""
    log_w = 10 * np.random.default_rng(seed).standard_normal((4, 6))
    truncated = truncate(log_w, bound)
    assert np.abs(truncated).max() <= np.log(bound)
    inside = np.abs(log_w) <= np.log(bound)
    np.testing.assert_array_equal(truncated[inside], log_w[inside])


def test_impossible_arguments_are_refused() -> None:
    """A bound below 1 and shapes that differ have no meaning."""
    with pytest.raises(ValueError, match="at least 1"):
        truncate(np.zeros((2, 2)), 0.5)
    with pytest.raises(ValueError, match=r"\(2, 3\)"):
        log_weights(np.zeros((2, 3)), np.zeros((2, 4)))
