"""How a link of a PyBullet body moves. W is the world's frame, L the link's (that of its URDF)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pybullet
from scipy.spatial.transform import Rotation

from adgps_core.typing import Array


@dataclass(frozen=True)
class LinkMotion:
    """Motion of a point that is fixed to a link.

    Parameters
    ----------
    position, velocity : (3,) of the point in W [m], [m/s].
    rotation : R_WL.
    spin : (3,) angular velocity in W [rad/s].
    """

    position: Array
    velocity: Array
    rotation: Rotation
    spin: Array


def link_motion(client: int, body: int, link: int, point: Array) -> LinkMotion:
    """How a point (3,) in L [m] moves now; link -1 is the base.

    PyBullet's velocities are those of the link's centre of mass.
    """
    if link < 0:
        centre, turned = pybullet.getBasePositionAndOrientation(body, physicsClientId=client)
        velocity, spin = pybullet.getBaseVelocity(body, physicsClientId=client)
        dynamics = pybullet.getDynamicsInfo(body, link, physicsClientId=client)
        inertial = pybullet.invertTransform(dynamics[3], dynamics[4])
        origin, orientation = pybullet.multiplyTransforms(centre, turned, *inertial)
    else:
        centre, _, _, _, origin, orientation, velocity, spin = pybullet.getLinkState(
            body,
            link,
            computeLinkVelocity=True,
            computeForwardKinematics=True,
            physicsClientId=client,
        )
    rotation = Rotation.from_quat(orientation)
    position = np.array(origin) + rotation.as_matrix() @ point
    return LinkMotion(
        position,
        np.array(velocity) + np.cross(spin, position - np.array(centre)),
        rotation,
        np.array(spin),
    )
