"""A drawer with a catch against slamming, as a PyBullet body."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pybullet

from adgps_core.tasks import Instance
from adgps_core.tasks.drawer import FRONT, SHUT
from adgps_sim.guide import GUIDE_DURATION, Waypoint, straight_to_goal
from adgps_sim.imu import ImuMount

_SLIDE = 0
"""PyBullet's index of the drawer's only joint."""

_HALF_EXTENTS = (0.1, 0.3, 0.3)
"""Of the box that the drawer is [m]; the front is large, so that no push goes past it."""

_HELD = 1000.0  # [N], more than the arm can push


@dataclass(frozen=True)
class Mechanics:
    """Mechanics of the drawer.

    Parameters
    ----------
    mass : [kg].
    friction : of the slide, Coulomb [N].
    damping : of the slide, viscous [N·s/m].
    travel : way that it can slide [m].
    catch_speed : speed from which the pawl drops [m/s].
    catch_from, catch_to : where on its way the speed counts [m].
    caught_at : where a dropped pawl stops it [m].
    """

    mass: float = 2.0
    friction: float = 2.0
    damping: float = 60.0
    travel: float = 0.3
    catch_speed: float = 0.17
    catch_from: float = 0.01
    catch_to: float = 0.025
    caught_at: float = 0.06


class DrawerScene:
    """The drawer in front of the arm.

    Parameters
    ----------
    client : number of the physics client.
    mechanics : of the drawer.
    """

    def __init__(self, client: int, mechanics: Mechanics | None = None) -> None:
        self._client = client
        self._mechanics = mechanics or Mechanics()
        self.body = self._build()
        self.caught = False
        self._wanted = np.inf

    @property
    def slid(self) -> float:
        """How far the drawer is pushed in [m]."""
        return self._motion[0]

    @property
    def succeeded(self) -> bool:
        """Whether it is as far in as the instance asks; the simulator's truth, for evaluation."""
        return self.slid >= self._wanted

    @property
    def truth(self) -> str:
        """How far the drawer is pushed in, in words."""
        return f"pushed in by {100 * max(self.slid, 0.0):.1f} cm"

    @property
    def imu_mount(self) -> ImuMount:
        """On the middle of its front, axes as those of the base."""
        return ImuMount(self.body, _SLIDE, position=np.array([-_HALF_EXTENTS[0], 0.0, 0.0]))

    def guide_path(self, instance: Instance) -> tuple[Waypoint, ...]:
        """Straight ahead, slowly enough for the catch."""
        return straight_to_goal(instance, GUIDE_DURATION)

    def reset(self, instance: Instance) -> None:
        """Pull the drawer out; it stands there for every instance alike.

        The body is made anew: the contacts of one that stays would start the solver off
        differently, and a rollout would not repeat bit for bit.
        """
        pybullet.removeBody(self.body, physicsClientId=self._client)
        self.body = self._build()
        self.caught = False
        self._wanted = float(instance.parameters[0] - FRONT[0]) - SHUT

    def step(self) -> None:
        """Let friction act, and the pawl."""
        slid, speed = self._motion
        mechanics = self._mechanics
        if mechanics.catch_from < slid < mechanics.catch_to and speed > mechanics.catch_speed:
            self.caught = True
        stopped = self.caught and slid >= mechanics.caught_at
        pybullet.setJointMotorControl2(
            self.body,
            _SLIDE,
            pybullet.VELOCITY_CONTROL,
            targetVelocity=0.0,
            force=_HELD if stopped else mechanics.friction,
            physicsClientId=self._client,
        )

    @property
    def _motion(self) -> tuple[float, float]:
        """Position [m] and speed [m/s] of the slide."""
        position, speed, *_ = pybullet.getJointState(
            self.body, _SLIDE, physicsClientId=self._client
        )
        return position, speed

    def _build(self) -> int:
        """Add a box that slides along x, its front at `FRONT`."""
        shape = pybullet.createCollisionShape(
            pybullet.GEOM_BOX, halfExtents=_HALF_EXTENTS, physicsClientId=self._client
        )
        centre = FRONT + np.array([_HALF_EXTENTS[0], 0.0, 0.0])
        upright = (0.0, 0.0, 0.0, 1.0)
        body: int = pybullet.createMultiBody(
            baseMass=0.0,
            basePosition=centre.tolist(),
            linkMasses=[self._mechanics.mass],
            linkCollisionShapeIndices=[shape],
            linkVisualShapeIndices=[-1],
            linkPositions=[(0.0, 0.0, 0.0)],
            linkOrientations=[upright],
            linkInertialFramePositions=[(0.0, 0.0, 0.0)],
            linkInertialFrameOrientations=[upright],
            linkParentIndices=[0],
            linkJointTypes=[pybullet.JOINT_PRISMATIC],
            linkJointAxis=[(1.0, 0.0, 0.0)],
            physicsClientId=self._client,
        )
        pybullet.changeDynamics(
            body,
            _SLIDE,
            jointLowerLimit=0.0,
            jointUpperLimit=self._mechanics.travel,
            jointDamping=self._mechanics.damping,
            linearDamping=0.0,
            angularDamping=0.0,
            lateralFriction=0.1,
            physicsClientId=self._client,
        )
        return body
