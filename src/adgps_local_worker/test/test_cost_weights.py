"""Weights are as far from uniform as the bound allows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from adgps_core.typing import Array
from adgps_local_worker import cost_weights
from adgps_local_worker.cost_weights import (
    costs_to_go,
    supported_divergence,
    temperatures,
    weights,
)

N, T = 12, 6
seeds = st.integers(0, 2**32 - 1)
bounds = st.floats(1e-3, 1.0)


def _divergence(probabilities: Array) -> Array:
    """KL(P || uniform) by the definition, of weights of which none is zero."""
    count = len(probabilities)
    ratio = np.log(np.maximum(probabilities, 1e-300) * count)
    divergence: Array = (probabilities * ratio).sum(0)
    return divergence


def _costs_to_go(rng: np.random.Generator, count: int = N, horizon: int = T) -> Array:
    """Scales and tails that differ from step to step."""
    heavy = np.exp(rng.uniform(0.1, 2.0, horizon) * rng.standard_normal((count, horizon)))
    return heavy * 10.0 ** rng.uniform(-3, 3, horizon) + rng.standard_normal(horizon)


def test_costs_to_go_are_what_is_still_to_pay() -> None:
    """The last is the last cost, and each one before is one cost more."""
    costs = np.array([[1.0, 2.0, 4.0], [0.5, 0.0, -1.0]])
    np.testing.assert_array_equal(costs_to_go(costs), [[7.0, 6.0, 4.0], [-0.5, -1.0, -1.0]])


@given(seeds, st.floats(1e-4, 1e4))
def test_weights_are_a_distribution_by_the_formula(seed: int, eta: float) -> None:
    """Sum one, none negative, log ratios of two rollouts are (S_j - S_i) / η."""
    remaining = _costs_to_go(np.random.default_rng(seed))
    probabilities = weights(remaining, np.full(T, eta))
    np.testing.assert_allclose(probabilities.sum(0), 1.0, rtol=1e-12)
    assert (probabilities >= 0).all()
    gap = (remaining[0] - remaining) / eta
    visible = (probabilities > 1e-250) & (probabilities[0] > 1e-250)
    np.testing.assert_allclose(
        np.log(np.where(visible, probabilities, 1) / np.where(visible, probabilities[0], 1)),
        np.where(visible, gap, 0),
        rtol=1e-9,
        atol=1e-9,
    )


@pytest.mark.parametrize("magnitude", [1e-250, 1e-3, 1e3, 1e250])
def test_weights_of_any_magnitude_are_finite(magnitude: float) -> None:
    """Neither the costs nor the temperature alone matter, and zero is a weight."""
    remaining = magnitude * np.array([[1.0, 3.0], [2.0, 3.0], [4.0, 4.0]])
    np.testing.assert_allclose(
        weights(remaining, np.full(2, magnitude)),
        weights(remaining / magnitude, np.ones(2)),
        rtol=1e-9,
    )
    np.testing.assert_array_equal(
        weights(remaining, np.full(2, min(1e-9 * magnitude, 1e-100))),
        [[1.0, 0.5], [0.0, 0.5], [0.0, 0.0]],
    )


@given(seeds, bounds)
def test_the_bound_is_met(seed: int, epsilon: float) -> None:
    """To 1e-8, at each step, however different the steps' costs are."""
    remaining = _costs_to_go(np.random.default_rng(seed))
    assert (supported_divergence(remaining) > epsilon).all()
    divergence = _divergence(weights(remaining, temperatures(remaining, epsilon)))
    np.testing.assert_allclose(divergence, epsilon, rtol=1e-8)


@given(seeds, bounds)
@settings(max_examples=20)
def test_temperature_is_the_minimum_of_the_dual(seed: int, epsilon: float) -> None:
    """As a minimiser that knows nothing of divergences finds it, to 1e-6."""
    remaining = _costs_to_go(np.random.default_rng(seed))
    eta = temperatures(remaining, epsilon)
    for t in range(T):
        excess = remaining[:, t] - remaining[:, t].min()
        scale = excess.max()
        excess /= scale

        def dual(log_eta: float, excess: Array = excess) -> float:
            mean = logsumexp(-excess / np.exp(log_eta), b=1 / len(excess))
            return float(np.exp(log_eta) * (epsilon + mean))

        found = minimize_scalar(dual, (-9, 9), (-9, 9), method="bounded", options={"xatol": 1e-12})
        assert eta[t] == pytest.approx(scale * np.exp(found.x), rel=1e-6)


@pytest.mark.parametrize("epsilon", [1e-20, 3e-15, 1e-8, 1e-5])
def test_small_bounds_make_weights_linear_in_the_costs(epsilon: float) -> None:
    """For η far above the spread, KL is Var(S) / 2η²; near rounding, about that or more."""
    remaining = np.random.default_rng(0).standard_normal((5000, 100))
    eta = temperatures(remaining, epsilon)
    expected = remaining.std(0) / np.sqrt(2 * epsilon)
    assert (eta > 0.5 * expected).all()
    if epsilon > 1e-10:
        np.testing.assert_allclose(eta, expected, rtol=0.02)


@given(seeds)
def test_few_iterations_find_the_temperature(seed: int) -> None:
    """Also between rollouts that nearly tie and the rest, where the divergence is flat."""
    rng = np.random.default_rng(seed)
    remaining = 10.0 ** rng.uniform(-13, 0, (N, 50))
    remaining[:, ::2] = rng.choice(10.0 ** rng.uniform(-13, 0, 3), (N, 25))
    remaining[0], remaining[-1] = 0.0, 1.0
    plateau = np.log(N / rng.integers(1, N))
    epsilon = plateau * (1 + rng.choice([-1, 1]) * 10 ** rng.uniform(-9, -1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cost_weights, "ITERATIONS", 20)
        probabilities = weights(remaining, temperatures(remaining, epsilon))
    np.testing.assert_allclose(
        _divergence(probabilities),
        np.minimum(epsilon, supported_divergence(remaining)),
        rtol=1e-10,
    )


@pytest.mark.parametrize("share", [0.5001, 0.6, 0.9, 0.96])
@pytest.mark.parametrize("gap", [1e-200, 0.3, 7e12])
def test_temperature_of_two_rollouts_is_known(share: float, gap: float) -> None:
    """With weights p and 1 - p, KL is log 2 - H(p), and η = gap / log(p / (1 - p))."""
    epsilon = np.log(2) + share * np.log(share) + (1 - share) * np.log1p(-share)
    eta = temperatures(np.array([[0.0], [gap]]), epsilon)
    assert eta[0] == pytest.approx(gap / np.log(share / (1 - share)), rel=1e-6)


@given(seeds, bounds, st.floats(-1e3, 1e3), st.floats(1e-6, 1e6))
def test_only_differences_of_costs_matter(
    seed: int, epsilon: float, shift: float, scale: float
) -> None:
    """A shift changes nothing, and the temperature is in the costs' own unit."""
    remaining = np.random.default_rng(seed).standard_normal((N, T))
    eta = temperatures(remaining, epsilon)
    np.testing.assert_allclose(temperatures(remaining + shift, epsilon), eta, rtol=1e-8)
    np.testing.assert_allclose(temperatures(scale * remaining, epsilon), scale * eta, rtol=1e-9)
    np.testing.assert_allclose(
        weights(scale * remaining + shift, scale * eta), weights(remaining, eta), rtol=1e-6
    )


@given(seeds, bounds)
def test_a_minimum_temperature_holds(seed: int, epsilon: float) -> None:
    """It is taken where it is above the free one, which leaves less than the bound."""
    rng = np.random.default_rng(seed)
    remaining = _costs_to_go(rng)
    free = temperatures(remaining, epsilon)
    minimum = free * rng.choice([0.5, 2.0], T)
    eta = temperatures(remaining, epsilon, minimum)
    np.testing.assert_array_equal(eta, np.maximum(free, minimum))
    divergence = _divergence(weights(remaining, eta))
    active = eta == free
    np.testing.assert_allclose(divergence[active], epsilon, rtol=1e-8)
    assert (divergence[~active] < epsilon).all()


def test_equal_costs_give_equal_weights() -> None:
    """At an infinite temperature, also where rounding makes a difference; elsewhere, the bound."""
    remaining = np.tile([3.0, 0.0, 1e300, 0.1, 0.0, 0.0], (N, 1))
    remaining[0, 3] = 0.3 - 0.2  # 0.1 but for rounding
    remaining[0, 4] = 1e-320  # too small to divide by
    remaining[:, 5] = np.arange(N)
    assert remaining[0, 3] != remaining[1, 3]
    eta = temperatures(remaining, 0.5)
    np.testing.assert_array_equal(eta[:5], np.inf)
    np.testing.assert_array_equal(supported_divergence(remaining)[:5], 0.0)
    np.testing.assert_allclose(weights(remaining, eta)[:, :5], 1 / N)
    assert _divergence(weights(remaining, eta))[5] == pytest.approx(0.5)


@pytest.mark.parametrize("tied", [1, 2, 5, 11])
@pytest.mark.parametrize("epsilon", [0.01, 1.0, np.log(N), 100.0])
@pytest.mark.parametrize("gap", [0.0, 1e-15, 1e-12, 1e-9, 1e-4])
def test_bounds_that_rollouts_cannot_support_are_cut(tied: int, epsilon: float, gap: float) -> None:
    """To 0.9 log(N / m) with m ties, unless they differ enough for weights to tell them apart."""
    remaining = np.linspace(1.0, 2.0, N)[:, None].copy()
    remaining[:tied, 0] = gap * np.arange(tied)
    supported = supported_divergence(remaining)[0]
    highest = 0.9 * np.log(N)
    if gap < 1e-12:
        assert supported == pytest.approx(0.9 * np.log(N / tied), rel=0.01)
    elif gap > 1e-12:
        assert supported == pytest.approx(highest)
    assert 0 < supported <= highest * (1 + 1e-12)
    probabilities = weights(remaining, temperatures(remaining, epsilon))
    assert probabilities[:tied].min() >= probabilities[tied:].max()
    assert _divergence(probabilities)[0] == pytest.approx(min(epsilon, supported), rel=1e-8)


def test_bounds_are_cut_without_a_jump() -> None:
    """A larger bound never gives a smaller divergence."""
    remaining = _costs_to_go(np.random.default_rng(0))
    divergence = [
        _divergence(weights(remaining, temperatures(remaining, epsilon)))
        for epsilon in np.linspace(0.1, 1.2, 45) * np.log(N)
    ]
    assert (np.diff(divergence, axis=0) >= -1e-9).all()
    np.testing.assert_allclose(divergence[-1], 0.9 * np.log(N), rtol=1e-8)
