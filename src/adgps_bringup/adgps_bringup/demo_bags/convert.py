"""From a recording to a demonstration at the ticks of a rollout.

The motion begins at the first tick. If it is shorter than a rollout, the arm is held where it came
to rest; if it is longer, it is sped up evenly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from adgps_bringup.demo_bags.inertial import readings_at
from adgps_bringup.demo_bags.motion import Motion
from adgps_bringup.demo_bags.recording import LONGEST_GAP, Recording, moving_part
from adgps_core.demonstration import Demonstration
from adgps_core.measurements import IMU
from adgps_core.tasks import Task
from adgps_core.typing import Array

MAX_SPEED_UP = 2.0
"""Most that a motion is made faster."""

START_TOLERANCE = 0.3
"""How far each joint may be from the task's start pose when the motion begins [rad]."""

_VELOCITY_MISFIT = (0.05, 0.25)
"""Deviation of measured velocities from those of the angles that is let pass, root mean square:
[rad/s], and part of the latter."""


class Dynamics(Protocol):
    """What is known of an arm."""

    def inverse_dynamics(self, angles: Array, velocities: Array, accelerations: Array) -> Array:
        """Torques (dU,) [N·m], above gravity compensation, of a motion of the free arm."""


@dataclass(frozen=True)
class Converted:
    """A demonstration, and what became of its motion.

    Parameters
    ----------
    demonstration : at the ticks of a rollout.
    duration : of the motion as it was shown [s].
    speed : factor that it is faster by.
    """

    demonstration: Demonstration
    duration: float
    speed: float


def convert(
    recording: Recording,
    task: Task,
    dynamics: Dynamics,
    joint_damping: float,
    max_speed_up: float = MAX_SPEED_UP,
) -> Converted:
    """Convert a recording of a task.

    Torques are M(q) q̈ + C(q, q̇) q̇ + b q̇ in the middle of each tick: held over the whole of it,
    they come nearest to those of the motion.

    Parameters
    ----------
    recording : of one demonstration.
    task : gives the ticks and the start pose.
    dynamics : of the arm.
    joint_damping : b, of each of its joints [N·m·s/rad].
    max_speed_up : most that the motion may be made faster.

    Raises
    ------
    ValueError
        If nothing moves, it begins elsewhere, takes too long, is interrupted, or the velocities
        that were measured are not those of the angles.
    """
    part = moving_part(recording)
    _check_start(part.angles[0], task.start_joint_angles)
    motion = Motion(part.stamps, part.angles)
    _check_velocities(part.velocities, motion.at(part.stamps)[1])
    begin, end = part.stamps[0], part.stamps[-1]
    available = task.horizon * task.control_period
    if part.duration > max_speed_up * available:
        raise ValueError(
            f"its motion takes {part.duration:.1f} s, more than {max_speed_up:g} times the"
            f" {available:g} s of a rollout"
        )
    speed = max(1.0, part.duration / available)

    def motion_at(ticks: Array) -> tuple[Array, Array, Array]:
        """Angles, velocities and accelerations (t, dU) at ticks (t,), which may be fractions."""
        times = begin + speed * task.control_period * ticks
        angles, velocities, accelerations = motion.at(np.minimum(times, end))
        moving = (times <= end)[:, None]
        return angles, speed * velocities * moving, speed**2 * accelerations * moving

    ticks: Array = np.arange(task.horizon + 1, dtype=np.float64)
    middles: Array = ticks[:-1] + 0.5
    angles, velocities, _ = motion_at(ticks)
    torques = [
        dynamics.inverse_dynamics(*each) + joint_damping * each[1]
        for each in zip(*motion_at(middles), strict=True)
    ]
    measurements = {}
    if len(recording.imu):
        times = np.minimum(begin + speed * task.control_period * ticks, end)
        measurements[IMU] = readings_at(
            times, recording.imu_stamps, recording.imu, LONGEST_GAP, speed
        )
    shown = Demonstration(recording.instance, angles, velocities, np.array(torques), measurements)
    return Converted(shown, part.duration, speed)


def _check_start(angles: Array, start: Array) -> None:
    """Refuse a motion that begins where no rollout does."""
    off = np.abs(angles - start)
    if off.max() > START_TOLERANCE:
        raise ValueError(
            f"it begins with joint {off.argmax() + 1} {off.max():.2f} rad from where rollouts start"
        )


def _check_velocities(measured: Array, expected: Array) -> None:
    """Refuse velocities that are not those of the angles: a unit or a joint's name is wrong."""
    misfit = np.sqrt(np.square(measured - expected).mean(axis=0))
    allowed = _VELOCITY_MISFIT[0] + _VELOCITY_MISFIT[1] * np.sqrt(np.square(expected).mean(axis=0))
    if (misfit > allowed).any():
        joint = int((misfit - allowed).argmax())
        raise ValueError(
            f"the velocities of joint {joint + 1} are not those of its angles, by"
            f" {misfit[joint]:.2f} rad/s"
        )
