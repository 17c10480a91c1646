"""The global policy made linear at the samples, step by step (paper, section III-B).

Shapes: N rollouts, T steps, dX state, dU action.
"""

from __future__ import annotations

import numpy as np

from adgps_core.policies import LinearGaussianPolicy
from adgps_core.typing import Array
from adgps_local_worker.dynamics import posterior_moments
from adgps_local_worker.gaussians import condition
from adgps_local_worker.gmm_prior import GaussianMixture, prior_at


def linearize_policy(
    states: Array,
    means: Array,
    variance: Array,
    mixture: GaussianMixture | None,
    strength: float = 1.0,
    regularisation: float = 1e-6,
) -> LinearGaussianPolicy:
    """Regress the global policy's mean actions on the states of the samples.

    Parameters
    ----------
    states : x_t of the samples, (N, T, dX).
    means : μ_θ(o_t) at the samples, (N, T, dU).
    variance : of the global policy's exploration, (dU,) [(N·m)²].
    mixture : prior over (x, u); None regresses without a prior, which needs N > dX.
    strength : pseudo-samples behind the prior.
    regularisation : added to the variances of x [state units, squared].

    Returns
    -------
    π̄_t(u | x) = N(K_t x + k_t, C_t); C_t is the policy's own variance plus what the linear fit
    leaves unexplained.
    """
    data = np.concatenate([states, means], axis=-1)
    if mixture is None:
        zeros = np.zeros(data.shape[1:])
        mean, covariance = posterior_moments(data, zeros, zeros[..., None] * zeros[:, None], 0.0)
    else:
        mean, covariance = posterior_moments(data, *prior_at(mixture, data), strength)
    K, k, residual = condition(mean, covariance, states.shape[-1], regularisation)
    return LinearGaussianPolicy(K, k, residual + np.diag(variance))
