"""One robot with its own camera, before doors: images, depth, and where the end-effector is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adgps_core.end_effector import POINT_POSITIONS
from adgps_core.tasks import Instance
from adgps_core.typing import Array, Array32
from adgps_robot.kinematics import Kinematics
from adgps_sim.camera import Camera
from adgps_sim.scene import scene_builder
from adgps_sim.variation import variation_of
from adgps_sim.world import JOINT_NAMES, URDF, World

VARIATION = 1.0
"""Robots differ as much as they do in training."""
DEPTH_NOISE = 0.002
"""Of a depth camera, standard deviation [m]."""
DEPTH_RANGE = 3.5
"""What is farther away a depth camera does not see [m]."""


@dataclass(frozen=True)
class Shot:
    """An image.

    Parameters
    ----------
    image : (height, width, 3) RGB.
    depth : (height, width) with noise [m], 0 where nothing was seen.
    """

    image: NDArray[np.uint8]
    depth: Array32


def shoot(camera: Camera, rng: np.random.Generator) -> Shot:
    """Look through a camera; rng draws the noise of the depth."""
    view = camera.look()
    noisy = view.depth + rng.normal(0.0, DEPTH_NOISE, view.depth.shape)
    return Shot(view.image, np.where(view.depth < DEPTH_RANGE, noisy, 0.0).astype(np.float32))


class Studio:
    """An arm that stands still in front of a door.

    Parameters
    ----------
    task : name of the task.
    seed : of the robot, which its arm and its camera follow from.
    """

    def __init__(self, task: str, seed: int) -> None:
        self.world = World(scene=scene_builder(task), variation=variation_of(seed, VARIATION))
        self.camera = self.world.camera()
        self._typical = Camera(-1)
        self._kinematics = Kinematics(URDF, JOINT_NAMES)

    def arrange(self, angles: Array, instance: Instance) -> Array32:
        """Put arm and door somewhere; the end-effector's points (9,) in the base frame [m]."""
        self.world.reset(angles, instance)
        state = self._kinematics.state(angles, np.zeros_like(angles))
        return state[POINT_POSITIONS].astype(np.float32)

    def in_view(self, points: Array32, edge: int) -> bool:
        """Whether a typical camera sees points (9,) in B [m], `edge` pixels or more inside."""
        return self._typical.sees(points.reshape(3, 3).astype(float), edge)

    def close(self) -> None:
        """Free the physics."""
        self.world.close()
