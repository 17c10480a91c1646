"""What a Franka Panda may be asked for: the defaults of the controller's limits."""

from __future__ import annotations

import numpy as np

from adgps_robot.kinematics import Kinematics
from adgps_robot.limits import Limits

EFFORT = (87.0,) * 4 + (12.0,) * 3  # [N·m]
EFFORT_RATE = (1000.0,) * 7  # [N·m/s]
VELOCITY = (2.175,) * 4 + (2.61,) * 3  # [rad/s]
VELOCITY_GAIN = (4.0, 12.0, 8.0, 6.0, 0.5, 0.5, 0.5)  # [N·m·s/rad]
JOINT_DAMPING = (1.0,) * 7  # [N·m·s/rad]


def panda_limits(kinematics: Kinematics) -> Limits:
    """Build the limits of a Panda, its joints' ranges from its description."""
    lower, upper = kinematics.position_limits
    return Limits(
        effort=np.array(EFFORT),
        effort_rate=np.array(EFFORT_RATE),
        velocity=np.array(VELOCITY),
        lower=lower,
        upper=upper,
        velocity_gain=np.array(VELOCITY_GAIN),
        joint_damping=np.array(JOINT_DAMPING),
    )
