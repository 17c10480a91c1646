"""Record a bag of a run that is going on.

    ros2 launch adgps_bringup record.launch.py run:=runs/mine

The run's own ROS domain is used. A bag that is there already is gone on with, in a new file. Ctrl-C
completes the bag, and a bag that was cut short is mended by whoever opens it next with `adgps`.
"""

from __future__ import annotations

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction

from adgps_bringup.bags.selection import DEFAULT_TOPICS
from adgps_bringup.launching_bags import launch_recorder
from adgps_bringup.options import STORAGES


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments; what is started is decided when their values are known."""
    return LaunchDescription(
        [
            DeclareLaunchArgument("run", description="folder of the run"),
            DeclareLaunchArgument(
                "topics",
                default_value=DEFAULT_TOPICS,
                description="regular expression that whole names of topics have to match",
            ),
            DeclareLaunchArgument(
                "all",
                default_value="false",
                choices=("true", "false"),
                description="true: joint states, commands, images and IMU too",
            ),
            DeclareLaunchArgument(
                "storage",
                default_value="mcap",
                choices=STORAGES,
                description="kind of the bag's storage files",
            ),
            DeclareLaunchArgument(
                "output", default_value="", description="folder of the bag; empty: RUN/bag"
            ),
            OpaqueFunction(function=launch_recorder),
        ]
    )
