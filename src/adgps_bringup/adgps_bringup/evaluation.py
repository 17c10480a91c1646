"""What an evaluation is about and what comes out of it; no ROS here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import yaml
from rich.markup import escape
from rich.table import Table

from adgps_bringup.parameter_files import one_line
from adgps_core import scoring
from adgps_core.tasks import Instance, Task
from adgps_core.trajectory import Trajectory


@dataclass(frozen=True)
class InstanceResult:
    """One rollout of the global policy.

    Parameters
    ----------
    instance : what it was run on.
    cost : total cost of the rollout.
    initial_distance_m, final_distance_m : of the end-effector from the goal [m].
    completed : False if the robot stopped the rollout because the arm left its limits.
    succeeded : whether the task was done at the end, by the simulator's truth; None: nobody knows.
    truth : what that was told from, in words.
    """

    instance: Instance
    cost: float
    initial_distance_m: float
    final_distance_m: float
    completed: bool = True
    succeeded: bool | None = None
    truth: str = ""


def measure(task: Task, instance: Instance, trajectory: Trajectory) -> InstanceResult:
    """Cost and distances of a rollout.

    A rollout that was stopped is a bad policy's result and counts as one: from then on every tick
    costs what the last state does, so that stopping early is never cheaper than going on.
    """
    missing = task.horizon - trajectory.horizon
    rest = missing * scoring.cost_of_rest(task, trajectory)
    distances = scoring.distances(task, trajectory)
    return InstanceResult(
        instance=instance,
        cost=float(scoring.costs(task, trajectory).sum() + rest),
        initial_distance_m=float(distances[0]),
        final_distance_m=float(distances[-1]),
        completed=missing == 0,
    )


def report(results: Sequence[InstanceResult]) -> dict[str, Any]:
    """Means and single results, as summary.json has them for a split."""
    return {
        "success_rate": success_rate(results),
        "mean_cost": fmean(result.cost for result in results),
        "mean_final_distance_m": fmean(result.final_distance_m for result in results),
        "mean_initial_distance_m": fmean(result.initial_distance_m for result in results),
        "max_final_distance_m": max(result.final_distance_m for result in results),
        "per_instance": [
            {
                "instance": result.instance.id,
                "goal": [float(number) for number in result.instance.parameters[:3]],
                "cost": result.cost,
                "initial_distance_m": result.initial_distance_m,
                "final_distance_m": result.final_distance_m,
                "completed": result.completed,
                "succeeded": result.succeeded,
            }
            for result in results
        ],
    }


def success_rate(results: Sequence[InstanceResult]) -> float | None:
    """Part of the results that succeeded, of those of which that is known; None: of none."""
    known = [result.succeeded for result in results if result.succeeded is not None]
    return fmean(known) if known else None


def table(title: str, results: Sequence[InstanceResult]) -> Table:
    """The results for the screen, distances in centimetres."""
    view = Table("instance", escape("goal [m]"), title=title, title_justify="left")
    for heading in ("cost", "start [cm]", "end [cm]"):
        view.add_column(escape(heading), justify="right")  # units are no markup
    rate = success_rate(results)
    if rate is not None:
        view.add_column("succeeded")
    for result in results:
        goal = " ".join(f"{number:6.3f}" for number in result.instance.parameters[:3])
        told = () if rate is None else (_told(result),)
        view.add_row(result.instance.id, goal, *_numbers(result), *told)
    view.add_section()
    view.add_row(
        "mean",
        "",
        f"{fmean(result.cost for result in results):.2f}",
        f"{100 * fmean(result.initial_distance_m for result in results):.1f}",
        f"{100 * fmean(result.final_distance_m for result in results):.1f}",
        *(() if rate is None else (f"{rate:.0%}",)),
    )
    return view


def _told(result: InstanceResult) -> str:
    """Whether a rollout succeeded."""
    return {True: "yes", False: "no", None: "unknown"}[result.succeeded]


def _numbers(result: InstanceResult) -> tuple[str, str, str]:
    """Cost and distances as text."""
    return (
        f"{result.cost:.2f}",
        f"{100 * result.initial_distance_m:.1f}",
        f"{100 * result.final_distance_m:.1f}{'' if result.completed else ', stopped'}",
    )


def read_goals(path: Path, task: Task) -> tuple[Instance, ...]:
    """Read instances from a YAML file `goals: [{position: [x, y, z]}, ...]`, base frame, metres.

    Raises
    ------
    ValueError
        With one line if the file cannot be read or is something else.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ValueError(f"cannot read {path}: {reason}") from error
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not YAML: {one_line(error)}") from error
    goals = content.get("goals") if isinstance(content, dict) else None
    if not isinstance(goals, list) or not goals:
        raise ValueError(f"{path}: expected goals: [{{position: [x, y, z]}}, ...]")
    return tuple(
        task.goal_instance(_position(path, index, goal), f"{path.stem}/{index}")
        for index, goal in enumerate(goals)
    )


def _position(path: Path, index: int, goal: object) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Position (3,) of one goal of a file [m]."""
    position = goal.get("position") if isinstance(goal, dict) else None
    numbers = isinstance(position, list) and all(
        isinstance(number, int | float) and not isinstance(number, bool) for number in position
    )
    if not numbers or len(position or ()) != 3 or not np.isfinite(position or ()).all():
        raise ValueError(f"{path}: goals[{index}] needs a position of three finite numbers [m]")
    return np.array(position, dtype=np.float64)
