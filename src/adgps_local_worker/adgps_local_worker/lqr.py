"""Linear-quadratic regulation of time-varying linear-Gaussian systems with an entropy bonus.

Shapes: T steps, dX state, dU action; z = (x, u), x before u.

Conventions
-----------
- dynamics: x_{t+1} ~ N(F_t z_t + f_t, W_t);
- cost, minimised: l_t(z) = c_t + g_tᵀ z + ½ zᵀ H_t z (mind the ½), for t = 0 … T-1; x_T is free;
- policy: u_t ~ N(K_t x_t + k_t, C_t): feedback with a plus sign.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from adgps_core.policies import LinearGaussianPolicy
from adgps_core.tasks.task import CostExpansion
from adgps_core.typing import Array
from adgps_local_worker.gaussians import symmetric

PIVOT_RATIO = 1e-12
"""Least ratio of the pivots of a matrix that counts as positive definite."""


@dataclass(frozen=True)
class LinearDynamics:
    """x_{t+1} ~ N(F_t [x_t; u_t] + f_t, covariance_t), from x_0 ~ N(initial).

    Parameters
    ----------
    F : (T, dX, dX+dU).
    f : (T, dX).
    covariance : (T, dX, dX), positive semi-definite.
    initial_mean : (dX,).
    initial_covariance : (dX, dX).
    """

    F: Array
    f: Array
    covariance: Array
    initial_mean: Array
    initial_covariance: Array


@dataclass(frozen=True)
class BackwardPass:
    """What `backward_pass` returns.

    Parameters
    ----------
    policy : the optimal policy.
    value_hessian : V_xx, (T, dX, dX) and value_gradient : v_x, (T, dX) of the cost-to-go
        ½ xᵀ V_xx x + v_xᵀ x + constant at each step.
    repaired : how many steps had a Q_uu that was not positive definite.
    """

    policy: LinearGaussianPolicy
    value_hessian: Array
    value_gradient: Array
    repaired: int


@dataclass(frozen=True)
class StateActionMarginals:
    """Gaussian marginals of z_t = (x_t, u_t): mean (T, dX+dU), covariance (T, dX+dU, dX+dU)."""

    mean: Array
    covariance: Array


def backward_pass(
    dynamics: LinearDynamics, cost: CostExpansion, entropy_weight: Array
) -> BackwardPass:
    """Minimise Σ_t E[l_t(x_t, u_t)] - w_t H(u_t | x_t) over time-varying policies.

    The Riccati recursion gives the mean u = K x + k = -Q_uu⁻¹ (Q_ux x + q_u); the entropy bonus
    makes the optimal policy stochastic, with C_t = w_t Q_uu⁻¹ (Levine & Koltun 2013, section 3).
    Because costs are not divided by the weight, w_t may differ from step to step.

    Parameters
    ----------
    dynamics : of T steps; its covariances do not matter here.
    cost : hessian H (T, dX+dU, dX+dU), gradient g (T, dX+dU), value (T,).
    entropy_weight : w_t > 0, (T,).

    Returns
    -------
    BackwardPass. Where Q_uu is not positive definite, or is so nearly singular that its inverse
    would not be, its eigenvalues are raised to 1e-6 times the largest magnitude; such steps are
    counted.
    """
    horizon, dim_x, dim_z = dynamics.F.shape
    dim_u = dim_z - dim_x
    K = np.empty((horizon, dim_u, dim_x))
    k = np.empty((horizon, dim_u))
    C = np.empty((horizon, dim_u, dim_u))
    value_hessian = np.empty((horizon, dim_x, dim_x))
    value_gradient = np.empty((horizon, dim_x))
    identity = np.eye(dim_u)
    V, v = np.zeros((dim_x, dim_x)), np.zeros(dim_x)
    repaired = 0
    for t in reversed(range(horizon)):
        F = dynamics.F[t]
        VF = V @ F
        Q = cost.hessian[t] + F.T @ VF
        q = cost.gradient[t] + VF.T @ dynamics.f[t] + F.T @ v
        Qux = Q[dim_x:, :dim_x]
        Quu = symmetric(Q[dim_x:, dim_x:])
        factor = _cholesky(Quu)
        if factor is None:
            Quu = _positive_definite(Quu)
            factor = cho_factor(Quu, lower=True, check_finite=False)
            repaired += 1
        solved = cho_solve(factor, np.column_stack([Qux, q[dim_x:], identity]), check_finite=False)
        K[t] = -solved[:, :dim_x]
        k[t] = -solved[:, dim_x]
        C[t] = entropy_weight[t] * symmetric(solved[:, dim_x + 1 :])
        V = symmetric(Q[:dim_x, :dim_x] + Qux.T @ K[t])
        v = q[:dim_x] + Qux.T @ k[t]
        value_hessian[t], value_gradient[t] = V, v
    return BackwardPass(LinearGaussianPolicy(K, k, C), value_hessian, value_gradient, repaired)


def forward_pass(dynamics: LinearDynamics, policy: LinearGaussianPolicy) -> StateActionMarginals:
    """Propagate the state's Gaussian through the dynamics under a policy, exactly.

    Returns
    -------
    StateActionMarginals of steps 0 … T-1.
    """
    horizon, dim_x, dim_z = dynamics.F.shape
    mean = np.empty((horizon, dim_z))
    covariance = np.empty((horizon, dim_z, dim_z))
    m, S = dynamics.initial_mean, dynamics.initial_covariance
    for t in range(horizon):
        K = policy.K[t]
        KS = K @ S
        mean[t, :dim_x] = m
        mean[t, dim_x:] = K @ m + policy.k[t]
        covariance[t, :dim_x, :dim_x] = S
        covariance[t, dim_x:, :dim_x] = KS
        covariance[t, :dim_x, dim_x:] = KS.T
        covariance[t, dim_x:, dim_x:] = KS @ K.T + policy.C[t]
        F = dynamics.F[t]
        m = F @ mean[t] + dynamics.f[t]
        S = symmetric(F @ covariance[t] @ F.T + dynamics.covariance[t])
    return StateActionMarginals(mean, covariance)


def expected_cost(cost: CostExpansion, marginals: StateActionMarginals) -> Array:
    """E[l_t(z_t)] of each step, (T,), of quadratic costs under Gaussian marginals."""
    mean, covariance = marginals.mean, marginals.covariance
    expected: Array = (
        cost.value
        + np.einsum("ti,ti->t", cost.gradient, mean)
        + 0.5 * np.einsum("ti,tij,tj->t", mean, cost.hessian, mean)
        + 0.5 * np.einsum("tij,tij->t", cost.hessian, covariance)
    )
    return expected


def _cholesky(matrix: Array) -> tuple[Array, bool] | None:
    """Cholesky factor for `cho_solve`; None unless even the inverse is positive definite.

    A nearly singular matrix can have a factor, and an inverse that rounding makes indefinite.
    """
    try:
        factor: tuple[Array, bool] = cho_factor(matrix, lower=True, check_finite=False)
    except np.linalg.LinAlgError:
        return None
    pivots = np.square(np.diagonal(factor[0]))
    return factor if pivots.min() > PIVOT_RATIO * pivots.max() else None


def _positive_definite(matrix: Array) -> Array:
    """Nearest matrix whose eigenvalues are at least 1e-6 of the largest magnitude."""
    eigenvalues, vectors = np.linalg.eigh(matrix)
    floor = max(1e-6 * float(np.abs(eigenvalues).max()), 1e-12)
    repaired: Array = (vectors * np.maximum(eigenvalues, floor)) @ vectors.T
    return repaired
