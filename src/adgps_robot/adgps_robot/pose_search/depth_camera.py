"""A depth camera: what it sees as points, and what it would see of a mesh.

Frames: C is the camera's optical frame (REP-103: x right, y down, z forward), M that of a model.
Poses T_CM are (4, 4), and take a point from M to C. A depth image holds z in metres, 0 where the
camera saw nothing. Pixel (0, 0) is the centre of the first one, as in sensor_msgs/CameraInfo.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adgps_core.typing import Array, Array32
from adgps_robot.pose_search.mesh import Mesh

NEAREST = 0.01
"""Triangles that come nearer to the camera than this are not drawn [m]."""


@dataclass(frozen=True)
class DepthCamera:
    """Size and intrinsics of a pinhole camera without distortion.

    Parameters
    ----------
    width, height : of its images [pixel].
    fx, fy : focal lengths [pixel].
    cx, cy : where the optical axis meets the image [pixel].

    Raises
    ------
    ValueError
        If a size or focal length is not positive.
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        sound = min(self.width, self.height) >= 1 and self.fx > 0 and self.fy > 0
        if not sound or not np.isfinite([self.fx, self.fy, self.cx, self.cy]).all():
            raise ValueError(f"no such camera can be: {self}")

    @staticmethod
    def from_matrix(width: int, height: int, K: Array) -> DepthCamera:
        """Make a camera of its intrinsic matrix (3, 3) [pixel]."""
        return DepthCamera(width, height, K[0, 0], K[1, 1], K[0, 2], K[1, 2])

    @property
    def rays(self) -> tuple[Array32, Array32]:
        """X / z (width,) and y / z (height,) of the pixels."""
        x = (np.arange(self.width) - self.cx) / self.fx
        y = (np.arange(self.height) - self.cy) / self.fy
        return x.astype(np.float32), y.astype(np.float32)

    def points(self, depth: Array32) -> Array32:
        """Points (height, width, 3) in C of a depth image (height, width) [m]."""
        x, y = self.rays
        return np.stack([depth * x, depth * y[:, None], depth], axis=-1)

    def project(self, points: Array | Array32) -> Array:
        """Pixels (N, 2), column and row, of points (N, 3) in C with z > 0."""
        scaled = points[:, :2].astype(np.float64) / points[:, 2:]
        pixels: Array = scaled * [self.fx, self.fy] + [self.cx, self.cy]
        return pixels

    def render(self, mesh: Mesh, T_CM: Array) -> Array32:
        """Depth image (height, width) of a mesh at a pose [m]; 0 beside it.

        Along a triangle 1 / z is linear in the image, and so is each vertex's share.
        """
        corners = (mesh.vertices @ T_CM[:3, :3].T + T_CM[:3, 3])[mesh.faces]  # (F, 3, 3)
        corners = corners[(corners[..., 2] > NEAREST).all(axis=1)]
        pixels = self.project(corners.reshape(-1, 3)).reshape(-1, 3, 2)
        nearness = np.zeros((self.height, self.width), np.float32)  # 1 / z
        for triangle, inverse in zip(pixels, 1 / corners[..., 2], strict=True):
            self._draw(nearness, triangle, inverse)
        with np.errstate(divide="ignore"):
            return np.where(nearness > 0, 1 / nearness, 0).astype(np.float32)

    def _draw(self, nearness: Array32, triangle: Array, inverse: Array) -> None:
        """Draw a triangle (3, 2) [pixel] with 1 / z of its corners (3,) where it is nearest."""
        lower = np.maximum(np.ceil(triangle.min(axis=0)), 0).astype(int)
        upper = np.minimum(np.floor(triangle.max(axis=0)), [self.width - 1, self.height - 1])
        edges = np.vstack([triangle.T, np.ones(3)])
        if (upper < lower).any() or abs(np.linalg.det(edges)) < 1e-9:
            return  # beside the image, or seen from its side
        columns, rows = (
            np.arange(first, last + 1) for first, last in zip(lower, upper.astype(int), strict=True)
        )
        shares = np.linalg.inv(edges)  # of each vertex, linear in (column, row, 1)
        per_row = rows[:, None] * shares[:, 1, None, None] + shares[:, 2, None, None]
        share = columns * shares[:, 0, None, None] + per_row  # (3, rows, columns)
        drawn = np.tensordot(inverse, share, 1)
        drawn[(share < -1e-9).any(axis=0)] = 0
        part = nearness[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        np.maximum(part, drawn, out=part, casting="same_kind")
