"""`evaluate RUN --trials N`: every robot over the task's grid of trials; a killed one goes on."""

from __future__ import annotations

import argparse
import json
import re
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from adgps_bringup.evaluation import InstanceResult
from adgps_bringup.interrupts import Interrupted
from adgps_bringup.measuring import NO_SHIFT, Subject, camera_shift, evaluating
from adgps_bringup.output import say
from adgps_bringup.run_folder import locked
from adgps_bringup.summary import SCHEMA_VERSION, write_json
from adgps_bringup.trials.log import Setting, TrialLog, TrialResult, trial_result
from adgps_bringup.trials.plan import Trial, lay_out
from adgps_core.tasks.trials import TrialGrid

FOLDER = "evaluation"
"""Of a run's evaluations, in the run's folder."""
SUMMARY, FIGURE = "summary.json", "trials.png"
MOST_TRIALS = 10_000
PERTURBATION = 0.01
"""Standard deviation of the joint angles at the start, as in training [rad]."""

_ONLY_WITH_TRIALS = ("handle", "perturbation", "name", "again", "film")


def add_trial_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what goes with --trials."""
    trials = parser.add_argument_group("with --trials")
    trials.add_argument(
        "--handle", type=int, metavar="N", help="of the doors (the one that was held out)"
    )
    trials.add_argument(
        "--perturbation",
        type=float,
        metavar="RAD",
        help=f"standard deviation of the joint angles at the start ({PERTURBATION:g})",
    )
    trials.add_argument("--name", help="of the evaluation, a folder in RUN/evaluation")
    trials.add_argument("--again", action="store_true", help="throw away what it has made before")
    trials.add_argument(
        "--film", action="store_true", help="film a robot whose policy needs no camera"
    )


def check_trial_arguments(arguments: argparse.Namespace) -> None:
    """Refuse what cannot be, or means nothing, before a run is looked at."""
    if arguments.trials is None:
        for name in _ONLY_WITH_TRIALS:
            if getattr(arguments, name) not in (None, False):
                raise ValueError(f"--{name} goes with --trials")
        return
    if not 1 <= arguments.trials <= MOST_TRIALS:
        raise ValueError(f"--trials must be from 1 to {MOST_TRIALS}, not {arguments.trials}")
    perturbation = arguments.perturbation
    if perturbation is not None and not 0 <= perturbation <= 1:
        raise ValueError(f"--perturbation must be from 0 to 1 rad, not {perturbation}")
    name = arguments.name
    if name is not None and not re.fullmatch(r"[\w.-]*\w[\w.-]*", name):
        raise ValueError(f"--name must be letters, digits, dots and dashes, not {name!r}")


def prepare_trials(subject: Subject, arguments: argparse.Namespace) -> Callable[[], int]:
    """Plan the trials; what is returned makes them, and returns the exit status."""
    if arguments.film and subject.options.real:
        raise ValueError("--film is for simulated robots")
    perturbation = PERTURBATION if arguments.perturbation is None else arguments.perturbation
    shift = camera_shift(arguments.camera, arguments.camera_shift)
    grid = subject.task.trials(arguments.handle)
    name = arguments.name or _default_name(grid, arguments.camera, shift)
    settings: dict[str, Setting] = {
        "task": subject.task.name,
        "policy_version": str(subject.policy.version),
        "grid": grid.name,
        "perturbation_rad": perturbation,
        "camera_shift_m": shift,
        "real_time_factor": float(subject.options.real_time_factor),
    }
    trials = lay_out(grid, subject.robots, arguments.trials, perturbation)
    folder = subject.run / FOLDER / name

    def run() -> int:
        with locked(folder):
            if arguments.again:
                _clear(folder)
            log = TrialLog(folder, settings)
            _try(subject, log, trials, folder, name)
            results = log.of(trials)
            summary = _summarise(settings, name, grid, results)
            _write(subject.run, folder, name, summary, arguments.json)
            _show_results(summary, folder)
        return 0

    return run


def _try(subject: Subject, log: TrialLog, trials: Sequence[Trial], folder: Path, name: str) -> None:
    """Make the trials that are missing, and a film of one of each kind."""
    missing = log.missing(trials)
    if not missing:
        say(f"all {len(trials)} trials were made before")
        return
    from adgps_bringup.trials.filming import Filming
    from adgps_bringup.trials.progress import TrialProgress

    version = subject.policy.version
    say(f"{len(trials)} trials of policy {version} on {len(subject.robots)} robots: {name}")
    to_make = Counter(trial.robot.strip("/") for trial in missing)
    progress = TrialProgress(to_make, log.of(trials), say)

    def done(index: int, result: InstanceResult) -> None:
        found = trial_result(missing[index], result)
        log.add(found)
        progress.add(found)

    with evaluating(subject, say) as (session, evaluator):
        witness = None
        if subject.films:
            title = f"{subject.task.name}, {name}"
            known = subject.task.success_known
            witness = Filming(session.node, subject.robots[0], folder, title, known).witness
        try:
            evaluator.run_trials(missing, version, session.tick, done, witness)
        except Interrupted:
            say(f"{len(log.of(trials))} of {len(trials)} trials are kept; the same command goes on")
            raise


def _summarise(
    settings: dict[str, Setting], name: str, grid: TrialGrid, results: Sequence[TrialResult]
) -> dict[str, Any]:
    """Content of the evaluation's summary.json."""
    from adgps_bringup.trials.report import summarise

    about = {"schema_version": SCHEMA_VERSION, "name": name, **settings}
    return {**about, **summarise(grid, results)}


def _write(
    run: Path, folder: Path, name: str, summary: dict[str, Any], json_file: Path | None
) -> None:
    """Write the summary, also into the run's, and the figure."""
    from adgps_bringup.trials.plots import plot_trials

    write_json(folder / SUMMARY, summary)
    if json_file is not None:
        write_json(json_file, summary)
    of_run = run / SUMMARY
    if of_run.exists():  # there is none while it is trained
        content = json.loads(of_run.read_text(encoding="utf-8"))
        content["trials"] = {**content.get("trials", {}), name: summary}
        write_json(of_run, content)
    title = f"{summary['task']}, {name}, policy {summary['policy_version']}"
    plot_trials(folder / FIGURE, summary, title)


def _show_results(summary: dict[str, Any], folder: Path) -> None:
    from adgps_bringup.trials.report import table

    title = f"{summary['task']}, {summary['name']}, policy {summary['policy_version']}"
    console = Console(highlight=False)
    console.print(table(title, summary))
    console.print(f"see {folder}", soft_wrap=True)


def _default_name(grid: TrialGrid, camera: str | None, shift: tuple[float, ...]) -> str:
    """Name an evaluation after what is tried and where the camera is."""
    moved = camera or ("shifted" if shift != NO_SHIFT else "")
    return f"{grid.name}_{moved}" if moved else grid.name


def _clear(folder: Path) -> None:
    """Throw away an evaluation, but for the lock that is held in its folder."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != ".lock":
            path.unlink()
