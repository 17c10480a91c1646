"""An inertial measurement unit fixed to a link of a body, as a cheap fused one would read.

Frames: W world, z up; L the link's frame; S the sensor's. A reading is of REP-145: the orientation
R_WS, the angular velocity in S, and the specific force in S, which at rest is 9.81 m/s² upwards.
Angular velocity and specific force are means over the time since the reading before, in S half-way
through it, as a sensor's own filter gives: the gyroscope sums up to the change of orientation.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pybullet
from scipy.spatial.transform import Rotation

from adgps_core.measurements import imu_row
from adgps_core.typing import Array, frozen
from adgps_sim.links import link_motion


@dataclass(frozen=True)
class ImuMount:
    """Where an IMU sits.

    Parameters
    ----------
    body, link : PyBullet's numbers.
    position : (3,) of the sensor in the link's frame [m].
    rotation : (3, 3) R_LS.

    Raises
    ------
    ValueError
        If the rotation is none.
    """

    body: int
    link: int
    position: Array = field(default_factory=lambda: np.zeros(3))
    rotation: Array = field(default_factory=lambda: np.eye(3))

    def __post_init__(self) -> None:
        """Validate, and freeze the arrays."""
        object.__setattr__(self, "position", frozen(self.position, (3,), "position"))
        rotation = frozen(self.rotation, (3, 3), "rotation")
        if not np.allclose(rotation @ rotation.T, np.eye(3)) or np.linalg.det(rotation) < 0:
            raise ValueError("rotation is not a rotation")
        object.__setattr__(self, "rotation", rotation)


@dataclass(frozen=True)
class ImuSettings:
    """Errors of the sensor; the defaults are those of a MEMS sensor of a few euros.

    Parameters
    ----------
    gyroscope_noise : density of the angular velocity's noise [rad/s/√Hz].
    accelerometer_noise : density of the specific force's noise [m/s²/√Hz].
    orientation_noise : standard deviation of the orientation about each axis [rad].
    yaw_drift : random walk of the yaw, for which gravity is no reference [rad/√s]; it begins
        at zero with every reset, as if the sensor were set to zero then.
    """

    gyroscope_noise: float = 2e-4
    accelerometer_noise: float = 3e-3
    orientation_noise: float = 1e-3
    yaw_drift: float = 2e-3

    def __post_init__(self) -> None:
        """Validate."""
        for name, value in vars(self).items():
            if not (np.isfinite(value) and value >= 0):
                raise ValueError(f"{name} must be finite and not negative, got {value}")


IDEAL = ImuSettings(0.0, 0.0, 0.0, 0.0)
"""A sensor without errors."""


@dataclass(frozen=True)
class ImuReading:
    """What the sensor says, and how far to trust it.

    Parameters
    ----------
    orientation : (4,) unit quaternion x y z w of R_WS, w not negative.
    angular_velocity : (3,) in S [rad/s].
    linear_acceleration : (3,) specific force in S, gravity included [m/s²].
    orientation_variance : (3,) about the axes of W [rad²].
    angular_velocity_variance, linear_acceleration_variance : of each axis, [rad²/s²], [m²/s⁴].
    """

    orientation: Array
    angular_velocity: Array
    linear_acceleration: Array
    orientation_variance: Array = field(default_factory=lambda: np.zeros(3))
    angular_velocity_variance: float = 0.0
    linear_acceleration_variance: float = 0.0

    @property
    def row(self) -> Array:
        """The same as a measurement (10,) of a trajectory."""
        return imu_row(self.orientation, self.angular_velocity, self.linear_acceleration)


@dataclass(frozen=True)
class _Motion:
    """Orientation R_WS, and the sensor's velocity (3,) [m/s] in W."""

    rotation: Rotation
    velocity: Array


class Imu:
    """Reads the motion of a link.

    A sensor lives from one reset of its body to the next; the body then stands still, or moves
    steadily.

    Parameters
    ----------
    client : number of the physics client.
    mount : where it sits.
    settings : its errors.
    rng : draws them.
    """

    def __init__(
        self, client: int, mount: ImuMount, settings: ImuSettings, rng: np.random.Generator
    ) -> None:
        self._client = client
        self._mount = mount
        self._rotation_LS = Rotation.from_matrix(mount.rotation.copy())  # scipy's wants to write
        self._settings = settings
        self._rng = rng
        world = pybullet.getPhysicsEngineParameters(physicsClientId=client)
        self._gravity = np.array([world[f"gravityAcceleration{axis}"] for axis in "XYZ"])
        self._before = self._motion()
        self._yaw = 0.0
        self._age = 0.0

    def read(self, duration: float) -> ImuReading:
        """Read it, a duration [s] of simulated time after the last reading.

        Raises
        ------
        ValueError
            If no time has passed.
        """
        if not duration > 0:
            raise ValueError(f"a reading takes time, not {duration} s")
        before, now = self._before, self._motion()
        self._before = now
        self._age += duration
        turned = (before.rotation.inv() * now.rotation).as_rotvec()
        half_way = before.rotation * Rotation.from_rotvec(turned / 2)
        acceleration = (now.velocity - before.velocity) / duration
        force = half_way.inv().apply(acceleration - self._gravity)

        settings = self._settings
        self._yaw += settings.yaw_drift * np.sqrt(duration) * self._rng.standard_normal()
        error = settings.orientation_noise * self._rng.standard_normal(3)
        drift = Rotation.from_rotvec([0.0, 0.0, self._yaw])
        quaternion = (Rotation.from_rotvec(error) * drift * now.rotation).as_quat(canonical=True)
        gyroscope = settings.gyroscope_noise / np.sqrt(duration)
        accelerometer = settings.accelerometer_noise / np.sqrt(duration)
        yaw_variance = settings.yaw_drift**2 * self._age
        return ImuReading(
            orientation=quaternion,
            angular_velocity=turned / duration + gyroscope * self._rng.standard_normal(3),
            linear_acceleration=force + accelerometer * self._rng.standard_normal(3),
            orientation_variance=settings.orientation_noise**2 + np.array([0, 0, yaw_variance]),
            angular_velocity_variance=gyroscope**2,
            linear_acceleration_variance=accelerometer**2,
        )

    def _motion(self) -> _Motion:
        """How the sensor moves now."""
        mount = self._mount
        moving = link_motion(self._client, mount.body, mount.link, mount.position)
        return _Motion(moving.rotation * self._rotation_LS, moving.velocity)
