"""Which measurements belong to a joint state. No ROS.

Lock-step: those with the state's stamp; the state waits for them. Real time: the newest ones, as
long as they are fresh.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

KEPT = 8
"""Measurements kept in lock-step, in case they come before their states."""


class Join:
    """Joins the measurements of one sensor with states.

    Parameters
    ----------
    name : under which trajectories hold them, "imu" for example.
    what : one of them, for people, "IMU reading" for example.
    lock_step : join by stamp instead of by time of arrival.
    timeout : age from which a measurement is stale in real time, steady clock [s].
    """

    def __init__(self, name: str, what: str, lock_step: bool, timeout: float) -> None:
        self.name = name
        self.what = what
        self._lock_step = lock_step
        self._timeout = timeout
        self._rows: deque[tuple[int, NDArray[Any]]] = deque(maxlen=KEPT if lock_step else 1)
        self._arrived = float("-inf")
        self.accepted = 0
        self.refused = 0

    def hear(self, stamp_ns: int, row: NDArray[Any], now: float) -> None:
        """Take a measurement.

        Parameters
        ----------
        stamp_ns : when it was made, the robot's ROS clock [ns].
        row : (dZ,), always of one length.
        now : steady clock [s].
        """
        if self._rows and stamp_ns < self._rows[-1][0]:
            self._rows.clear()  # the robot's clock began anew
        self._rows.append((stamp_ns, row))
        self._arrived = now
        self.accepted += 1

    def forget(self) -> None:
        """Wait for new ones: those at hand do not count any more."""
        self._rows.clear()

    def row(self, stamp_ns: int, now: float) -> NDArray[Any] | None:
        """Measurement (dZ,) that belongs to the state of a stamp [ns]; None if it is not there."""
        if self._lock_step:
            rows = (row for stamp, row in self._rows if stamp == stamp_ns)
        else:
            rows = (row for _, row in self._rows if now - self._arrived <= self._timeout)
        return next(rows, None)

    def lack(self, now: float) -> str:
        """One sentence for people: why there is none."""
        if not self._rows:
            return f"no {self.what} has arrived"
        if self._lock_step:
            return f"no {self.what} with the stamp of the joint state arrived"
        return f"the newest {self.what} is {now - self._arrived:.2f} s old"


class Joins:
    """All that is measured with each state; nothing, unless there are sensors.

    Parameters
    ----------
    joins : one for each sensor.
    """

    def __init__(self, joins: Sequence[Join] = ()) -> None:
        self._joins = {join.name: join for join in joins}

    def __iter__(self) -> Iterator[Join]:
        """One after the other."""
        return iter(self._joins.values())

    def __getitem__(self, name: str) -> Join:
        """The one of a sensor."""
        return self._joins[name]

    def measurements(self, stamp_ns: int, now: float) -> Mapping[str, NDArray[Any]] | None:
        """What was measured with the state of a stamp [ns]; None while something is missing."""
        rows = {join.name: join.row(stamp_ns, now) for join in self}
        found = {name: row for name, row in rows.items() if row is not None}
        return found if len(found) == len(rows) else None

    def lack(self, stamp_ns: int, now: float) -> str:
        """One sentence for people: what is missing; "" if nothing is."""
        missing = (join.lack(now) for join in self if join.row(stamp_ns, now) is None)
        return next(missing, "")
