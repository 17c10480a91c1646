"""Where in a bag the playing is: a clock that can be slowed down and stopped. No ROS."""

from __future__ import annotations

import math
import time
from collections.abc import Callable


class Playhead:
    """Runs at a rate of the steady clock, from zero.

    Parameters
    ----------
    rate : seconds of the bag per second.
    paused : whether it stands still at first.
    now : steady clock [s].

    Raises
    ------
    ValueError
        If the rate is not positive.
    """

    def __init__(
        self, rate: float, *, paused: bool = False, now: Callable[[], float] = time.monotonic
    ) -> None:
        if not 0.0 < rate < math.inf:
            raise ValueError(f"rate must be positive and finite, not {rate}")
        self._rate = rate
        self._now = now
        self._since: float | None = None if paused else now()
        self._before = 0.0

    @property
    def paused(self) -> bool:
        """Whether it stands still."""
        return self._since is None

    @property
    def position(self) -> float:
        """Time since the beginning of the bag [s]."""
        if self._since is None:
            return self._before
        return self._before + (self._now() - self._since) * self._rate

    def pause(self, paused: bool) -> None:
        """Stand still, or go on."""
        self._before, self._since = self.position, None if paused else self._now()

    def rewind(self) -> None:
        """Go back to the beginning."""
        self._before = 0.0
        if self._since is not None:
            self._since = self._now()

    def wait_for(self, position: float) -> float:
        """Time until a position is reached [s]; not positive if it was, infinite if paused."""
        if self._since is None:
            return math.inf
        return (position - self.position) / self._rate
