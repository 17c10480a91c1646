"""A camera over the arm's shoulder, and what it sees.

Frames: B base, C the camera's optical frame, x right, y down, z forward (REP-103).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from adgps_core.typing import Array
from adgps_sim.drawing.scenery import Scenery

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

    @property
    def rotation(self) -> Array:
        """R_CB (3, 3), which turns what is in B's axes into those of C."""
        forward = np.subtract(self.target, self.eye)
        forward = forward / np.linalg.norm(forward)
        right = np.cross(forward, _UP)
        right /= np.linalg.norm(right)
        return np.stack([right, np.cross(forward, right), forward])


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

    Raises
    ------
    RuntimeError
        If this OpenCV cannot draw: version 4 does not.
    """

    def __init__(
        self,
        client: int,
        pose: CameraPose = OVER_SHOULDER,
        field_of_view: float = 0.65,
        near: float = 0.05,
        far: float = 4.0,
    ) -> None:
        if not hasattr(cv2, "triangleRasterize"):
            raise RuntimeError(
                f"OpenCV {cv2.__version__} cannot draw a camera's image:"
                " pip install opencv-contrib-python-headless"
            )
        self._scenery = Scenery(client)
        self._near, self._far = near, far
        self._field_of_view = field_of_view
        self.pose = pose
        self.focal_length = HEIGHT / 2 / np.tan(field_of_view / 2)

    @property
    def intrinsics(self) -> Array:
        """K (3, 3) of a pinhole without distortion [pixels]; pixel centres are whole numbers."""
        return np.array(
            [
                [self.focal_length, 0.0, (WIDTH - 1) / 2],
                [0.0, self.focal_length, (HEIGHT - 1) / 2],
                [0.0, 0.0, 1.0],
            ]
        )

    def project(self, points: Array) -> Array:
        """Pixels (..., 2), column and row, of points (..., 3) in B [m]."""
        return self.pixels(self._in_camera(points))

    def pixels(self, points: Array) -> Array:
        """Pixels (..., 2), column and row, of points (..., 3) in C [m]."""
        seen = points @ self.intrinsics.T
        pixels: Array = seen[..., :2] / seen[..., 2:]
        return pixels

    def sees(self, points: Array, edge: float = 0.0) -> bool:
        """Whether all points (..., 3) in B [m] lie in the image, `edge` pixels or more inside."""
        seen = self._in_camera(points)
        centre = np.array([WIDTH - 1, HEIGHT - 1]) / 2
        inside = np.abs(self.pixels(seen) - centre) < centre - edge
        return bool((seen[..., 2] > 0).all() and inside.all())

    def look(self) -> View:
        """Draw what is there now."""
        image = np.ones((HEIGHT, WIDTH, 3), np.float32)
        depth = np.full((HEIGHT, WIDTH), self._far, np.float32)
        vertices, colours = self._scenery.corners()
        if len(vertices):
            cv2.triangleRasterize(
                vertices,
                self._scenery.faces,
                colours,
                image,
                depth,
                self._transform,
                self._field_of_view,
                self._near,
                self._far,
            )
        return View(np.rint(255 * image).astype(np.uint8), depth.astype(np.float64))

    def _in_camera(self, points: Array) -> Array:
        """Points (..., 3) in C [m] of those in B."""
        moved: Array = (points - np.array(self.pose.eye)) @ self.pose.rotation.T
        return moved

    @property
    def _transform(self) -> Array:
        """T (4, 4) from B to what OpenCV draws in: x right, y up, z backward."""
        transform = np.eye(4)
        transform[:3, :3] = self.pose.rotation * [[1], [-1], [-1]]
        transform[:3, 3] = -transform[:3, :3] @ self.pose.eye
        return transform
