"""How far practice has come: written by its loop, read by anyone."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from adgps_core.tally import Tally

PHASES = ("reset", "rollout", "fit", "improve", "wait")
"""What a local worker's time goes to: `rollout` are those learned from, `fit` is once a batch,
`improve` is a step of a local policy and its publication, `wait` is for the global workers."""


@dataclass
class Progress:
    """How far practice has come, for diagnostics; written by the loop, read by anyone.

    Iterations and rollouts, those learned from, include what was done before a restart.
    `started_at` is when practice began by the clock on the wall [s], to compare robots.
    """

    activity: str = "starting"
    iterations: dict[str, int] = field(default_factory=dict)
    rollouts: int = 0
    failed_rollouts: int = 0
    costs: dict[str, float] = field(default_factory=dict)
    distances: dict[str, float] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)
    started_at: float = field(default_factory=time.time)
    finished: bool = False
    ended: float | None = None
    times: Mapping[str, Tally] = field(default_factory=lambda: {name: Tally() for name in PHASES})

    def begin(self) -> None:
        """Practice begins."""
        self.started, self.started_at = time.monotonic(), time.time()

    @property
    def cost(self) -> float:
        """Mean cost of the newest rollouts of every instance; NaN before there are any."""
        return _mean(self.costs)

    @property
    def distance(self) -> float:
        """Mean final distance of the newest rollouts of every instance [m]."""
        return _mean(self.distances)

    @property
    def elapsed(self) -> float:
        """Time since practice began, until it ended [s]."""
        return (self.ended or time.monotonic()) - self.started

    @property
    def utilization(self) -> float:
        """Time of the rollouts that were learned from, over wall clock."""
        rollouts = self.times["rollout"]
        return rollouts.count * rollouts.mean / max(self.elapsed, 1e-9)


def _mean(values: dict[str, float]) -> float:
    numbers = list(values.values())  # a copy: the loop's thread may add an instance meanwhile
    return sum(numbers) / len(numbers) if numbers else float("nan")
