"""Motions whose truth is known, and recordings of them as sensors would make them; no ROS."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from adgps_bringup.demo_bags.recording import Recording
from adgps_core.tasks import Instance, make_task
from adgps_core.typing import Array

TASK = make_task("reach")
INSTANCE = TASK.instances("training")[0]
WAY = np.array([0.4, 0.5, -0.3, 0.4, 0.3, -0.4, 0.5])


@dataclass(frozen=True)
class Way:
    """Minimum jerk from the task's start to `way` away from it, between two times [s]."""

    begin: float = 1.0
    duration: float = 3.0
    way: Array = field(default_factory=WAY.copy)  # [rad]

    @property
    def end(self) -> float:
        """When it is over [s]."""
        return self.begin + self.duration

    def at(self, times: Array) -> tuple[Array, Array, Array]:
        """True angles, velocities and accelerations (t, 7)."""
        s = np.clip((np.asarray(times) - self.begin) / self.duration, 0.0, 1.0)[..., None]
        T = self.duration
        return (
            TASK.start_joint_angles + self.way * (10 * s**3 - 15 * s**4 + 6 * s**5),
            self.way * (30 * s**2 - 60 * s**3 + 30 * s**4) / T,
            self.way * (60 * s - 180 * s**2 + 120 * s**3) / T**2,
        )


def record(
    motion: Way | None = None,
    *,
    rate: float = 120.0,
    noise: float = 0.0,
    until: float | None = None,
    instance: Instance = INSTANCE,
    imu: Callable[[Array], Array] | None = None,
    imu_rate: float = 100.0,
) -> Recording:
    """Record a motion from time 0 on, at uneven times.

    Parameters
    ----------
    motion : what the arm does.
    rate, imu_rate : of joint states and readings [Hz], on average.
    noise : of the angles, standard deviation [rad]; of velocities, fifty times this [rad/s].
    until : end of the recording [s]; a second after that of the motion.
    imu : readings (m, 10) at times (m,).
    """
    motion = motion or Way()
    rng = np.random.default_rng(0)
    until = motion.end + 1.0 if until is None else until
    stamps = np.arange(0.0, until, 1 / rate)
    stamps += rng.uniform(-0.2, 0.2, len(stamps)) / rate
    angles, velocities, _ = motion.at(stamps)
    angles = angles + noise * rng.standard_normal(angles.shape)
    velocities = velocities + 50 * noise * rng.standard_normal(velocities.shape)
    if imu is None:
        return Recording(instance, stamps, angles, velocities)
    imu_stamps = np.arange(0.0, until, 1 / imu_rate)
    return Recording(instance, stamps, angles, velocities, imu_stamps, imu(imu_stamps))
