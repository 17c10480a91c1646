"""How rollouts are weighted by their costs-to-go, within a divergence from equal weights.

At every step t each rollout i has the weight

    P_i,t = exp(-S_i,t / η_t) / Σ_j exp(-S_j,t / η_t)

for its cost-to-go S_i,t. The temperature η_t is not tuned: it minimises the dual of relative
entropy policy search (Peters, Mülling & Altun 2010),

    g(η) = η ε + η log( (1/N) Σ_i exp(-S_i / η) ).

Its derivative is ε - KL(P || uniform), and KL = Σ_i P_i log(N P_i) falls as η grows, from
log(N / m), with m rollouts tied at the least cost, to 0. The dual is thus convex, and its minimum
is where the weights are ε away from those of the policy that drew the rollouts, namely 1/N each.

Shapes: N rollouts, T steps. Costs are minimised.
"""

from __future__ import annotations

import numpy as np

from adgps_core.typing import Array

SUPPORTED = 0.9
"""Part of the divergence at the least temperature beyond which a bound is cut: at all of it, one
rollout, or the tied ones, have all the weight, and that is no distribution to fit anything to."""

COLDEST = 1e-12
"""Least temperature, relative to the spread of the costs-to-go: rollouts nearer than this tie."""

EQUAL = 1e-13
"""Spread of costs-to-go, relative to the largest magnitude, that is rounding and no difference."""

SMALLEST = 1e-290
"""Spread of costs-to-go that is no difference whatever their magnitude: divisors stay normal."""

ITERATIONS = 50
"""Bound on the iterations for the temperature: 7 are usual, 16 were the most on costs with near
ties, and bisection alone, the worst that can happen, needs 45."""


def costs_to_go(costs: Array) -> Array:
    """S_i,t = Σ_{s ≥ t} l_i,s of costs (N, T), as (N, T)."""
    remaining: Array = np.cumsum(costs[:, ::-1], axis=1)[:, ::-1]
    return remaining


def supported_divergence(costs_to_go: Array) -> Array:
    """Largest bound on KL(P || uniform) that rollouts support at each step.

    It is 0.9 of what the least temperature gives: 0.9 log(N / m), with m rollouts tied at the
    least cost-to-go. A larger bound is cut to it by `temperatures`.

    Parameters
    ----------
    costs_to_go : (N, T), finite.

    Returns
    -------
    (T,) [nat]; 0 where all costs-to-go are equal, or there is one rollout only.
    """
    scaled, spread = _scaled(costs_to_go)
    divergence, _ = _tilt(scaled, np.full(spread.shape, -np.log(COLDEST)))
    supported: Array = SUPPORTED * np.maximum(divergence, 0.0)
    return supported


def temperatures(costs_to_go: Array, epsilon: float, minimum: Array | float = 0.0) -> Array:
    """Temperature of each step, the minimum of its dual over η ≥ minimum.

    Parameters
    ----------
    costs_to_go : S, (N, T), finite.
    epsilon : ε > 0, bound on KL(P || uniform) at every step [nat]. It is cut to
        `supported_divergence`: N rollouts cannot be log N away from uniform. Ask that function to
        tell whether it was.
    minimum : least temperature, scalar or (T,) [cost].

    Returns
    -------
    η, (T,) [cost]; inf where all costs-to-go are equal, as any temperature gives equal weights.
    """
    scaled, spread = _scaled(costs_to_go)
    apart = spread > 0
    eta = np.full(spread.shape, np.inf)
    if apart.any():
        target = np.minimum(epsilon, supported_divergence(costs_to_go)[apart])
        eta[apart] = spread[apart] * np.exp(-_log_inverse_temperature(scaled[:, apart], target))
    bounded: Array = np.maximum(eta, minimum)
    return bounded


def weights(costs_to_go: Array, eta: Array) -> Array:
    """P_i,t = exp(-S_i,t / η_t) / Σ_j exp(-S_j,t / η_t).

    Parameters
    ----------
    costs_to_go : S, (N, T), finite.
    eta : (T,) > 0; inf gives equal weights.

    Returns
    -------
    (N, T), sums to 1 at each step.
    """
    with np.errstate(over="ignore"):  # a weight of exp(-inf) is right
        likelihood = np.exp((costs_to_go.min(0) - costs_to_go) / eta)
    probabilities: Array = likelihood / likelihood.sum(0)
    return probabilities


def _scaled(costs_to_go: Array) -> tuple[Array, Array]:
    """Costs-to-go from 0 to 1 at each step, (N, T), and their spread (T,); both 0 where equal."""
    excess = costs_to_go - costs_to_go.min(0)
    spread = excess.max(0)
    rounding = np.maximum(EQUAL * np.abs(costs_to_go).max(0), SMALLEST)
    spread = np.where(spread > rounding, spread, 0.0)
    return np.divide(excess, spread, out=np.zeros_like(excess), where=spread > 0), spread


def _tilt(scaled: Array, log_inverse: Array) -> tuple[Array, Array]:
    """KL(P || uniform) of costs (N, T) at inverse temperatures exp(log_inverse), and its slope.

    Returns
    -------
    (T,) divergences [nat] and (T,) their derivatives with respect to log_inverse, which are the
    variances of the exponents under P.
    """
    exponents = -np.exp(log_inverse) * scaled
    probabilities = np.exp(exponents)
    total = probabilities.sum(0)
    probabilities /= total
    mean = (probabilities * exponents).sum(0)
    slope = (probabilities * np.square(exponents - mean)).sum(0)
    return mean - np.log(total / len(scaled)), slope


def _log_inverse_temperature(scaled: Array, target: Array) -> Array:
    """Where KL(P || uniform) is the target, for all steps at once.

    Newton's method on log KL, which is nearly a straight line where KL is small, inside a bracket;
    a bisection where a step of Newton's would leave the bracket or does not halve the one before.

    Parameters
    ----------
    scaled : (N, T) costs-to-go from 0 to 1.
    target : (T,) [nat], at most `supported_divergence`.

    Returns
    -------
    (T,) logarithms of inverse temperatures.
    """
    # A variance on [0, 1] is at most 1/4, so that KL ≤ β²/8 at the inverse temperature β.
    low = 0.5 * np.log(8 * target)
    high = np.full_like(low, -np.log(COLDEST))
    tolerance = 1e-12 * target + 2e-15  # the second is the rounding of KL
    point, step = low, high - low
    for _ in range(ITERATIONS):
        divergence, slope = _tilt(scaled, point)
        divergence = np.maximum(divergence, 1e-300)
        done = (np.abs(divergence - target) <= tolerance) | (high - low <= 1e-14)
        if done.all():
            break
        below = divergence < target
        low, high = np.where(below, point, low), np.where(below, high, point)
        # On a plateau, between rollouts that nearly tie and the rest, the slope vanishes.
        newton = point - np.log(divergence / target) / np.maximum(slope / divergence, 1e-300)
        trusted = (low < newton) & (newton < high) & (np.abs(newton - point) < 0.5 * step)
        following = np.where(trusted, newton, 0.5 * (low + high))
        step = np.abs(following - point)
        point = np.where(done, point, following)
    return point
