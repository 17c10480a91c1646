"""What follows from an arm's description and its joints, by pinocchio: points, and torques.

Everything comes from the URDF, nothing from a simulator: the same code runs on a real arm.
Notation: B base frame, E end-effector frame, P a point fixed to E.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pinocchio as pin

from adgps_core import end_effector as ee
from adgps_core.typing import Array


class Kinematics:
    """State of an arm from its joints.

    Parameters
    ----------
    urdf : path of the robot's description; meshes are not read.
    joint_names : the arm's joints, in the order of the state. All others stay at their neutral
        position (fingers do not move the end-effector frame).
    frame : link that carries the end-effector points.

    Raises
    ------
    ValueError
        If the file, a joint or the frame cannot be found, or the joints are not seven with one
        angle each.
    """

    def __init__(self, urdf: str | Path, joint_names: Sequence[str], frame: str = ee.FRAME) -> None:
        if len(joint_names) != ee.DIM_JOINTS:
            raise ValueError(f"the state has {ee.DIM_JOINTS} joints, {len(joint_names)} are named")
        if not Path(urdf).is_file():
            raise ValueError(f"no URDF at {str(urdf)!r}")
        whole = pin.buildModelFromUrdf(str(urdf))
        missing = [name for name in joint_names if not whole.existJointName(name)]
        if missing or not whole.existFrame(frame):
            raise ValueError(f"the URDF has no {', '.join(missing) or frame}")
        others = [
            index for index, name in enumerate(whole.names) if index > 0 and name not in joint_names
        ]
        self._model = pin.buildReducedModel(whole, others, pin.neutral(whole))
        if self._model.nq != len(joint_names):
            raise ValueError("only joints with one angle each are supported")
        self._model.gravity = pin.Motion.Zero()  # the arm compensates it itself
        self._data = self._model.createData()
        self._frame = self._model.getFrameId(frame)
        self._order = np.array(
            [self._model.joints[self._model.getJointId(name)].idx_q for name in joint_names]
        )
        self._angles = np.zeros(self._model.nq)
        self._velocities = np.zeros(self._model.nv)

    @property
    def position_limits(self) -> tuple[Array, Array]:
        """Lowest and highest joint angles, (dU,) each [rad]."""
        model = self._model
        return (
            model.lowerPositionLimit[self._order].copy(),
            model.upperPositionLimit[self._order].copy(),
        )

    @property
    def velocity_limits(self) -> Array:
        """Highest joint speeds (dU,) [rad/s]."""
        return np.array(self._model.velocityLimit[self._order])

    @property
    def effort_limits(self) -> Array:
        """Largest torques (dU,) [N·m]."""
        return np.array(self._model.effortLimit[self._order])

    def state(self, angles: Array, velocities: Array) -> Array:
        """State (dX,) of joint angles (7,) [rad] and velocities (7,) [rad/s].

        The points' velocities are v_BE + ω_BE x (R_BE p_EP), base frame.
        """
        self._angles[self._order] = angles
        self._velocities[self._order] = velocities
        pin.forwardKinematics(self._model, self._data, self._angles, self._velocities)
        pose = pin.updateFramePlacement(self._model, self._data, self._frame)
        twist = pin.getFrameVelocity(
            self._model, self._data, self._frame, pin.LOCAL_WORLD_ALIGNED
        ).vector
        arms = ee.POINTS @ pose.rotation.T  # p_EP in base axes
        x, y, z = twist[3:]
        skew = np.array([[0.0, z, -y], [-z, 0.0, x], [y, -x, 0.0]])  # arms @ skew = ω x arms
        state = np.empty(ee.DIM_X)
        state[ee.JOINT_ANGLES] = angles
        state[ee.JOINT_VELOCITIES] = velocities
        state[ee.POINT_POSITIONS] = (pose.translation + arms).ravel()
        state[ee.POINT_VELOCITIES] = (twist[:3] + arms @ skew).ravel()
        return state

    def inverse_dynamics(self, angles: Array, velocities: Array, accelerations: Array) -> Array:
        """Torques (7,) [N·m], above gravity compensation, of a motion of the free arm.

            u = M(q) q̈ + C(q, q̇) q̇

        Friction and contact are not in it.

        Parameters
        ----------
        angles, velocities, accelerations : (7,) [rad], [rad/s], [rad/s²].
        """
        arranged = np.empty((3, self._model.nq))
        arranged[:, self._order] = angles, velocities, accelerations
        torques: Array = pin.rnea(self._model, self._data, *arranged)[self._order]
        return torques
