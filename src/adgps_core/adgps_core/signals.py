"""Ending a process when it is asked to, between two steps of its work and not within one."""

from __future__ import annotations

import gc
import signal
from collections.abc import Callable
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopSignals:
    """SIGINT and SIGTERM, from now on remembered instead of acted upon.

    The first thing in a ROS node's main, which has ROS install no handlers of its own: those end
    the context in the middle of whatever callback is running, which then fails. Signals that were
    blocked while the process started and imported its modules arrive now.
    """

    def __init__(self) -> None:
        self._received = False
        for number in _SIGNALS:
            signal.signal(number, self._remember)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)

    def repeat(self, step: Callable[[], object]) -> None:
        """Call step again and again until a signal has arrived; further ones change nothing.

        A main hands over its executor's `spin_once`. Something, a timer for example, must let step
        return now and then.
        """
        # Collections from now on need not search what was imported and built so far: it lives on,
        # and to search it takes half a control period.
        gc.collect()
        gc.freeze()
        try:
            while not self._received:
                step()
        finally:
            # All that lives now ends with the process: no need to search it for garbage, which
            # takes the interpreter's last collections seconds on a busy machine.
            gc.freeze()

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self._received = True
