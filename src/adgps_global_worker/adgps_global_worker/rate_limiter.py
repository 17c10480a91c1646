"""The rate limiter: how many gradient steps the rollouts received so far allow.

As in replay systems (Cassirer et al., "Reverb", 2021), so that what is learned does not depend on
how fast a machine happens to be:

    asynchronous   ⌊min_steps_per_rollout · rollouts⌋ ≤ steps ≤ max_steps_per_rollout · rollouts
    synchronous    steps_per_round steps in each round, once every instance has published it

Asynchronously the steps that a batch of rollouts allows are spread over half of the time that the
next batch will take, as far as the last ones tell; the first took as long as the worker had waited
for it, at most. What is left when the next arrives is spread with that one's. Taken all at once
they would train the network on one robot's rollouts for a while, and those of several workers would
cross: gradients that are stale by a few updates already keep Adam from settling in the narrow
valleys that precise local policies make. Over all of the time, the policy would be behind by more
than it has to.

A worker that has taken its steps goes on while it is a whole step short of its equal share of
everybody's, so that the network does not forget what robots have learned that are slower, that
rest, or that have finished. Were a part of a step enough, the first step of anybody would call for
one of everybody at once, and theirs would cross. It goes as far ahead as one more batch would
allow, no further: steps of a worker that was killed are nobody's, and could be chased for ever.

The upper bound is kept here. The lower is kept by the local workers, who wait for the steps
announced; it stands here too because bounds that exclude each other would halt both for ever.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Protocol

_SPREAD = 0.5
"""Part of the time from one batch to the next that steps are spread over."""


class RateLimiter(Protocol):
    """Decides when a gradient step may be taken."""

    @property
    def rollouts(self) -> int:
        """Rollouts that count."""

    @property
    def steps(self) -> int:
        """Gradient steps applied."""

    @property
    def round(self) -> int:
        """Rounds of synchronous training completed; 0 otherwise."""

    @property
    def waiting_for(self) -> str:
        """Why no step may be taken; empty if one may."""

    def receive(self, instance_id: str, round_: int, rollouts: int, *, history: bool) -> None:
        """Count trajectories; those published before this worker started are its history.

        A worker that was killed and started again gets back what the local workers keep. It has
        been trained on by the worker before, so it allows no further steps.
        """

    def step(self) -> None:
        """Count a gradient step that was applied."""

    @property
    def follows(self) -> bool:
        """Whether steps of other workers can allow further ones."""

    @property
    def pace(self) -> float:
        """Mean time from one step to the next, as far as the last batches tell [s]."""

    def hear(self, updates: int) -> None:
        """Take note of how many updates the server has made so far, by all workers."""


class StepsPerRollout:
    """Asynchronous training: steps in proportion to rollouts.

    Parameters
    ----------
    minimum, maximum : gradient steps per rollout.
    workers : global workers that share the server.
    now : steady clock [s].

    Raises
    ------
    ValueError
        If the bounds would halt training.
    """

    def __init__(
        self,
        minimum: float,
        maximum: float,
        workers: int = 1,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        if not maximum > 0:
            raise ValueError(f"max_steps_per_rollout is {maximum}: no step would ever be taken")
        if not 0 <= minimum <= maximum:
            raise ValueError(
                f"min_steps_per_rollout is {minimum} and max_steps_per_rollout {maximum}: local "
                "workers would wait for steps that the global worker may not take"
            )
        if workers < 1:
            raise ValueError(f"global_workers is {workers}, expected at least 1")
        self._minimum = minimum
        self._maximum = maximum
        self._workers = workers
        self._now = now
        self._newest = 0
        self._arrived = now()
        self._interval = 0.0
        self._released_before = 0.0
        self._updates: int | None = None
        self._excused = 0.0
        self.rollouts = 0
        self.steps = 0
        self.round = 0

    @property
    def waiting_for(self) -> str:
        """Why no step may be taken; empty if one may."""
        ahead = self._maximum * (self.rollouts + self._newest)
        if self.steps + 1 <= self._allowed:
            return ""
        if self.steps + 1 <= min(ahead, self._equal_share):
            return ""
        return f"rollouts: {self.steps} steps were taken for {self.rollouts}"

    def receive(self, instance_id: str, round_: int, rollouts: int, *, history: bool) -> None:
        """Count rollouts that are not history."""
        if history or not rollouts:
            return
        self._released_before = self._released
        now = self._now()
        self._interval = now - self._arrived
        self._arrived = now
        self._newest = rollouts
        self.rollouts += rollouts

    def step(self) -> None:
        """Count a gradient step that was applied."""
        self.steps += 1

    @property
    def follows(self) -> bool:
        """Whether steps of other workers can allow further ones."""
        return self._workers > 1

    @property
    def pace(self) -> float:
        """Mean time from one step to the next, as far as the last batches tell [s]."""
        spread = self.rollouts - self._released_before
        return self._interval / max(1.0, self._maximum * spread)

    def hear(self, updates: int) -> None:
        """Take note of how many updates the server has made so far, by all workers.

        A worker that comes late owes no more steps than its own rollouts allow, and updates that a
        server has lost are not owed again. Its own steps raise its share in turn: a debt d at the
        beginning is settled by d · workers / (workers - 1) of them.
        """
        if self._updates is None:
            debt = self._maximum * self.rollouts * (self._workers - 1) / self._workers
            self._excused = max(0.0, updates / self._workers - debt)
        elif updates < self._updates:
            self._excused -= (self._updates - updates) / self._workers
        self._updates = updates

    @property
    def _allowed(self) -> float:
        """Steps that rollouts allow by now; those that local workers wait for are not put off."""
        return max(self._maximum * self._released, self._minimum * self.rollouts)

    @property
    def _released(self) -> float:
        """Rollouts whose steps may have been taken by now; parts of one too."""
        left = 0.0
        if self._interval:
            left = max(0.0, 1.0 - (self._now() - self._arrived) / (_SPREAD * self._interval))
        return self.rollouts - left * (self.rollouts - self._released_before)

    @property
    def _equal_share(self) -> float:
        """Steps that each worker would have taken if all had taken equally many.

        Less what a worker with as many rollouts as the others is behind them by when its next batch
        arrives, as their steps are spread over a part of the time only.
        """
        if self._updates is None:
            return 0.0
        rest = 0.5 * (1.0 - _SPREAD) * self._maximum * self._newest if self._interval else 0.0
        return self._updates / self._workers - self._excused - rest


class StepsPerRound:
    """Synchronous training: everybody waits for everybody, round by round (Algorithm 1).

    Parameters
    ----------
    steps_per_round : gradient steps of a round.
    instances : ids of the conditions that each publish every round: fixed instances, or those
        that instances drawn anew stand for.

    Raises
    ------
    ValueError
        If no round could ever begin or end.
    """

    def __init__(self, steps_per_round: int, instances: Collection[str]) -> None:
        if steps_per_round < 1:
            raise ValueError(f"steps_per_round is {steps_per_round}: no round would ever end")
        if not instances:
            raise ValueError("instances_expected is empty: no round would ever begin")
        self._steps_per_round = steps_per_round
        self._published = dict.fromkeys(instances, -1)
        self._taken = 0
        self.rollouts = 0
        self.steps = 0
        self.round = 0

    @property
    def waiting_for(self) -> str:
        """Why no step may be taken; empty if one may."""
        missing = [key for key, newest in self._published.items() if newest < self.round]
        return f"round {self.round} of {', '.join(missing)}" if missing else ""

    def receive(self, instance_id: str, round_: int, rollouts: int, *, history: bool) -> None:
        """Note that an instance has published a round.

        The newest round that all have published is trained in full, even if it is history: the
        worker before may have been killed in its middle. Earlier ones were completed, else nobody
        would have gone on.
        """
        if not history:
            self.rollouts += rollouts
        if instance_id not in self._published:
            return
        self._published[instance_id] = max(self._published[instance_id], round_)
        complete = min(self._published.values())
        if complete > self.round:
            self.round = complete
            self._taken = 0

    def step(self) -> None:
        """Count a gradient step that was applied; the last of a round completes it."""
        self.steps += 1
        self._taken += 1
        if self._taken == self._steps_per_round:
            self._taken = 0
            self.round += 1

    @property
    def follows(self) -> bool:
        """Whether steps of other workers can allow further ones: never."""
        return False

    @property
    def pace(self) -> float:
        """Time from one step to the next: none, in a round."""
        return 0.0

    def hear(self, updates: int) -> None:
        """Take no note: in a round all workers take equally many steps."""
