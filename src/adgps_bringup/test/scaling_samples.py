"""Runs of the scaling experiment that nobody ran: what tests of it share."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from adgps_bringup.experiments.scaling.curve import FILE, TestPoint
from adgps_bringup.experiments.scaling.plan import GpsSteps, Plan, PlannedRun

PLAN = Plan(
    "tests",
    pairs={"small": (1, 4, 8)},
    seeds=(0, 1),
    iterations=10,
    samples=4,
    threshold=100.0,
    candidates=(GpsSteps(2, 50),),
    predicted=(1, 16),
)


def falling(run: PlannedRun, per_rollout_s: float, points: int = 40) -> list[TestPoint]:
    """Cost that falls from 600 and reaches 100 with seven tenths of the rollouts."""
    rollouts = np.linspace(0, run.rollouts, points).round().astype(int)
    return [
        TestPoint(
            float(n * per_rollout_s / run.robots),
            int(n),
            float(600 * (1 / 6) ** (n / (0.7 * run.rollouts))),
            0.1,
        )
        for n in rollouts
    ]


def diagnostics(run: PlannedRun, per_rollout_s: float = 5.25) -> dict[str, object]:
    """What the nodes of a run said last: every rollout takes 5 s, all else is known too."""
    share = run.rollouts // run.robots
    batches = share // run.samples
    elapsed = share * per_rollout_s
    nodes: dict[str, dict[str, str]] = {
        "param_server": {
            "updates": str(12 * run.rollouts),
            "staleness_histogram": "0:90 1:10",
            "time/push": "100 0.0004 0.0001 0.001",
            "time/pull": "10 0.0002 0.0001 0.001",
            "time/poll": "10 0.0001 0 0.001",
            "time/publish": "20 0.001 0 0.001",
        }
    }
    for i in range(run.robots):
        nodes[f"robot_{i + 1}/local_worker"] = {
            "rollouts": str(share),
            "failed_rollouts": "1",
            "utilization": f"{5 / per_rollout_s}",
            "started_at_s": f"{1.79e9 + 0.25 * i:.3f}",
            "elapsed_s": f"{elapsed}",
            "time/rollout": f"{share} 5 0.01 5.1",
            "time/reset": f"{share} 0.01 0.001 0.02",
            "time/fit": f"{batches} 0.05 0.01 0.1",
            "time/improve": f"{batches} 0.1 0.01 0.2",
            "time/wait": f"{batches} 0 0 0",
        }
        nodes[f"robot_{i + 1}/global_worker"] = {
            "time/receive": f"{batches} 0.001 0 0.001",
            "time/data": f"{batches} 0.002 0 0.002",
            "time/gradient": "100 0.002 0.001 0.01",
            "time/push": "100 0.0014 0.0002 0.01",
            "time/pull": "10 0.001 0 0.001",
            "time/poll": "10 0.0005 0 0.001",
        }
        nodes[f"robot_{i + 1}/torque_controller"] = {"period_error_ms": "1:980 2:15 8:5"}
        nodes[f"robot_{i + 1}/sim_robot"] = {"real_time_factor_kept": "0.999"}
    return {"practice_began_s": 3.0, "wall_clock_s": elapsed + 3, "nodes": nodes}


def write_run(folder: Path, run: PlannedRun, curve: Sequence[TestPoint]) -> None:
    """Write a run that was evaluated into its folder."""
    folder.mkdir(parents=True)
    (folder / "summary.json").write_text("{}")
    (folder / "diagnostics.json").write_text(json.dumps(diagnostics(run)))
    (folder / FILE).write_text(json.dumps([asdict(point) for point in curve]))
