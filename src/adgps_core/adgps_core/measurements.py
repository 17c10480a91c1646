"""Named measurements that trajectories and demonstrations may carry besides the states."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adgps_core.typing import Array

IMU = "imu"
"""An IMU's readings: unit quaternion x y z w (w not negative) of its orientation, angular velocity
[rad/s] and linear acceleration with gravity [m/s²], both in its own frame (REP-145)."""

DIM_IMU = 10
ORIENTATION = slice(0, 4)
ANGULAR_VELOCITY = slice(4, 7)
ACCELERATION = slice(7, 10)

FEATURES = "image_features"
"""Feature points of the camera's image, as the vision network gives them."""

IMAGE = "image"
"""File of the image itself; its length differs, so that trajectories hold it apart."""

GRIPPER = "gripper"
"""Distance between the gripper's fingers [m], one number."""


def imu_row(
    orientation: Sequence[float] | Array,
    angular_velocity: Sequence[float] | Array,
    linear_acceleration: Sequence[float] | Array,
) -> Array:
    """Make the measurement (10,) of a reading.

    Parameters
    ----------
    orientation : (4,) quaternion x y z w of any length but zero.
    angular_velocity, linear_acceleration : (3,) [rad/s], [m/s²].

    Raises
    ------
    ValueError
        If a number is not finite, or the quaternion is zero.
    """
    row = np.array([*orientation, *angular_velocity, *linear_acceleration], dtype=np.float64)
    if row.shape != (DIM_IMU,):
        raise ValueError(f"a reading has {DIM_IMU} numbers, not {len(row)}")
    length = float(np.linalg.norm(row[:4]))
    if not np.isfinite(row).all() or not length > 1e-6:
        raise ValueError("a reading of the IMU is not finite, or has no orientation")
    row[:4] *= (-1.0 if row[3] < 0 else 1.0) / length  # q and -q are the same orientation
    return row
