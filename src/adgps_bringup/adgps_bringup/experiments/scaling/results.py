"""What came of the experiment's runs, read from their folders; all that the report is made of."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from adgps_bringup.experiments.scaling.analysis import in_real_time
from adgps_bringup.experiments.scaling.curve import TestPoint, try_run
from adgps_bringup.experiments.scaling.measurements import Measurements, read_measurements
from adgps_bringup.experiments.scaling.plan import TASK, GpsSteps, Plan, PlannedRun
from adgps_bringup.experiments.scaling.runner import RUNS
from adgps_bringup.experiments.scaling.tuning import Candidate, best
from adgps_bringup.interrupts import Interrupts
from adgps_bringup.summary import write_json

RESET_S = 0.25
"""What a rollout in real time takes beyond its own time, about [s]; the same for all candidates."""


@dataclass(frozen=True)
class RunResult:
    """One run, evaluated.

    Parameters
    ----------
    run : what was planned.
    curve : cost of the test instances over it.
    measured : where its time went.
    """

    run: PlannedRun
    curve: Sequence[TestPoint]
    measured: Measurements


def read_result(run: PlannedRun, folder: Path, most: int) -> RunResult:
    """Evaluate a run that is done, unless that was done before, and read what it measured."""
    path = folder / RUNS / run.name
    return RunResult(run, try_run(path, TASK, most), read_measurements(path))


def read_results(
    runs: Sequence[PlannedRun],
    plan: Plan,
    folder: Path,
    interrupts: Interrupts,
    say: Callable[[str], object],
) -> list[RunResult]:
    """Do so for all runs."""
    results = []
    for number, run in enumerate(runs, start=1):
        interrupts.check()
        say(f"reading {run.name}, {number} of {len(runs)}")
        results.append(read_result(run, folder, plan.kept))
    return results


def tune(
    plan: Plan,
    network: str,
    folder: Path,
    interrupts: Interrupts,
    say: Callable[[str], object],
) -> GpsSteps:
    """Choose the steps of GPS for a network, from runs in lock-step that are done.

    What it is chosen from is written, and not judged again.
    """
    path = _tuning(folder, network)
    if not path.exists():
        results = read_results(plan.of(network).tuning(), plan, folder, interrupts, say)
        candidates = [_candidate(result, plan) for result in results]
        write_json(path, {"candidates": [asdict(candidate) for candidate in candidates]})
    candidates = read_candidates(folder, network)
    chosen = best(candidates).gps
    say(f"GPS, {network} network: {chosen} steps of SGD, of {len(candidates)} candidates")
    return chosen


def read_candidates(folder: Path, network: str) -> list[Candidate]:
    """Read the candidates of a network that `tune` wrote; none if it did not."""
    path = _tuning(folder, network)
    if not path.exists():
        return []
    content: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return [Candidate.from_json(candidate) for candidate in content["candidates"]]


def _tuning(folder: Path, network: str) -> Path:
    return folder / f"tuning_{network}.json"


def _candidate(result: RunResult, plan: Plan) -> Candidate:
    """What one run in lock-step says of its steps."""
    run = result.run
    curve = in_real_time(result.curve, result.measured, run.samples, run.gps, RESET_S)
    return Candidate.of(run.network, run.gps, curve, plan.threshold, plan.hold)
