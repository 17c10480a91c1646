"""A timer that tells when each of its calls was due, however late it comes."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.clock import Clock, ClockType
from rclpy.node import Node


class Beat:
    """Calls once a period of the steady clock, with the time at which the call was due.

    On a busy machine a timer comes milliseconds late now and then. Whoever simulates as much as is
    due when the call comes, instead of when it should have come, is early by almost a period once
    another falls between the two.

    Parameters
    ----------
    node : that has the timer.
    period : between two calls [s].
    on_beat : called with when the call was due, steady clock [s]; after a pause with the last one.
    """

    def __init__(self, node: Node, period: float, on_beat: Callable[[float], None]) -> None:
        self._clock = Clock(clock_type=ClockType.STEADY_TIME)
        self._on_beat = on_beat
        self._timer = node.create_timer(period, self._on_timer, clock=self._clock)

    @property
    def now(self) -> float:
        """The clock of the beats [s]."""
        return 1e-9 * float(self._clock.now().nanoseconds)

    def _on_timer(self) -> None:
        ahead = self._timer.timer_period_ns - self._timer.time_until_next_call()
        self._on_beat(self.now - 1e-9 * ahead)
