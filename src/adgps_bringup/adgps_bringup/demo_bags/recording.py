"""One demonstration as it was recorded, and the part of it in which the arm moves.

Shapes: n joint states, m readings of the IMU, dU joints.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from adgps_core.measurements import DIM_IMU
from adgps_core.tasks import Instance
from adgps_core.typing import Array, frozen

REST_SPEED = 0.02
"""A joint that is slower is at rest [rad/s]."""

MARGIN = 0.2
"""Rest that is kept before and after the motion [s]."""

LONGEST_GAP = 0.25
"""Joint states that are further apart [s] are two recordings: nobody knows what lies between."""

_TOP_SPEED = 5.0
"""No joint is that fast [rad/s]: a state further from the one before was reset there."""

_LEAST_JUMP = 0.02
_WINDOW = 0.1  # speeds are differences over twice this [s], so that noise does not count


@dataclass(frozen=True)
class Recording:
    """What was recorded of one demonstration.

    Parameters
    ----------
    instance : that was shown.
    stamps : (n,) of the joint states, rising [s].
    angles, velocities : (n, dU) measured [rad], [rad/s].
    imu_stamps : (m,) of the IMU's readings, rising [s].
    imu : (m, 10) readings, as the measurement of that name; none where there is no IMU.

    Raises
    ------
    ValueError
        If shapes disagree, a number is not finite, or stamps do not rise.
    """

    instance: Instance
    stamps: Array
    angles: Array
    velocities: Array
    imu_stamps: Array = field(default_factory=lambda: np.zeros(0))
    imu: Array = field(default_factory=lambda: np.zeros((0, DIM_IMU)))

    def __post_init__(self) -> None:
        """Validate, and freeze the arrays."""
        if np.ndim(self.angles) != 2:
            raise ValueError("angles must have two dimensions")
        states, dim_u = np.shape(self.angles)
        shapes = {
            "stamps": (states,),
            "angles": (states, dim_u),
            "velocities": (states, dim_u),
            "imu_stamps": (len(self.imu),),
            "imu": (len(self.imu), DIM_IMU),
        }
        for name, shape in shapes.items():
            object.__setattr__(self, name, frozen(getattr(self, name), shape, name))
        for name in ("stamps", "imu_stamps"):
            if not (np.diff(getattr(self, name)) > 0).all():
                raise ValueError(f"{name} must rise")

    @property
    def duration(self) -> float:
        """From the first joint state to the last [s]."""
        return float(self.stamps[-1] - self.stamps[0])


def moving_part(recording: Recording) -> Recording:
    """Cut off the rest before and after the motion, and what lies beyond a reset or a gap.

    Raises
    ------
    ValueError
        If nothing moves, or joint states are missing in the middle of the motion.
    """
    found = [part for piece in _pieces(recording) if (part := _trimmed(piece)) is not None]
    if not found:
        raise ValueError("nothing moves in it")
    if len(found) > 1:
        gap = found[1].stamps[0] - found[0].stamps[-1]
        raise ValueError(f"its motion is interrupted, by {gap:.1f} s without a joint state")
    return found[0]


def _pieces(recording: Recording) -> Iterator[Recording]:
    """Split at gaps and jumps of the joint states; readings of the IMU stay with all pieces."""
    steps = np.diff(recording.stamps)
    jumps = np.abs(np.diff(recording.angles, axis=0)).max(axis=1, initial=0.0)
    broken = (steps > LONGEST_GAP) | ((jumps > _LEAST_JUMP) & (jumps > _TOP_SPEED * steps))
    edges = [0, *(np.flatnonzero(broken) + 1), len(recording.stamps)]
    for begin, end in pairwise(edges):
        yield _sliced(recording, slice(begin, end))


def _trimmed(piece: Recording) -> Recording | None:
    """Part of a piece without a gap in which a joint moves; None if none does."""
    stamps = piece.stamps
    if len(stamps) < 2:
        return None
    ahead = np.minimum(stamps + _WINDOW, stamps[-1])
    behind = np.maximum(stamps - _WINDOW, stamps[0])
    ways = [
        np.interp(ahead, stamps, angles) - np.interp(behind, stamps, angles)
        for angles in piece.angles.T
    ]
    speeds = np.abs(ways).max(axis=0) / (ahead - behind)
    moving = stamps[speeds > REST_SPEED]
    if not len(moving):
        return None
    kept = (stamps >= moving[0] - MARGIN) & (stamps <= moving[-1] + MARGIN)
    first, last = np.flatnonzero(kept)[[0, -1]]
    return _sliced(piece, slice(first, last + 1))


def _sliced(recording: Recording, states: slice) -> Recording:
    return replace(
        recording,
        stamps=recording.stamps[states],
        angles=recording.angles[states],
        velocities=recording.velocities[states],
    )
