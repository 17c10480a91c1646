"""The scaling experiment from the tuning of GPS to its report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from adgps_bringup.experiments.scaling.plan import PlannedRun, choose, expected_s
from adgps_bringup.experiments.scaling.results import read_result, read_results, tune
from adgps_bringup.experiments.scaling.runner import run_all
from adgps_bringup.experiments.stages import claim
from adgps_bringup.interrupts import Interrupts
from adgps_bringup.output import say


def run_scaling(folder: Path, preset: str, seed: int, interrupts: Interrupts) -> int:
    """Run what is not done yet, evaluate it, and write the report of all networks that are done.

    Returns
    -------
    0 when everything is.

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
    later_s = plan.expected_s

    def evaluate(run: PlannedRun) -> None:
        # At once, when nobody trains: a run's small files then say all that the report needs.
        say(f"evaluating {run.name}")
        read_result(run, folder, plan.kept)

    def run(planned: Sequence[PlannedRun]) -> None:
        nonlocal later_s
        later_s -= expected_s(planned, plan.side_by_side)
        run_all(planned, plan, folder, interrupts, say, finish=evaluate, later_s=later_s)

    runs: list[PlannedRun] = []
    done: list[str] = []
    for network in plan.pairs:
        mine, gps = plan.of(network), {}
        if mine.tuning():
            run(mine.tuning())
            gps[network] = tune(plan, network, folder, interrupts, say)
        run(mine.runs(gps))
        runs += mine.runs(gps)
        done.append(network)
        results = read_results(runs, plan, folder, interrupts, say)
        # Imported late: figures take seconds to import.
        from adgps_bringup.experiments.scaling.report import write_report

        page = write_report(folder, plan.of(*done), results, say)
        say(f"see {page}")
    return 0
