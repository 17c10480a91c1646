"""Runs what is planned through `adgps train`, some side by side; what is done is not done again.

A run is done when its summary is there. One that was interrupted begins anew: the wall clock of a
run in two parts is nobody's.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from adgps_bringup.experiments.scaling import yardstick
from adgps_bringup.experiments.scaling.overlay import overlay_path, write_overlay
from adgps_bringup.experiments.scaling.plan import (
    TASK,
    Plan,
    PlannedRun,
    expected_s,
    groups,
)
from adgps_bringup.experiments.stages import StageError, await_commands, start_command
from adgps_bringup.interrupts import Interrupts
from adgps_bringup.progress import duration

RUNS, LOGS, CONFIG = "runs", "logs", "config"
_WORD_PERIOD = 60.0

Say = Callable[[str], object]
Execute = Callable[[Sequence["Job"], Interrupts, Say], dict[str, int]]


@dataclass(frozen=True)
class Job:
    """One run on its way.

    Parameters
    ----------
    run : what is run.
    folder : of the run.
    log : gets what it prints.
    arguments : of `adgps`.
    """

    run: PlannedRun
    folder: Path
    log: Path
    arguments: tuple[str, ...]

    @property
    def done(self) -> bool:
        """Whether the run is complete."""
        return (self.folder / "summary.json").exists()

    @property
    def part(self) -> float:
        """Part of its rollouts that have been learned from."""
        try:
            lines = (self.folder / "curve.jsonl").read_text(encoding="utf-8").splitlines()
            return min(1.0, float(json.loads(lines[-1])["rollouts"]) / self.run.rollouts)
        except (OSError, ValueError, IndexError, KeyError):
            return 0.0


def make_job(run: PlannedRun, plan: Plan, folder: Path) -> Job:
    """Say how a run is run, in the experiment's folder."""
    config = overlay_path(run, folder / CONFIG)
    target = folder / RUNS / run.name
    arguments = (
        *("train", TASK, "--method", "badmm", "--optimizer", "lqr"),
        *("--robots", str(run.robots), "--mode", run.mode, "--seed", str(run.seed)),
        *("--iterations", str(run.iterations), "--real-time-factor", f"{run.factor:g}"),
        *("--keep-policies", f"{plan.keep_period(run):.3g}"),
        *("--config", str(config), "--run", str(target)),
    )
    return Job(run, target, folder / LOGS / f"{run.name}.log", arguments)


def run_all(
    runs: Sequence[PlannedRun],
    plan: Plan,
    folder: Path,
    interrupts: Interrupts,
    say: Say = print,
    execute: Execute | None = None,
    finish: Callable[[PlannedRun], object] = lambda run: None,
    later_s: float = 0.0,
) -> None:
    """Run what is not done yet.

    Parameters
    ----------
    runs : in their order.
    plan : that they are of.
    folder : of the experiment.
    interrupts : may stop it.
    say : called with one line for people.
    execute : runs jobs at once; their exit statuses by name.
    finish : called with each run when all of its group have ended.
    later_s : what follows these runs, to be told with the time that is left [s].

    Raises
    ------
    StageError
        If a run failed; those beside it have come to their end.
    Interrupted
        If the user stopped it, and the runs with it.
    """
    for name in (CONFIG, LOGS, RUNS):
        (folder / name).mkdir(parents=True, exist_ok=True)
    due = [run for run in runs if not make_job(run, plan, folder).done]
    if len(due) < len(runs):
        say(f"{len(runs) - len(due)} of {len(runs)} runs were done before")
    planned = groups(due, plan.side_by_side)
    for number, group in enumerate(planned):
        rest = [run for each in planned[number:] for run in each]
        left = expected_s(rest, plan.side_by_side) + later_s
        names = ", ".join(run.name for run in group)
        say(f"{_clock()} {number + 1}/{len(planned)}: {names}; all that is left {_ends(left)}")
        jobs = [make_job(run, plan, folder) for run in group]
        for job in jobs:
            if job.folder.exists():
                say(f"{job.run.name} was interrupted and begins anew")
                shutil.rmtree(job.folder)
            write_overlay(job.run, folder / CONFIG)
        speed = yardstick.measure()
        if objection := yardstick.objection(speed, yardstick.read(folder / RUNS)):
            say(f"{objection}: their wall clocks will not compare")
        statuses = (execute or execute_jobs)(jobs, interrupts, say)
        for job in jobs:
            status = statuses[job.run.name]
            if status != 0 or not job.done:
                raise StageError(
                    f"{job.run.name} failed with exit status {status}, see {job.log};"
                    " the same command goes on"
                )
            yardstick.write(job.folder, speed)
        for job in jobs:
            finish(job.run)


def execute_jobs(jobs: Sequence[Job], interrupts: Interrupts, say: Say) -> dict[str, int]:
    """Run jobs at once, with a word on them every minute; their exit statuses by name."""
    processes = []
    for job in jobs:
        with job.log.open("ab") as log:
            processes.append(start_command(job.arguments, log))
    began, word = time.monotonic(), time.monotonic() + _WORD_PERIOD

    def tick() -> None:
        nonlocal word
        if time.monotonic() > word:
            word += _WORD_PERIOD
            say(_progress(jobs, time.monotonic() - began))

    statuses = await_commands(processes, interrupts, tick)
    return {job.run.name: status for job, status in zip(jobs, statuses, strict=True)}


def _progress(jobs: Sequence[Job], elapsed: float) -> str:
    """One line on runs under way."""
    parts = ", ".join(f"{job.run.name} {job.part:.0%}" for job in jobs)
    slowest = min(job.part for job in jobs)
    left = duration(elapsed / slowest - elapsed) if slowest > 0 else "unknown"
    return f"{_clock()} {parts}; {left} left of these"


def _clock() -> str:
    return f"{datetime.now():%H:%M}"


def _ends(left: float) -> str:
    """How much time is left, and when it will be over."""
    return f"{duration(left)}, until {datetime.now() + timedelta(seconds=left):%a %H:%M}"
