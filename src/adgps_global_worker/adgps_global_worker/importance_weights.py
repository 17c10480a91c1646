"""Importance weights: old rollouts, seen as if the newest policy had drawn them (section III).

What is learned at step t depends on how the state x_t was reached, hence on the actions before t
only. Under the newest policy p instead of the behaviour policy q that ran the rollout,

    w_t = Π_{s<t} p(u_s | x_s) / q(u_s | x_s),    E_p[f(x_t)] = E_q[w_t f(x_t)];

the dynamics cancel. Everything stays in logs until the weights are normalised.

Shapes: N rollouts, T steps.
"""

from __future__ import annotations

import numpy as np

from adgps_core.typing import Array


def log_weights(newest: Array, behaviour: Array) -> Array:
    """Logarithms of w_t.

    Parameters
    ----------
    newest : (N, T) log densities of the sampled actions under the newest policy [nat].
    behaviour : (N, T) log densities of the same actions as recorded, each rollout's under the
        policy that ran it [nat].

    Returns
    -------
    (N, T) log weights; the first column is 0, as the initial state depends on no policy.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    if newest.shape != behaviour.shape or newest.ndim != 2:
        raise ValueError(f"log densities have shapes {newest.shape} and {behaviour.shape}")
    log_w = np.zeros(newest.shape)
    np.cumsum((newest - behaviour)[:, :-1], axis=1, out=log_w[:, 1:])
    return log_w


def truncate(log_w: Array, bound: float) -> Array:
    """Confine weights to [1/bound, bound].

    A product over many steps soon lets one rollout outweigh all others. The upper bound limits
    the variance of what is estimated, at the price of a bias (Ionides, "Truncated importance
    sampling", 2008). The lower one keeps every rollout: where the policies differ so much that
    the weights say nothing any more, they become equal, not the lot of one rollout.

    Parameters
    ----------
    log_w : (..., T) log weights.
    bound : at least 1; infinity leaves the weights as they are, 1 makes them equal.

    Returns
    -------
    (..., T) log weights.
    """
    if not bound >= 1:
        raise ValueError(f"the bound of the weights is {bound}, expected at least 1")
    limit = np.log(bound)
    truncated: Array = np.clip(log_w, -limit, limit)
    return truncated


def self_normalise(log_w: Array) -> Array:
    """Weights (N, T) that sum to 1 over the rollouts at each step, from log weights (N, T)."""
    weights: Array = np.exp(log_w - log_w.max(axis=0))
    weights /= weights.sum(axis=0)
    return weights


def effective_sample_size(weights: Array) -> Array:
    """Count the equally weighted rollouts (T,) that N rollouts of weights (N, T) are worth.

    1 / Σ_n w² for self-normalised weights: N where they are equal, 1 where one holds everything
    (Kong, 1992).
    """
    size: Array = 1.0 / (weights**2).sum(axis=0)
    return size


def importance_weights(newest: Array, behaviour: Array, bound: float = np.inf) -> Array:
    """Weigh, truncate and self-normalise: weights (N, T) from log densities (N, T), as above."""
    return self_normalise(truncate(log_weights(newest, behaviour), bound))
