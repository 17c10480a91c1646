"""Which topics are recorded, and which are not played unasked."""

import re

import pytest

from adgps_bringup.bags.selection import ALL_TOPICS, DEFAULT_TOPICS, compile_topics, is_command

LEARNED = ("/robot_1/optimized_trajectories", "/param_server/policy_parameters", "/diagnostics")
SEEN = (
    "/r/joint_states",
    "/r/joint_effort_command",
    "/r/camera/image_raw",
    "/r/imu/data",
    "/e_stop",
)


def test_defaults_are_what_a_policy_was_made_of() -> None:
    for name in LEARNED:
        assert re.fullmatch(DEFAULT_TOPICS, name)
        assert re.fullmatch(ALL_TOPICS, name)
    for name in SEEN:
        assert not re.fullmatch(DEFAULT_TOPICS, name)
        assert re.fullmatch(ALL_TOPICS, name)
    for name in ("/rosout", "/parameter_events", "/robot_1/replay_status"):
        assert not re.fullmatch(ALL_TOPICS, name)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("/robot_1/joint_effort_command", "adgps_msgs/msg/JointEffortCommand"),
        ("/elsewhere", "adgps_msgs/msg/JointEffortCommand"),
        ("/effort_controller/commands", "std_msgs/msg/Float64MultiArray"),
        ("/any", "std_msgs/msg/Float64MultiArray"),
        ("/e_stop", "std_msgs/msg/Bool"),
    ],
)
def test_commands_are_told_by_name_and_by_type(name: str, kind: str) -> None:
    assert is_command(name, kind)


def test_what_is_only_looked_at_is_no_command() -> None:
    for name in (*LEARNED, "/r/joint_states"):
        assert not is_command(name, "sensor_msgs/msg/JointState")


def test_an_expression_that_is_none_is_refused_in_one_line() -> None:
    with pytest.raises(ValueError, match=r"'\(' is no regular expression: missing \)"):
        compile_topics("(")
