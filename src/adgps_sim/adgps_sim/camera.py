"""A camera over the arm's shoulder, drawn by PyBullet's own software renderer.

Frames: B base, C the camera's optical frame, x right, y down, z forward (REP-103).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pybullet
from numpy.typing import NDArray

from adgps_core.typing import Array

WIDTH, HEIGHT = 314, 250
"""Of an image, as the vision network takes it [pixels]."""

_UP = (0.0, 0.0, 1.0)


@dataclass(frozen=True)
class CameraPose:
    """Where a camera is, and what is in the middle of its image.

    Parameters
    ----------
    eye, target : in B [m].
    """

    eye: tuple[float, float, float]
    target: tuple[float, float, float]

    def __post_init__(self) -> None:
        """Validate."""
        way = np.subtract(self.target, self.eye)
        if not np.isfinite(way).all() or np.linalg.norm(np.cross(way, _UP)) < 1e-6:
            raise ValueError("a camera looks neither at its own place nor straight up or down")


OVER_SHOULDER = CameraPose(eye=(0.05, -0.62, 1.00), target=(0.60, 0.0, 0.52))
"""To the arm's right, above it: handle, hand and door are in view."""


@dataclass(frozen=True)
class View:
    """One look.

    Parameters
    ----------
    image : (height, width, 3) red, green and blue.
    depth : (height, width) distance along the optical axis [m]; nothing is further than `far`.
    """

    image: NDArray[np.uint8]
    depth: Array


class Camera:
    """Looks at a physics world.

    Parameters
    ----------
    client : number of the physics client.
    pose : where it is.
    field_of_view : vertical [rad].
    near, far : what it can see [m].
    """

    def __init__(
        self,
        client: int,
        pose: CameraPose = OVER_SHOULDER,
        field_of_view: float = 0.65,
        near: float = 0.05,
        far: float = 4.0,
    ) -> None:
        self._client = client
        self._near, self._far = near, far
        self.pose = pose
        self.focal_length = HEIGHT / 2 / np.tan(field_of_view / 2)
        self._projection = pybullet.computeProjectionMatrixFOV(
            np.degrees(field_of_view), WIDTH / HEIGHT, near, far
        )

    @property
    def intrinsics(self) -> Array:
        """K (3, 3) of a pinhole without distortion [pixels]; pixel centres are whole numbers.

        The renderer's optical axis is half a pixel to the right of the image's middle, and half a
        pixel above it.
        """
        return np.array(
            [
                [self.focal_length, 0.0, WIDTH / 2],
                [0.0, self.focal_length, HEIGHT / 2 - 1],
                [0.0, 0.0, 1.0],
            ]
        )

    def project(self, points: Array) -> Array:
        """Pixels (..., 2), column and row, of points (..., 3) in B [m]."""
        forward = np.subtract(self.pose.target, self.pose.eye)
        forward = forward / np.linalg.norm(forward)
        right = np.cross(forward, _UP)
        right /= np.linalg.norm(right)
        rotation_CB = np.stack([right, np.cross(forward, right), forward])
        seen = (points - np.array(self.pose.eye)) @ rotation_CB.T @ self.intrinsics.T
        pixels: Array = seen[..., :2] / seen[..., 2:]
        return pixels

    def look(self) -> View:
        """Draw what is there now."""
        _, _, colours, drawn, _ = pybullet.getCameraImage(
            WIDTH,
            HEIGHT,
            pybullet.computeViewMatrix(self.pose.eye, self.pose.target, _UP),
            self._projection,
            shadow=False,
            lightDirection=(-1.0, -1.0, 2.0),
            flags=pybullet.ER_NO_SEGMENTATION_MASK,
            renderer=pybullet.ER_TINY_RENDERER,
            physicsClientId=self._client,
        )
        image = np.reshape(np.asarray(colours, dtype=np.uint8), (HEIGHT, WIDTH, 4))[..., :3]
        buffer = np.reshape(np.asarray(drawn, dtype=np.float64), (HEIGHT, WIDTH))
        near, far = self._near, self._far
        return View(np.ascontiguousarray(image), near * far / (far - (far - near) * buffer))
