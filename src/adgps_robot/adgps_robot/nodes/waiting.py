"""Bounded waits within a node's coroutines, on the steady clock."""

from __future__ import annotations

import time
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.task import Future

LOOK_PERIOD = 0.05


class Waits:
    """Awaits futures of a node, each for so long at most; no callback is blocked.

    Parameters
    ----------
    node : whose executor completes the futures.
    """

    def __init__(self, node: Node) -> None:
        self._waiting: list[tuple[float, Future]] = []
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        node.create_timer(LOOK_PERIOD, self._look, clock=steady)

    async def result(self, future: Future, timeout: float) -> Any:
        """Result of a future, or None after timeout [s]."""
        done: Future = Future()
        wait = (time.monotonic() + timeout, done)
        self._waiting.append(wait)

        def pass_on(finished: Future) -> None:
            if not done.done():
                done.set_result(finished.result())

        future.add_done_callback(pass_on)
        try:
            return await done
        finally:
            self._waiting.remove(wait)

    def _look(self) -> None:
        """Give up what has waited too long."""
        now = time.monotonic()
        for deadline, done in list(self._waiting):
            if now > deadline and not done.done():
                done.set_result(None)
