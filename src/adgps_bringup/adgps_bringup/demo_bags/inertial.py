"""Readings of an IMU at the ticks of a demonstration."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from adgps_core.typing import Array

GRAVITY = 9.81
"""What an IMU at rest measures, upwards [m/s²]."""

_ORIENTATION, _ANGULAR_VELOCITY, _ACCELERATION = slice(0, 4), slice(4, 7), slice(7, 10)


def readings_at(
    times: Array, stamps: Array, readings: Array, longest_gap: float, speed: float = 1.0
) -> Array:
    """Interpolate readings (m, 10) of stamps (m,) [s] at times (t,) [s], as (t, 10).

    Orientations turn evenly from one reading to the next (slerp).

    Parameters
    ----------
    times : rising [s].
    stamps, readings : rising [s]; quaternion x y z w, angular velocity, acceleration with gravity.
    longest_gap : that may lie between two readings, or before the first or after the last [s].
    speed : factor that the motion is made faster by; what gravity measures stays as it is.

    Raises
    ------
    ValueError
        If there is a longer gap.
    """
    near = (stamps >= times[0] - longest_gap) & (stamps <= times[-1] + longest_gap)
    stamps, readings = stamps[near], readings[near]
    known = np.clip(stamps, times[0], times[-1])
    silence = np.diff(known, prepend=times[0], append=times[-1]).max()
    if silence > longest_gap or not len(stamps):
        raise ValueError(f"its IMU is silent for {silence:.1f} s")
    if len(stamps) == 1:
        stamps = np.append(stamps, stamps + 1.0)
        readings = np.repeat(readings, 2, axis=0)
    times = np.clip(times, stamps[0], stamps[-1])
    turned = Slerp(stamps, Rotation.from_quat(readings[:, _ORIENTATION]))(times)
    between = np.stack([np.interp(times, stamps, column) for column in readings.T], axis=-1)
    orientations = turned.as_quat()
    between[:, _ORIENTATION] = np.where(orientations[:, 3:] < 0, -orientations, orientations)
    between[:, _ANGULAR_VELOCITY] *= speed
    up = turned.inv().apply([0.0, 0.0, GRAVITY])
    between[:, _ACCELERATION] = speed**2 * (between[:, _ACCELERATION] - up) + up
    result: Array = between
    return result
