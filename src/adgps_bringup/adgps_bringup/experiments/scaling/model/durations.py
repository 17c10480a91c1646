"""How long the phases of the loop take: measured means and spreads, and draws from them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Duration:
    """How long one thing takes.

    Drawn from a gamma distribution, which is positive and may be as skewed as computing times are.

    Parameters
    ----------
    mean : [s].
    std : standard deviation [s]; 0: always the mean.

    Raises
    ------
    ValueError
        If one is negative or not finite.
    """

    mean: float
    std: float = 0.0

    def __post_init__(self) -> None:
        """Validate."""
        for name, number in (("mean", self.mean), ("std", self.std)):
            if not (math.isfinite(number) and number >= 0):
                raise ValueError(f"{name} of a duration is {number}, expected 0 s or more")

    def draw(self, rng: np.random.Generator) -> float:
        """One duration [s]."""
        if self.std == 0.0 or self.mean == 0.0:
            return self.mean
        shape = (self.mean / self.std) ** 2
        return float(rng.gamma(shape, self.mean / shape))

    def scaled(self, factor: float) -> Duration:
        """Return the same, longer by a factor."""
        return Duration(self.mean * factor, self.std * factor)


_ZERO = Duration(0.0)


@dataclass(frozen=True)
class PhaseTimes:
    """Times of all phases of the loop, from one run or from several.

    Parameters
    ----------
    reset : of the arm to the start of an instance, as its local worker sees it.
    rollout : from the goal to the trajectory.
    fit : dynamics of a batch of rollouts, once a batch.
    improve : one step of a local policy, and its publication.
    receive : a batch on its way into a replay memory.
    data : the training set anew, before the first gradient after a batch.
    gradient : one stochastic gradient.
    transit : of a push and its answer, both ways together, without the time at the server.
    push, pull, poll : what the server needs to apply a gradient and answer with the policy
        parameters; to answer with them alone; to tell its version alone.
    publication : what the server needs for the policy parameters of one subscriber.
    """

    reset: Duration = _ZERO
    rollout: Duration = Duration(5.0)
    fit: Duration = _ZERO
    improve: Duration = _ZERO
    receive: Duration = _ZERO
    data: Duration = _ZERO
    gradient: Duration = Duration(0.003)
    transit: Duration = Duration(0.001)
    push: Duration = Duration(0.0005)
    pull: Duration = Duration(0.0003)
    poll: Duration = Duration(0.0001)
    publication: Duration = _ZERO

    def with_server_of(self, other: PhaseTimes) -> PhaseTimes:
        """Return these times of robots, and the server of others."""
        server = ("transit", "push", "pull", "poll", "publication")
        return replace(self, **{name: getattr(other, name) for name in server})

    def to_json(self) -> dict[str, dict[str, float]]:
        """As JSON has it."""
        return {
            item.name: {"mean": getattr(self, item.name).mean, "std": getattr(self, item.name).std}
            for item in fields(self)
        }

    @staticmethod
    def from_json(content: Mapping[str, Mapping[str, Any]]) -> PhaseTimes:
        """Inverse of `to_json`; ValueError if a name is not known or a number cannot be."""
        known = {item.name for item in fields(PhaseTimes)}
        strange = set(content) - known
        if strange:
            raise ValueError(f"unknown phases: {', '.join(sorted(strange))}")
        return PhaseTimes(
            **{name: Duration(float(d["mean"]), float(d["std"])) for name, d in content.items()}
        )


@dataclass(frozen=True)
class Loop:
    """What runs: the sizes of the training loop, as the stack's parameters have them.

    Parameters
    ----------
    robots : each with its local and its global worker.
    instances : of each robot.
    samples : rollouts of a batch.
    synchronous : Algorithm 1 in place of the asynchronous loop.
    iterations : of each instance; None: for ever, until the simulation's end.
    min_steps_per_rollout, max_steps_per_rollout : bounds of gradient steps, asynchronously.
    steps_per_round, alternations : gradient steps of a round, rounds of a batch, synchronously.
    failed : part of the rollouts that are done but not learned from, and repeated, of each robot;
        empty: none.
    starts : when each robot begins [s]; empty: all at once.
    following : whether global workers go on until they have taken their share of all steps.
    listeners : subscribers of the policy parameters, for each robot: its local worker, and its
        controller if that runs global policies.
    announce_period : between two words of a global worker on its steps [s].
    idle : longest time between two looks of a global worker that waits [s].
    fresh : age at which a global worker fetches the policy parameters anew [s].
    publish_period : between two publications of the policy parameters [s].

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    robots: int
    instances: int = 1
    samples: int = 5
    synchronous: bool = False
    iterations: int | None = None
    min_steps_per_rollout: float = 6.0
    max_steps_per_rollout: float = 12.0
    steps_per_round: int = 100
    alternations: int = 4
    failed: tuple[float, ...] = ()
    starts: tuple[float, ...] = ()
    following: bool = field(default=True, kw_only=True)
    listeners: float = field(default=1.0, kw_only=True)
    announce_period: float = field(default=0.1, kw_only=True)
    idle: float = field(default=0.2, kw_only=True)
    fresh: float = field(default=0.1, kw_only=True)
    publish_period: float = field(default=0.5, kw_only=True)

    def __post_init__(self) -> None:
        """Validate."""
        for name in ("robots", "instances", "samples", "steps_per_round", "alternations"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected at least 1")
        if self.iterations is not None and self.iterations < 1:
            raise ValueError(f"iterations is {self.iterations}, expected at least 1")
        if not all(0 <= part < 1 for part in self.failed):
            raise ValueError(f"failed is {self.failed}, expected parts of 1")
        for name in ("failed", "starts"):
            if len(getattr(self, name)) not in (0, self.robots):
                raise ValueError(f"{name} is of {len(getattr(self, name))} of {self.robots} robots")
        if not self.listeners >= 0:
            raise ValueError(f"listeners is {self.listeners}, expected at least 0")
        for name in ("announce_period", "idle", "fresh", "publish_period"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive")
