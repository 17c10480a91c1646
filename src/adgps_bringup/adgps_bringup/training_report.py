"""What came of a training run: summary.json, cost.png, and tables on the screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from adgps_bringup import evaluation, summary
from adgps_bringup.description import Stack
from adgps_bringup.plots import plot_cost
from adgps_bringup.progress import duration
from adgps_bringup.training_state import TrainingState


@dataclass(frozen=True)
class Finished:
    """How a run ended.

    Parameters
    ----------
    version : of the policy that was saved, "epoch.counter".
    newer_by_s : how long after the last rollout that was [s].
    respawns : processes that were started again.
    wall_clock_s : of the whole run, all its parts [s].
    """

    version: str
    newer_by_s: float
    respawns: int
    wall_clock_s: float


def report(
    run: Path,
    stack: Stack,
    state: TrainingState,
    finished: Finished,
    results: Mapping[str, Sequence[evaluation.InstanceResult]],
) -> None:
    """Write the summary and the plot into a run's folder; print the tables.

    Parameters
    ----------
    run : the folder.
    stack : that ran.
    state : of the training, at its end.
    finished : how it ended.
    results : of the evaluation, by split.
    """
    options = stack.options
    content = summary.build(
        options,
        stack.phases,
        wall_clock_s=finished.wall_clock_s,
        iterations=max(worker.iterations for worker in state.workers.values()),
        rollouts=state.rollouts,
        policy_version=finished.version,
        utilization={robot: worker.utilization for robot, worker in state.workers.items()},
        metrics={
            "policy_after_last_rollout_s": finished.newer_by_s,
            "respawns": finished.respawns,
        },
        curve=state.curve,
        evaluation={split: evaluation.report(group) for split, group in results.items()},
    )
    summary.write_json(run / "summary.json", content)
    if state.curve:
        source = "from a bag of" if options.from_bag else ""
        robots = f"{source} {len(stack.practising)} robots".strip()
        title = f"{options.task}: {robots}, {options.mode}, seed {options.seed}"
        plot_cost(run / "cost.png", state.curve, _spans(stack, state.rollouts), title)
    console = Console(highlight=False)
    for split, group in results.items():
        console.print(evaluation.table(f"{split}, policy {finished.version}", group))
    took = duration(finished.wall_clock_s)
    console.print(f"finished: {state.rollouts} rollouts, {took}; see {run}", soft_wrap=True)


def _spans(stack: Stack, rollouts: int) -> list[tuple[str, int]]:
    """Label of each phase, and how many rollouts had been made at its end."""
    spans, done = [], 0
    total = sum(phase.iterations for phase in stack.phases)
    for phase in stack.phases:
        done += phase.iterations
        label = f"{phase.method.upper()}, {phase.optimizer.upper()}"
        spans.append((label, round(rollouts * done / total)))
    return spans
