"""Demonstrations in one process and without ROS: a guide leads a simulated arm."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adgps_bringup.demo_bags.convert import convert
from adgps_bringup.demo_bags.recording import Recording
from adgps_core.demonstration import Demonstration
from adgps_core.tasks import Instance, Task
from adgps_robot.kinematics import Kinematics
from adgps_sim.demonstrating import GuidedArm
from adgps_sim.scene import scene_builder
from adgps_sim.world import JOINT_NAMES, URDF, World

STATE_RATE = 80.0  # [Hz]


def demonstrate(task: Task, instances: Sequence[Instance]) -> tuple[Demonstration, ...]:
    """Have a guide lead a simulated arm through instances of a task whose scene has an IMU."""
    world = World(scene=scene_builder(task.name))
    try:
        arm = GuidedArm(world, task, STATE_RATE, np.random.default_rng(0))
        kinematics = Kinematics(URDF, JOINT_NAMES)
        return tuple(
            convert(_record(world, arm, instance), task, kinematics, 1.0).demonstration
            for instance in instances
        )
    finally:
        world.close()


def _record(world: World, arm: GuidedArm, instance: Instance) -> Recording:
    """Lead the arm through one instance."""
    arm.begin(instance)
    stamps, states, readings = [], [], []
    going_on = True
    while going_on:
        stamps.append(1e-9 * arm.stamp_ns)
        states.append(world.state)
        assert world.imu is not None
        readings.append(world.imu.row)
        going_on = arm.advance()
    times = np.array(stamps)
    return Recording(
        instance,
        times,
        np.array([state.positions for state in states]),
        np.array([state.velocities for state in states]),
        times,
        np.array(readings),
    )
