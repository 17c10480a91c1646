"""The Franka Panda of `pybullet_data` and what it works on, in a physics world of its own. No ROS.

The arm takes torques on top of its own gravity compensation, as the real one does, and damps its
joints itself. Nothing in the world remembers an earlier rollout: from equal joint angles and equal
torques follow equal states, bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pybullet
import pybullet_data

from adgps_core.end_effector import FRAME
from adgps_core.tasks import Instance
from adgps_core.typing import Array
from adgps_sim.camera import OVER_SHOULDER, Camera
from adgps_sim.camera_shifts import shifted
from adgps_sim.guide import (
    FINGER_OPENING,
    GUIDE_DURATION,
    Guide,
    GuidePath,
    Waypoint,
    straight_to_goal,
)
from adgps_sim.imu import Imu, ImuReading, ImuSettings
from adgps_sim.links import link_motion
from adgps_sim.scene import Scene, SceneBuilder
from adgps_sim.variation import Variation, apply

URDF = Path(pybullet_data.getDataPath()) / "franka_panda" / "panda.urdf"
JOINT_NAMES = tuple(f"panda_joint{number}" for number in range(1, 8))
FINGER_NAMES = ("panda_finger_joint1", "panda_finger_joint2")
GRAVITY = 9.81  # [m/s²]
AT_REST = 0.05  # [s] for which the IMU has measured at a reset: a tick, as all others
FINGER_STIFFNESS = 400.0  # [N/m]
FINGER_DAMPING = 12.0  # [N·s/m]


@dataclass(frozen=True)
class ArmState:
    """What the joint encoders say.

    Parameters
    ----------
    positions : (7,) joint angles [rad].
    velocities : (7,) joint velocities [rad/s].
    efforts : (7,) torques that were commanded last, after the arm's own limits [N·m].
    fingers, finger_velocities : (2,) ways of the gripper's fingers from the middle [m], [m/s].
    """

    positions: Array
    velocities: Array
    efforts: Array
    fingers: Array
    finger_velocities: Array


class World:
    """One arm in one PyBullet client.

    `imu` is the reading of the scene's IMU over the last step; None where it has none, and before
    the first reset.

    Parameters
    ----------
    physics_rate : steps of the physics per simulated second [Hz], at least 240.
    joint_damping : torque of each arm joint against its velocity [N·m·s/rad].
    scene : makes what the arm works on; None: it is alone.
    imu_settings : errors of the scene's IMU, where it has one; None: those of a cheap one.
    variation : how the arm differs from others; None: not at all.

    Raises
    ------
    ValueError
        If the rate is too coarse or the damping negative.
    """

    def __init__(
        self,
        physics_rate: float = 240.0,
        joint_damping: float = 1.0,
        scene: SceneBuilder | None = None,
        imu_settings: ImuSettings | None = None,
        variation: Variation | None = None,
    ) -> None:
        if physics_rate < 240.0:
            raise ValueError(f"physics_rate must be at least 240 Hz, got {physics_rate}")
        if joint_damping < 0.0:
            raise ValueError(f"joint_damping must not be negative, got {joint_damping}")
        self.physics_rate = physics_rate
        self._client = pybullet.connect(pybullet.DIRECT)
        pybullet.setGravity(0, 0, -GRAVITY, physicsClientId=self._client)
        pybullet.setTimeStep(1 / physics_rate, physicsClientId=self._client)
        pybullet.setPhysicsEngineParameter(
            deterministicOverlappingPairs=1, physicsClientId=self._client
        )
        self._arm = pybullet.loadURDF(str(URDF), useFixedBase=True, physicsClientId=self._client)
        self._dofs = self._indices(JOINT_NAMES + FINGER_NAMES)
        self._remove_bullets_own_damping_and_motors()
        count = len(JOINT_NAMES)
        self._effort_limits = np.array(
            [
                pybullet.getJointInfo(self._arm, dof, physicsClientId=self._client)[10]
                for dof in self._dofs[:count]
            ]
        )
        self._stiffness = np.array([0.0] * count + [FINGER_STIFFNESS] * len(FINGER_NAMES))
        self._damping = np.array([joint_damping] * count + [FINGER_DAMPING] * len(FINGER_NAMES))
        self._rest = np.array([0.0] * count + [FINGER_OPENING] * len(FINGER_NAMES))
        self._torque_scale: Array | None = None
        self._camera_pose = OVER_SHOULDER
        if variation is not None:
            apply(variation, self._client, self._arm, self._dofs[:count])
            self._damping[:count] *= variation.damping
            self._torque_scale = variation.torques
            self._camera_pose = variation.camera
        self._efforts = np.zeros(count)
        self._hand = self._hand_link()
        self._guide: Guide | None = None
        self._scene = scene(self._client) if scene else None
        self._imu_settings = imu_settings or ImuSettings()
        self._imu: Imu | None = None
        self.imu: ImuReading | None = None

    def reset(
        self,
        joint_angles: Array,
        instance: Instance | None = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        """Put the arm at rest, and what it works on to the start of an instance.

        Parameters
        ----------
        joint_angles : (7,) [rad].
        instance : of the scene's task; None where the arm is alone.
        rng : draws the errors of the IMU until the next reset; None: always the same.

        Raises
        ------
        ValueError
            If there is a scene and no instance.
        """
        if self._scene and instance is None:
            raise ValueError("a world with a scene is reset to an instance")
        self._guide = None
        self._rest[len(JOINT_NAMES) :] = FINGER_OPENING
        positions = [*np.asarray(joint_angles, dtype=float), *self._rest[len(JOINT_NAMES) :]]
        for dof, position in zip(self._dofs, positions, strict=True):
            pybullet.resetJointState(self._arm, dof, position, 0.0, physicsClientId=self._client)
        self._efforts = np.zeros(len(JOINT_NAMES))
        if self._scene and instance is not None:
            self._scene.reset(instance)
        self._read_imu_anew(rng or np.random.default_rng(0))

    def step(self, torques: Array, duration: float) -> None:
        """Hold torques (7,) [N·m], above gravity compensation, for a duration [s].

        Raises
        ------
        ValueError
            If the duration is not a whole number of physics steps.
        """
        steps = round(duration * self.physics_rate)
        if steps < 1 or abs(steps - duration * self.physics_rate) > 1e-6:
            raise ValueError(f"{duration} s are not whole steps at {self.physics_rate} Hz")
        self._efforts = np.clip(torques, -self._effort_limits, self._effort_limits)
        given = self._efforts if self._torque_scale is None else self._torque_scale * self._efforts
        held = np.append(given, np.zeros(len(FINGER_NAMES)))
        rest = [0.0] * len(self._dofs)
        for _ in range(steps):
            joints = pybullet.getJointStates(self._arm, self._dofs, physicsClientId=self._client)
            positions = [joint[0] for joint in joints]
            gravity = pybullet.calculateInverseDynamics(
                self._arm, positions, rest, rest, physicsClientId=self._client
            )
            velocities = np.array([joint[1] for joint in joints])
            forces = held - self._damping * velocities + self._stiffness * (self._rest - positions)
            pybullet.setJointMotorControlArray(
                self._arm,
                self._dofs,
                pybullet.TORQUE_CONTROL,
                forces=(forces + gravity).tolist(),
                physicsClientId=self._client,
            )
            if self._guide:
                self._rest[len(JOINT_NAMES) :] = self._guide.step(1 / self.physics_rate)
            if self._scene:
                self._scene.step()
            pybullet.stepSimulation(physicsClientId=self._client)
        if self._imu is not None:
            self.imu = self._imu.read(duration)

    def guide_path(self, instance: Instance) -> Sequence[Waypoint]:
        """How a guide shows an instance: the scene's way, or straight to the goal."""
        if self._scene is not None:
            return self._scene.guide_path(instance)
        return straight_to_goal(instance, GUIDE_DURATION)

    def lead(self, waypoints: Sequence[Waypoint]) -> GuidePath:
        """Have a guide drag the hand along waypoints from where it is, until the next reset.

        Raises
        ------
        ValueError
            If there is none, or their times do not rise from above 0.
        """
        hand = link_motion(self._client, self._arm, self._hand, np.zeros(3))
        opening = float(self._rest[-1])
        begin = Waypoint(0.0, hand.position, hand.rotation.as_matrix(), opening)
        self._guide = Guide(self._client, self._arm, self._hand, GuidePath((begin, *waypoints)))
        return self._guide.path

    @property
    def state(self) -> ArmState:
        """The arm's joints now."""
        joints = pybullet.getJointStates(self._arm, self._dofs, physicsClientId=self._client)
        positions = np.array([joint[0] for joint in joints])
        velocities = np.array([joint[1] for joint in joints])
        arm = len(JOINT_NAMES)
        return ArmState(
            positions[:arm], velocities[:arm], self._efforts, positions[arm:], velocities[arm:]
        )

    @property
    def scene(self) -> Scene | None:
        """What the arm works on; None where it is alone."""
        return self._scene

    @property
    def succeeded(self) -> bool | None:
        """The scene's own truth about the task, for evaluation only; None where it tells none."""
        return self._scene.succeeded if self._scene else None

    @property
    def truth(self) -> str:
        """What that is told from, in a few words; "" where nothing is."""
        return self._scene.truth if self._scene else ""

    def camera(self, shift: Sequence[float] = (0.0, 0.0, 0.0)) -> Camera:
        """Make the camera that looks at this world over the arm's shoulder.

        Parameters
        ----------
        shift : (3,) way by which it is not where it should be, base frame [m].
        """
        return Camera(self._client, shifted(self._camera_pose, shift))

    @property
    def kinetic_energy(self) -> float:
        """½ q̇ᵀ M(q) q̇ of arm and fingers [J]."""
        joints = pybullet.getJointStates(self._arm, self._dofs, physicsClientId=self._client)
        velocities = np.array([joint[1] for joint in joints])
        mass = np.array(
            pybullet.calculateMassMatrix(
                self._arm, [joint[0] for joint in joints], physicsClientId=self._client
            )
        )
        return float(velocities @ mass @ velocities / 2)

    def close(self) -> None:
        """Free the physics client."""
        if self._client >= 0:
            pybullet.disconnect(physicsClientId=self._client)
            self._client = -1

    def _read_imu_anew(self, rng: np.random.Generator) -> None:
        """Put an IMU where the scene has its mount now, if it has one."""
        mount = self._scene.imu_mount if self._scene else None
        if mount is not None:
            self._imu = Imu(self._client, mount, self._imu_settings, rng)
            self.imu = self._imu.read(AT_REST)

    def _indices(self, names: tuple[str, ...]) -> list[int]:
        """PyBullet's joint indices of names, in their order."""
        count = pybullet.getNumJoints(self._arm, physicsClientId=self._client)
        found = {
            pybullet.getJointInfo(self._arm, index, physicsClientId=self._client)[1].decode(): index
            for index in range(count)
        }
        return [found[name] for name in names]

    def _hand_link(self) -> int:
        """PyBullet's index of the end-effector."""
        count = pybullet.getNumJoints(self._arm, physicsClientId=self._client)
        names = [
            pybullet.getJointInfo(self._arm, index, physicsClientId=self._client)[12].decode()
            for index in range(count)
        ]
        return names.index(FRAME)

    def _remove_bullets_own_damping_and_motors(self) -> None:
        """Leave nothing but the torques of `step` acting on the joints."""
        for link in range(-1, pybullet.getNumJoints(self._arm, physicsClientId=self._client)):
            pybullet.changeDynamics(
                self._arm,
                link,
                linearDamping=0,
                angularDamping=0,
                jointDamping=0,
                physicsClientId=self._client,
            )
        pybullet.setJointMotorControlArray(
            self._arm,
            self._dofs,
            pybullet.VELOCITY_CONTROL,
            forces=[0.0] * len(self._dofs),
            physicsClientId=self._client,
        )
