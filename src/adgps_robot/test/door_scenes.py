"""A door with a handle before PyBullet's camera."""

from __future__ import annotations

import numpy as np
import pybullet
from scipy.spatial.transform import Rotation

from adgps_robot.pose_search.depth_camera import DepthCamera
from adgps_robot.pose_search.mesh import Mesh, box, joined

WIDTH, HEIGHT, NEAR, FAR, FOCAL = 320, 240, 0.1, 3.0, 216.0
# TinyRenderer's optical axis, found by where it draws what is known: a row above the middle.
CAMERA = DepthCamera(WIDTH, HEIGHT, FOCAL, FOCAL, WIDTH / 2, HEIGHT / 2 - 1)
# Half extents and centres [m]; x along the door, y up, z towards who looks at it.
BOXES = [
    ((0.25, 0.35, 0.015), (0.0, 0.0, -0.015)),
    ((0.012, 0.012, 0.03), (0.19, 0.0, 0.03)),
    ((0.06, 0.012, 0.008), (0.145, 0.0, 0.062)),
]
AWAY = [0.0, 0.0, -9.0]


def door() -> Mesh:
    """Panel and handle."""
    return joined(*(box(half_extents, centre) for half_extents, centre in BOXES))


def pose(angles: tuple[float, float, float], position: tuple[float, float, float]) -> np.ndarray:
    """T_CM of a door that faces the camera, turned by angles about x, y, z [deg]."""
    T = np.eye(4)
    turn = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    T[:3, :3] = turn @ np.diag([1.0, -1.0, -1.0])
    T[:3, 3] = position
    return T


def error(found: np.ndarray, true: np.ndarray) -> tuple[float, float]:
    """Distance [mm] and angle [deg] between two poses."""
    difference = np.linalg.inv(true) @ found
    turn = Rotation.from_matrix(difference[:3, :3]).magnitude()
    return 1e3 * float(np.linalg.norm(difference[:3, 3])), float(np.degrees(turn))


class Scene:
    """Doors with and without a handle, a wall, a board and an arm; away unless placed."""

    def __init__(self) -> None:
        self._client = pybullet.connect(pybullet.DIRECT)
        self.door = self._body(BOXES)
        self.wall = self._body([((2.0, 2.0, 0.01), (0.0, 0.0, 0.0))])
        self.board = self._body([((0.2, 0.3, 0.01), (0.0, 0.0, 0.0))])
        self.blank = self._body(BOXES[:1])
        self.arm = self._body([((0.05, 0.4, 0.05), (0.0, 0.0, 0.0))])

    def close(self) -> None:
        """Leave the world."""
        pybullet.disconnect(self._client)

    def depth(self, places: dict[int, np.ndarray], rng: np.random.Generator) -> np.ndarray:
        """Depth image with bodies at poses T_CM, with noise of 2 mm and a pixel in 20 missing."""
        for body in (self.door, self.blank, self.wall, self.board, self.arm):
            T = places.get(body)
            position = AWAY if T is None else T[:3, 3]
            turn = np.eye(3) if T is None else T[:3, :3]
            quaternion = Rotation.from_matrix(turn).as_quat()
            pybullet.resetBasePositionAndOrientation(
                body, position, quaternion, physicsClientId=self._client
            )
        view = np.diag([1.0, -1.0, -1.0, 1.0]).ravel().tolist()  # OpenGL looks along -z, y up
        angle = np.degrees(2 * np.arctan(HEIGHT / 2 / FOCAL))
        projection = pybullet.computeProjectionMatrixFOV(angle, WIDTH / HEIGHT, NEAR, FAR)
        buffer = pybullet.getCameraImage(
            WIDTH,
            HEIGHT,
            view,
            projection,
            renderer=pybullet.ER_TINY_RENDERER,
            physicsClientId=self._client,
        )[3]
        buffer = np.reshape(buffer, (HEIGHT, WIDTH))
        depth = FAR * NEAR / (FAR - (FAR - NEAR) * buffer) + rng.normal(0, 0.002, buffer.shape)
        depth[(buffer > 0.9999) | (rng.random(buffer.shape) < 0.05)] = 0.0
        return depth.astype(np.float32)

    def _body(self, boxes: list[tuple[tuple[float, ...], tuple[float, ...]]]) -> int:
        shape = pybullet.createVisualShapeArray(
            shapeTypes=[pybullet.GEOM_BOX] * len(boxes),
            halfExtents=[half_extents for half_extents, _ in boxes],
            visualFramePositions=[centre for _, centre in boxes],
            physicsClientId=self._client,
        )
        return pybullet.createMultiBody(0, -1, shape, AWAY, physicsClientId=self._client)
