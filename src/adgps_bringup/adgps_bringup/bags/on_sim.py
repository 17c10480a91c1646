"""Executes the torques of recorded trajectories on a simulated arm, and compares the states.

The simulated arm is reset to the joint angles of the recorded first state and gets the recorded
torques tick by tick, as in lock-step. Nothing in it remembers an earlier rollout, so that no
difference is left where the recording was made in lock-step by an arm with the same physics: not
even in the last bit. No ROS here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adgps_core import end_effector as ee
from adgps_core.tasks import Instance, Task
from adgps_core.trajectory import Trajectory
from adgps_core.typing import Array
from adgps_robot.kinematics import Kinematics
from adgps_sim.scene import scene_builder
from adgps_sim.world import JOINT_NAMES, URDF, World


@dataclass(frozen=True)
class Difference:
    """How far executed states lie from recorded ones, at most.

    Parameters
    ----------
    trajectories : how many were compared.
    identical : how many of them agree bit for bit.
    angle : of a joint [rad].
    velocity : of a joint [rad/s].
    position : of an end-effector point [m].
    moving : trajectories that began with joints that move; a reset arm is at rest.
    uneven : trajectories whose ticks were not all one control period long, as in real time.
    """

    trajectories: int = 0
    identical: int = 0
    angle: float = 0.0
    velocity: float = 0.0
    position: float = 0.0
    moving: int = 0
    uneven: int = 0

    def __add__(self, other: Difference) -> Difference:
        """Difference of both together."""
        return Difference(
            self.trajectories + other.trajectories,
            self.identical + other.identical,
            max(self.angle, other.angle),
            max(self.velocity, other.velocity),
            max(self.position, other.position),
            self.moving + other.moving,
            self.uneven + other.uneven,
        )


class SimulatedArm:
    """An arm that executes torques in lock-step; to be closed.

    Parameters
    ----------
    task : gives the control period.
    physics_rate : steps of the physics per simulated second [Hz].
    joint_damping : of each arm joint [N·m·s/rad].
    """

    def __init__(self, task: Task, physics_rate: float, joint_damping: float) -> None:
        self._period = task.control_period
        self._world = World(physics_rate, joint_damping, scene_builder(task.name))
        self._kinematics = Kinematics(URDF, JOINT_NAMES)

    def close(self) -> None:
        """Free the physics."""
        self._world.close()

    def execute(self, instance: Instance, joint_angles: Array, torques: Array) -> Array:
        """Apply torques (T, dU) [N·m] from rest at joint angles (dU,) [rad]; states (T+1, dX)."""
        self._world.reset(joint_angles, instance)
        states = [self._state()]
        for torque in torques:
            self._world.step(torque, self._period)
            states.append(self._state())
        return np.stack(states)

    def compare(self, trajectory: Trajectory) -> Difference:
        """Execute a trajectory and compare."""
        recorded = trajectory.states
        begin = recorded[0, ee.JOINT_ANGLES]
        executed = self.execute(trajectory.instance, begin, trajectory.actions_applied)
        error = np.abs(executed - recorded)
        ticks = np.diff(trajectory.stamps)
        return Difference(
            trajectories=1,
            identical=int((error == 0.0).all()),
            angle=float(error[:, ee.JOINT_ANGLES].max()),
            velocity=float(error[:, ee.JOINT_VELOCITIES].max()),
            position=float(error[:, ee.POINT_POSITIONS].max()),
            moving=int((recorded[0, ee.JOINT_VELOCITIES] != 0.0).any()),
            uneven=int(np.abs(ticks - self._period).max() > 1e-6),
        )

    def _state(self) -> Array:
        arm = self._world.state
        return self._kinematics.state(arm.positions, arm.velocities)
