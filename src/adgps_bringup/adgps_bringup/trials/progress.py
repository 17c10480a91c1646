"""Progress of the trials of an evaluation, a line now and then."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from adgps_bringup.progress import PLAIN_PERIOD, duration
from adgps_bringup.trials.log import TrialResult


class TrialProgress:
    """Says how far an evaluation is.

    Parameters
    ----------
    missing : trials that each robot has to make.
    before : those that an earlier part of it has made.
    say : prints a line.
    now : steady clock [s].
    """

    def __init__(
        self,
        missing: Mapping[str, int],
        before: Sequence[TrialResult],
        say: Callable[[str], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._missing, self._say, self._now = missing, say, now
        self._results = list(before)
        self._total = len(before) + sum(missing.values())
        self._made: Counter[str] = Counter()
        self._began = self._said = now()
        if before:
            say(f"{len(before)} of {self._total} trials were made before")

    def add(self, result: TrialResult) -> None:
        """Count a trial, and say so if nothing was said for a while, or if it was the last."""
        self._results.append(result)
        self._made[result.robot] += 1
        now = self._now()
        if now >= self._said + PLAIN_PERIOD or len(self._results) == self._total:
            self._said = now
            self._say(self._line(now - self._began))

    def _line(self, elapsed: float) -> str:
        done = len(self._results)
        left = max(
            elapsed / self._made[robot] * (missing - self._made[robot])
            if self._made[robot]
            else math.inf
            for robot, missing in self._missing.items()
        )
        return (
            f"{duration(elapsed):>7}  {done}/{self._total} trials"
            f"{_succeeded(self._results)}  ETA {duration(left)}"
        )


def _succeeded(results: Sequence[TrialResult]) -> str:
    """How many succeeded; nothing where nobody knows."""
    known = [result.succeeded for result in results if result.succeeded is not None]
    return f"  {sum(known)} succeeded ({sum(known) / len(known):.0%})" if known else ""
