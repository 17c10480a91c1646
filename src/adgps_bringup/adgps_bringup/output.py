"""What supervised processes print: all of it into log files, what matters to the terminal."""

from __future__ import annotations

import os
import re
import selectors
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from typing import IO

_UNIMPORTANT = re.compile(r"\[(DEBUG|INFO)\]|^pybullet build time")
_WARNING = "[WARN]"
_CHUNK = 1 << 16

_WARNINGS, _WINDOW = 2, 10.0
"""Warnings of one process that are shown in a window of so many seconds; the rest is in its log."""


def say(line: str) -> None:
    """Print a line at once, also where somebody else reads it."""
    print(line, flush=True)


@dataclass
class _Source:
    """One pipe of one process, and the line that has not ended yet."""

    name: str
    log: Path
    is_error: bool
    stream: IO[bytes]
    rest: bytes = field(default=b"")


class OutputPump:
    """Reads the pipes of many processes on one thread.

    Parameters
    ----------
    folder : gets NAME.log for every process, slashes in names become dots.
    show : called with "[NAME] line" for every error, and for warnings unless they are many; ROS
        logs to standard error, where a line that is no log line (a traceback) counts as an error.
    """

    def __init__(self, folder: Path, show: Callable[[str], None]) -> None:
        """Start the thread."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._show = show
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = os.pipe()
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self._new: list[_Source] = []
        self._lock = threading.Lock()
        self._closing = False
        self._hushed: set[str] = set()
        self._warned: dict[str, tuple[float, int]] = {}
        self._thread = threading.Thread(target=self._run, name="output", daemon=True)
        self._thread.start()

    def log_file(self, name: str) -> Path:
        """Log file of a process."""
        return self._folder / f"{name.replace('/', '.')}.log"

    def add(self, name: str, process: Popen[bytes]) -> None:
        """Read the pipes of a process from now on."""
        log = self.log_file(name)
        with log.open("ab") as file:
            file.write(f"--- started, pid {process.pid}\n".encode())
        with self._lock:
            for stream, is_error in ((process.stdout, False), (process.stderr, True)):
                if stream is not None:
                    self._new.append(_Source(name, log, is_error, stream))
        os.write(self._wake_write, b"+")

    def hush(self, name: str) -> None:
        """Show nothing of a process any more: what it says while it is stopped is no news."""
        self._hushed.add(name)

    def close(self) -> None:
        """Read what is left, then end; to be called when all processes have ended."""
        self._closing = True
        os.write(self._wake_write, b"-")
        self._thread.join(timeout=2.0)

    def _run(self) -> None:
        """Wait for output until closed and all pipes have ended."""
        open_pipes = 0
        while not (self._closing and open_pipes == 0 and not self._new):
            for key, _ in self._selector.select():
                if key.data is None:
                    os.read(self._wake_read, _CHUNK)
                elif not self._read(key.data):
                    self._selector.unregister(key.fileobj)
                    key.data.stream.close()
                    open_pipes -= 1
            with self._lock:
                new, self._new = self._new, []
            for source in new:
                self._selector.register(source.stream, selectors.EVENT_READ, source)
                open_pipes += 1
        self._selector.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _read(self, source: _Source) -> bool:
        """Take what a pipe holds; False at its end."""
        data = os.read(source.stream.fileno(), _CHUNK)
        *lines, source.rest = (source.rest + data).split(b"\n")
        if not data and source.rest:
            lines.append(source.rest)
        if lines:
            with source.log.open("ab") as file:
                file.write(b"\n".join(lines) + b"\n")
        for line in lines if source.is_error and source.name not in self._hushed else ():
            text = line.decode(errors="replace").rstrip()
            if text and not _UNIMPORTANT.search(text):
                if _WARNING not in text or self._allows_warning(source.name):
                    self._show(f"[{source.name}] {text}")
        return bool(data)

    def _allows_warning(self, name: str) -> bool:
        """Whether a process may still show a warning in this window."""
        now = time.monotonic()
        since, shown = self._warned.get(name, (-_WINDOW, 0))
        if now >= since + _WINDOW:
            since, shown = now, 0
        self._warned[name] = since, shown + 1
        if shown == _WARNINGS:
            self._show(f"[{name}] more warnings are in {self.log_file(name)}")
        return shown < _WARNINGS
