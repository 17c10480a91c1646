"""LQR under a bound on the divergence from the previous policy (paper, equations 2 and 3).

    min_p  Σ_t E_p[l_t - λ_tᵀ u_t] + ν_t KL(p || π̄_t)   subject to   Σ_t KL(p || p̄_t) ≤ ε

With the multiplier η of the bound, and KL(p || q) = -H(p) - E_p[log q], the Lagrangian is an LQR
problem with cost l - λᵀu - ν log π̄ - η log p̄ and entropy weight ν + η. Its dual is concave in η
with gradient Σ KL - ε, so the best η is a root, found by bracketing it on a logarithmic scale.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from adgps_core.policies import LinearGaussianPolicy
from adgps_core.tasks.task import CostExpansion
from adgps_core.typing import Array
from adgps_local_worker.gaussians import negative_log_density, policy_divergence
from adgps_local_worker.lqr import (
    LinearDynamics,
    StateActionMarginals,
    backward_pass,
    forward_pass,
)

ETA_MIN = 1e-6
ETA_MAX = 1e12
EXCESS_MAX = 700.0
"""Logarithm of about the largest number."""


@dataclass(frozen=True)
class Step:
    """A bounded improvement of a policy.

    Parameters
    ----------
    policy : the new policy; the previous one if no η met the bound.
    marginals : its state-action marginals under the model.
    divergence : Σ_t KL(policy || previous) [nat].
    eta : multiplier of the bound.
    feasible : False if no η met the bound, so that nothing was changed.
    repaired : steps of the last backward pass whose Q_uu had to be made positive definite.
    """

    policy: LinearGaussianPolicy
    marginals: StateActionMarginals
    divergence: float
    eta: float
    feasible: bool
    repaired: int


def augmented_cost(
    cost: CostExpansion,
    multipliers: Array,
    kl_weights: Array,
    linearized: LinearGaussianPolicy | None,
) -> CostExpansion:
    """BADMM's local cost l - λᵀu - ν log π̄ (equation 2 with the augmentation of Wang & Banerjee).

    Parameters
    ----------
    cost : of the task.
    multipliers : λ_t, (T, dU).
    kl_weights : ν_t ≥ 0, (T,).
    linearized : π̄, the global policy linearised at the samples; None before there is one.
    """
    dim_u = multipliers.shape[1]
    gradient = cost.gradient.copy()
    gradient[:, -dim_u:] -= multipliers
    augmented = CostExpansion(cost.hessian, gradient, cost.value)
    if linearized is None:
        return augmented
    return add(augmented, negative_log_density(linearized), kl_weights)


def add(cost: CostExpansion, other: CostExpansion, weight: Array | float) -> CostExpansion:
    """Cost plus weight (T,) or scalar times other."""
    weight = np.broadcast_to(weight, cost.value.shape)
    return CostExpansion(
        cost.hessian + weight[:, None, None] * other.hessian,
        cost.gradient + weight[:, None] * other.gradient,
        cost.value + weight * other.value,
    )


def bounded_step(
    dynamics: LinearDynamics,
    cost: CostExpansion,
    previous: LinearGaussianPolicy,
    epsilon: float,
    kl_weights: Array | None = None,
    rtol: float = 0.05,
) -> Step:
    """Minimise an (augmented) cost within a divergence of epsilon from the previous policy.

    Parameters
    ----------
    dynamics : model of T steps.
    cost : quadratic, as `augmented_cost` returns it.
    previous : p̄.
    epsilon : bound on the summed divergence [nat].
    kl_weights : ν_t, (T,), the entropy weight that belongs to an augmented cost; None: zeros.
    rtol : the divergence ends within [1 - 2 rtol, 1] epsilon where the bound is active.

    Returns
    -------
    Step; infeasible instead of an exception if even the largest η breaks the bound.
    """
    entropy = np.zeros(len(cost.value)) if kl_weights is None else kl_weights
    anchor = negative_log_density(previous)
    dim_x = previous.dim_x

    def solve(eta: float) -> Step | None:
        """Optimum for η; None if numbers overflow, as they can where many steps are repaired."""
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                result = backward_pass(dynamics, add(cost, anchor, eta), entropy + eta)
                marginals = forward_pass(dynamics, result.policy)
                divergence = policy_divergence(
                    result.policy,
                    previous,
                    marginals.mean[:, :dim_x],
                    marginals.covariance[:, :dim_x, :dim_x],
                ).sum()
        except (np.linalg.LinAlgError, ValueError):
            return None
        if not np.isfinite(divergence):
            return None
        return Step(result.policy, marginals, float(divergence), eta, True, result.repaired)

    best: Step | None = None

    def excess(log_eta: float) -> float:
        """Log of the divergence over a target just inside the bound; a root where they agree."""
        nonlocal best
        step = solve(float(np.exp(log_eta)))
        if step is None:
            return EXCESS_MAX
        if step.divergence <= epsilon and (best is None or step.divergence > best.divergence):
            best = step
        gap = np.log(max(step.divergence, 1e-300) / (epsilon * (1 - rtol)))
        return 0.0 if abs(gap) < rtol / 2 else float(gap)

    low, high = float(np.log(ETA_MIN)), float(np.log(ETA_MAX))
    if excess(low) > 0:
        # The dual is solved many times on alike problems: walk outwards from η = 1 by decades.
        below, above = _bracket(excess, low, high)
        if above is not None:
            brentq(excess, below, above, xtol=1e-3)
    if best is None:
        marginals = forward_pass(dynamics, previous)
        return Step(previous, marginals, 0.0, ETA_MAX, False, 0)
    return best


def _bracket(
    excess: Callable[[float], float], low: float, high: float
) -> tuple[float, float | None]:
    """Walk by decades from η = 1 until the excess changes its sign; None if it never falls."""
    decade = float(np.log(10.0))
    point = 0.0
    if excess(point) > 0:
        while point < high:
            point += decade
            if excess(point) <= 0:
                return point - decade, point
        return point, None
    while point - decade > low and excess(point - decade) <= 0:
        point -= decade
    return max(point - decade, low), point
