"""ROS parameters of the reset server: what they are called, mean, and may be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rclpy.node import Node

from adgps_core.tasks import TASKS
from adgps_robot.nodes.declaring import Table, declare_all

_PARAMETERS: Table = {
    "task": ("reach", f"Task to practise; one of {', '.join(TASKS)}.", None),
    "joint_names": (
        [f"panda_joint{number}" for number in range(1, 8)],
        "The arm's joints, in the order of the state.",
        None,
    ),
    "seed": (0, "Seed of initial perturbations, with the seed of each reset.", (0, 2**62)),
    "confirm": (True, "Wait for ~/confirm once the arm is at its start.", None),
    "move_timeout": (60.0, "Longest wait for the arm to be at its start [s].", (0.1, 3600.0)),
    "confirm_timeout": (3600.0, "Longest wait for ~/confirm [s].", (0.1, 86400.0)),
}


def declare(node: Node, defaults: Mapping[str, Any] | None = None) -> None:
    """Declare every parameter; `defaults` replaces some of the default values."""
    declare_all(node, _PARAMETERS, defaults)
