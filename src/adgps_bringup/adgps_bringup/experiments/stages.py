"""An experiment as stages: each is a command that a user could type, and leaves a product.

A stage is done when its command has ended well and its product is there. One that was stopped is
gone on with, or begins anew where its command cannot go on.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

from adgps_bringup.interrupts import Interrupted, Interrupts
from adgps_bringup.progress import duration
from adgps_bringup.run_folder import RunFolderError
from adgps_bringup.summary import write_json
from adgps_bringup.supervisor import tether_command

CHOICES = "experiment.json"
"""What an experiment's folder is for, in it."""
NOTES = "stages.json"
"""What is known of the stages, in the experiment's folder."""

_PERIOD = 0.2


@dataclass(frozen=True)
class Stage:
    """One command of an experiment.

    Parameters
    ----------
    name : unique in the experiment, also where it is shown.
    begin : verb and arguments that begin it.
    folder : all that it makes.
    product : file that is there when it is done.
    minutes : about how long it takes, for the time that is left.
    go_on : verb and arguments for one that was stopped; empty: it begins anew.
    begun : file that is there when there is something to go on with.
    """

    name: str
    begin: tuple[str, ...]
    folder: Path
    product: Path
    minutes: float
    go_on: tuple[str, ...] = ()
    begun: Path | None = None

    def prepare(self) -> tuple[str, ...]:
        """Say what is to be run now; what it cannot go on with is thrown away."""
        if self.begun is not None and self.begun.exists():
            return self.go_on
        if self.folder.exists():
            shutil.rmtree(self.folder)
        return self.begin


@dataclass
class Notes:
    """What is known of the stages of an experiment.

    Parameters
    ----------
    seconds : wall clock of each stage, over all its parts [s].
    finished : names of the stages whose commands have ended well.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    finished: list[str] = field(default_factory=list)

    def done(self, stage: Stage) -> bool:
        """Whether a stage is done, and its product there."""
        return stage.name in self.finished and stage.product.exists()

    @staticmethod
    def read(folder: Path) -> Notes:
        """Read the notes of an experiment; none if they cannot be read: then stages go on."""
        try:
            return Notes(**json.loads((folder / NOTES).read_text(encoding="utf-8")))
        except (OSError, TypeError, ValueError):
            return Notes()

    def write(self, folder: Path) -> None:
        """Write them."""
        write_json(folder / NOTES, asdict(self))


class StageError(RuntimeError):
    """A stage failed; the message says which, and what goes on with it."""


def start_command(
    arguments: Sequence[str], log: IO[bytes] | None = None
) -> subprocess.Popen[bytes]:
    """Start `adgps` with arguments; it is asked to end when this process is killed.

    Parameters
    ----------
    arguments : verb and what follows.
    log : gets what it prints; None: it prints where this process does.
    """
    return subprocess.Popen(
        [*tether_command(farewell=True), sys.executable, "-m", "adgps_bringup.cli", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=None if log is None else subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C in a terminal would reach it twice
    )


def await_commands(
    processes: Sequence[subprocess.Popen[bytes]],
    interrupts: Interrupts,
    tick: Callable[[], object] = lambda: None,
) -> list[int]:
    """Wait for commands, calling tick now and then; their exit statuses.

    Raises
    ------
    Interrupted
        If the user stopped this process; the commands were stopped likewise, and have ended.
    """
    try:
        while any(process.poll() is None for process in processes):
            interrupts.check()
            time.sleep(_PERIOD)
            tick()
    except Interrupted:
        for process in processes:
            process.send_signal(signal.SIGINT)
        for process in processes:
            process.wait()
        raise
    return [int(process.wait()) for process in processes]


def run_command(arguments: Sequence[str], interrupts: Interrupts) -> int:
    """Exit status of one command; what stops this process stops it too."""
    (status,) = await_commands([start_command(arguments)], interrupts)
    return status


def run_stages(
    stages: Sequence[Stage],
    folder: Path,
    interrupts: Interrupts,
    say: Callable[[str], object] = print,
    run: Callable[[Sequence[str], Interrupts], int] = run_command,
    report: Callable[[Mapping[str, float]], object] = lambda _: None,
) -> dict[str, float]:
    """Run what is not done yet, in turn; the wall clock of each stage [s].

    Parameters
    ----------
    stages : of the experiment.
    folder : where it is noted what is done, and how long it took.
    interrupts : may stop it.
    say : called with one line for people.
    run : runs a command; its exit status.
    report : called after each stage with the wall clock of all so far, to tell what there is.

    Raises
    ------
    StageError
        If a stage failed, or ended without its product.
    Interrupted
        If the user stopped it; the stage that ran was stopped likewise.
    """
    notes = Notes.read(folder)
    for number, stage in enumerate(stages, start=1):
        head, took = f"stage {number} of {len(stages)}, {stage.name}", notes.seconds
        if notes.done(stage):
            say(f"{head}: done before, {duration(took.get(stage.name, 0.0))}")
            continue
        left = 60 * sum(each.minutes for each in stages[number - 1 :] if not notes.done(each))
        arguments = stage.prepare()
        say(f"{head}: adgps {' '.join(arguments)}")
        say(f"{head}: about {duration(60 * stage.minutes)}, all that is left {duration(left)}")
        begin = time.monotonic()
        try:
            status = run(arguments, interrupts)
        finally:
            took[stage.name] = took.get(stage.name, 0.0) + time.monotonic() - begin
            notes.write(folder)
        if status != 0 or not stage.product.exists():
            raise StageError(
                f"{stage.name} failed with exit status {status}; the same command goes on with it"
            )
        notes.finished.append(stage.name)
        notes.write(folder)
        say(f"{head}: done in {duration(took[stage.name])}")
        report(took)
    return notes.seconds


def claim(folder: Path, choices: dict[str, object]) -> None:
    """Note what the folder is for; RunFolderError if it is for something else."""
    path = folder / CHOICES
    if path.exists():
        found = json.loads(path.read_text(encoding="utf-8"))
        if found != choices:
            raise RunFolderError(f"{folder} holds another experiment: {found}")
    write_json(path, choices)
