"""ROS parameters of the torque controller: what they are called, mean, and may be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from rcl_interfaces.msg import FloatingPointRange, ParameterDescriptor
from rclpy.node import Node

from adgps_core import end_effector as ee
from adgps_core.tasks import TASKS
from adgps_robot.execution import Timing
from adgps_robot.kinematics import Kinematics
from adgps_robot.limits import Limits

_PARAMETERS: dict[str, tuple[Any, str]] = {
    "task": ("reach", f"Task to practise; one of {', '.join(TASKS)}."),
    "urdf": ("", "Path of the robot's URDF; meshes are not read."),
    "joint_names": (
        [f"panda_joint{number}" for number in range(1, 8)],
        "The arm's joints, in the order of the state.",
    ),
    "end_effector_frame": (ee.FRAME, "Link that carries the end-effector points."),
    "lock_step": (
        True,
        "True: answer every state as it arrives, the robot waits for the answer. "
        "False: tick on a timer of the ROS clock.",
    ),
    "autostart": (False, "Configure and activate at the start, without a lifecycle manager."),
    "arm_on_activate": (False, "Arm when activated. Only for simulated robots."),
    "hold_damping": (
        [2.0] * 4 + [0.2] * 3,
        "Real time: joint damping between rollouts, on top of the arm's own [N*m*s/rad].",
    ),
    "state_timeout": (0.0, "Longest wait for a joint state [s]; 0: 5 in lock-step, else 0.2."),
    "start_timeout": (10.0, "Longest wait for the first state of a rollout [s]."),
    "policy_timeout": (10.0, "Longest wait for a global policy that is new enough [s]."),
    "lateness_budget": (0.025, "Real time: a tick later than this ends the rollout [s]."),
    "limits.enabled": (True, "Limit torques, torque rates, joint positions and velocities."),
    "limits.effort": ([87.0] * 4 + [12.0] * 3, "Largest torques [N*m]."),
    "limits.effort_rate": ([1000.0] * 7, "Largest change of torque [N*m/s]."),
    "limits.velocity": ([2.175] * 4 + [2.61] * 3, "Highest joint speeds [rad/s]."),
    "limits.velocity_gain": (
        [4.0, 12.0, 8.0, 6.0, 0.5, 0.5, 0.5],
        "Braking torque per excess speed near a limit [N*m*s/rad].",
    ),
    "limits.joint_damping": ([1.0] * 7, "Damping of the arm's own joints [N*m*s/rad]."),
    "limits.velocity_tolerance": (
        1.5,
        "A rollout ends when a joint exceeds its highest speed by this factor.",
    ),
    "limits.position_margin": (0.1, "Where joints come to rest before their range ends [rad]."),
    "limits.position_gain": (1.5, "Allowed speed per distance from there [1/s]."),
}


def declare(node: Node, defaults: Mapping[str, Any]) -> None:
    """Declare every parameter; `defaults` replaces some of the default values."""
    for name, (value, description) in _PARAMETERS.items():
        descriptor = ParameterDescriptor(description=description, read_only=True)
        if isinstance(value, float):
            descriptor.floating_point_range = [FloatingPointRange(from_value=0.0, to_value=1e6)]
        node.declare_parameter(name, defaults.get(name, value), descriptor)


def value(node: Node, name: str) -> Any:
    """Value of a parameter."""
    return node.get_parameter(name).value


def timing(node: Node) -> Timing:
    """Read the controller's timing; ValueError if it cannot be."""
    lock_step = bool(value(node, "lock_step"))
    return Timing(
        lock_step=lock_step,
        state_timeout=value(node, "state_timeout") or (5.0 if lock_step else 0.2),
        start_timeout=value(node, "start_timeout"),
        policy_timeout=value(node, "policy_timeout"),
        lateness_budget=value(node, "lateness_budget"),
    )


def limits(node: Node, kinematics: Kinematics) -> Limits | None:
    """Read the limits, joint ranges from the URDF; ValueError if they cannot be."""
    if not value(node, "limits.enabled"):
        return None
    lower, upper = kinematics.position_limits
    return Limits(
        effort=np.array(value(node, "limits.effort")),
        effort_rate=np.array(value(node, "limits.effort_rate")),
        velocity=np.array(value(node, "limits.velocity")),
        lower=lower,
        upper=upper,
        velocity_gain=np.array(value(node, "limits.velocity_gain")),
        joint_damping=np.array(value(node, "limits.joint_damping")),
        margin=value(node, "limits.position_margin"),
        position_gain=value(node, "limits.position_gain"),
        velocity_tolerance=value(node, "limits.velocity_tolerance"),
    )
