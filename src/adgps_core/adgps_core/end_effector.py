"""Where the end-effector is, as the state has it: three points fixed to the end-effector.

Three points fix position and orientation without the trouble of angles (paper, section V-A).

State layout: x = [joint angles (7), joint velocities (7), points (9), point velocities (9)].
"""

from __future__ import annotations

import numpy as np

from adgps_core.typing import Array

FRAME = "panda_grasptarget"
"""Link of the URDF that carries the points."""

POINTS: Array = np.array([[0.0, 0.0, 0.0], [0.1, 0.0, 0.0], [0.0, 0.1, 0.0]])
"""(3, 3) positions p_EP of the three points in the end-effector frame, one a row [m]."""
POINTS.flags.writeable = False

DIM_JOINTS = 7
JOINT_ANGLES = slice(0, 7)
JOINT_VELOCITIES = slice(7, 14)
POINT_POSITIONS = slice(14, 23)
POINT_VELOCITIES = slice(23, 32)
DIM_X = 32


def points_at(position: Array, rotation: Array) -> Array:
    """Base-frame coordinates (9,) of the three points of an end-effector at a pose.

    Parameters
    ----------
    position : (3,) p_BE, of the end-effector's origin in the base frame [m].
    rotation : (3, 3) R_BE, of the end-effector's axes in the base frame.
    """
    points: Array = (position + POINTS @ rotation.T).ravel()
    return points


def pose_of(points: Array) -> tuple[Array, Array]:
    """Position p_BE (3,) and rotation R_BE (3, 3) of the end-effector whose points (9,) these are.

    Raises
    ------
    ValueError
        If the points are those of no pose.
    """
    origin, *others = np.reshape(points, (3, 3))
    x, y = ((other - origin) / np.linalg.norm(POINTS[i + 1]) for i, other in enumerate(others))
    rotation = np.column_stack([x, y, np.cross(x, y)])
    if not np.allclose(rotation.T @ rotation, np.eye(3), atol=1e-6):
        raise ValueError("the points are not those of an end-effector")
    return origin, rotation


def state(angles: Array, velocities: Array, points: Array, point_velocities: Array) -> Array:
    """Join (..., 7), (..., 7), (..., 9) and (..., 9) into states (..., 32)."""
    return np.concatenate([angles, velocities, points, point_velocities], axis=-1)
