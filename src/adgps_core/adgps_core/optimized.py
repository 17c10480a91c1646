"""What one local iteration leaves behind for the global policy to learn from.

Shapes: N rollouts, T steps, dX state, dU action.
"""

from __future__ import annotations

from dataclasses import dataclass

from adgps_core.phases import METHODS
from adgps_core.policies import LinearGaussianPolicy
from adgps_core.tasks.task import Instance
from adgps_core.trajectory import Trajectory
from adgps_core.typing import Array, frozen


@dataclass(frozen=True)
class OptimizedTrajectories:
    """The samples of one iteration on one instance, and what was learned from them.

    Parameters
    ----------
    worker : name of the local worker.
    iteration : 1, 2, ... of this instance.
    method : "badmm" or "mdgps".
    instance : the task instance.
    samples : N trajectories of T steps.
    policy : the optimised local policy: the labels.
    sampling_policy : the policy that drew the samples.
    multipliers : λ_t, (T, dU) [cost per N·m]; zero under "mdgps", which has none.
    kl_weights : ν_t, (T,).
    round : which alternation of synchronous training.
    condition : id of the training instance that this one stands for, where instances are drawn
        anew in every iteration; empty: the instance's own.

    Raises
    ------
    ValueError
        If horizons or dimensions disagree, or a number is not finite.
    """

    worker: str
    iteration: int
    method: str
    instance: Instance
    samples: tuple[Trajectory, ...]
    policy: LinearGaussianPolicy
    sampling_policy: LinearGaussianPolicy
    multipliers: Array
    kl_weights: Array
    round: int = 0
    condition: str = ""

    def __post_init__(self) -> None:
        """Validate, and freeze the arrays."""
        horizon, dim_u = self.policy.k.shape
        if self.method not in METHODS:
            raise ValueError(f"unknown method {self.method!r}, expected {' or '.join(METHODS)}")
        if not self.condition:
            object.__setattr__(self, "condition", self.instance.id)
        if self.sampling_policy.K.shape != self.policy.K.shape:
            raise ValueError("sampling_policy and policy have different shapes")
        for sample in self.samples:
            if sample.states.shape != (horizon + 1, self.policy.dim_x):
                raise ValueError(
                    f"a sample has states {sample.states.shape}, "
                    f"expected ({horizon + 1}, {self.policy.dim_x})"
                )
            if sample.actions_sampled.shape != (horizon, dim_u):
                raise ValueError(
                    f"a sample has actions {sample.actions_sampled.shape}, "
                    f"expected ({horizon}, {dim_u})"
                )
        object.__setattr__(
            self,
            "multipliers",
            frozen(self.multipliers, (horizon, dim_u), "multipliers"),
        )
        if self.method == "mdgps" and self.multipliers.any():
            raise ValueError("multipliers must be zero under mdgps")
        object.__setattr__(self, "kl_weights", frozen(self.kl_weights, (horizon,), "kl_weights"))
        if (self.kl_weights < 0).any():
            raise ValueError("kl_weights must not be negative")
