"""Fit a model's cloud to a scene's: iterated closest points, with rims.

Surfaces are drawn together along their normals, rims along the direction that leads beyond them.
On a flat thing normals alone leave it free to slide, where OpenCV's own ICP, which knows nothing
but normals, slides away without end; here rims hold it, and what nothing holds is damped.

Shapes: N points.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation

from adgps_core.typing import Array, Array32
from adgps_robot.pose_search.cloud import Cloud

DAMPING = 1e-3
"""Part of the stiffest direction's weight that is added to all directions."""
ALIGNED = 0.5
"""Least scalar product of the directions of two points that may correspond."""


@dataclass(frozen=True)
class Scene:
    """What a camera saw, ready to be searched.

    Parameters
    ----------
    depth : (height, width) the image [m], 0 where nothing was seen.
    cloud : its points, in the camera's frame.
    """

    depth: Array32
    cloud: Cloud

    @cached_property
    def rims(self) -> Cloud:
        """The points at rims."""
        return self.cloud.rims

    @cached_property
    def surface_tree(self) -> KDTree:
        """Finds the nearest point."""
        return KDTree(self.cloud.points)

    @cached_property
    def rim_tree(self) -> KDTree:
        """Finds the nearest point at a rim."""
        return KDTree(self.rims.points)


def refine(model: Cloud, scene: Scene, T: Array, reaches: Array) -> Array:
    """Improve a pose.

    Parameters
    ----------
    model : the model's cloud in its own frame.
    scene : what it is to be found in.
    T : (4, 4) pose to begin with, model to camera.
    reaches : (n,) for each iteration, how far apart corresponding points may be [m].

    Returns
    -------
    (4, 4) the improved pose; the one given, if nothing corresponds.
    """
    for reach in reaches:
        T = _step(_correspondences(model.moved(T), scene, float(reach)), T)
    return T


def nearness(model: Cloud, scene: Scene, T: Array, reach: float) -> float:
    """What part of a model's surface, and of its rims, has something alike within reach; 0 to 2.

    Parameters
    ----------
    model, scene, T : as in `refine`.
    reach : how far apart corresponding points may be [m].
    """
    moved = model.moved(T)
    counts = [len(gaps) for _, gaps in _correspondences(moved, scene, reach)]
    sizes = len(moved.points), len(moved.rims.points)
    return sum(count / max(1, size) for count, size in zip(counts, sizes, strict=True))


def _correspondences(moved: Cloud, scene: Scene, reach: float) -> list[tuple[Array, Array]]:
    """Equations of the surface, and of the rims."""
    seen, rims = scene.cloud, moved.rims
    return [
        _equations(moved.points, moved.normals, scene.surface_tree, seen.normals, reach),
        _equations(rims.points, rims.outward, scene.rim_tree, scene.rims.outward, reach),
    ]


def _equations(
    points: Array32, directions: Array32, tree: KDTree, wanted: Array32, reach: float
) -> tuple[Array, Array]:
    """Linear equations (n, 6), (n,) that draw points to the nearest ones along their directions."""
    if not len(points) or not len(wanted):
        return np.empty((0, 6)), np.empty(0)
    distances, nearest = (
        np.asarray(found) for found in tree.query(points, distance_upper_bound=reach)
    )
    found = np.flatnonzero(np.isfinite(distances))
    along = wanted[nearest[found]].astype(np.float64)
    aligned = (along * directions[found]).sum(axis=1) > ALIGNED
    along, found = along[aligned], found[aligned]
    begins = points[found].astype(np.float64)
    ends = np.asarray(tree.data)[nearest[found]]
    # None of its weight at the end of its reach: what is so far is likely something else.
    weights = np.sqrt(1 - np.square(distances[found] / reach))
    jacobian = np.hstack([np.cross(begins, along), along])
    return jacobian * weights[:, None], (along * (ends - begins)).sum(axis=1) * weights


def _step(rows: list[tuple[Array, Array]], T: Array) -> Array:
    """One damped step of Gauss and Newton; surfaces and rims weigh the same, however many."""
    centre = T[:3, 3]
    H, g = np.zeros((6, 6)), np.zeros(6)
    for jacobian, gaps in rows:
        if len(gaps):
            about = jacobian.copy()
            about[:, :3] -= np.cross(
                centre, jacobian[:, 3:]
            )  # turn about the model, not the camera
            H += about.T @ about / len(gaps)
            g += about.T @ gaps / len(gaps)
    if not H.any():
        return T
    scale = np.array(
        [1.0, 1.0, 1.0, 0.1, 0.1, 0.1]
    )  # a turn of a radian moves points by about 0.1 m
    H = H * np.outer(scale, scale)
    turn = scale * np.linalg.solve(H + DAMPING * np.trace(H) * np.eye(6), g * scale)
    improved = np.eye(4)
    R = Rotation.from_rotvec(turn[:3]).as_matrix()
    improved[:3, :3] = R @ T[:3, :3]
    improved[:3, 3] = centre + turn[3:]
    return improved
