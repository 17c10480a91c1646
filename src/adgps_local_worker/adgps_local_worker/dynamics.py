"""Time-varying linear-Gaussian dynamics fitted to a few rollouts, with a mixture as prior.

Shapes: N rollouts, T steps, dX state, dU action, D = dX + dU + dX of a transition (x, u, x').

The regression at each step has fewer samples than unknowns. A normal-inverse-Wishart prior makes
it well-posed: its mean and covariance come from a Gaussian mixture over transitions of all times
and past rollouts (Levine & Abbeel 2014, section 3.2).
"""

from __future__ import annotations

import numpy as np

from adgps_core.typing import Array
from adgps_local_worker.gaussians import condition, symmetric
from adgps_local_worker.gmm_prior import GaussianMixture, prior_at
from adgps_local_worker.lqr import LinearDynamics


def transitions(states: Array, actions: Array) -> Array:
    """Stack states (..., T+1, dX) and actions (..., T, dU) into transitions (..., T, D)."""
    return np.concatenate([states[..., :-1, :], actions, states[..., 1:, :]], axis=-1)


def posterior_moments(
    samples: Array, prior_mean: Array, prior_covariance: Array, strength: float
) -> tuple[Array, Array]:
    """Posterior mode of mean and covariance under a normal-inverse-Wishart prior, for each step.

    With m = strength pseudo-samples behind both the prior's mean μ₀ and its covariance Φ:

        Σ = (m Φ + N Σ̂ + m N / (m + N) (μ̂ - μ₀)(μ̂ - μ₀)ᵀ) / (m + N),   μ = (m μ₀ + N μ̂) / (m + N)

    Parameters
    ----------
    samples : (N, T, D).
    prior_mean : μ₀, (T, D).
    prior_covariance : Φ, (T, D, D).
    strength : m ≥ 0; 0 gives the empirical moments.

    Returns
    -------
    mean (T, D) and covariance (T, D, D).
    """
    count = samples.shape[0]
    total = count + strength
    empirical = samples.mean(0)
    centred = (samples - empirical).swapaxes(0, 1)
    shift = empirical - prior_mean
    scatter = centred.swapaxes(-1, -2) @ centred
    scatter += strength * prior_covariance
    scatter += (strength * count / total) * shift[:, :, None] * shift[:, None, :]
    mean: Array = (strength * prior_mean + count * empirical) / total
    return mean, symmetric(scatter / total)


def fit_dynamics(
    states: Array,
    actions: Array,
    mixture: GaussianMixture | None,
    strength: float = 1.0,
    regularisation: float = 1e-6,
) -> LinearDynamics:
    """Fit x_{t+1} = F_t [x_t; u_t] + f_t + noise to rollouts.

    Parameters
    ----------
    states : (N, T+1, dX).
    actions : (N, T, dU), as applied.
    mixture : prior over transitions; None fits without a prior, which needs N > dX + dU.
    strength : pseudo-samples behind the prior.
    regularisation : added to the variances of (x, u) [their units, squared].

    Returns
    -------
    LinearDynamics with F (T, dX, dX+dU), f (T, dX), covariance (T, dX, dX).
    """
    dim_x, dim_u = states.shape[-1], actions.shape[-1]
    data = transitions(states, actions)
    if mixture is None:
        zeros = np.zeros(data.shape[1:])
        mean, covariance = posterior_moments(data, zeros, zeros[..., None] * zeros[:, None], 0.0)
    else:
        prior_mean, prior_covariance = prior_at(mixture, data)
        mean, covariance = posterior_moments(data, prior_mean, prior_covariance, strength)
    F, f, noise = condition(mean, covariance, dim_x + dim_u, regularisation)
    start = states[:, 0]
    return LinearDynamics(
        F,
        f,
        noise,
        initial_mean=start.mean(0),
        initial_covariance=np.atleast_2d(np.cov(start, rowvar=False, bias=True))
        + regularisation * np.eye(dim_x),
    )
