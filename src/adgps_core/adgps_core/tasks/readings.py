"""Readings of an inertial measurement unit, as rows of a trajectory's measurement "imu".

Their layout is that of `adgps_core.measurements`. Quaternions may have either sign and need not be
quite of unit length.
"""

from __future__ import annotations

import numpy as np

from adgps_core.typing import Array


def since_first(orientations: Array) -> Array:
    """Rotations (..., T, 4) q₀⁻¹ q_t since the first of orientations (..., T, 4)."""
    unit = _normalised(orientations)
    return _product(_inverse(unit[..., :1, :]), unit)


def chord_squared(first: Array, second: Array) -> Array:
    """Squared distances (...) 4 sin²(θ/2) of rotations (..., 4) that are θ apart; near 0, θ²."""
    cosine = (_normalised(first) * _normalised(second)).sum(-1)
    squared: Array = 4.0 * np.maximum(1.0 - cosine**2, 0.0)
    return squared


def heading(orientations: Array) -> Array:
    """Angles (..., T) [rad] turned about the vertical since the first of (..., T, 4).

    It is the twist of q_t q₀⁻¹ about z; counter-clockwise, seen from above, is positive.
    """
    unit = _normalised(orientations)
    turned = _product(unit, _inverse(unit[..., :1, :]))
    angles: Array = 2.0 * np.arctan2(turned[..., 2], turned[..., 3])
    wrapped: Array = (angles + np.pi) % (2 * np.pi) - np.pi
    return wrapped


def _normalised(quaternions: Array) -> Array:
    unit: Array = quaternions / np.linalg.norm(quaternions, axis=-1, keepdims=True)
    return unit


def _inverse(quaternions: Array) -> Array:
    inverse: Array = quaternions * np.array([-1.0, -1.0, -1.0, 1.0])
    return inverse


def _product(left: Array, right: Array) -> Array:
    """Hamilton products (..., 4) of quaternions (..., 4), x, y, z, w."""
    vector, scalar = left[..., :3], left[..., 3:]
    other, part = right[..., :3], right[..., 3:]
    axis = scalar * other + part * vector + np.cross(vector, other)
    real = scalar * part - (vector * other).sum(-1, keepdims=True)
    return np.concatenate([axis, real], axis=-1)
