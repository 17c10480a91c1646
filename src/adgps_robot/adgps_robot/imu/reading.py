"""One reading of an IMU, and what a decoder of its byte stream is. No ROS.

Axes and signs are those of REP-103 and REP-145: accelerations include gravity (at rest, z up:
+9.8 m/s^2 along z), the orientation turns the sensor's frame into the world's (x east, y north,
z up).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

Vector = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]

UNIT_TOLERANCE = 0.05
"""How far an orientation's norm may be from 1; what is within is rounding."""


@dataclass(frozen=True)
class Reading:
    """What an IMU measured at one time.

    Parameters
    ----------
    acceleration : x, y, z [m/s^2].
    angular_velocity : about x, y, z [rad/s].
    orientation : quaternion x, y, z, w; None if the sensor has no estimate. Normalised here.
    end : bytes of the stream up to and with the reading's last one.

    Raises
    ------
    ValueError
        If a number is not finite, or the orientation is none.
    """

    acceleration: Vector
    angular_velocity: Vector
    orientation: Quaternion | None
    end: int

    def __post_init__(self) -> None:
        """Check, and make the orientation a unit quaternion."""
        if not all(map(math.isfinite, (*self.acceleration, *self.angular_velocity))):
            raise ValueError("a number is not finite")
        if self.orientation is not None:
            norm = math.hypot(*self.orientation)
            if not abs(norm - 1.0) <= UNIT_TOLERANCE:  # NaN too
                raise ValueError(f"the orientation's norm is {norm}")
            x, y, z, w = (number / norm for number in self.orientation)
            object.__setattr__(self, "orientation", (x, y, z, w))


@dataclass
class Counts:
    """What a decoder refused, since it was made.

    Parameters
    ----------
    bad_checksums : packets or lines whose checksum is wrong.
    malformed : lines or measurements that are whole, but cannot be or lack something.
    skipped_bytes : bytes that belong to no sound packet or line.
    """

    bad_checksums: int = 0
    malformed: int = 0
    skipped_bytes: int = 0


class Decoder(Protocol):
    """Turns a stream of bytes into readings, however the stream is cut."""

    counts: Counts

    @property
    def fed(self) -> int:
        """Bytes fed so far."""
        ...

    def feed(self, data: bytes) -> list[Reading]:
        """Readings that these bytes complete, in their order."""
        ...

    def reset(self) -> None:
        """Forget what was begun: the next bytes do not continue the last ones. Counts stay."""
        ...
