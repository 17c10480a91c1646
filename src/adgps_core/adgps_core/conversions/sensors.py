"""Readings of sensors from standard messages."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from adgps_core.measurements import imu_row
from adgps_core.typing import Array

_CHANNELS = {"rgb8": slice(None), "bgr8": slice(None, None, -1)}
"""Order in which the bytes of a pixel are red, green, blue, by encoding."""


def imu_row_from_msg(message: Any) -> Array:
    """Measurement (10,) of a sensor_msgs/Imu; ValueError if it cannot be one."""
    q, v, a = message.orientation, message.angular_velocity, message.linear_acceleration
    return imu_row((q.x, q.y, q.z, q.w), (v.x, v.y, v.z), (a.x, a.y, a.z))


def rgb_from_msg(message: Any) -> NDArray[np.uint8]:
    """View (height, width, 3), RGB, of a sensor_msgs/Image; ValueError if it cannot be one."""
    if message.encoding not in _CHANNELS:
        known = " or ".join(_CHANNELS)
        raise ValueError(f"images must be {known}, not {message.encoding!r}")
    height, width, step = message.height, message.width, message.step
    data = np.frombuffer(message.data, dtype=np.uint8)
    if min(height, width) < 1 or step < 3 * width or data.size != height * step:
        raise ValueError(f"{data.size} bytes are no image of {height} rows of {step} bytes")
    pixels = data.reshape(height, step)[:, : 3 * width].reshape(height, width, 3)
    return pixels[:, :, _CHANNELS[message.encoding]]
