"""Progress on the screen: one line per robot, redrawn in place, or sparse lines in a file."""

from __future__ import annotations

import math
import sys
from types import TracebackType
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from adgps_bringup.training_state import TrainingState, WorkerProgress

PLAIN_PERIOD = 10.0
"""Shortest time between two lines of one robot in a file [s]."""

QUIET_PERIOD = 60.0
"""Longest, while it practises [s]: an iteration may take minutes."""


def duration(seconds: float) -> str:
    """Write a duration as m:ss or h:mm:ss."""
    if not math.isfinite(seconds):
        return "--:--"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def cells(state: TrainingState, robot: str, now: float) -> tuple[str, ...]:
    """One robot's line: name, iteration, cost, utilisation, policy and its age, ETA, activity."""
    worker = state.workers.get(robot, WorkerProgress(robot))
    cost = f"{worker.cost:.4g}" if math.isfinite(worker.cost) else "-"
    age = f"{worker.policy_age_s:.1f} s" if math.isfinite(worker.policy_age_s) else "-"
    return (
        robot,
        f"{worker.iteration:.1f}/{worker.iterations}",
        cost,
        f"{worker.utilization:.0%}",
        worker.policy_version,
        age,
        duration(state.eta_s(robot, now)),
        "finished" if worker.finished else worker.state,
    )


HEADINGS = ("robot", "iteration", "cost", "utilisation", "policy", "age", "ETA", "doing")


def plain_line(state: TrainingState, robot: str, now: float) -> str:
    """One robot's line for a file."""
    name, iteration, cost, utilization, version, age, eta, doing = cells(state, robot, now)
    return (
        f"{duration(now):>7}  {name}  iteration {iteration}  cost {cost}"
        f"  utilisation {utilization}  policy {version}, {age} old  ETA {eta}  {doing}"
    )


class ProgressDisplay:
    """Shows a training state; a context manager.

    Parameters
    ----------
    state : what to show; read only.
    stream : where to; standard output unless given.
    """

    def __init__(self, state: TrainingState, stream: TextIO | None = None) -> None:
        """Find out whether it is a terminal."""
        self._state = state
        self._console = Console(file=stream or sys.stdout, highlight=False)
        self._live = (
            Live(console=self._console, auto_refresh=False) if self._console.is_terminal else None
        )
        self._printed: dict[str, tuple[float, int, bool]] = {}

    def __enter__(self) -> ProgressDisplay:
        """Begin to draw."""
        if self._live:
            self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the last lines on the screen."""
        if self._live:
            self._live.__exit__(kind, error, trace)

    def say(self, line: str) -> None:
        """Print a line above the progress; from any thread."""
        if self._live:
            self._console.print(Text(line))
        else:
            print(line, file=self._console.file, flush=True)

    def update(self, now: float) -> None:
        """Draw the state anew; now is the wall clock since the start [s]."""
        if self._live:
            table = Table(*HEADINGS, box=None, pad_edge=False)
            for robot in self._state.robots:
                table.add_row(*cells(self._state, robot, now))
            self._live.update(table, refresh=True)
            return
        for robot in self._state.robots:
            worker = self._state.workers.get(robot)
            if worker is not None and self._due(worker, now):
                self.say(plain_line(self._state, robot, now))

    def _due(self, worker: WorkerProgress, now: float) -> bool:
        """Whether a robot's line is worth printing: an iteration or some time later, at the end."""
        at, iteration, finished = self._printed.get(worker.robot, (-math.inf, -1, False))
        period = PLAIN_PERIOD if int(worker.iteration) > iteration else QUIET_PERIOD
        news = not worker.finished and now >= at + period
        if news or worker.finished != finished:
            self._printed[worker.robot] = now, int(worker.iteration), worker.finished
            return True
        return False
