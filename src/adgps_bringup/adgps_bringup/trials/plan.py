"""What robots are asked to try, in which order, and who takes what; no ROS here."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from adgps_core.tasks import Instance
from adgps_core.tasks.trials import TrialGrid


@dataclass(frozen=True)
class Trial:
    """One rollout that is asked for.

    Parameters
    ----------
    instance : what it is on.
    robot : namespace of the robot whose it is; "": whichever has time.
    number : of the robot's trials, from 0.
    seed : of the arm's start.
    perturbation : standard deviation of the joint angles at the start [rad].
    """

    instance: Instance
    robot: str = ""
    number: int = 0
    seed: int = 0
    perturbation: float = 0.0


def lay_out(
    grid: TrialGrid, robots: Sequence[str], count: int, perturbation: float
) -> tuple[Trial, ...]:
    """Ask each robot for trials 0 to count - 1 of a grid; all robots have the same.

    Trials of one cell start from different joint angles, and so do those of different robots,
    whose own seeds differ.
    """
    return tuple(
        Trial(grid.instance(number), robot, number, number, perturbation)
        for number in range(count)
        for robot in robots
    )


class Work:
    """Trials that are still to be made; any thread may take one.

    Parameters
    ----------
    trials : in order.
    """

    def __init__(self, trials: Sequence[Trial]) -> None:
        self._lock = threading.Lock()
        self._waiting = deque((index, 1) for index in range(len(trials)))
        self._trials = trials

    def take(self, robot: str) -> tuple[int, int] | None:
        """Index of the next trial that a robot may make, and which attempt it is; None: none."""
        with self._lock:
            for entry in self._waiting:
                if self._trials[entry[0]].robot in ("", robot):
                    self._waiting.remove(entry)
                    return entry
        return None

    def give_back(self, index: int, attempt: int) -> None:
        """Have a trial made again, after all others."""
        with self._lock:
            self._waiting.append((index, attempt + 1))
