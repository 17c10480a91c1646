"""Gaussians conditioned, compared and turned into costs: the algebra under the local updates.

Shapes: T steps, dX state, dU action, D length of a joint vector. Vectorised over leading axes.
"""

from __future__ import annotations

import numpy as np

from adgps_core.policies import LinearGaussianPolicy
from adgps_core.tasks.task import CostExpansion
from adgps_core.typing import Array


def symmetric(matrices: Array) -> Array:
    """Average of matrices (..., d, d) and their transposes."""
    average: Array = 0.5 * (matrices + matrices.swapaxes(-1, -2))
    return average


def condition(
    mean: Array, covariance: Array, dim_in: int, regularisation: Array | float
) -> tuple[Array, Array, Array]:
    """Linear-Gaussian conditional of the last D - dim_in entries given the first dim_in.

    Parameters
    ----------
    mean : (..., D).
    covariance : (..., D, D).
    dim_in : length of the given part.
    regularisation : scalar or (dim_in,), added to the diagonal of the given part's covariance.

    Returns
    -------
    A (..., D - dim_in, dim_in), b (..., D - dim_in) and covariance (..., D - dim_in, D - dim_in)
    with E[y | z] = A z + b.
    """
    given = covariance[..., :dim_in, :dim_in] + regularisation * np.eye(dim_in)
    cross = covariance[..., :dim_in, dim_in:]
    # Row-major like all arrays read from a checkpoint: rounding depends on the order in memory.
    gain = np.ascontiguousarray(np.linalg.solve(given, cross).swapaxes(-1, -2), dtype=np.float64)
    offset = mean[..., dim_in:] - np.einsum("...yz,...z->...y", gain, mean[..., :dim_in])
    # The quadratic form stays positive semi-definite although given was regularised.
    wide = np.concatenate(
        [
            -gain,
            np.broadcast_to(np.eye(gain.shape[-2]), (*gain.shape[:-2], *[gain.shape[-2]] * 2)),
        ],
        axis=-1,
    )
    residual = wide @ covariance @ wide.swapaxes(-1, -2)
    return gain, offset, symmetric(residual)


def negative_log_density(policy: LinearGaussianPolicy) -> CostExpansion:
    """-log p(u_t | x_t) as a quadratic in (x, u): exact, since the policy is linear-Gaussian."""
    K, k, precision = policy.K, policy.k, policy.precision
    wide = np.concatenate([-K, np.broadcast_to(np.eye(policy.dim_u), policy.C.shape)], axis=-1)
    weighted = wide.swapaxes(-1, -2) @ precision
    log_det = 2 * np.log(np.diagonal(policy.cholesky, axis1=-2, axis2=-1)).sum(-1)
    return CostExpansion(
        hessian=symmetric(weighted @ wide),
        gradient=-np.einsum("tzu,tu->tz", weighted, k),
        value=0.5
        * (np.einsum("tu,tuv,tv->t", k, precision, k) + log_det + policy.dim_u * np.log(2 * np.pi)),
    )


def entropy(policy: LinearGaussianPolicy) -> Array:
    """Entropy of u_t given x_t, (T,) [nat]; it does not depend on the state."""
    log_det = 2 * np.log(np.diagonal(policy.cholesky, axis1=-2, axis2=-1)).sum(-1)
    nats: Array = 0.5 * (log_det + policy.dim_u * (1 + np.log(2 * np.pi)))
    return nats


def policy_divergence(
    policy: LinearGaussianPolicy,
    reference: LinearGaussianPolicy,
    state_mean: Array,
    state_covariance: Array,
) -> Array:
    """Expected divergence E_x[KL(policy(u|x) || reference(u|x))] of each step.

    Summed over t it is the divergence of the trajectory distributions, as both share the dynamics
    (Levine & Abbeel 2014, appendix A).

    Parameters
    ----------
    policy, reference : of T steps.
    state_mean : (T, dX) of the distribution x_t ~ N that the expectation is over.
    state_covariance : (T, dX, dX).

    Returns
    -------
    (T,) divergences [nat], not negative.
    """
    gain = policy.K - reference.K
    shift = np.einsum("tux,tx->tu", gain, state_mean) + policy.k - reference.k
    precision = reference.precision
    log_ratio = np.log(
        np.diagonal(reference.cholesky, axis1=-2, axis2=-1)
        / np.diagonal(policy.cholesky, axis1=-2, axis2=-1)
    ).sum(-1)
    spread = policy.C + gain @ state_covariance @ gain.swapaxes(-1, -2)
    divergence: Array = 0.5 * (
        np.einsum("tuv,tvu->t", precision, spread)
        + np.einsum("tu,tuv,tv->t", shift, precision, shift)
        - policy.dim_u
    )
    divergence = np.maximum(divergence + log_ratio, 0.0)  # rounding may leave -1e-16
    return divergence
