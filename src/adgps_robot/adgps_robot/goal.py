"""What a rollout is asked to do, checked against the task before anything moves."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from adgps_core.global_policy import PolicyVersion
from adgps_core.policies import LinearGaussianPolicy
from adgps_core.tasks import Instance, Task

MAX_HORIZON = 10_000


@dataclass(frozen=True)
class Goal:
    """One rollout, as asked for.

    Parameters
    ----------
    instance : the task instance.
    horizon : control ticks T.
    seed : of the exploration noise.
    noise_scale : factor on the exploration noise; 0 runs the policy's mean.
    policy : the local policy to run; None: the global one.
    minimum_version : oldest acceptable version of the global policy.
    exact_version : only that version will do, so that several rollouts sample one policy.
    start_after_ns : begin with the first state at or after this stamp [ns].
    rollout_id : name given by whoever asks.
    """

    instance: Instance
    horizon: int
    seed: int = 0
    noise_scale: float = 1.0
    policy: LinearGaussianPolicy | None = None
    minimum_version: PolicyVersion = field(default_factory=PolicyVersion)
    exact_version: bool = False
    start_after_ns: int = 0
    rollout_id: str = ""

    def check(self, task: Task, instance_shape: tuple[int, ...]) -> None:
        """Raise ValueError with the reason if the goal does not fit the task.

        Parameters
        ----------
        task : what is practised.
        instance_shape : (dP,) shape of the parameters of the task's instances.
        """
        if not 1 <= self.horizon <= MAX_HORIZON:
            raise ValueError(f"horizon must be from 1 to {MAX_HORIZON}, got {self.horizon}")
        if not (np.isfinite(self.noise_scale) and self.noise_scale >= 0):
            raise ValueError(f"noise_scale must be finite and not negative: {self.noise_scale}")
        if self.instance.task != task.name:
            raise ValueError(f"the instance is of task {self.instance.task!r}, not {task.name!r}")
        shape = self.instance.parameters.shape
        if shape != instance_shape:
            raise ValueError(f"the instance has parameters {shape}, expected {instance_shape}")
        if self.policy is not None:
            gains = (self.horizon, task.dim_u, task.dim_x)
            if self.policy.K.shape != gains:
                raise ValueError(f"the policy has K {self.policy.K.shape}, expected {gains}")
