"""Ctrl-C and SIGTERM as a request to stop that is looked at where stopping is safe."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):  # noqa: N818 - no error: the user wants it
    """The user, or the system, asked to stop."""

    def __init__(self, number: int) -> None:
        """Remember the signal."""
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.exit_status = 128 + number


class Interrupts:
    """Catches signals while it is entered; a context manager for the main thread."""

    def __init__(self) -> None:
        """Catch nothing yet."""
        self._received: int | None = None
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        """Begin to catch, also what a tether has held back until now."""
        for number in _SIGNALS:
            self._previous[number] = signal.signal(number, self._on_signal)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Restore what was."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        """Only remember."""
        self._received = self._received or number

    def check(self) -> None:
        """Raise Interrupted if a signal has come; once only, so that the clean-up can go on."""
        received, self._received = self._received, None
        if received is not None:
            raise Interrupted(received)
