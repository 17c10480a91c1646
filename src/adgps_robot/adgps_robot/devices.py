"""Devices that may go away: read on a thread of their own, opened again until they are back.

What the drivers of cameras and IMUs have in common. No ROS.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

STOP_TIMEOUT = 2.0
"""How long a reader that is stopped may still hang in its device [s]."""


class DeviceError(Exception):
    """A device cannot be opened, or is gone; the message says why."""


class Device(Protocol[T_co]):
    """A device that is open."""

    def read(self) -> Sequence[T_co]:
        """What came since, perhaps nothing; waits for it, but not much longer than 0.1 s if it can.

        Raises
        ------
        DeviceError
            If the device is gone.
        """
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


@dataclass(frozen=True)
class Backoff:
    """Waits between attempts to open a device: each twice as long as the one before.

    Parameters
    ----------
    first, longest : the shortest and the longest wait [s].
    """

    first: float = 0.1
    longest: float = 2.0

    def __post_init__(self) -> None:
        """Refuse waits that would not end, or be none."""
        if not 0.0 < self.first <= self.longest:
            raise ValueError(f"waits must be 0 < {self.first} <= {self.longest}")

    def wait(self, failures: int) -> float:
        """How long to wait after so many failures in a row, one or more [s]."""
        return min(self.longest, self.first * 2.0 ** min(failures - 1, 30))


class DeviceReader(Generic[T]):
    """Reads a device on a thread, and opens it again whenever it is gone or silent.

    Parameters
    ----------
    name : of the device, for people.
    open_device : opens it; raises DeviceError if that cannot be done. It may take its time.
    deliver : called on the reader's thread with each item, in their order.
    on_loss, on_return : called there with one sentence, once when the device goes away (or is not
        there at first) and once when its first item has come.
    silence : a device from which nothing came for so long counts as gone [s].
    backoff : waits between attempts; they begin anew after an item, not after a mere opening.
    """

    def __init__(
        self,
        name: str,
        open_device: Callable[[], Device[T]],
        deliver: Callable[[T], None],
        on_loss: Callable[[str], None],
        on_return: Callable[[str], None],
        silence: float = 2.0,
        backoff: Backoff | None = None,
    ) -> None:
        self._name = name
        self._open = open_device
        self._deliver = deliver
        self._on_loss, self._on_return = on_loss, on_return
        self._silence = silence
        self._backoff = backoff or Backoff()
        self._stopping = threading.Event()
        self._failure: Exception | None = None
        self._lost_at = self._newest = self._reported_at = time.monotonic()
        self._failures = self._reported = 0
        self.problem = "not opened yet"
        """Why nothing comes; empty while something does."""
        self.items = 0
        self.reconnects = 0
        self._thread = threading.Thread(target=self._run, name=f"read {name}", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """End reading; nothing is delivered from now on, even if the device hangs."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(STOP_TIMEOUT)

    def check(self) -> None:
        """Raise what ended the thread by mistake: a reader that is dead must not look alive."""
        if self._failure is not None:
            raise self._failure

    def report(self) -> tuple[str, dict[str, object]]:
        """What is wrong, "" if nothing, and key-value pairs for /diagnostics.

        The rate is that since the last report.
        """
        now = time.monotonic()
        age = now - self._newest if self.items else float("nan")
        items, elapsed = self.items, now - self._reported_at
        rate = (items - self._reported) / elapsed if elapsed > 0.0 else 0.0
        self._reported, self._reported_at = items, now
        problem = self.problem
        if not problem and age > self._silence:  # the thread itself hangs in the device
            problem = f"nothing came for {age:.1f} s"
        values: dict[str, object] = {
            "device": self._name,
            "received": items,
            "rate_hz": rate,
            "age_s": age,
            "reconnects": self.reconnects,
        }
        return problem, values

    def _run(self) -> None:
        """Open, read, wait, until stopped."""
        try:
            while not self._stopping.is_set():
                try:
                    self._read_while_there()
                except DeviceError as error:
                    self._lose(str(error))
                    self._stopping.wait(self._backoff.wait(self._failures))
        except Exception as error:
            self._failure = error
            self.problem = f"the reader failed: {error}"

    def _read_while_there(self) -> None:
        device = self._open()
        try:
            heard = time.monotonic()
            while not self._stopping.is_set():
                items = device.read()
                now = time.monotonic()
                for item in items:
                    if self._stopping.is_set():
                        return
                    self._take(item, now)
                if items:
                    heard = now
                elif now - heard > self._silence:
                    raise DeviceError(f"nothing came for {self._silence:g} s")
        finally:
            device.close()

    def _take(self, item: T, now: float) -> None:
        """Count and deliver an item; the first one after a loss means that the device is back."""
        if self.problem:
            if self.items:
                self.reconnects += 1
                self._on_return(f"{self._name} is back after {now - self._lost_at:.1f} s")
            else:
                self._on_return(f"{self._name}: connected")
        self.problem, self._failures = "", 0
        self._newest = now
        self.items += 1
        self._deliver(item)

    def _lose(self, reason: str) -> None:
        """Note a loss, or another failure to end one; say only the first."""
        if not self._failures:
            if not self.problem:
                self._lost_at = time.monotonic()
            self._on_loss(f"{self._name}: {reason}; trying to open it until it is there")
        self._failures += 1
        self.problem = reason
