"""Train with simulated robots: ros2 launch adgps_bringup sim.launch.py robots:=4 task:=reach."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from adgps_bringup.launching import launch_nodes
from adgps_bringup.options import StackOptions
from adgps_bringup.resources import hyper_parameters
from adgps_bringup.stack import describe_stack
from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, OpaqueFunction


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments; what is started is decided when their values are known."""
    return LaunchDescription(
        [
            DeclareLaunchArgument("task", default_value="reach", description="name of the task"),
            DeclareLaunchArgument(
                "robots",
                default_value="4",
                description="number of robots; the training instances are shared out over them",
            ),
            DeclareLaunchArgument(
                "method",
                default_value="badmm",
                description="how local policies and the global policy are brought together",
            ),
            DeclareLaunchArgument(
                "optimizer", default_value="lqr", description="how local policies are improved"
            ),
            DeclareLaunchArgument(
                "mode",
                default_value="async",
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
                description="folder of checkpoints, also to go on from; empty: runs/TASK-TIMESTAMP",
            ),
            DeclareLaunchArgument(
                "iterations",
                default_value="",
                description="local iterations of each instance; empty: as in config/TASK.yaml",
            ),
            DeclareLaunchArgument(
                "global_workers",
                default_value="",
                description="number of global workers; empty: one per robot",
            ),
            OpaqueFunction(function=_start),
        ]
    )


def _start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Turn the arguments into the stack's nodes."""
    value = context.launch_configurations
    task = value["task"]
    run = value["run"] or f"runs/{task}-{datetime.now():%Y%m%d-%H%M%S}"
    options = StackOptions(
        task=task,
        robots=int(value["robots"]),
        method=value["method"],
        optimizer=value["optimizer"],
        mode=value["mode"],
        seed=int(value["seed"]),
        real_time_factor=float(value["real_time_factor"]),
        run=Path(run).absolute(),
        iterations=int(value["iterations"]) if value["iterations"] else None,
        global_workers=int(value["global_workers"]) if value["global_workers"] else None,
        parameter_files=(hyper_parameters(task),),
    )
    return launch_nodes(describe_stack(options).nodes)
