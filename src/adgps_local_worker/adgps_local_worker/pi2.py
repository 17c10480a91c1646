"""PI²: a better local policy from the costs of rollouts alone, without a model of the dynamics.

Path integral policy improvement (Theodorou, Buchli & Schaal 2010) as a local update of guided
policy search (Chebotar et al. 2017, section III): at every step t each rollout i is weighted by
its cost-to-go S_i,t,

    P_i,t = exp(-S_i,t / η_t) / Σ_j exp(-S_j,t / η_t),

and the feed-forward action and covariance are fitted to the weighted rollouts; gains stay. The
temperature η_t is not tuned: it minimises the dual of relative entropy policy search (Peters,
Mülling & Altun 2010),

    g(η) = η ε + η log( (1/N) Σ_i exp(-S_i / η) ).

Its derivative is ε - KL(P || uniform), and KL = Σ_i P_i log(N P_i) falls as η grows, from
log(N / m), with m rollouts tied at the least cost, to 0. The dual is thus convex, and its minimum
is where the weights are ε away from those of the policy that drew the rollouts, namely 1/N each.

Shapes: N rollouts, T steps, dX state, dU action. Costs are minimised.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import xlogy

from adgps_core.policies import LinearGaussianPolicy
from adgps_core.typing import Array
from adgps_local_worker.gaussians import symmetric

SUPPORTED = 0.9
"""Part of the divergence at the least temperature beyond which a bound is cut: at all of it, one
rollout, or the tied ones, have all the weight, and that is no distribution to fit anything to."""

COLDEST = 1e-12
"""Least temperature, relative to the spread of the costs-to-go: rollouts nearer than this tie."""

EQUAL = 1e-13
"""Spread of costs-to-go, relative to the largest magnitude, that is rounding and no difference."""

SMALLEST = 1e-290
"""Spread of costs-to-go that is no difference whatever their magnitude: divisors stay normal."""

JITTER = 1e-8
"""Part of the old variances that every new covariance keeps, so that it has a Cholesky factor."""

ITERATIONS = 50
"""Bound on the iterations for the temperature: 7 are usual, 16 were the most on costs with near
ties, and bisection alone, the worst that can happen, needs 45."""

RATE_MAX = 0.5
"""Of damped covariances, where the effective number of rollouts sets the rate."""


@dataclass(frozen=True)
class Pi2Settings:
    """How covariances follow the weighted rollouts; means follow them all the way.

    Pure maximum likelihood leaves no noise in the directions that N <= dU rollouts do not span,
    and with few rollouts it ends well before the best action because noise vanishes too early. The
    authors' implementation damps it too, by scaling the old covariance as a whole; here its shape
    may change as well.

    Parameters
    ----------
    covariance : "damped" for C_t = (1 - rate) C_old + rate Ĉ_t and its floor, "maximum_likelihood"
        for Ĉ_t alone; see `pi2_step`.
    rate : in (0, 1], of the damped update. None: n / (n + dU + 1) with the effective number of
        rollouts n = 1 / Σ_i P_i², as if C_old had been seen in the dU + 1 rollouts that a
        covariance of full rank takes; but at most 0.5, because on random linear systems more made
        noise vanish too early even with 100 rollouts.
    floor : in (0, 1], of the damped update: in no direction does the variance of the noise fall
        below this part of the old one.
    minimum_variance : (dU,) [(N·m)²], C_t - diag(minimum_variance) stays positive semi-definite
        in either update; None: no such bound.

    Raises
    ------
    ValueError
        If a number is out of its range or the update is not known.
    """

    covariance: Literal["damped", "maximum_likelihood"] = "damped"
    rate: float | None = None
    floor: float = 0.5
    minimum_variance: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot work, naming it."""
        if self.covariance not in ("damped", "maximum_likelihood"):
            raise ValueError(
                f"covariance must be damped or maximum_likelihood, not {self.covariance}"
            )
        if self.rate is not None and not 0 < self.rate <= 1:
            raise ValueError(f"rate must lie in (0, 1], not {self.rate}")
        if not 0 < self.floor <= 1:
            raise ValueError(f"floor must lie in (0, 1], not {self.floor}")
        if self.minimum_variance is not None and not all(
            0 < variance < np.inf for variance in self.minimum_variance
        ):
            raise ValueError(f"minimum_variance must be positive, not {self.minimum_variance}")


@dataclass(frozen=True)
class Pi2Step:
    """A policy fitted to weighted rollouts.

    Parameters
    ----------
    policy : the new policy.
    weights : P, (N', T), of the rollouts that were used, in their order.
    eta : temperatures, (T,) [cost]; inf where all rollouts cost the same.
    divergence : KL(P || uniform), (T,) [nat].
    rollouts : N', how many were used.
    notes : a sentence each for what a reader of the log should know; empty if all went well.
    """

    policy: LinearGaussianPolicy
    weights: Array
    eta: Array
    divergence: Array
    rollouts: int
    notes: tuple[str, ...]


def costs_to_go(costs: Array) -> Array:
    """S_i,t = Σ_{s ≥ t} l_i,s of costs (N, T), as (N, T)."""
    remaining: Array = np.cumsum(costs[:, ::-1], axis=1)[:, ::-1]
    return remaining


def augmented_costs(
    costs: Array,
    actions: Array,
    multipliers: Array,
    kl_weights: Array,
    log_sampling: Array,
    log_global: Array,
) -> Array:
    """BADMM's cost of samples, l - λᵀu + ν (log p̄(u|x) - log π(u|x)).

    The local step (paper, equation 2, with the augmentation of Wang & Banerjee 2014) is

        min_p  E_p[l - λᵀu] + ν E_p[log p - log π]   subject to   KL(p || p̄) ≤ ε.

    With the multiplier η of the bound, its optimum is

        p ∝ p̄^(η/(η+ν)) exp(-(l - λᵀu - ν log π) / (η+ν)).

    Rollouts come from p̄, so each is weighted by p / p̄. One factor of p̄ turns the exponent of p̄
    into -ν/(η+ν), hence p / p̄ ∝ exp(-S / (η+ν)) with S the cost-to-go of the cost returned here.
    The temperature of PI² is η+ν, and as η ≥ 0 it never falls below ν: pass ν as
    `minimum_temperature`. This is exact for one step; for many, as PI² itself, if ν is the same in
    all of them.

    Parameters
    ----------
    costs : l, (N, T).
    actions : (N, T, dU) [N·m], as drawn from p̄.
    multipliers : λ_t, (T, dU) [cost per N·m].
    kl_weights : ν_t ≥ 0, (T,).
    log_sampling : log p̄(u|x) of the sampling policy at the samples, (N, T) [nat].
    log_global : log π(u|x) of the global policy at the samples, (N, T) [nat].

    Returns
    -------
    (N, T) costs.
    """
    tied: Array = costs - np.einsum("tu,ntu->nt", multipliers, actions)
    return tied + kl_weights * (log_sampling - log_global)


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


def pi2_step(
    policy: LinearGaussianPolicy,
    states: Array,
    actions: Array,
    costs: Array,
    epsilon: float,
    *,
    minimum_temperature: Array | None = None,
    settings: Pi2Settings | None = None,
) -> Pi2Step:
    """Fit a policy to rollouts weighted by their costs-to-go; gains stay.

    With the feed-forward actions k_i,t = u_i,t - K_t x_i,t that the rollouts in effect had,

        k_t = Σ_i P_i,t k_i,t,    Ĉ_t = Σ_i P_i,t (k_i,t - k_t) (k_i,t - k_t)ᵀ

    have the largest weighted likelihood (Chebotar et al. 2017, section III). C_t follows Ĉ_t as
    the settings say, plus 1e-8 of the variances of C_old, which keeps it positive definite where
    Ĉ_t is singular. Where all rollouts cost the same, k_t and C_t stay as they are. A rollout with
    any number that is not finite, in costs, states or actions, is left out altogether.

    Parameters
    ----------
    policy : that drew the rollouts.
    states : (N, T, dX).
    actions : (N, T, dU) [N·m].
    costs : l, (N, T); for BADMM those of `augmented_costs`.
    epsilon : ε > 0, bound on KL(P || uniform) at every step [nat].
    minimum_temperature : (T,) [cost]; for BADMM the weights ν_t. None: 0.
    settings : None: the defaults.

    Returns
    -------
    Pi2Step; with fewer than 2 usable rollouts its policy is the old one.

    Raises
    ------
    ValueError
        If epsilon is not positive, or minimum_variance is not of length dU.
    """
    if not epsilon > 0:
        raise ValueError(f"epsilon must be positive, not {epsilon}")
    settings = Pi2Settings() if settings is None else settings
    minimum = np.zeros(policy.horizon) if minimum_temperature is None else minimum_temperature
    notes = []
    with np.errstate(over="ignore", invalid="ignore"):  # those rollouts are left out
        remaining = costs_to_go(costs)
    finite = np.isfinite(remaining).all(1)
    finite &= np.isfinite(states).all((1, 2)) & np.isfinite(actions).all((1, 2))
    rollouts = int(finite.sum())
    if rollouts < len(costs):
        notes.append(
            f"left out {len(costs) - rollouts} of {len(costs)} rollouts: a cost, state or action "
            "was not finite"
        )
    if rollouts < 2:
        notes.append("fewer than 2 rollouts are usable, so that the policy is unchanged")
        equal = np.full((rollouts, policy.horizon), 1.0 / max(rollouts, 1))
        still = np.full(policy.horizon, np.inf), np.zeros(policy.horizon)
        return Pi2Step(policy, equal, *still, rollouts, tuple(notes))

    remaining, states, actions = remaining[finite], states[finite], actions[finite]
    eta = temperatures(remaining, epsilon, minimum)
    supported = supported_divergence(remaining)
    apart = supported > 0
    cut = apart & (epsilon > supported) & (eta > minimum)
    if cut.any():
        notes.append(
            f"{rollouts} rollouts support no divergence of {epsilon:g} nat at {cut.sum()} of "
            f"{len(cut)} steps: there the bound was cut, to {supported[cut].min():.3g} nat or more"
        )
    if not apart.all():
        notes.append(
            f"all rollouts cost the same at {(~apart).sum()} of {len(apart)} steps, where the "
            "policy stays"
        )
    probabilities = weights(remaining, eta)
    k, C = _fit(policy, actions - policy.mean(states), probabilities, settings)
    stepped = LinearGaussianPolicy(
        policy.K,
        np.where(apart[:, None], k, policy.k),
        np.where(apart[:, None, None], C, policy.C),
    )
    divergence = np.maximum(xlogy(probabilities, rollouts * probabilities).sum(0), 0.0)
    return Pi2Step(stepped, probabilities, eta, divergence, rollouts, tuple(notes))


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


def _fit(
    policy: LinearGaussianPolicy, noise: Array, probabilities: Array, settings: Pi2Settings
) -> tuple[Array, Array]:
    """Feed-forward actions (T, dU) and covariances (T, dU, dU) for weighted rollouts.

    Parameters
    ----------
    policy : the old one.
    noise : (N, T, dU), actions less the old policy's means.
    probabilities : P, (N, T).
    settings : of the covariances.
    """
    shift = np.einsum("nt,ntu->tu", probabilities, noise)
    spread = (noise - shift).swapaxes(0, 1)
    C = (probabilities.T[:, :, None] * spread).swapaxes(1, 2) @ spread
    if settings.covariance == "damped":
        effective = 1.0 / np.square(probabilities).sum(0)
        rate = np.minimum(effective / (effective + policy.dim_u + 1), RATE_MAX)[:, None, None]
        if settings.rate is not None:
            rate = np.full_like(rate, settings.rate)
        C = (1 - rate) * policy.C + rate * C
        if (1 - rate < settings.floor).any():  # else the first term alone is above the floor
            C = _raised(C, policy.cholesky, settings.floor)
    if settings.minimum_variance is not None:
        least = np.array(settings.minimum_variance)
        if least.shape != (policy.dim_u,):
            raise ValueError(f"minimum_variance needs {policy.dim_u} numbers, not {len(least)}")
        C = _raised(C, np.diag(np.sqrt(least)), 1.0)
    variances = np.diagonal(policy.C, axis1=1, axis2=2)
    return policy.k + shift, symmetric(C) + JITTER * variances[:, :, None] * np.eye(policy.dim_u)


def _raised(covariances: Array, root: Array, least: float) -> Array:
    """Raise covariances C as little as makes C - least L Lᵀ positive semi-definite.

    It raises the eigenvalues of L⁻¹ C L⁻ᵀ.

    Parameters
    ----------
    covariances : C, (T, dU, dU).
    root : L, (T, dU, dU) or (dU, dU), lower triangular.
    least : of the eigenvalues.
    """
    inverse = np.linalg.inv(root)
    values, vectors = np.linalg.eigh(symmetric(inverse @ covariances @ inverse.swapaxes(-1, -2)))
    half = root @ vectors
    lift = np.maximum(least - values, 0.0)  # nothing where nothing is too small
    raised: Array = covariances + (half * lift[..., None, :]) @ half.swapaxes(-1, -2)
    return raised
