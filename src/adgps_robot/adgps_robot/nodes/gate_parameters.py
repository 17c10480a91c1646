"""ROS parameters of the torque gate: what they are called, mean, and may be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rclpy.node import Node

from adgps_robot.gate import GateSettings
from adgps_robot.nodes.declaring import Table, declare_all, joint_array, value

ARRAY, COMMAND = "float64_multi_array", "joint_effort_command"
OUTPUT_TYPES = (ARRAY, COMMAND)
_NAMES = [f"panda_joint{number}" for number in range(1, 8)]

_PARAMETERS: Table = {
    "joint_names": (
        _NAMES,
        "The arm's joints; other arrays are in this order.",
        None,
    ),
    "output_joint_names": (_NAMES, "The same joints in the order of the arm's controller.", None),
    "output_topic": ("effort_controller/commands", "The arm's command topic.", None),
    "output_type": (ARRAY, f"Type of its messages; {' or '.join(OUTPUT_TYPES)}.", None),
    "rate": (100.0, "How often the arm gets a command, whoever is alive [Hz].", (50.0, 1000.0)),
    "limits.effort": ([87.0] * 4 + [12.0] * 3, "Largest torques [N*m].", (1e-3, 1e4)),
    "hold_damping": (
        [2.0] * 4 + [0.2] * 3,
        "Joint damping of the safe hold, on top of the arm's own [N*m*s/rad].",
        (0.0, 1e3),
    ),
    "command_timeout": (
        0.08,
        "Longest time that a command stays in force; then the safe hold [s].",
        (0.005, 0.1),
    ),
    "state_timeout": (
        0.1,
        "Longest time without a joint state; then zero torque [s].",
        (0.005, 1.0),
    ),
    "max_state_age": (
        0.1,
        "Oldest joint state, against the newest, that a command may answer [s].",
        (0.001, 1.0),
    ),
    "dry_run": (False, "Print what would be sent, and send nothing.", None),
    "realtime_priority": (0, "Priority under SCHED_FIFO; 0: an ordinary process.", (0, 99)),
}


def declare(node: Node, defaults: Mapping[str, Any] | None = None) -> None:
    """Declare every parameter; `defaults` replaces some of the default values."""
    declare_all(node, _PARAMETERS, defaults)


def settings(node: Node) -> GateSettings:
    """Read what the gate has to know of its arm; ValueError if it cannot be."""
    if value(node, "output_type") not in OUTPUT_TYPES:
        raise ValueError(f"output_type must be {' or '.join(OUTPUT_TYPES)}")
    return GateSettings(
        joint_names=tuple(value(node, "joint_names")),
        output_joint_names=tuple(value(node, "output_joint_names")),
        effort=joint_array(node, "limits.effort"),
        hold_damping=joint_array(node, "hold_damping"),
        command_timeout=value(node, "command_timeout"),
        state_timeout=value(node, "state_timeout"),
        max_state_age=value(node, "max_state_age"),
    )
