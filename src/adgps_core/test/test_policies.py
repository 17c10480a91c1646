"""Local policies are the Gaussians that they say they are."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from core_samples import DIM_U, DIM_X, T, covariances, make_policy
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from adgps_core.policies import LinearGaussianPolicy, gaussian_log_density

_SEEDS = st.integers(0, 2**32 - 1)


@settings(max_examples=40)
@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 4), _SEEDS)
def test_log_probability_is_that_of_scipy(horizon: int, dim_x: int, dim_u: int, seed: int) -> None:
    """For any sizes, step by step, also far out in the tails."""
    policy = make_policy(horizon, dim_x, dim_u, seed=seed)
    rng = np.random.default_rng(seed)
    states = rng.standard_normal((3, horizon, dim_x))
    actions = 5 * rng.standard_normal((3, horizon, dim_u))
    expected = [
        [
            multivariate_normal(policy.K[t] @ states[n, t] + policy.k[t], policy.C[t]).logpdf(
                actions[n, t]
            )
            for t in range(horizon)
        ]
        for n in range(3)
    ]
    found = policy.log_probability(states, actions)
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8)


@settings(max_examples=40)
@given(_SEEDS)
def test_actions_have_the_mean_and_the_covariance(seed: int) -> None:
    """An action is the mean plus a linear map of the noise whose square is C."""
    policy = make_policy(seed=seed)
    states = np.random.default_rng(seed).standard_normal((T, DIM_X))
    for t in range(T):
        mean = policy.act(t, states[t], np.zeros(DIM_U))
        np.testing.assert_allclose(mean, policy.mean(states)[t], rtol=1e-12, atol=1e-12)
        columns = [policy.act(t, states[t], axis) - mean for axis in np.eye(DIM_U)]
        square = sum(np.outer(column, column) for column in columns)
        np.testing.assert_allclose(square, policy.C[t], rtol=1e-9, atol=1e-12)


def test_leading_axes_are_independent() -> None:
    """Many rollouts at once are the rollouts one by one."""
    policy = make_policy()
    rng = np.random.default_rng(0)
    states, actions = rng.standard_normal((2, 6, T, DIM_X)), rng.standard_normal((2, 6, T, DIM_U))
    together = policy.log_probability(states, actions)
    assert together.shape == (2, 6, T)
    for i, j in np.ndindex(2, 6):
        alone = policy.log_probability(states[i, j], actions[i, j])
        np.testing.assert_allclose(together[i, j], alone, rtol=1e-12)


@settings(max_examples=40)
@given(_SEEDS)
def test_precision_and_factor_belong_to_the_covariance(seed: int) -> None:
    """C⁻¹ C = 1, and L Lᵀ = C with L lower triangular."""
    policy = make_policy(seed=seed)
    identity = np.broadcast_to(np.eye(DIM_U), policy.C.shape)
    np.testing.assert_allclose(policy.precision @ policy.C, identity, atol=1e-9)
    factor = policy.cholesky
    np.testing.assert_allclose(factor @ factor.swapaxes(-1, -2), policy.C, rtol=1e-12)
    np.testing.assert_array_equal(factor, np.tril(factor))


def test_sizes() -> None:
    """T, dX and dU are read off the gains."""
    policy = make_policy(7, 3, 2)
    assert (policy.horizon, policy.dim_x, policy.dim_u) == (7, 3, 2)


@pytest.mark.parametrize("name", ["K", "k", "C"])
@pytest.mark.parametrize("change", ["cut", "nan", "infinite", "flat"])
def test_impossible_arrays_are_refused_by_name(name: str, change: str) -> None:
    """A time step too few, a number that is none, dimensions that are missing."""
    arrays = {key: np.array(getattr(make_policy(), key)) for key in ("K", "k", "C")}
    if change == "cut":
        arrays[name] = arrays[name][:-1]
    elif change == "flat":
        arrays[name] = arrays[name].ravel()
    else:
        arrays[name].flat[1] = np.nan if change == "nan" else np.inf
    # The horizon is K's; with K cut, it is the others that do not fit.
    with pytest.raises(ValueError, match="k has shape" if (name, change) == ("K", "cut") else name):
        LinearGaussianPolicy(**arrays)


@given(_SEEDS, st.integers(0, T - 1), st.floats(0.0, 10.0))
def test_covariances_that_are_none_are_refused(seed: int, step: int, below: float) -> None:
    """One negative or vanishing eigenvalue in one time step is enough."""
    policy = make_policy(seed=seed)
    C = np.array(policy.C)
    smallest, largest = np.linalg.eigvalsh(C[step])[[0, -1]]
    C[step] -= (smallest + 1e-9 * largest + below) * np.eye(DIM_U)
    with pytest.raises(ValueError, match="C is not positive definite"):
        LinearGaussianPolicy(policy.K, policy.k, C)


@pytest.mark.parametrize("place", [(0, 1), (1, 0)])
def test_a_covariance_must_be_symmetric(place: tuple[int, int]) -> None:
    """Sampling reads one triangle and the precision both: they would be of different policies."""
    policy = make_policy()
    C = np.array(policy.C)
    C[2][place] += 1e-3
    with pytest.raises(ValueError, match="C is not symmetric"):
        LinearGaussianPolicy(policy.K, policy.k, C)
    C[2][place] = policy.C[2][place] * (1 + 1e-12)  # rounding is no reason
    LinearGaussianPolicy(policy.K, policy.k, C)


def test_a_policy_cannot_be_changed() -> None:
    """Neither its arrays nor its fields."""
    policy = make_policy()
    with pytest.raises(ValueError, match="read-only"):
        policy.K[0] = 0.0
    with pytest.raises(FrozenInstanceError):
        policy.k = np.zeros((T, DIM_U))  # type: ignore[misc]


@given(st.integers(1, 5), _SEEDS)
def test_gaussian_log_density_shares_one_factor(dim: int, seed: int) -> None:
    """One factor for many residuals gives the density of scipy."""
    rng = np.random.default_rng(seed)
    covariance = covariances(rng, 1, dim)[0]
    residuals = rng.standard_normal((2, 3, dim))
    found = gaussian_log_density(residuals, np.linalg.cholesky(covariance))
    expected = multivariate_normal(np.zeros(dim), covariance).logpdf(residuals).reshape(2, 3)
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8)
