"""An experiment as stages: each is a command that a user could type, and leaves a product.

A stage whose product is there is done. One that was stopped is gone on with.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from adgps_bringup.interrupts import Interrupted, Interrupts
from adgps_bringup.progress import duration
from adgps_bringup.run_folder import RunFolderError
from adgps_bringup.summary import write_json
from adgps_bringup.supervisor import tether_command

CHOICES = "experiment.json"
"""What an experiment's folder is for, in it."""
DURATIONS = "stages.json"
"""Wall clock of each stage [s], over all its parts, in the experiment's folder."""

_PERIOD = 0.2


@dataclass(frozen=True)
class Stage:
    """One command of an experiment.

    Parameters
    ----------
    name : unique in the experiment, also where it is shown.
    begin : verb and arguments that begin it.
    go_on : the same for one that was stopped.
    product : file that is there when it is done.
    begun : file that is there when there is something to go on with.
    minutes : about how long it takes, for the time that is left.
    """

    name: str
    begin: tuple[str, ...]
    go_on: tuple[str, ...]
    product: Path
    begun: Path
    minutes: float

    @property
    def done(self) -> bool:
        """Whether its product is there."""
        return self.product.exists()

    @property
    def arguments(self) -> tuple[str, ...]:
        """What is to be run now."""
        return self.go_on if self.begun.exists() else self.begin


class StageError(RuntimeError):
    """A stage failed; the message says which, and what goes on with it."""


def run_command(stage: Stage, interrupts: Interrupts) -> int:
    """Exit status of a stage's command; what stops this process stops it too, and is awaited."""
    command = [sys.executable, "-m", "adgps_bringup.cli", *stage.arguments]
    # In a session of its own: Ctrl-C in a terminal would reach it twice.
    process = subprocess.Popen([*tether_command(farewell=True), *command], start_new_session=True)
    try:
        while process.poll() is None:
            interrupts.check()
            time.sleep(_PERIOD)
    except Interrupted:
        process.send_signal(signal.SIGINT)
        process.wait()
        raise
    return process.returncode


def run_stages(
    stages: Sequence[Stage],
    folder: Path,
    interrupts: Interrupts,
    say: Callable[[str], object] = print,
    run: Callable[[Stage, Interrupts], int] = run_command,
) -> dict[str, float]:
    """Run what is not done yet, in turn; the wall clock of each stage [s].

    Parameters
    ----------
    stages : of the experiment.
    folder : where it is noted how long they took.
    interrupts : may stop it.
    say : called with one line for people.
    run : runs a stage's command; its exit status.

    Raises
    ------
    StageError
        If a stage failed, or ended without its product.
    Interrupted
        If the user stopped it; the stage that ran was stopped likewise.
    """
    took = read_durations(folder)
    for number, stage in enumerate(stages, start=1):
        head = f"stage {number} of {len(stages)}, {stage.name}"
        if stage.done:
            say(f"{head}: done before, {duration(took.get(stage.name, 0.0))}")
            continue
        left = 60 * sum(each.minutes for each in stages[number - 1 :] if not each.done)
        say(f"{head}: adgps {' '.join(stage.arguments)}")
        say(f"{head}: about {duration(60 * stage.minutes)}, all that is left {duration(left)}")
        begin = time.monotonic()
        try:
            status = run(stage, interrupts)
        finally:
            took[stage.name] = took.get(stage.name, 0.0) + time.monotonic() - begin
            write_json(folder / DURATIONS, took)
        if status != 0 or not stage.done:
            raise StageError(
                f"{stage.name} failed with exit status {status}; the same command goes on with it"
            )
        say(f"{head}: done in {duration(took[stage.name])}")
    return took


def claim(folder: Path, choices: dict[str, object]) -> None:
    """Note what the folder is for; RunFolderError if it is for something else."""
    path = folder / CHOICES
    if path.exists():
        found = json.loads(path.read_text(encoding="utf-8"))
        if found != choices:
            raise RunFolderError(f"{folder} holds another experiment: {found}")
    write_json(path, choices)


def read_durations(folder: Path) -> dict[str, float]:
    """Read how long stages have taken so far [s]; nothing if none has been run."""
    try:
        found = json.loads((folder / DURATIONS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): float(seconds) for name, seconds in dict(found).items()}
