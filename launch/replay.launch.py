"""Publish what a bag holds, in its original timing.

    ros2 launch adgps_bringup replay.launch.py bag:=runs/mine/bag rate:=2.0

Commands to arms and the e-stop are not published unless allow_commands:=true says so. The service
/bag_player/pause (std_srvs/SetBool) pauses and goes on. ROS_DOMAIN_ID is the user's.
"""

from __future__ import annotations

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction

from adgps_bringup.launching_bags import launch_player

_YES_NO = ("true", "false")


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments; what is started is decided when their values are known."""
    return LaunchDescription(
        [
            DeclareLaunchArgument("bag", description="folder of the bag, or of a run"),
            DeclareLaunchArgument(
                "topics",
                default_value=".*",
                description="regular expression that whole names of topics have to match",
            ),
            DeclareLaunchArgument(
                "rate", default_value="1.0", description="seconds of the bag per second"
            ),
            DeclareLaunchArgument(
                "loop",
                default_value="false",
                choices=_YES_NO,
                description="true: begin again at the end",
            ),
            DeclareLaunchArgument(
                "paused",
                default_value="false",
                choices=_YES_NO,
                description="true: wait for the service /bag_player/pause before the first message",
            ),
            DeclareLaunchArgument(
                "allow_commands",
                default_value="false",
                choices=_YES_NO,
                description="true: publish commands too; an arm that listens will move",
            ),
            OpaqueFunction(function=launch_player),
        ]
    )
