"""Keys that are pressed on the terminal, if there is one, without waiting for Enter."""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from types import TracebackType
from typing import Any


class Keyboard:
    """Reads keys while it is entered; a context manager. Ctrl-C stays what it is."""

    def __init__(self) -> None:
        """Find out whether there is a terminal, and this process is the one in front."""
        self.there = False
        self._saved: list[Any] = []
        try:
            self._descriptor = sys.stdin.fileno()
            in_front = os.tcgetpgrp(self._descriptor) == os.getpgrp()
            self.there = os.isatty(self._descriptor) and in_front
        except (OSError, ValueError, AttributeError):
            pass  # no terminal at all

    def __enter__(self) -> Keyboard:
        """Read from now on."""
        if self.there:
            self._saved = termios.tcgetattr(self._descriptor)
            tty.setcbreak(self._descriptor)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the terminal as it was."""
        if self.there:
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._saved)

    def pressed(self, keys: str) -> bool:
        """Whether one of some keys was pressed since the last look."""
        return any(key in keys for key in self.read())

    def read(self) -> str:
        """Keys that were pressed since the last look."""
        if not self.there or not select.select([self._descriptor], [], [], 0)[0]:
            return ""
        return os.read(self._descriptor, 64).decode(errors="ignore")
