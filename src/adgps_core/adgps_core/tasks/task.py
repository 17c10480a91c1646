"""What a task is: instances, what the policy observes, and what a step costs.

Shapes: N rollouts, T steps, dX state, dU action, dO observation. Everything is vectorised over
leading axes, written `...`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, get_args

from adgps_core.typing import Array, frozen

Split = Literal["training", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)


@dataclass(frozen=True)
class Instance:
    """One instance of a task.

    Parameters
    ----------
    task : name of the task.
    id : unique within a run, for example "training/3".
    parameters : (dP,) the task's numbers, for example a goal [m].
    """

    task: str
    id: str
    parameters: Array

    def __post_init__(self) -> None:
        """Validate, and freeze the parameters."""
        length = len(self.parameters)
        object.__setattr__(self, "parameters", frozen(self.parameters, (length,), "parameters"))


@dataclass(frozen=True)
class CostExpansion:
    """Second-order expansion of the cost l(x_t, u_t) along a trajectory, x before u.

    l(z) ≈ c + gᵀ(z - z0) + ½ (z - z0)ᵀ H (z - z0) with z = (x, u) and z0 the point of expansion.

    Parameters
    ----------
    hessian : (..., T, dX+dU, dX+dU).
    gradient : (..., T, dX+dU).
    value : (..., T).
    """

    hessian: Array
    gradient: Array
    value: Array


class Task(Protocol):
    """The vocabulary that robots, workers and reports share about one skill."""

    @property
    def name(self) -> str:
        """Name on the command line."""

    @property
    def horizon(self) -> int:
        """Control ticks T of a rollout."""

    @property
    def dim_x(self) -> int:
        """Length of the state."""

    @property
    def dim_u(self) -> int:
        """Length of the action."""

    @property
    def dim_o(self) -> int:
        """Length of the observation."""

    @property
    def start_joint_angles(self) -> Array:
        """Joint angles (dU,) that every rollout starts from [rad]."""

    def instances(self, split: Split) -> tuple[Instance, ...]:
        """Return the fixed instances of a split."""

    def observe(self, states: Array, instance: Instance) -> Array:
        """Observations (..., dO) of states (..., dX) on an instance."""

    def cost(self, states: Array, actions: Array, instance: Instance) -> Array:
        """Costs (...) of states (..., dX) and actions (..., dU)."""

    def expand_cost(self, states: Array, actions: Array, instance: Instance) -> CostExpansion:
        """Second-order expansion around states (..., T, dX) and actions (..., T, dU)."""

    def distance(self, states: Array, instance: Instance) -> Array:
        """Distances (...) [m] of states (..., dX) from the goal."""
