"""The local policy before anything was learned: an impedance, and noise to explore."""

from __future__ import annotations

import numpy as np

from adgps_core.policies import LinearGaussianPolicy
from adgps_core.typing import Array


def hold(
    horizon: int,
    dim_x: int,
    rest: Array,
    stiffness: Array,
    damping: Array,
    noise: Array,
) -> LinearGaussianPolicy:
    """Joint-space impedance: u = stiffness (q₀ - q) - damping q̇ + noise.

    It knows no goal. The state begins with the joint angles and the joint velocities.

    Parameters
    ----------
    horizon : T.
    dim_x : dX ≥ 2 dU.
    rest : q₀, (dU,) where it comes to rest [rad]; the start pose, or where it pulls to.
    stiffness : (dU,) [N·m/rad].
    damping : (dU,) [N·m·s/rad].
    noise : (dU,) standard deviations [N·m].
    """
    dim_u = len(rest)
    gain = np.zeros((dim_u, dim_x))
    gain[:, :dim_u] = -np.diag(stiffness)
    gain[:, dim_u : 2 * dim_u] = -np.diag(damping)
    return LinearGaussianPolicy(
        K=np.tile(gain, (horizon, 1, 1)),
        k=np.tile(stiffness * rest, (horizon, 1)),
        C=np.tile(np.diag(np.square(noise)), (horizon, 1, 1)),
    )
