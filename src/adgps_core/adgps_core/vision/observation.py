"""What the global policy of a vision task sees (paper, section V-B)."""

from __future__ import annotations

import numpy as np

from adgps_core.end_effector import DIM_X
from adgps_core.typing import Array
from adgps_core.vision.architecture import VisionArchitecture

DIM_ROBOT = DIM_X + 1
"""Length of the robot's own part: the state, and how far the gripper is open."""


def dim_visual_observation(architecture: VisionArchitecture) -> int:
    """Length of an observation; 161 with the network of figure 8."""
    return 2 * architecture.dim_features + DIM_ROBOT


def visual_observation(
    features: Array, first_features: Array, state: Array, opening: Array
) -> Array:
    """Join features and the robot's state.

    Parameters
    ----------
    features : (..., dF) feature points of the current image.
    first_features : (..., dF) of the image at the rollout's start, when the arm hides nothing yet.
    state : (..., 32) joint angles, joint velocities, points, point velocities.
    opening : (...,) distance between the gripper's fingers [m].

    Returns
    -------
    (..., 2 dF + 33)
    """
    parts = [features, first_features, state, np.asarray(opening)[..., None]]
    leading = np.broadcast_shapes(*(part.shape[:-1] for part in parts))
    return np.concatenate(
        [np.broadcast_to(part, (*leading, part.shape[-1])) for part in parts], axis=-1
    )
