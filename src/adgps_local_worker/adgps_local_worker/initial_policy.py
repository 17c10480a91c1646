"""The local policy before anything was learned: an impedance, and noise to explore.

Shapes: T steps, dU joints, dX state, which begins with the joint angles and joint velocities.
"""

from __future__ import annotations

import numpy as np

from adgps_core.demonstration import Demonstration
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

    It knows no goal.

    Parameters
    ----------
    horizon : T.
    dim_x : dX ≥ 2 dU.
    rest : q₀, (dU,) where it comes to rest [rad]; the start pose, or where it pulls to.
    stiffness : (dU,) [N·m/rad].
    damping : (dU,) [N·m·s/rad].
    noise : (dU,) standard deviations [N·m].
    """
    return _impedance(dim_x, np.tile(stiffness * rest, (horizon, 1)), stiffness, damping, noise)


def follow(
    demonstration: Demonstration, dim_x: int, stiffness: Array, damping: Array, noise: Array
) -> LinearGaussianPolicy:
    """Impedance around a demonstrated motion, with the torques that move the free arm like it.

        u_t = u_t^d + stiffness (q_t^d - q) + damping (q̇_t^d - q̇) + noise

    Parameters
    ----------
    demonstration : u^d, q^d and q̇^d, over T steps.
    dim_x : dX ≥ 2 dU.
    stiffness : (dU,) [N·m/rad].
    damping : (dU,) [N·m·s/rad].
    noise : (dU,) standard deviations [N·m].
    """
    torques = (
        demonstration.feedforward
        + stiffness * demonstration.joint_angles[:-1]
        + damping * demonstration.joint_velocities[:-1]
    )
    return _impedance(dim_x, torques, stiffness, damping, noise)


def _impedance(
    dim_x: int, torques: Array, stiffness: Array, damping: Array, noise: Array
) -> LinearGaussianPolicy:
    """Torques (T, dU) [N·m] at zero angles and velocities, stiffness, damping and noise."""
    horizon, dim_u = torques.shape
    gain = np.zeros((dim_u, dim_x))
    gain[:, :dim_u] = -np.diag(stiffness)
    gain[:, dim_u : 2 * dim_u] = -np.diag(damping)
    return LinearGaussianPolicy(
        K=np.tile(gain, (horizon, 1, 1)),
        k=torques,
        C=np.tile(np.diag(np.square(noise)), (horizon, 1, 1)),
    )
