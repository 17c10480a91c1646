"""A serial port that an IMU talks on: bytes to stamped readings. No ROS."""

from __future__ import annotations

import errno
import os
import termios
from collections.abc import Callable
from dataclasses import dataclass

import serial

from adgps_robot.devices import DeviceError
from adgps_robot.imu.csv_lines import CsvDecoder
from adgps_robot.imu.reading import Decoder, Reading
from adgps_robot.imu.witmotion import WitMotionDecoder

PROTOCOLS: dict[str, Callable[[], Decoder]] = {"witmotion": WitMotionDecoder, "csv": CsvDecoder}
BITS_PER_BYTE = 10  # start, eight of data, stop
READ_TIMEOUT = 0.1  # [s]


@dataclass(frozen=True)
class StampedReading:
    """A reading, and when its last byte arrived.

    Parameters
    ----------
    stamp_ns : the clock's time [ns].
    reading : what was measured.
    """

    stamp_ns: int
    reading: Reading


class Stamper:
    """Tells when each of the readings that were read at once arrived.

    Adapters hand over what they collected for some milliseconds, often several readings. The bytes
    after a reading's last one took their time on the line, so that it arrived earlier by as much,
    but never before the reading ahead of it.

    Parameters
    ----------
    baud_rate : of the line [bit/s].
    """

    def __init__(self, baud_rate: int) -> None:
        self._byte_ns = BITS_PER_BYTE * 1_000_000_000 // baud_rate
        self._last_ns = 0

    def stamp(self, now_ns: int, bytes_after: int) -> int:
        """Stamp of a reading after which so many bytes were read until now [ns]."""
        stamp_ns = now_ns - bytes_after * self._byte_ns
        if stamp_ns <= self._last_ns:
            stamp_ns = min(self._last_ns + 1, now_ns)  # now, where the clock was set back
        self._last_ns = stamp_ns
        return stamp_ns


class SerialImu:
    """An IMU on an open port; a `Device`. Made again for each opening, with the same decoder.

    Parameters
    ----------
    path : of the port; a link below /dev/serial/by-id stays the same when it is plugged in again.
    baud_rate : [bit/s].
    decoder : of the stream; begins anew here, keeping its counts.
    clock_ns : clock of the stamps [ns].

    Raises
    ------
    DeviceError
        If the port cannot be opened.
    """

    def __init__(
        self, path: str, baud_rate: int, decoder: Decoder, clock_ns: Callable[[], int]
    ) -> None:
        try:
            # Exclusive: two readers of one port would each get some of the bytes.
            self._port = serial.Serial(path, baud_rate, timeout=READ_TIMEOUT, exclusive=True)
        except (OSError, ValueError, termios.error) as error:
            raise DeviceError(_reason(error)) from None
        self._decoder = decoder
        self._clock_ns = clock_ns
        self._stamper = Stamper(baud_rate)
        decoder.reset()

    def read(self) -> list[StampedReading]:
        """Readings that have come, perhaps none."""
        try:
            data = self._port.read(self._port.in_waiting or 1)
        except (OSError, termios.error) as error:
            raise DeviceError(_reason(error)) from None
        now_ns = self._clock_ns()
        readings = self._decoder.feed(data)
        fed = self._decoder.fed
        return [
            StampedReading(self._stamper.stamp(now_ns, fed - reading.end), reading)
            for reading in readings
        ]

    def close(self) -> None:
        """Close the port."""
        self._port.close()


def _reason(error: Exception) -> str:
    """What went wrong with a port, in a few words; pyserial's own are many, and name it again."""
    code = getattr(error, "errno", None)
    if code == errno.EAGAIN:
        return "in use by another program"
    if code is not None:
        return os.strerror(code)
    if "Could not configure" in str(error):
        return "no serial port"
    return os.strerror(errno.EIO)
