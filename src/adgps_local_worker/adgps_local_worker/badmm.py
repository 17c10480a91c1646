"""The alternating direction's own two updates: multipliers and penalty weights.

BADMM (Wang & Banerjee 2014; paper, equations 1 and 2) keeps local policies p and the global policy
π together in the mean of their actions, with multipliers λ_t, and in their divergence, with
weights ν_t. The local step minimises E_p[l - λᵀu] + ν KL(p || π̄), the global step
ν KL(π || p) + λᵀ μ_π.

Shapes: N rollouts, T steps, dU action.
"""

from __future__ import annotations

import numpy as np

from adgps_core.typing import Array


def update_multipliers(
    multipliers: Array,
    kl_weights: Array,
    global_means: Array,
    local_means: Array,
    rate: float,
) -> Array:
    """λ_t + α ν_t (E[μ_π(o_t)] - E[u_t under p]), both expectations over the samples' states.

    Parameters
    ----------
    multipliers : λ_t, (T, dU) [cost per N·m].
    kl_weights : ν_t, (T,).
    global_means : (N, T, dU) the global policy's mean actions [N·m].
    local_means : (N, T, dU) the local policy's mean actions in the same states [N·m].
    rate : α [1 / (N·m)²].

    Returns
    -------
    (T, dU) new multipliers.
    """
    gap = (global_means - local_means).mean(0)
    updated: Array = multipliers + rate * kl_weights[:, None] * gap
    return updated


def update_kl_weights(
    kl_weights: Array,
    divergence: Array,
    previous_divergence: Array | None,
    growth: float = 2.0,
    low: float = 1e-4,
    high: float = 1.0,
) -> Array:
    """Adapt ν_t per time step so that the global policy keeps up with the local one.

    A step whose divergence stands out above the trajectory's mean by two standard deviations is
    weighted more, one that stands out below, less. All are weighted in proportion to the square
    root of the growth of the whole trajectory's divergence since the previous iteration.

    Parameters
    ----------
    kl_weights : ν_t, (T,).
    divergence : KL_t between local and global policy, (T,) [nat].
    previous_divergence : the same one iteration earlier; None in the first.
    growth : factor of a step that stands out, and bound on the factor of all.
    low, high : ν_t stays between these.

    Returns
    -------
    (T,) new weights.
    """
    centre, spread = divergence.mean(), divergence.std()
    factor = np.ones_like(divergence)
    factor[divergence > centre + 2 * spread] = growth
    factor[divergence < centre - 2 * spread] = 1 / growth
    if previous_divergence is not None:
        overall = divergence.sum() / max(previous_divergence.sum(), 1e-12)
        factor *= np.clip(np.sqrt(overall), 1 / growth, growth)
    return np.clip(kl_weights * factor, low, high)
