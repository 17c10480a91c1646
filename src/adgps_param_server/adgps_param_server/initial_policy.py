"""The global policy before the first update. No ROS."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adgps_core.global_policy import Architecture, GlobalPolicy, initial_values
from adgps_core.tasks import Task
from adgps_core.vision.features import VisionNetwork


def initial_policy(
    task: Task,
    hidden: Sequence[int],
    action_scale: float,
    log_variance: float,
    rng: np.random.Generator,
    vision: VisionNetwork | None = None,
) -> GlobalPolicy:
    """Draw an untrained policy.

    Parameters
    ----------
    task : sizes and scaling of observations.
    hidden : widths of the hidden layers.
    action_scale : torque that one unit of the network's output is [N·m].
    log_variance : of the actions, in units of action_scale squared.
    rng : draws the parameters.
    vision : pre-trained network that is trained with the policy; None: none is. Then feature points
        come as they are, not from where they rest, and the policy's offset has that in it.

    Raises
    ------
    ValueError
        If a size cannot be, or the task's observations are too short for the vision network.
    """
    architecture = Architecture(
        task.dim_o,
        task.dim_u,
        tuple(hidden),
        action_scale,
        vision=vision.architecture if vision else None,
    )
    offset, scale = task.observation_scaling
    if vision is not None:
        offset = offset.copy()
        offset[: architecture.dim_seen] += np.tile(vision.rest, 2)  # current and first image
    values = initial_values(architecture, rng, log_variance, vision.values if vision else None)
    return GlobalPolicy(architecture, offset, scale, values)
