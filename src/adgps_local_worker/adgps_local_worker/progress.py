"""How far practice has come: written by its loop, read by anyone."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass
class Progress:
    """How far practice has come, for diagnostics; written by the loop, read by anyone.

    Iterations and rollouts, those learned from, include what was done before a restart.
    """

    activity: str = "starting"
    iterations: dict[str, int] = field(default_factory=dict)
    rollouts: int = 0
    failed_rollouts: int = 0
    costs: dict[str, float] = field(default_factory=dict)
    distances: dict[str, float] = field(default_factory=dict)
    practised_s: float = 0.0
    started: float = field(default_factory=time.monotonic)
    finished: bool = False
    ended: float | None = None

    @property
    def cost(self) -> float:
        """Mean cost of the newest rollouts of every instance; NaN before there are any."""
        return _mean(self.costs)

    @property
    def distance(self) -> float:
        """Mean final distance of the newest rollouts of every instance [m]."""
        return _mean(self.distances)

    @property
    def utilization(self) -> float:
        """Time of the rollouts that were learned from, over wall clock."""
        elapsed = (self.ended or time.monotonic()) - self.started
        return self.practised_s / max(elapsed, 1e-9)


def _mean(values: dict[str, float]) -> float:
    numbers = list(values.values())  # a copy: the loop's thread may add an instance meanwhile
    return sum(numbers) / len(numbers) if numbers else float("nan")
