"""What a task is: instances, what the policy observes, and what a step costs.

Shapes: N rollouts, T steps, dX state, dU action, dO observation, dZ measurement, dP numbers of an
instance.
Everything is vectorised over leading axes, written `...`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, get_args

import numpy as np

from adgps_core.typing import Array, frozen

if TYPE_CHECKING:
    from adgps_core.demonstration import Demonstration
    from adgps_core.tasks.trials import TrialGrid

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
    """Quadratic model of the cost in absolute coordinates, x before u.

    l(z) ≈ c + gᵀz + ½ zᵀHz with z = (x_t, u_t); not relative to the point of expansion, so that
    the expansions of several samples may simply be averaged.

    Parameters
    ----------
    hessian : H, (..., T, dX+dU, dX+dU), positive semi-definite.
    gradient : g, (..., T, dX+dU).
    value : c, (..., T).
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
    def control_period(self) -> float:
        """Duration of a control tick [s]."""

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

    @property
    def observation_scaling(self) -> tuple[Array, Array]:
        """Offset and scale, (dO,) each: a network sees (o - offset) * scale."""

    @property
    def measured(self) -> tuple[str, ...]:
        """Names of the measurements that observations, costs or distances need."""

    @property
    def success_known(self) -> bool:
        """Whether its simulator knows, in truth and for evaluation alone, when it is done."""

    def shown(self, demonstrations: Sequence[Demonstration]) -> Task:
        """Return the task as it is after demonstrations; ValueError if they are not what it needs.

        What is not defined by them is the same without.
        """

    def instances(self, split: Split) -> tuple[Instance, ...]:
        """Return the fixed instances of a split."""

    def trials(self, kind: int | None = None) -> TrialGrid:
        """Lay out what a policy is tried on to tell how good it is.

        Parameters
        ----------
        kind : number of the kind of thing, of those that the task has; None: one that no robot
            practises with.

        Raises
        ------
        ValueError
            If there is no such kind.
        """

    def goal_instance(self, position: Array, instance_id: str) -> Instance:
        """Make the instance with its goal at position (3,) [m], base frame."""

    def draw_instance(self, like: Instance, rng: np.random.Generator, instance_id: str) -> Instance:
        """Draw an instance anew, from the region that a training instance stands for.

        Drawn like all training instances in turn, they cover the whole of what the task may ask.
        """

    def observe(
        self,
        states: Array,
        instance: Instance,
        measurements: Mapping[str, Array] | None = None,
    ) -> Array:
        """Observations (..., T, dO) of states (..., T, dX) on an instance.

        A task that sees takes rollouts from their first state on, with measurements (..., T, dZ) by
        name; ValueError if one is missing. Any other takes states (..., dX).
        """

    def cost(
        self,
        states: Array,
        actions: Array,
        instance: Instance,
        measurements: Mapping[str, Array] | None = None,
    ) -> Array:
        """Costs (...) of states (..., dX) and actions (..., dU).

        A task whose cost is measured takes whole rollouts alone, states (..., T, dX) from the first
        on, with measurements (..., T, dZ) by name; ValueError if one is missing.
        """

    def expand_cost(self, states: Array, actions: Array, instance: Instance) -> CostExpansion:
        """Quadratic model around states (..., T, dX) and actions (..., T, dU)."""

    def distance(
        self,
        states: Array,
        instance: Instance,
        measurements: Mapping[str, Array] | None = None,
    ) -> Array:
        """Distances (...) [m] of states (..., dX) from the goal; measurements as for the cost."""
