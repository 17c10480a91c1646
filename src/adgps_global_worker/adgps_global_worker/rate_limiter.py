"""The rate limiter: how many gradient steps the rollouts received so far allow.

As in replay systems (Cassirer et al., "Reverb", 2021), so that what is learned does not depend on
how fast a machine happens to be:

    asynchronous   min_steps_per_rollout · rollouts ≤ steps ≤ max_steps_per_rollout · rollouts
    synchronous    steps_per_round steps in each round, once every instance has published it

The upper bound is kept here. The lower is kept by the local workers, who wait for the steps
announced; it stands here too because bounds that exclude each other would halt both for ever.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol


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


class StepsPerRollout:
    """Asynchronous training: steps in proportion to rollouts.

    Parameters
    ----------
    minimum, maximum : gradient steps per rollout.

    Raises
    ------
    ValueError
        If the bounds would halt training.
    """

    def __init__(self, minimum: float, maximum: float) -> None:
        if not maximum > 0:
            raise ValueError(f"max_steps_per_rollout is {maximum}: no step would ever be taken")
        if not 0 <= minimum <= maximum:
            raise ValueError(
                f"min_steps_per_rollout is {minimum} and max_steps_per_rollout {maximum}: local "
                "workers would wait for steps that the global worker may not take"
            )
        self._maximum = maximum
        self.rollouts = 0
        self.steps = 0
        self.round = 0

    @property
    def waiting_for(self) -> str:
        """Why no step may be taken; empty if one may."""
        if self.steps + 1 <= self._maximum * self.rollouts:
            return ""
        return f"rollouts: {self.steps} steps were taken for {self.rollouts}"

    def receive(self, instance_id: str, round_: int, rollouts: int, *, history: bool) -> None:
        """Count rollouts that are not history."""
        if not history:
            self.rollouts += rollouts

    def step(self) -> None:
        """Count a gradient step that was applied."""
        self.steps += 1


class StepsPerRound:
    """Synchronous training: everybody waits for everybody, round by round (Algorithm 1).

    Parameters
    ----------
    steps_per_round : gradient steps of a round.
    instances : ids of the instances that each publish every round.

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
