"""A recorded rollout. Shapes: T steps, dX state, dU action, dO observation, dZ measurement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from adgps_core.global_policy import PolicyVersion
from adgps_core.tasks.task import Instance
from adgps_core.typing import Array, frozen


@dataclass(frozen=True)
class Trajectory:
    """One rollout, complete.

    Parameters
    ----------
    instance : the task instance it was run on.
    states : (T+1, dX).
    observations : (T, dO).
    actions_sampled : (T, dU) as drawn from the policy [N·m]; log_probabilities refer to these.
    actions_applied : (T, dU) after limits [N·m]; dynamics are fitted to these.
    log_probabilities : (T,) [nat].
    stamps : (T+1,) since the first state [s].
    lateness : (T,) of each tick against its schedule [s].
    policy_version : version it was sampled with; epoch 0 for a local policy.
    robot, rollout_id, seed, start_ns : where, which, exploration seed, ROS time of states[0] [ns].
    measurements : name to (T, dZ).
    images : T files of pictures, where the vision network learns from them; none otherwise.

    Raises
    ------
    ValueError
        If shapes or counts disagree, a number is not finite, or the stamps do not rise.
    """

    instance: Instance
    states: Array
    observations: Array
    actions_sampled: Array
    actions_applied: Array
    log_probabilities: Array
    stamps: Array
    lateness: Array
    policy_version: PolicyVersion = field(default_factory=PolicyVersion)
    robot: str = ""
    rollout_id: str = ""
    seed: int = 0
    start_ns: int = 0
    measurements: Mapping[str, Array] = field(default_factory=dict)
    images: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        """Validate, and freeze the arrays."""
        for name in ("states", "observations", "actions_sampled"):
            if np.ndim(getattr(self, name)) != 2:
                raise ValueError(f"{name} must have two dimensions")
        horizon, dim_u = np.shape(self.actions_sampled)
        if horizon < 1:
            raise ValueError("a trajectory needs at least one step")
        shapes = {
            "states": (horizon + 1, np.shape(self.states)[1]),
            "observations": (horizon, np.shape(self.observations)[1]),
            "actions_sampled": (horizon, dim_u),
            "actions_applied": (horizon, dim_u),
            "log_probabilities": (horizon,),
            "stamps": (horizon + 1,),
            "lateness": (horizon,),
        }
        for name, shape in shapes.items():
            object.__setattr__(self, name, frozen(getattr(self, name), shape, name))
        if not (np.diff(self.stamps) > 0).all():
            raise ValueError("stamps must rise")
        measurements = {}
        for name, values in self.measurements.items():
            if np.ndim(values) != 2:
                raise ValueError(f"measurement {name} must have two dimensions")
            shape = (horizon, np.shape(values)[1])
            measurements[name] = frozen(values, shape, f"measurement {name}")
        object.__setattr__(self, "measurements", measurements)
        if len(self.images) not in (0, horizon):
            raise ValueError(f"there are {len(self.images)} images of {horizon} steps")

    @property
    def horizon(self) -> int:
        """Number of control ticks T."""
        return int(self.actions_sampled.shape[0])
