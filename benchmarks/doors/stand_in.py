"""In place of a pre-trained network's feature points: where handle and hand are, told wrongly."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.spatial.transform import Rotation

from adgps_core.end_effector import POINT_POSITIONS as POINTS
from adgps_core.measurements import FEATURES, GRIPPER
from adgps_core.tasks import Instance
from adgps_core.tasks.doors import CENTRE, pose_of
from adgps_core.typing import Array
from adgps_core.vision.architecture import FIGURE_8
from adgps_sim.door import DoorScene
from adgps_sim.world import World

DOOR_ERROR, HAND_ERROR = 0.0035, 0.02  # [m] a coordinate, for a rollout, and again at each tick
CAMERA_TURNED, CAMERA_MOVED = np.radians(2.0), 0.02  # of a robot, standard deviations [rad], [m]

_ANGLE_ERRORS = np.array([0.05, 0.02])  # [rad]
_POINTS = np.array([[0.0, 0.0, 0.0], [0.0, 0.1, 0.0], [0.0, 0.0, 0.1]])  # [m]
_SPANS = np.repeat([0.04, 0.6, 0.15], [9, 2, 9])
"""What moves the features alike: the handle's points [m], the angles of handle and door [rad], the
hand's points [m]."""


class StandIn:
    """Features of what is true, as a robot's camera and a network that errs would tell."""

    def __init__(self, seed: int) -> None:
        shared = np.random.default_rng(161)
        self._map = 0.2 * shared.standard_normal((FIGURE_8.dim_features, 20)) / _SPANS / 20**0.5
        rng = np.random.default_rng((seed, 7))
        self._turned = Rotation.from_rotvec(CAMERA_TURNED * rng.standard_normal(3))
        self._moved = CAMERA_MOVED * rng.standard_normal(3)
        self._rng = rng
        self._off = np.zeros(18)

    def __call__(
        self, world: World, instance: Instance, tick: int, state: Array
    ) -> Mapping[str, Array]:
        """Measure as the nodes do."""
        errors = np.repeat([DOOR_ERROR, HAND_ERROR], 9)
        if tick == 0:
            self._off = errors * self._rng.standard_normal(18)
        wrong = self._off + errors * self._rng.standard_normal(18)
        position, yaw = pose_of(instance)
        handle = position + Rotation.from_euler("z", yaw).apply(_POINTS)
        scene = world.scene
        assert isinstance(scene, DoorScene)
        angles = [scene.turned, scene.opened] + _ANGLE_ERRORS * self._rng.standard_normal(2)
        seen = (self._seen(handle) + wrong[:9], angles, self._seen(state[POINTS]) + wrong[9:])
        return {FEATURES: self._map @ np.concatenate(seen), GRIPPER: np.array([0.04])}

    def _seen(self, points: Array) -> Array:
        moved: Array = self._turned.apply(points.reshape(3, 3) - CENTRE[:3]) + self._moved
        return moved.ravel()
