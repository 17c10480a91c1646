"""Which torque commands reach the arm. No ROS.

Lock-step: the state s_k is published, and exactly one command completes its tick: the first sound
one that carries s_k's stamp. Real time: commands are held until a newer one comes.
Everything else is counted by its reason and forgotten.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from enum import StrEnum

import numpy as np

from adgps_core.typing import Array


class Refusal(StrEnum):
    """Why a command did not reach the arm."""

    DUPLICATE = "duplicate"
    OLD_STAMP = "old_stamp"
    FUTURE_STAMP = "future_stamp"
    WRONG_JOINTS = "wrong_joints"
    NOT_FINITE = "not_finite"


class CommandError(ValueError):
    """A command that cannot be meant for this arm.

    Parameters
    ----------
    refusal : the reason.
    """

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


class JointOrder:
    """Brings commands, whose joints may stand in any order, into the arm's.

    Parameters
    ----------
    names : the arm's joints, in its order.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._sorted = sorted(self.names)

    def arrange(self, names: Sequence[str], efforts: Sequence[float]) -> Array:
        """Torques (dU,) in the arm's order; CommandError if joints or numbers are not sound."""
        if len(efforts) != len(names) or sorted(names) != self._sorted:
            raise CommandError(Refusal.WRONG_JOINTS)
        torques = np.array(efforts, dtype=np.float64)
        if tuple(names) != self.names:
            torques = torques[[list(names).index(name) for name in self.names]]
        if not np.isfinite(torques).all():
            raise CommandError(Refusal.NOT_FINITE)
        return torques


class LockStep:
    """The lock-step protocol of one arm: one command completes one tick.

    Parameters
    ----------
    names : the arm's joints, in its order.
    period_ns : length of a tick [ns].
    """

    def __init__(self, names: Sequence[str], period_ns: int) -> None:
        self._order = JointOrder(names)
        self._period_ns = period_ns
        self._answered_ns = -1
        self.stamp_ns = 0
        self.ticks = 0
        self.refusals: Counter[Refusal] = Counter({reason: 0 for reason in Refusal})

    def begin(self, stamp_ns: int) -> None:
        """Wait from now on for a command that carries the stamp of a state after a reset.

        Raises
        ------
        ValueError
            If time would run backwards.
        """
        if stamp_ns < self.stamp_ns:
            raise ValueError(f"time would run backwards, from {self.stamp_ns} to {stamp_ns} ns")
        self.stamp_ns = stamp_ns

    def offer(self, stamp_ns: int, names: Sequence[str], efforts: Sequence[float]) -> Array | None:
        """Torques (dU,) if this command completes the tick, and time advances; None otherwise."""
        try:
            self._check_stamp(stamp_ns)
            torques = self._order.arrange(names, efforts)
        except CommandError as error:
            self.refusals[error.refusal] += 1
            return None
        self._answered_ns = stamp_ns
        self.stamp_ns = stamp_ns + self._period_ns
        self.ticks += 1
        return torques

    def _check_stamp(self, stamp_ns: int) -> None:
        if stamp_ns == self._answered_ns:
            raise CommandError(Refusal.DUPLICATE)
        if stamp_ns < self.stamp_ns:
            raise CommandError(Refusal.OLD_STAMP)
        if stamp_ns > self.stamp_ns:
            raise CommandError(Refusal.FUTURE_STAMP)


class HeldCommand:
    """The command that the arm follows in real time.

    A command replaces the held one if its (stamp, sequence) is greater; a controller that started
    anew counts its sequence from the beginning, but answers newer states. Without a new command
    for `timeout_ns` the arm gets zero torque: gravity compensation and its damping hold it.

    Parameters
    ----------
    names : the arm's joints, in its order.
    timeout_ns : how long a command is held [ns].
    """

    def __init__(self, names: Sequence[str], timeout_ns: int) -> None:
        self._order = JointOrder(names)
        self._timeout_ns = timeout_ns
        self._newest = (-1, -1)
        self._since_ns = 0
        self._torques = np.zeros(len(self._order.names))
        self.accepted = 0
        self.refusals: Counter[Refusal] = Counter({reason: 0 for reason in Refusal})

    def offer(
        self,
        stamp_ns: int,
        sequence: int,
        names: Sequence[str],
        efforts: Sequence[float],
        now_ns: int,
    ) -> bool:
        """Hold this command from now on, if it is sound and newer; tell whether."""
        try:
            if (stamp_ns, sequence) == self._newest:
                raise CommandError(Refusal.DUPLICATE)
            if (stamp_ns, sequence) < self._newest or stamp_ns < now_ns - self._timeout_ns:
                raise CommandError(Refusal.OLD_STAMP)
            if stamp_ns > now_ns:
                raise CommandError(Refusal.FUTURE_STAMP)
            torques = self._order.arrange(names, efforts)
        except CommandError as error:
            self.refusals[error.refusal] += 1
            return False
        self._newest = (stamp_ns, sequence)
        self._since_ns = now_ns
        self._torques = torques
        self.accepted += 1
        return True

    def torques(self, now_ns: int) -> Array:
        """Torques (dU,) for the arm now."""
        if now_ns - self._since_ns > self._timeout_ns:
            return np.zeros(len(self._order.names))
        return self._torques

    def release(self) -> None:
        """Let go of the arm, as after a reset."""
        self._torques = np.zeros(len(self._order.names))
