"""Plain lines of numbers, as many microcontroller boards send them. No ROS.

::

    [$]ax,ay,az,gx,gy,gz[,qx,qy,qz,qw][*hh]<LF>

Accelerations with gravity [m/s^2], angular velocities [rad/s], and, if the board has an estimate,
its orientation as a unit quaternion, in ASCII; a CR before the LF and blanks around numbers are
allowed. `hh` is NMEA's checksum: the exclusive or of the bytes between `$` (or the start of the
line) and `*`, two hexadecimal digits. It is optional, but once a line with a sound one has come,
lines without one are refused: they would be those whose `*` was damaged.
"""

from __future__ import annotations

import re
from functools import reduce
from operator import xor

from adgps_robot.imu.reading import Counts, Reading

LONGEST_LINE = 256  # bytes; what is longer is no line

_LINE = re.compile(rb"\$?([^$*]*)(?:\*([0-9A-Fa-f]{2}))?")
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)


class CsvDecoder:
    """Decodes lines; the first one may have begun before and is skipped."""

    def __init__(self) -> None:
        self.counts = Counts()
        self._buffer = bytearray()
        self._position = 0  # of the buffer's first byte in the stream
        self._in_step = False  # whether the buffer begins with the start of a line
        self._checksums = False

    @property
    def fed(self) -> int:
        """Bytes fed so far."""
        return self._position + len(self._buffer)

    def reset(self) -> None:
        """Forget what was begun; the next line may lack its start."""
        self._skip(len(self._buffer))

    def feed(self, data: bytes) -> list[Reading]:
        """Readings that these bytes complete."""
        self._buffer += data
        readings = []
        while (end := self._buffer.find(b"\n")) >= 0:
            size = end + 1
            if not self._in_step or size > LONGEST_LINE:
                self._skip(size)
            else:
                line = bytes(self._buffer[:end])
                self._drop(size)
                readings += self._reading(line)
            self._in_step = True
        if len(self._buffer) >= LONGEST_LINE or not self._in_step:
            self._skip(len(self._buffer))
        return readings

    def _skip(self, count: int) -> None:
        """Leave bytes out; what follows them begins in the middle of a line."""
        self.counts.skipped_bytes += count
        self._drop(count)
        self._in_step = False

    def _drop(self, count: int) -> None:
        del self._buffer[:count]
        self._position += count

    def _reading(self, line: bytes) -> list[Reading]:
        """Reading of a line, or none, counted, if it is none."""
        line = line.removesuffix(b"\r")
        if not line:
            return []
        match = _LINE.fullmatch(line)
        if match and match[2] and int(match[2], 16) != checksum(match[1]):
            self.counts.bad_checksums += 1
        else:
            try:
                reading = self._parse(match)
            except ValueError:
                self.counts.malformed += 1
            else:
                return [reading]
        self.counts.skipped_bytes += len(line)
        return []

    def _parse(self, match: re.Match[bytes] | None) -> Reading:
        """Reading of a line that was taken apart; ValueError if it is none."""
        if match is None or (self._checksums and not match[2]):
            raise ValueError("no line, or one without its checksum")
        columns = match[1].decode("ascii").split(",")
        if len(columns) not in (6, 10) or not all(map(_NUMBER.fullmatch, columns)):
            raise ValueError(f"{len(columns)} columns, or one that is no number")
        ax, ay, az, gx, gy, gz, *rest = map(float, columns)
        orientation = None
        if rest:
            qx, qy, qz, qw = rest
            orientation = (qx, qy, qz, qw)
        reading = Reading((ax, ay, az), (gx, gy, gz), orientation, self._position)
        self._checksums = self._checksums or bool(match[2])
        return reading


def checksum(body: bytes) -> int:
    """NMEA's checksum of what stands between `$` and `*`."""
    return reduce(xor, body, 0)
