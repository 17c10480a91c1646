"""The door experiment from demonstrations to its report."""

from __future__ import annotations

from functools import partial
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
from adgps_bringup.local_settings import own_parameters
from adgps_bringup.output import say


def run_door(
    folder: Path, preset: str, seed: int, device: str | None, interrupts: Interrupts
) -> int:
    """Run what is not done yet, and write the report after each stage; 0 when all is done.

    Raises
    ------
    RunFolderError
        If the folder holds another experiment.
    StageError, Interrupted
        As `run_stages`.
    """
    claim(folder, {"experiment": TASK, "preset": preset, "seed": seed})
    chosen = PRESETS[preset]
    samples = int(own_parameters(TASK, "mdgps", "pi2", "local_worker")["samples"])
    for run, robots in ((COLLECTIVE, ROBOTS), (SINGLE, 1)):
        path = parameter_file(folder, run)
        if not path.exists():  # a run keeps its parameters, whatever is installed later
            write_parameters(path, parameters(robots, chosen, samples))
    report = partial(write_report, folder, chosen, seed)
    took = run_stages(plan(folder, chosen, seed, device), folder, interrupts, report=report)
    page = report(took)
    say(f"see {page}")
    return 0
