"""How much simulated time is due at a wall-clock time. No ROS."""

from __future__ import annotations


class Pacer:
    """Keeps simulated time at a factor of the wall clock, in whole periods.

    It begins when first asked. Each period is due from half of one before its time, so that of
    calls a period apart, a little early or late, each finds one due.

    Where the machine cannot keep up, time slips instead of piling up: what is more than
    `catch_up` periods behind is dropped from the schedule and counted.

    Parameters
    ----------
    factor : simulated seconds per wall-clock second.
    period : of the simulated states [s].
    catch_up : most periods made up for at once.
    """

    def __init__(self, factor: float, period: float, catch_up: int = 12) -> None:
        if not (factor > 0 and period > 0 and catch_up >= 1):
            raise ValueError("factor, period and catch_up must be positive")
        self._wall_period = period / factor
        self._begin: float | None = None
        self._done = 0
        self._catch_up = catch_up
        self.slipped = 0
        self._mark = 0, 0

    def mark(self) -> None:
        """Have `kept` begin here."""
        self._mark = self.slipped, self._done

    @property
    def kept(self) -> float:
        """Part of the time since the mark, or the beginning, that was kept pace with."""
        slipped, done = self.slipped - self._mark[0], self._done - self._mark[1]
        return 1 - slipped / done if done else 1.0

    def due(self, now: float) -> int:
        """Periods to simulate so that simulated time has caught up with `now`, steady clock [s]."""
        if self._begin is None:
            self._begin = now
        behind = int((now - self._begin) / self._wall_period + 0.5) - self._done
        count = min(max(behind, 0), self._catch_up)
        lost = max(behind, 0) - count
        self.slipped += lost
        self._done += count + lost
        return count
