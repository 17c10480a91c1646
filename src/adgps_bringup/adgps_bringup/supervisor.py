"""A small supervisor for machines without `launch`.

It starts processes, starts the ones again that may be, stops all of them together and never leaves
one behind: each is tethered to this process by the kernel (see tether.py), so that they end even
when the supervisor is killed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from adgps_bringup import tether
from adgps_bringup.output import OutputPump

_ESCALATION = ((signal.SIGINT, 2.0), (signal.SIGTERM, 0.7), (signal.SIGKILL, 1.0))
"""Signals to stop with, and how long to wait after each [s]; in all less than 4 s."""

CANNOT_START = 2
"""Exit status of a program that refuses its parameters, and would do so again."""


class ProcessEndedError(RuntimeError):
    """A required process has ended and will not be started again."""


@dataclass(frozen=True)
class Command:
    """One process to run: name, arguments (program first), environment, and what if it ends.

    With farewell it is asked to end, not killed, when this process is killed. Its niceness is added
    to this process's.
    """

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    required: bool = True
    respawn: bool = False
    farewell: bool = False
    nice: int = 0


@dataclass(frozen=True)
class RespawnLimit:
    """At most so many restarts within a window [s]; a pause before each but the first."""

    restarts: int = 5
    window: float = 60.0
    pause: float = 1.0


@dataclass
class _Supervised:
    """A command and its process."""

    command: Command
    process: subprocess.Popen[bytes] | None = None
    deaths: deque[float] = field(default_factory=deque)
    restart_at: float | None = None
    stopping: bool = False


class Supervisor:
    """Runs commands; use it as a context manager.

    All methods are to be called from one thread, and this thread must outlive the processes: the
    kernel ties them to the thread that started them.

    Parameters
    ----------
    commands : what to run, in the order of starting.
    log_folder : gets a log file for each process.
    show : called with one line for every event, and every warning that a process prints.
    limit : bound on restarts.
    """

    def __init__(
        self,
        commands: Iterable[Command],
        log_folder: Path,
        show: Callable[[str], None],
        limit: RespawnLimit | None = None,
    ) -> None:
        """Remember the commands; nothing is started yet."""
        self._all = {command.name: _Supervised(command) for command in commands}
        self._show = show
        self._limit = limit or RespawnLimit()
        self._pump = OutputPump(log_folder, show)
        self.respawns = 0
        self.ended: dict[str, int] = {}
        """Exit status of processes that ended by themselves for good, by name."""

    def __enter__(self) -> Supervisor:
        """Start all processes."""
        try:
            for item in self._all.values():
                self._start(item)
        except BaseException:
            self.stop()
            self._pump.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop all processes."""
        self.stop()
        self._pump.close()

    @property
    def pids(self) -> dict[str, int]:
        """Process ids of what runs now, by name."""
        return {
            name: item.process.pid
            for name, item in self._all.items()
            if item.process is not None and item.process.poll() is None
        }

    def log_file(self, name: str) -> Path:
        """Where a process's output is kept."""
        return self._pump.log_file(name)

    def poll(self) -> None:
        """Look after the processes: restart the dead. To be called a few times a second.

        Raises
        ------
        ProcessEndedError
            If a required process has ended for good.
        """
        now = time.monotonic()
        for item in self._all.values():
            if item.restart_at is not None:
                if now >= item.restart_at:
                    item.restart_at = None
                    self.respawns += 1
                    self._start(item)
            elif item.process is not None and not item.stopping:
                status = item.process.poll()
                if status is not None:
                    self._ended(item, status, now)

    def interrupt(self, names: Iterable[str]) -> None:
        """Ask processes to stop, without waiting for it."""
        for item in self._stopping(names):
            if item.process is not None and item.process.poll() is None:
                _signal_group(item.process.pid, signal.SIGINT)

    def stop(self, names: Iterable[str] | None = None) -> None:
        """Stop processes, all unless named: interrupt, then terminate, then kill."""
        chosen = self._stopping(self._all if names is None else names)
        running = [item.process for item in chosen if item.process is not None]
        for signal_number, patience in _ESCALATION:
            deadline = time.monotonic() + patience
            alive = [process for process in running if process.poll() is None]
            for process in alive:
                _signal_group(process.pid, signal_number)
            while time.monotonic() < deadline and any(each.poll() is None for each in alive):
                time.sleep(0.01)
        for process in running:
            _signal_group(process.pid, signal.SIGKILL)  # what a process left in its group
        for item in chosen:
            item.process = None

    def _stopping(self, names: Iterable[str]) -> list[_Supervised]:
        """Mark processes as being stopped: they are not started again, nor listened to."""
        chosen = [self._all[name] for name in names]
        for item in chosen:
            item.stopping = True
            item.restart_at = None
            self._pump.hush(item.command.name)
        return chosen

    def _start(self, item: _Supervised) -> None:
        """Start a process in a session of its own, tethered to this one."""
        command = item.command
        item.process = subprocess.Popen(
            [*tether_command(command.farewell, command.nice), *command.arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(command.environment),
            start_new_session=True,
        )
        self._pump.add(command.name, item.process)

    def _ended(self, item: _Supervised, status: int, now: float) -> None:
        """Decide what follows from the end of a process that nobody asked to end."""
        assert item.process is not None
        _signal_group(item.process.pid, signal.SIGKILL)
        item.process = None
        name, why = item.command.name, _reason(status)
        item.deaths.append(now)
        while item.deaths and item.deaths[0] < now - self._limit.window:
            item.deaths.popleft()
        again = item.command.respawn and status != CANNOT_START
        if again and len(item.deaths) <= self._limit.restarts:
            item.restart_at = now + (self._limit.pause if len(item.deaths) > 1 else 0.0)
            self._show(f"[{name}] {why}; starting it again")
        elif item.command.required:
            often = f" for the {len(item.deaths)}th time" if again else ""
            log = self.log_file(name)
            raise ProcessEndedError(f"{name} {why}{often}, its output is in {log}")
        else:
            self.ended[name] = status
            if status or item.command.respawn:  # else it has done what it was for
                self._show(f"[{name}] {why}")


def tether_command(farewell: bool, nice: int = 0) -> list[str]:
    """What to put before a program so that it never outlives this process."""
    flags = [*(["--farewell"] if farewell else []), *(["--nice", str(nice)] if nice else [])]
    return [sys.executable, "-I", "-S", tether.__file__, *flags, str(os.getpid())]


def _reason(status: int) -> str:
    """Say how a process ended."""
    if status < 0:
        with suppress(ValueError):
            return f"was ended by {signal.Signals(-status).name}"
    return f"ended with status {status}"


def _signal_group(pid: int, signal_number: int) -> None:
    """Signal a process and its children; it is no error if they are gone."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal_number)
