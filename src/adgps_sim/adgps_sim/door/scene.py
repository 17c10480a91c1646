"""A hinged door with a latch and a lever handle: its mechanics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pybullet

from adgps_core.tasks import Instance
from adgps_core.tasks.door import OPEN
from adgps_core.tasks.doors import handle_of, pose_of
from adgps_sim.door.bodies import DOOR, HANDLE, IMU_POSITION, build
from adgps_sim.door.demonstration import way
from adgps_sim.door.handles import HANDLES, Handle
from adgps_sim.guide import Waypoint
from adgps_sim.imu import ImuMount

_LATCHED = 1000.0  # [N·m], more than the arm can pull
_PLAY = 0.01  # [rad] to either side of rest in which the preload builds up


@dataclass(frozen=True)
class Mechanics:
    """Mechanics of the hinge and the latch; those of the handle are the handle's.

    Parameters
    ----------
    stiffness : of the spring that shuts the door [N·m/rad].
    damping : viscous, of the hinge [N·m·s/rad].
    friction : Coulomb, of the hinge [N·m].
    travel : angle to which the door opens [rad].
    bolt : angle up to which the bolt catches, if the handle is not turned [rad].
    grip : coefficient of friction between lever and fingers.
    """

    stiffness: float = 0.6
    damping: float = 0.8
    friction: float = 0.3
    travel: float = 1.3
    bolt: float = 0.01
    grip: float = 0.4


class DoorScene:
    """The door in front of the arm.

    Parameters
    ----------
    client : number of the physics client.
    mechanics : of the door.
    """

    def __init__(self, client: int, mechanics: Mechanics | None = None) -> None:
        self._client = client
        self._mechanics = mechanics or Mechanics()
        self._handle: Handle = HANDLES[0]
        self.body = -1

    @property
    def handle(self) -> Handle:
        """The handle that the door has now."""
        return self._handle

    @property
    def opened(self) -> float:
        """How far the door is open [rad]."""
        return self._motion(DOOR)[0]

    @property
    def turned(self) -> float:
        """How far the handle is turned [rad]."""
        return self._motion(HANDLE)[0]

    @property
    def latched(self) -> bool:
        """Whether the latch holds the door."""
        return self.turned < self._handle.release and self.opened < self._mechanics.bolt

    @property
    def succeeded(self) -> bool:
        """Whether the door is open far enough; the simulator's truth, for evaluation only."""
        return self.opened > OPEN

    @property
    def truth(self) -> str:
        """How far the door is open, in words."""
        return f"hinge at {max(self.opened, 0.0):.2f} rad"

    @property
    def imu_mount(self) -> ImuMount | None:
        """On the reverse side of the door, on the handle's spindle; none before the first reset."""
        if self.body < 0:
            return None
        return ImuMount(self.body, HANDLE, position=np.array(IMU_POSITION))

    def guide_path(self, instance: Instance) -> tuple[Waypoint, ...]:
        """Take the lever, turn it down, pull."""
        return way(instance)

    def reset(self, instance: Instance) -> None:
        """Hang the instance's door where it belongs, shut.

        The body is made anew: the contacts of one that stays would start the solver off
        differently, and a rollout would not repeat bit for bit.
        """
        if self.body >= 0:
            pybullet.removeBody(self.body, physicsClientId=self._client)
        self._handle = HANDLES[handle_of(instance)]
        position, yaw = pose_of(instance)
        self.body = build(self._client, self._handle, tuple(position.tolist()), yaw)
        self._set_dynamics()

    def step(self) -> None:
        """Let springs, friction and the latch act."""
        mechanics, handle = self._mechanics, self._handle
        opened, turned = self._motion(DOOR)[0], self._motion(HANDLE)[0]
        friction = _LATCHED if self.latched else mechanics.friction
        self._act(DOOR, -mechanics.stiffness * opened, friction)
        preload = handle.preload * min(max(turned / _PLAY, -1.0), 1.0)
        self._act(HANDLE, -preload - handle.stiffness * turned, handle.friction)

    def _act(self, joint: int, torque: float, friction: float) -> None:
        """Give a joint a torque [N·m] and a Coulomb friction [N·m]."""
        pybullet.setJointMotorControl2(
            self.body,
            joint,
            pybullet.VELOCITY_CONTROL,
            targetVelocity=0.0,
            force=friction,
            physicsClientId=self._client,
        )
        pybullet.setJointMotorControl2(
            self.body,
            joint,
            pybullet.TORQUE_CONTROL,
            force=torque,
            physicsClientId=self._client,
        )

    def _motion(self, joint: int) -> tuple[float, float]:
        """Angle [rad] and speed [rad/s] of a joint."""
        position, speed, *_ = pybullet.getJointState(self.body, joint, physicsClientId=self._client)
        return position, speed

    def _set_dynamics(self) -> None:
        """Set what Bullet itself sees to: limits, viscous damping, friction of contacts."""
        mechanics, handle = self._mechanics, self._handle
        for link in range(-1, pybullet.getNumJoints(self.body, physicsClientId=self._client)):
            pybullet.changeDynamics(
                self.body,
                link,
                linearDamping=0.0,
                angularDamping=0.0,
                jointDamping=0.0,
                lateralFriction=mechanics.grip,
                physicsClientId=self._client,
            )
        for joint, damping, travel in (
            (DOOR, mechanics.damping, mechanics.travel),
            (HANDLE, handle.damping, handle.travel),
        ):
            pybullet.changeDynamics(
                self.body,
                joint,
                jointLowerLimit=0.0,
                jointUpperLimit=travel,
                jointDamping=damping,
                physicsClientId=self._client,
            )
