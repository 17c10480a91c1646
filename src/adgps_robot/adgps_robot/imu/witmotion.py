"""The WitMotion protocol: packets of 11 bytes, several for each measurement. No ROS.

A packet is 0x55, a type, four little-endian int16 and the low byte of the sum of the ten bytes
before (WT901 datasheet, "Communication protocol"). With raw numbers r:

==== ================== =====================================================
type what               scale
==== ================== =====================================================
0x51 acceleration       16 g r / 32768, x y z; the fourth is the temperature
0x52 angular velocity   2000 deg/s r / 32768, x y z
0x53 angles             180 deg r / 32768, roll pitch yaw: R = Rz Ry Rx
0x59 quaternion         r / 32768, w x y z
==== ================== =====================================================

**When a reading is complete.** Which packets a sensor sends is a setting of its own; the order
is always that of the types. A measurement is therefore a run of ascending types, and the next one
begins with a type that is not higher than the one before. The last of the types above that any of
the two to four measurements before held is the one that completes the next: no reading waits for a
packet that the sensor does not send, or for the next measurement, and none is published early
because a packet was lost. Acceleration and angular velocity must be there; of two orientations the
quaternion is taken. Bytes that had to be skipped end a measurement without a reading, so that two
measurements are not mixed.
"""

from __future__ import annotations

import math
import struct
from collections import deque

from adgps_robot.imu.reading import Counts, Quaternion, Reading

HEADER = 0x55
SIZE = 11
ACCELERATION, ANGULAR_VELOCITY, ANGLES, QUATERNION = 0x51, 0x52, 0x53, 0x59
GRAVITY = 9.80665  # [m/s^2]

_TYPES = range(0x50, 0x60)  # all that sensors send in this form
_USED = frozenset([ACCELERATION, ANGULAR_VELOCITY, ANGLES, QUATERNION])
_ACCELERATION_UNIT = 16.0 * GRAVITY / 32768.0
_ANGULAR_VELOCITY_UNIT = math.radians(2000.0) / 32768.0
_ANGLE_UNIT = math.pi / 32768.0
_QUATERNION_UNIT = 1.0 / 32768.0

_TEACHERS, _MOST_TEACHERS = 2, 4  # measurements before, of which one at least was not damaged

_Raw = tuple[int, int, int, int]


class WitMotionDecoder:
    """Decodes the stream of a WitMotion sensor."""

    def __init__(self) -> None:
        self.counts = Counts()
        self._buffer = bytearray()
        self._position = 0  # of the buffer's first byte in the stream
        self._ends: deque[int] = deque(maxlen=_MOST_TEACHERS)  # last used types of measurements
        self._parts: dict[int, _Raw] = {}  # of the present measurement, by type
        self._kind = 0  # of the packet before
        self._broken = self._complete = False

    @property
    def fed(self) -> int:
        """Bytes fed so far."""
        return self._position + len(self._buffer)

    @property
    def _last_kind(self) -> int:
        """Type of the packet that completes a measurement; 0 while that is not known."""
        return max(self._ends) if len(self._ends) >= _TEACHERS else 0

    def reset(self) -> None:
        """Forget what was begun; the packets that the sensor sends are learnt anew."""
        self._skip(len(self._buffer))
        self._ends.clear()
        self._begin()

    def feed(self, data: bytes) -> list[Reading]:
        """Readings that these bytes complete."""
        self._buffer += data
        readings = []
        while (packet := self._next_packet()) is not None:
            kind, raw = packet
            if kind <= self._kind:
                self._end()
            self._kind = kind
            if kind in _USED:
                self._parts[kind] = raw
                if kind == self._last_kind and not self._broken:
                    self._complete = True
                    readings += self._reading()
        return readings

    def _next_packet(self) -> tuple[int, _Raw] | None:
        """Type and numbers of the next sound packet; None if more bytes are needed."""
        buffer = self._buffer
        while buffer:
            start = buffer.find(HEADER)
            if start != 0:
                self._skip(len(buffer) if start < 0 else start)
            elif len(buffer) > 1 and buffer[1] not in _TYPES:
                self._skip(1)
            elif len(buffer) < SIZE:
                return None
            elif sum(buffer[: SIZE - 1]) & 0xFF != buffer[SIZE - 1]:
                self.counts.bad_checksums += 1
                self._skip(1)
            else:
                kind, raw = buffer[1], struct.unpack_from("<4h", buffer, 2)
                self._drop(SIZE)
                return kind, raw
        return None

    def _skip(self, count: int) -> None:
        """Leave bytes out; the measurement that they may have been part of is lost."""
        if count:
            self.counts.skipped_bytes += count
            self._drop(count)
        self._broken = True

    def _drop(self, count: int) -> None:
        del self._buffer[:count]
        self._position += count

    def _begin(self) -> None:
        """Begin a measurement."""
        self._parts, self._kind = {}, 0
        self._broken = self._complete = False

    def _end(self) -> None:
        """End a measurement, and learn from it with which packet those after it end."""
        if self._last_kind and not self._complete and not self._broken:
            self.counts.malformed += 1
        self._ends.append(max(self._parts, default=0))
        self._begin()

    def _reading(self) -> list[Reading]:
        """Reading of the present measurement, or none, counted, if it cannot be one."""
        parts = self._parts
        if ACCELERATION not in parts or ANGULAR_VELOCITY not in parts:
            self.counts.malformed += 1
            return []
        ax, ay, az, _ = parts[ACCELERATION]
        gx, gy, gz, _ = parts[ANGULAR_VELOCITY]
        a, g = _ACCELERATION_UNIT, _ANGULAR_VELOCITY_UNIT
        orientation = None
        if QUATERNION in parts:
            qw, qx, qy, qz = (_QUATERNION_UNIT * number for number in parts[QUATERNION])
            orientation = (qx, qy, qz, qw)
        elif ANGLES in parts:
            orientation = quaternion(*(_ANGLE_UNIT * number for number in parts[ANGLES][:3]))
        try:
            return [
                Reading(
                    (a * ax, a * ay, a * az),
                    (g * gx, g * gy, g * gz),
                    orientation,
                    self._position,
                )
            ]
        except ValueError:
            self.counts.malformed += 1
            return []


def quaternion(roll: float, pitch: float, yaw: float) -> Quaternion:
    """Quaternion x, y, z, w of the rotation Rz(yaw) Ry(pitch) Rx(roll), angles in rad."""
    cr, cp, cy = (math.cos(angle / 2.0) for angle in (roll, pitch, yaw))
    sr, sp, sy = (math.sin(angle / 2.0) for angle in (roll, pitch, yaw))
    return (
        sr * cp * cy - cr * sp * sy,
        cr * sp * cy + sr * cp * sy,
        cr * cp * sy - sr * sp * cy,
        cr * cp * cy + sr * sp * sy,
    )
