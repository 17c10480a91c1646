"""The parameter server of the model: one queue, first come, first served."""

from __future__ import annotations

from collections import Counter


class ModelServer:
    """Requests queue for one thread, as those of the node do for its executor.

    With one thread and first come, first served, a request that arrives at t leaves at
    max(t, departure of the one before) + its own service time (Lindley's recursion), so that no
    queue needs to be kept.
    """

    def __init__(self) -> None:
        self._free_at = 0.0
        self.version = 0
        """Gradients applied."""
        self.busy_s = 0.0
        self.staleness: Counter[int] = Counter()
        """Gradients applied, by the updates of others since the parameters they were of."""

    def departure(self, now: float, service: float) -> float:
        """When a request that arrives now will have been served [s]."""
        self._free_at = max(now, self._free_at) + service
        self.busy_s += service
        return self._free_at

    def apply(self, version: int) -> None:
        """Apply a gradient of policy parameters of a version."""
        self.staleness[self.version - version] += 1
        self.version += 1

    def begin_measuring(self) -> None:
        """Forget what was counted so far."""
        self.busy_s = 0.0
        self.staleness.clear()
