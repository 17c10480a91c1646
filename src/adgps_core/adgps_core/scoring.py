"""What a rollout cost, and how far from the goal it was.

Shapes: N rollouts, T steps, dX state, dU action, dZ measurement.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adgps_core.tasks.task import Task
from adgps_core.trajectory import Trajectory
from adgps_core.typing import Array


def costs(task: Task, trajectory: Trajectory) -> Array:
    """Costs (T,) of the ticks of a rollout."""
    return task.cost(
        trajectory.states[:-1],
        trajectory.actions_applied,
        trajectory.instance,
        trajectory.measurements,
    )


def cost_of_rest(task: Task, trajectory: Trajectory) -> float:
    """Cost of one more tick in the state in which a rollout ended, without torque.

    Measurements are those of the last tick: there are none of the last state.
    """
    actions = np.append(trajectory.actions_applied, np.zeros((1, task.dim_u)), axis=0)
    instance = trajectory.instance
    return float(task.cost(trajectory.states, actions, instance, _to_the_end(trajectory))[-1])


def distances(task: Task, trajectory: Trajectory) -> Array:
    """Distances (T+1,) [m] of a rollout's states from the goal.

    The last one takes the measurements of the tick before it.
    """
    return task.distance(trajectory.states, trajectory.instance, _to_the_end(trajectory))


def stacked(trajectories: Sequence[Trajectory]) -> dict[str, Array]:
    """Measurements (N, T, dZ) by name that all of N rollouts have."""
    names = set.intersection(*(set(each.measurements) for each in trajectories))
    return {
        name: np.stack([each.measurements[name] for each in trajectories]) for name in sorted(names)
    }


def _to_the_end(trajectory: Trajectory) -> dict[str, Array]:
    """Measurements (T+1, dZ), the last ones twice."""
    return {
        name: np.append(values, values[-1:], axis=0)
        for name, values in trajectory.measurements.items()
    }
