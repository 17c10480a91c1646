"""Which IMU reading belongs to a joint state. No ROS.

Lock-step: the one with the state's stamp; the state waits for it. Real time: the newest one, as
long as it is fresh.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from adgps_core.measurements import IMU
from adgps_core.typing import Array

KEPT = 8
"""Readings kept in lock-step, in case they come before their states."""


class ImuJoin:
    """Joins readings with states.

    Parameters
    ----------
    lock_step : join by stamp instead of by time of arrival.
    timeout : age from which a reading is stale in real time, steady clock [s].
    """

    def __init__(self, lock_step: bool, timeout: float) -> None:
        self._lock_step = lock_step
        self._timeout = timeout
        self._readings: deque[tuple[int, Array]] = deque(maxlen=KEPT if lock_step else 1)
        self._arrived = float("-inf")
        self.accepted = 0
        self.refused = 0

    def hear(self, stamp_ns: int, row: Array, now: float) -> None:
        """Take a reading.

        Parameters
        ----------
        stamp_ns : when it was measured, the robot's ROS clock [ns].
        row : (10,) as `adgps_core.measurements.imu_row` makes it.
        now : steady clock [s].
        """
        if self._readings and stamp_ns < self._readings[-1][0]:
            self._readings.clear()  # the robot's clock began anew
        self._readings.append((stamp_ns, row))
        self._arrived = now
        self.accepted += 1

    def measurements(self, stamp_ns: int, now: float) -> Mapping[str, Array] | None:
        """What was measured with the state of a stamp [ns]; None if that is not there (yet)."""
        if self._lock_step:
            rows = (row for stamp, row in self._readings if stamp == stamp_ns)
        else:
            rows = (row for _, row in self._readings if now - self._arrived <= self._timeout)
        row = next(rows, None)
        return None if row is None else {IMU: row}

    def lack(self, now: float) -> str:
        """One sentence for people: why there is no reading."""
        if not self._readings:
            return "no IMU reading has arrived"
        if self._lock_step:
            return "no IMU reading with the stamp of the joint state arrived"
        return f"the newest IMU reading is {now - self._arrived:.2f} s old"
