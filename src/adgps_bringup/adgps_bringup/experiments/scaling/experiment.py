"""The scaling experiment from the tuning of GPS to its report."""

from __future__ import annotations

from pathlib import Path

from adgps_bringup.experiments.scaling.plan import PlannedRun, choose
from adgps_bringup.experiments.scaling.results import read_result, read_results, tune
from adgps_bringup.experiments.scaling.runner import run_all
from adgps_bringup.experiments.stages import claim
from adgps_bringup.interrupts import Interrupts
from adgps_bringup.output import say


def run_scaling(folder: Path, preset: str, seed: int, interrupts: Interrupts) -> int:
    """Run what is not done yet, evaluate it, and write the report; 0 when all is done.

    Raises
    ------
    RunFolderError
        If the folder holds another experiment.
    StageError
        If a run failed.
    Interrupted
        If the user stopped it.
    """
    claim(folder, {"experiment": "scaling", "preset": preset, "seed": seed})
    plan = choose(preset, seed)
    gps = {}

    def evaluate(run: PlannedRun) -> None:
        # At once, when nobody trains: a run's small files then say all that the report needs.
        say(f"evaluating {run.name}")
        read_result(run, folder, plan.kept)

    if plan.tuning():
        run_all(plan.tuning(), plan, folder, interrupts, say, finish=evaluate)
        gps = tune(plan, folder, interrupts, say)
    runs = plan.runs(gps)
    run_all(runs, plan, folder, interrupts, say, finish=evaluate)
    results = read_results(runs, plan, folder, interrupts, say)
    # Imported late: figures take seconds to import.
    from adgps_bringup.experiments.scaling.report import write_report

    page = write_report(folder, plan, results, say)
    say(f"see {page}")
    return 0
