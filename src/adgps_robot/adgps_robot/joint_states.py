"""Joint states as they arrive: in the arm's order, finite, never older than the one before.

No ROS.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from adgps_core.typing import Array


class Refusal(StrEnum):
    """Why a joint state was not used."""

    WRONG_JOINTS = "wrong_joints"
    NOT_FINITE = "not_finite"
    OLD_STAMP = "old_stamp"


@dataclass(frozen=True)
class JointSample:
    """One sound joint state.

    Parameters
    ----------
    stamp_ns : when it was measured, the robot's ROS clock [ns].
    arrived : when it arrived, steady clock [s].
    angles, velocities : (dU,) [rad], [rad/s].
    opening : distance between the gripper's fingers [m]; 0 where nobody asked for it.
    """

    stamp_ns: int
    arrived: float
    angles: Array
    velocities: Array
    opening: float = 0.0


class StateFilter:
    """Turns raw joint states into samples, and counts what it refuses by reason.

    Parameters
    ----------
    names : the arm's joints in the order of the state; a message may hold more, in any order.
    fingers : the gripper's joints, whose positions add up to its opening; may be none.
    """

    def __init__(self, names: Sequence[str], fingers: Sequence[str] = ()) -> None:
        self.names = tuple(names)
        self.fingers = tuple(fingers)
        self._seen_names: tuple[str, ...] = ()
        self._order = np.arange(len(self.names))
        self._finger_order = np.arange(0)
        self.newest: JointSample | None = None
        self.accepted = 0
        self.refusals: Counter[Refusal] = Counter({reason: 0 for reason in Refusal})

    def take(
        self,
        stamp_ns: int,
        names: Sequence[str],
        positions: Sequence[float],
        velocities: Sequence[float],
        now: float,
        may_jump_back: bool = False,
    ) -> JointSample | None:
        """Return the sample, or None if it is refused.

        Parameters
        ----------
        stamp_ns, names, positions, velocities : of the message.
        now : steady clock [s].
        may_jump_back : accept an older stamp; a robot that was restarted begins its clock anew,
            which does no harm while no rollout runs. The newest stamp itself is never news: a
            driver that repeats a frozen state says nothing.
        """
        if not self._knows(tuple(names)) or not len(positions) == len(velocities) == len(names):
            self.refusals[Refusal.WRONG_JOINTS] += 1
            return None
        measured = np.array(positions, dtype=np.float64)
        sample = JointSample(
            stamp_ns,
            now,
            measured[self._order],
            np.array(velocities, dtype=np.float64)[self._order],
            float(measured[self._finger_order].sum()),
        )
        numbers = sample.angles, sample.velocities, sample.opening
        if not all(np.isfinite(number).all() for number in numbers):
            self.refusals[Refusal.NOT_FINITE] += 1
            return None
        newest_ns = self.newest.stamp_ns if self.newest is not None else -1
        if stamp_ns == newest_ns or (stamp_ns < newest_ns and not may_jump_back):
            self.refusals[Refusal.OLD_STAMP] += 1
            return None
        self.newest = sample
        self.accepted += 1
        return sample

    def _knows(self, names: tuple[str, ...]) -> bool:
        """Tell whether all joints are there that must be, and remember where."""
        if names == self._seen_names:
            return True
        if any(names.count(name) != 1 for name in (*self.names, *self.fingers)):
            return False
        self._order = np.array([names.index(name) for name in self.names])
        self._finger_order = np.array([names.index(name) for name in self.fingers], dtype=int)
        self._seen_names = names
        return True
