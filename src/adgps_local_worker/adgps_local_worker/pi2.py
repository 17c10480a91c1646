"""PI²: a better local policy from the costs of rollouts alone, without a model of the dynamics.

Path integral policy improvement (Theodorou, Buchli & Schaal 2010) as a local update of guided
policy search (Chebotar et al. 2017, section III): at every step each rollout is weighted by its
cost-to-go, as `cost_weights` says, and the feed-forward action and covariance are fitted to the
weighted rollouts; gains stay.

Shapes: N rollouts, T steps, dX state, dU action. Costs are minimised.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.special import xlogy

from adgps_core.policies import LinearGaussianPolicy
from adgps_core.typing import Array
from adgps_local_worker.cost_weights import (
    costs_to_go,
    supported_divergence,
    temperatures,
    weights,
)
from adgps_local_worker.gaussians import symmetric

JITTER = 1e-8
"""Part of the old variances that every new covariance keeps, so that it has a Cholesky factor."""

RATE_MAX = 0.5
"""Of damped covariances, where the effective number of rollouts sets the rate."""


COVARIANCES = ("damped", "maximum_likelihood")
"""What `Pi2Settings.covariance` may be."""


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
    smoothing : standard deviation [steps] of the bell that the change of the feed-forward actions
        is averaged with over neighbouring steps, at least 0; 0: each step has a change of its own.
        The noise that a step's change is made of is white, but what the arm makes of it is not:
        torques of neighbouring steps do the same. Of the chance that is left in the change of a
        step, the average over a bell has (2 √π smoothing)^-½. A network that learns from few
        instances would learn it by heart.
    centred : means move by Σ_i (P_i,t - 1/N) k_i,t, that is from the plain mean of the rollouts to
        the weighted one, not from the old mean. The noise of all rollouts has the expectation 0 in
        its plain mean, which says nothing of costs: leaving it out (a control variate) leaves the
        expected step. Of noise of variance σ² that no cost depends on, σ² (Σ_i P_i² - 1/N) is left
        in it, and not σ² Σ_i P_i², so that with small bounds means do not wander.

    Raises
    ------
    ValueError
        If a number is out of its range or the update is not known.
    """

    covariance: str = "damped"
    rate: float | None = None
    floor: float = 0.5
    minimum_variance: tuple[float, ...] | None = None
    smoothing: float = 0.0
    centred: bool = True

    def __post_init__(self) -> None:
        """Refuse what cannot work, naming it."""
        if self.covariance not in COVARIANCES:
            raise ValueError(
                f"covariance must be {' or '.join(COVARIANCES)}, not {self.covariance}"
            )
        if self.rate is not None and not 0 < self.rate <= 1:
            raise ValueError(f"rate must lie in (0, 1], not {self.rate}")
        if not 0 < self.floor <= 1:
            raise ValueError(f"floor must lie in (0, 1], not {self.floor}")
        if self.minimum_variance is not None and not all(
            0 < variance < np.inf for variance in self.minimum_variance
        ):
            raise ValueError(f"minimum_variance must be positive, not {self.minimum_variance}")
        if not 0 <= self.smoothing < np.inf:
            raise ValueError(f"smoothing must not be negative, not {self.smoothing}")


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

    have the largest weighted likelihood (Chebotar et al. 2017, section III). By the settings, what
    all rollouts have in common is left out of the change of k_t, and it may be smooth over the
    steps. C_t follows Ĉ_t as they say, plus 1e-8 of the variances of C_old, which keeps it positive
    definite where Ĉ_t is singular. Where all rollouts cost the same, C_t stays as it is, and so
    does k_t but for what neighbouring steps lend it. A rollout with any number that is not finite,
    in costs, states or actions, is left out altogether.

    Parameters
    ----------
    policy : that drew the rollouts.
    states : (N, T, dX).
    actions : (N, T, dU) [N·m].
    costs : l, (N, T); for BADMM those of `badmm.augmented_costs`.
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
    change = np.where(apart[:, None], k - policy.k, 0.0)
    if settings.smoothing:
        change = gaussian_filter1d(change, settings.smoothing, axis=0, mode="nearest")
    stepped = LinearGaussianPolicy(
        policy.K,
        policy.k + change,
        np.where(apart[:, None, None], C, policy.C),
    )
    divergence = np.maximum(xlogy(probabilities, rollouts * probabilities).sum(0), 0.0)
    return Pi2Step(stepped, probabilities, eta, divergence, rollouts, tuple(notes))


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
    if settings.centred:
        shift = shift - noise.mean(0)
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
