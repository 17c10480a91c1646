"""How well what a camera saw agrees with a model at a pose."""

from __future__ import annotations

import numpy as np

from adgps_core.typing import Array32
from adgps_robot.pose_search.cloud import scan
from adgps_robot.pose_search.depth_camera import DepthCamera
from adgps_robot.pose_search.registration import Scene

RIM_PIXELS = 2.5
"""How many pixels apart the rims of a model and of a scene may lie."""


def agreement(
    expected: Array32, camera: DepthCamera, scene: Scene, jump: float, tolerance: float
) -> float:
    """Agreement of surfaces times agreement of rims, between 0 and 1.

    Of the model's pixels, those agree where the camera saw the same depth; those where it looked
    through the model count against it, and a quarter of those where something nearer hides it. Of
    the model's rims that nothing hides, those agree that have a rim of the scene beside them: a
    bare wall agrees with a door's surface, but not with its rims.

    Parameters
    ----------
    expected : (height, width) what the camera would see of the model alone [m], 0 beside it.
    camera : its size and intrinsics.
    scene : what it saw.
    jump : surfaces whose depths differ by more are two [m].
    tolerance : largest difference of depths that agree [m].
    """
    depth = scene.depth
    compared = (expected > 0) & (depth > 0)
    nearer = np.where(compared, expected - depth, 0)
    agreeing = np.count_nonzero(compared & (np.abs(nearer) < tolerance))
    hidden = np.count_nonzero(nearer >= tolerance)
    through = np.count_nonzero(nearer <= -tolerance)
    rims = scan(expected, camera, jump).rims.points
    if not agreeing or not len(rims):
        return 0.0
    columns, rows = np.rint(camera.project(rims)).astype(int).T
    seen = depth[rows, columns]
    rims = rims[(seen == 0) | (seen > rims[:, 2] - tolerance)]
    if not len(rims) or not len(scene.rims.points):
        return 0.0
    distances, _ = scene.rim_tree.query(rims)
    near = np.maximum(tolerance, RIM_PIXELS * rims[:, 2] / camera.fx)
    surface = agreeing / (agreeing + through + 0.25 * hidden)
    return float(surface * np.mean(distances < near))
