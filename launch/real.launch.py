"""Train one policy with real robots, or run this machine's part of that.

    ros2 launch adgps_bringup real.launch.py robots_file:=robots.yaml task:=reach

The arms' own drivers run already, in the ROS domain that this terminal is in. Every arm is held
from the start, and nothing moves before somebody arms its gate and its controller:
`ros2 service call /robot_1/torque_gate/arm std_srvs/srv/Trigger`, then the same of
`torque_controller`. See docs/real_arms.md.

Several machines share one file of robots: `role:=server` on one of them, and
`role:=robot,workers host:=NAME` on each that has arms. Ctrl-C stops this machine's part.
"""

from __future__ import annotations

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction

from adgps_bringup.launching import launch_real
from adgps_bringup.options import MODES, RECORDINGS, STORAGES
from adgps_core.phases import METHODS, OPTIMIZERS
from adgps_core.tasks import TASKS


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments; what is started is decided when their values are known."""
    return LaunchDescription(
        [
            DeclareLaunchArgument(
                "robots_file",
                default_value="",
                description="list of the robots, see config/real/robots.yaml; needed",
            ),
            DeclareLaunchArgument(
                "role",
                default_value="all",
                description="what runs here: all, or some of robot, workers, server",
            ),
            DeclareLaunchArgument(
                "host",
                default_value="",
                description="name of this machine in robots_file; empty: all robots are meant",
            ),
            DeclareLaunchArgument(
                "task", default_value="reach", choices=TASKS, description="name of the task"
            ),
            DeclareLaunchArgument(
                "method",
                default_value="badmm",
                choices=METHODS,
                description="how local policies and the global policy are brought together",
            ),
            DeclareLaunchArgument(
                "optimizer",
                default_value="lqr",
                choices=OPTIMIZERS,
                description="how local policies are improved",
            ),
            DeclareLaunchArgument(
                "mode",
                default_value="async",
                choices=MODES,
                description="async (Algorithms 2 and 3 of the paper) or sync (Algorithm 1)",
            ),
            DeclareLaunchArgument("seed", default_value="0", description="seed of the run"),
            DeclareLaunchArgument(
                "run",
                default_value="",
                description="folder of the run, also to go on from; empty: runs/TASK-TIMESTAMP",
            ),
            DeclareLaunchArgument(
                "iterations",
                default_value="",
                description="iterations of the last phase, of each instance; empty: as in config/",
            ),
            DeclareLaunchArgument(
                "demo",
                default_value="",
                description="bag of demonstrations that the first local policies follow; empty: "
                "none",
            ),
            DeclareLaunchArgument(
                "vision",
                default_value="",
                description="vision network that the global policy sees with; empty: it is blind",
            ),
            DeclareLaunchArgument(
                "unfreeze",
                default_value="false",
                choices=("false", "true"),
                description="train the vision network with the policy",
            ),
            DeclareLaunchArgument(
                "record",
                default_value="",
                choices=RECORDINGS,
                description="what is recorded into the run's folder; all: also joint states, "
                "commands, images and IMU; empty: nothing",
            ),
            DeclareLaunchArgument(
                "storage",
                default_value="mcap",
                choices=STORAGES,
                description="kind of the bag's storage files",
            ),
            OpaqueFunction(function=launch_real),
        ]
    )
