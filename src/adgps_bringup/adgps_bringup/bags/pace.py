"""How fast recorded trajectories are played to global workers: as fast as these train on them.

When robots practise, gradient steps and rollouts bound each other, as in replay systems (see the
rate limiter of adgps_global_worker). Played from a bag, rollouts cost no time, so that the steps
alone decide: the next trajectories of a robot come when those before have been trained on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

LEAD = 0.9
"""Part of its steps after which a worker gets the next rollouts.

A worker spreads the steps of a batch over the time that the batch before took. If it had to take
all of them before the next batch came, every batch would take a little longer than the last.
"""

PATIENCE = 5.0
"""Longest wait for a worker to count rollouts that it was sent [s]; it may have refused them."""


@dataclass
class _Listener:
    """What is known of one global worker, and the rollouts that it should have counted by when."""

    rollouts: int = -1
    steps: int = 0
    expected: int = 0
    deadline: float = 0.0


class Pace:
    """Decides when the next trajectories of a topic may be played. No ROS.

    Parameters
    ----------
    listeners : names of the global workers that listen to each topic.
    steps_per_rollout : gradient steps that a worker takes for each rollout.
    now : steady clock [s].
    """

    def __init__(
        self,
        listeners: Mapping[str, Sequence[str]],
        steps_per_rollout: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._names = {topic: tuple(names) for topic, names in listeners.items()}
        self._listeners = {name: _Listener() for names in listeners.values() for name in names}
        self._steps_per_rollout = steps_per_rollout
        self._now = now
        self.uncounted = 0
        """Rollouts that a worker was sent and did not count in time."""

    @property
    def missing(self) -> list[str]:
        """Global workers that have not been heard of."""
        return [name for name, listener in self._listeners.items() if listener.rollouts < 0]

    def hear(self, name: str, rollouts: int, steps: int) -> None:
        """Take note of how far a worker has come; one that was started again begins at zero."""
        listener = self._listeners[name]
        if rollouts < listener.rollouts:
            listener.expected = rollouts
        listener.rollouts, listener.steps = rollouts, steps
        listener.expected = max(listener.expected, rollouts)

    def played(self, topic: str, rollouts: int) -> None:
        """Take note that new rollouts were sent to those who listen to a topic."""
        for name in self._names[topic]:
            listener = self._listeners[name]
            listener.expected = max(listener.expected, 0) + rollouts
            listener.deadline = self._now() + PATIENCE

    def ready(self, topic: str) -> bool:
        """Whether all who listen to a topic have nearly trained on what they were sent."""
        return all(self._done(self._listeners[name], LEAD) for name in self._names[topic])

    @property
    def finished(self) -> bool:
        """Whether all workers have taken all steps that the rollouts so far allow."""
        return all(self._done(listener, 1.0) for listener in self._listeners.values())

    def _done(self, listener: _Listener, part: float) -> bool:
        """Whether a worker has counted what it was sent and taken a part of the steps."""
        if listener.rollouts < 0:
            return False
        if listener.rollouts < listener.expected:
            if self._now() < listener.deadline:
                return False
            self.uncounted += listener.expected - listener.rollouts
            listener.expected = listener.rollouts
        return listener.steps + 1 > part * self._steps_per_rollout * listener.rollouts
