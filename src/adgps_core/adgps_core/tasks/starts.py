"""Where a rollout starts: what every robot, simulated or not, makes of a request for a reset."""

from __future__ import annotations

import numpy as np

from adgps_core.tasks.task import Instance, Task
from adgps_core.typing import Array


def start_angles(
    task: Task,
    instance_shape: tuple[int, ...],
    instance: Instance,
    perturbation: float,
    rng: np.random.Generator,
) -> Array:
    """Joint angles (dU,) [rad] that a rollout on an instance starts from.

    Parameters
    ----------
    task : what is practised.
    instance_shape : (dP,) shape of the parameters of the task's instances.
    instance : the one to start; the arm of a reaching task starts in the same pose for all.
    perturbation : standard deviation of the joint angles [rad].
    rng : draws the perturbation.

    Raises
    ------
    ValueError
        If the instance is not one of the task's, or the perturbation [rad] is not a deviation.
    """
    if instance.task != task.name:
        raise ValueError(f"the instance is of task {instance.task!r}, not {task.name!r}")
    shape = instance.parameters.shape
    if shape != instance_shape:
        raise ValueError(f"the instance has parameters {shape}, expected {instance_shape}")
    if not (np.isfinite(perturbation) and perturbation >= 0):
        raise ValueError(f"perturbation must be finite and not negative, got {perturbation}")
    noise = rng.standard_normal(task.dim_u)
    angles: Array = task.start_joint_angles + perturbation * noise
    return angles
