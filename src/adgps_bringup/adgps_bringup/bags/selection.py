"""Which topics are recorded, and which are never played to anybody unasked."""

from __future__ import annotations

import re

TRAJECTORIES = "optimized_trajectories"
"""Last part of the topics' names that a policy can be trained from."""

DEFAULT_TOPICS = rf".*/{TRAJECTORIES}|/param_server/policy_parameters|/diagnostics"
"""What a run has learned from, and what came of it."""

ALL_TOPICS = (
    rf"{DEFAULT_TOPICS}|.*/(joint_states|joint_effort_command|imu/data|image_raw|camera_info)"
    r"|/e_stop|.*/clock"
)
"""The same, and all that robots see and do."""

DEMONSTRATION = ("joint_states", "imu/data", "demonstrated_instance")
"""Topics of a robot that a bag of demonstrations holds."""

_COMMAND_NAME = re.compile(r".*/(joint_effort_command|commands)|/e_stop")
_COMMAND_TYPES = (
    "adgps_msgs/msg/JointEffortCommand",
    "std_msgs/msg/Float64MultiArray",
    "trajectory_msgs/msg/JointTrajectory",
)


def compile_topics(expression: str) -> re.Pattern[str]:
    """Regular expression that a whole topic name has to match; ValueError if it is none."""
    try:
        return re.compile(expression)
    except re.error as error:
        raise ValueError(f"{expression!r} is no regular expression: {error}") from error


def is_command(name: str, type_name: str) -> bool:
    """Whether a topic's messages could move an arm, or stop one."""
    return _COMMAND_NAME.fullmatch(name) is not None or type_name in _COMMAND_TYPES
