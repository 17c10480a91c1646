"""The door experiment from demonstrations to its report."""

from __future__ import annotations

from pathlib import Path

from adgps_bringup.experiments.door.plan import (
    COLLECTIVE,
    PRESETS,
    ROBOTS,
    SINGLE,
    TASK,
    parameter_file,
    parameters,
    plan,
    write_parameters,
)
from adgps_bringup.experiments.door.report import write_report
from adgps_bringup.experiments.stages import claim, run_stages
from adgps_bringup.interrupts import Interrupts
from adgps_bringup.parameter_files import load
from adgps_bringup.resources import hyper_parameters


def run_door(
    folder: Path, preset: str, seed: int, device: str | None, interrupts: Interrupts
) -> int:
    """Run what is not done yet, and write the report; 0 when all is done.

    Raises
    ------
    RunFolderError
        If the folder holds another experiment.
    StageError, Interrupted
        As `run_stages`.
    """
    claim(folder, {"experiment": TASK, "preset": preset, "seed": seed})
    chosen = PRESETS[preset]
    for run, robots in ((COLLECTIVE, ROBOTS), (SINGLE, 1)):
        path = parameter_file(folder, run)
        if not path.exists():  # a run keeps its parameters, whatever is installed later
            write_parameters(path, parameters(robots, chosen, _samples()))
    took = run_stages(plan(folder, chosen, seed, device), folder, interrupts)
    page = write_report(folder, chosen, seed, took)
    print(f"see {page}", flush=True)
    return 0


def _samples() -> int:
    """Rollouts of an instance in each iteration, by the task's own files."""
    found = 0
    for path in hyper_parameters(TASK, "mdgps", "pi2"):
        for pattern, values in load(path):
            if pattern.endswith("local_worker") and "samples" in values:
                found = int(str(values["samples"]))
    return found
