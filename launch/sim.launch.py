"""Train one policy with simulated robots.

    ros2 launch adgps_bringup sim.launch.py robots:=4 task:=reach

Nothing ends by itself when training is finished: a line of the log says so, and the stack stays up,
with the parameter server serving the trained policy and the robots ready to run it. Ctrl-C stops
all of it, with a last checkpoint; the same run:= goes on from there, and
`ros2 run adgps_bringup adgps evaluate RUN` measures the policy on held-out instances.

Launch fails, with a status other than 0, when a node dies again and again. Unless ROS_DOMAIN_ID is
set, a free domain is chosen and named in the log: other terminals need the same ROS_DOMAIN_ID.
"""

from __future__ import annotations

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction

from adgps_bringup.launching import launch_training
from adgps_bringup.options import MODES, RECORDINGS, STORAGES
from adgps_core.phases import METHODS, OPTIMIZERS
from adgps_core.tasks import TASKS


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments; what is started is decided when their values are known."""
    return LaunchDescription(
        [
            DeclareLaunchArgument(
                "task", default_value="reach", choices=TASKS, description="name of the task"
            ),
            DeclareLaunchArgument(
                "robots",
                default_value="4",
                description="number of robots; the training instances are shared out over them",
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
                "real_time_factor",
                default_value="0",
                description="0: lock-step, as fast as the machine allows; 1: as a real arm",
            ),
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
                "global_workers",
                default_value="",
                description="number of global workers; empty: one per robot",
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
            OpaqueFunction(function=launch_training),
        ]
    )
