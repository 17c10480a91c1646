"""How good a policy is, from trials: for each robot, for each cell of the grid, and how sure."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

from rich.markup import escape
from rich.table import Table
from scipy.stats import binomtest

from adgps_bringup.trials.log import TrialResult
from adgps_core.tasks.trials import TrialGrid

CONFIDENCE = 0.95


def interval(successes: int, trials: int) -> tuple[float, float]:
    """Wilson's score interval of a binomial proportion, at the 95 % level.

    It has its level also near 0 and 1 and for few trials, where the normal one has no width.
    """
    found = binomtest(successes, trials).proportion_ci(CONFIDENCE, method="wilson")
    return float(found.low), float(found.high)


def tally(results: Sequence[TrialResult]) -> dict[str, Any]:
    """Count trials; what nobody knows is None."""
    counts: dict[str, Any] = {
        "trials": len(results),
        "successes": None,
        "success_rate": None,
        "interval_95": None,
        "stopped": sum(not result.completed for result in results),
        "mean_cost": fmean(result.cost for result in results) if results else None,
        "mean_final_distance_m": (
            fmean(result.final_distance_m for result in results) if results else None
        ),
    }
    known = [result.succeeded for result in results if result.succeeded is not None]
    if known and len(known) == len(results):
        successes = sum(known)
        counts["successes"] = successes
        counts["success_rate"] = successes / len(known)
        counts["interval_95"] = list(interval(successes, len(known)))
    return counts


def summarise(grid: TrialGrid, results: Sequence[TrialResult]) -> dict[str, Any]:
    """Tallies of all trials, of each robot's, and of each cell's, row by row."""
    robots = dict.fromkeys(result.robot for result in results)
    per_cell: list[list[list[TrialResult]]] = [[[] for _ in grid.columns] for _ in grid.rows]
    for result in results:
        row, column = grid.cell(result.number)
        per_cell[row][column].append(result)
    return {
        "overall": tally(results),
        "per_robot": {
            robot: tally([result for result in results if result.robot == robot])
            for robot in robots
        },
        "rows_are": grid.rows_are,
        "rows": list(grid.rows),
        "columns_are": grid.columns_are,
        "columns": list(grid.columns),
        "per_cell": [[tally(cell) for cell in row] for row in per_cell],
    }


def table(title: str, summary: dict[str, Any]) -> Table:
    """The tallies of the robots and of all trials, for the screen."""
    view = Table("robot", title=title, title_justify="left")
    for heading in ("trials", "succeeded", "95 % interval", "cost", "end [cm]", "stopped"):
        view.add_column(escape(heading), justify="right")
    for name, counts in summary["per_robot"].items():
        view.add_row(name, *_cells(counts))
    view.add_section()
    view.add_row("all", *_cells(summary["overall"]))
    return view


def _cells(counts: dict[str, Any]) -> tuple[str, ...]:
    """One tally as text."""
    rate, between = "unknown", ""
    if counts["success_rate"] is not None:
        low, high = counts["interval_95"]
        rate, between = f"{counts['success_rate']:.0%}", f"{low:.0%} to {high:.0%}"
    return (
        str(counts["trials"]),
        rate,
        between,
        f"{counts['mean_cost']:.2f}",
        f"{100 * counts['mean_final_distance_m']:.1f}",
        str(counts["stopped"]),
    )
