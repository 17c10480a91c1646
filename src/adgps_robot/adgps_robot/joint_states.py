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
    """

    stamp_ns: int
    arrived: float
    angles: Array
    velocities: Array


class StateFilter:
    """Turns raw joint states into samples, and counts what it refuses by reason.

    Parameters
    ----------
    names : the arm's joints in the order of the state; a message may hold more, in any order.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._seen_names: tuple[str, ...] = ()
        self._order = np.arange(len(self.names))
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
        sample = JointSample(
            stamp_ns,
            now,
            np.array(positions, dtype=np.float64)[self._order],
            np.array(velocities, dtype=np.float64)[self._order],
        )
        if not (np.isfinite(sample.angles).all() and np.isfinite(sample.velocities).all()):
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
        """Tell whether the arm's joints are all there, and remember where."""
        if names == self._seen_names:
            return True
        if any(names.count(name) != 1 for name in self.names):
            return False
        self._order = np.array([names.index(name) for name in self.names])
        self._seen_names = names
        return True
