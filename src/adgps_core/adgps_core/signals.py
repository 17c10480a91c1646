"""Ending a process when it is asked to, between two steps of its work and not within one."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType


def repeat_until_signalled(step: Callable[[], object]) -> None:
    """Call step again and again until SIGINT or SIGTERM arrives.

    A ROS node's main hands over its executor's `spin_once`, and has ROS install no handlers of its
    own: those end the context in the middle of whatever callback is running, which then fails.
    Something, a timer for example, must let step return now and then.
    """
    received: list[int] = []

    def remember(number: int, _: FrameType | None) -> None:
        received.append(number)

    signals = (signal.SIGINT, signal.SIGTERM)
    previous = [signal.signal(number, remember) for number in signals]
    try:
        while not received:
            step()
    finally:
        for number, handler in zip(signals, previous, strict=True):
            signal.signal(number, handler)
