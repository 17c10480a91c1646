"""Readings of sensors from standard messages."""

from __future__ import annotations

from typing import Any

from adgps_core.measurements import imu_row
from adgps_core.typing import Array


def imu_row_from_msg(message: Any) -> Array:
    """Measurement (10,) of a sensor_msgs/Imu; ValueError if it cannot be one."""
    q, v, a = message.orientation, message.angular_velocity, message.linear_acceleration
    return imu_row((q.x, q.y, q.z, q.w), (v.x, v.y, v.z), (a.x, a.y, a.z))
