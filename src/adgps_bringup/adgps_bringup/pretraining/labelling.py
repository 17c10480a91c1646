"""Where a door is, by what the depth camera saw of it: the labels of the object's pose.

Nothing here knows where the door is in truth, nor where the camera stands. What is known is the
shape of the door with each handle, and about how a camera sees it.

Frames: B base, C the camera's optical frame, D the door's.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from adgps_core.end_effector import points_at
from adgps_core.tasks import Instance
from adgps_core.tasks.doors import CENTRE, pose_of
from adgps_core.typing import Array, Array32
from adgps_robot.pose_search.depth_camera import DepthCamera
from adgps_robot.pose_search.mesh import Mesh, box, cylinder, joined
from adgps_robot.pose_search.search import PoseSearch, SearchSettings
from adgps_sim.camera import HEIGHT, OVER_SHOULDER, WIDTH, Camera, CameraPose
from adgps_sim.door.bodies import Solid, solids
from adgps_sim.door.handles import HANDLES

SEARCH = SearchSettings(sampling=0.035, scene_part=3, proposals=6, finalists=1, least_score=0.85)
"""Three times as fast as the defaults, and on these doors as exact."""

_SIDES = 10
"""Of a cylinder: the levers are a few pixels wide."""
_BALL = 0.8
"""Half the edge of the cube that a ball of radius 1 is drawn as; from 1 m it is all the same."""


def door_mesh(handle: int) -> Mesh:
    """Shape of the shut door with a handle, in D."""
    return joined(*(_mesh(solid) for solid in solids(HANDLES[handle])))


def _mesh(solid: Solid) -> Mesh:
    if len(solid.size) == 3:
        x, y, z = solid.size
        mesh = box((x, y, z), (0.0, 0.0, 0.0))
    elif len(solid.size) == 2:
        radius, length = solid.size
        mesh = cylinder(radius, (0.0, 0.0, -length / 2), (0.0, 0.0, length / 2), _SIDES)
    else:
        mesh = box((_BALL * solid.size[0],) * 3, (0.0, 0.0, 0.0))
    R = Rotation.from_quat(solid.turned).as_matrix()
    return Mesh(mesh.vertices @ R.T + solid.position, mesh.faces)


def door_in_camera(pose: CameraPose, door: Array) -> Array:
    """T_CD (4, 4) of a door at x, y, z [m] and yaw [rad] in B, seen by a camera at a pose."""
    T_BD = np.eye(4)
    T_BD[:3, :3] = Rotation.from_euler("z", door[3]).as_matrix()
    T_BD[:3, 3] = door[:3]
    T_CB = np.eye(4)
    T_CB[:3, :3] = pose.rotation
    T_CB[:3, 3] = -pose.rotation @ np.array(pose.eye)
    T_CD: Array = T_CB @ T_BD
    return T_CD


def pose_points(T: Array) -> Array32:
    """Three points (9,) fixed to a body at a pose (4, 4)."""
    return points_at(T[:3, 3], T[:3, :3]).astype(np.float32)


def true_points(pose: CameraPose, instance: Instance) -> Array32:
    """Points (9,) of an instance's door in C, by the simulator's truth: to compare with."""
    position, yaw = pose_of(instance)
    return pose_points(door_in_camera(pose, np.append(position, yaw)))


class DoorFinder:
    """Finds doors in depth images; learns a handle when it is first asked for."""

    def __init__(self) -> None:
        camera = Camera(-1)
        self._camera = DepthCamera.from_matrix(WIDTH, HEIGHT, camera.intrinsics)
        self._typical = door_in_camera(OVER_SHOULDER, CENTRE)
        self._searches: dict[int, PoseSearch] = {}

    def find(self, depth: Array32, handle: int) -> Array32 | None:
        """Points (9,) of a door in C, from what the camera saw (height, width) [m]; None: refused.

        A depth of 0 stands for nothing seen.
        """
        if handle not in self._searches:
            mesh = door_mesh(handle)
            self._searches[handle] = PoseSearch(mesh, self._camera, self._typical, SEARCH)
        found = self._searches[handle].find(depth)
        return None if found is None else pose_points(found.T_CM)
