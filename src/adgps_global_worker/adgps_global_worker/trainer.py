"""Algorithm 3: draw a mini-batch, compute a gradient, have it applied, take the newest policy.

One push is under way at a time. If no answer comes, the same push is sent again under the same
sequence number; the server applies it once at most, so a lost answer costs time and nothing else.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from adgps_core.global_policy import GlobalPolicy, PolicyVersion
from adgps_core.optimized import OptimizedTrajectories
from adgps_core.tally import Tally
from adgps_global_worker.batches import TrainingSet
from adgps_global_worker.exchange import Exchange, Push, Reply, ReplyCode
from adgps_global_worker.rate_limiter import RateLimiter
from adgps_global_worker.replay_memory import ReplayMemory
from adgps_global_worker.sgd import stochastic_gradient
from adgps_global_worker.training_sets import TrainingSets

_FRESH_S = 0.1

PHASES = ("receive", "data", "gradient", "push", "pull", "poll")
"""What a global worker's time goes to: taking trajectories in, making a training set of them,
computing gradients; pushes, wishes for the newest policy parameters, and questions for the version
alone, until the answer."""


@dataclass(frozen=True)
class TrainerSettings:
    """Settings of the gradients.

    Parameters
    ----------
    batch_size : time steps in a mini-batch.
    weight_bound : truncation of the importance weights, at least 1; infinity: none.
    max_gradient_norm : longer gradients are scaled down to this; infinity: none.

    Raises
    ------
    ValueError
        If one is out of its range.
    """

    batch_size: int = 256
    weight_bound: float = 10.0
    max_gradient_norm: float = np.inf

    def __post_init__(self) -> None:
        """Refuse what no gradient can be computed with."""
        if self.batch_size < 1:
            raise ValueError(f"batch_size is {self.batch_size}, expected at least 1")
        if not self.weight_bound >= 1:
            raise ValueError(f"weight_bound is {self.weight_bound}, expected at least 1")
        if not self.max_gradient_norm > 0:
            raise ValueError(f"max_gradient_norm is {self.max_gradient_norm}, expected more than 0")


@dataclass
class Progress:
    """What the trainer has seen; written by its thread, read by anyone.

    Parameters
    ----------
    loss : moving average over about the last hundred mini-batches.
    gradient_norm : likewise, before clipping.
    effective_sample_size : rollouts of an instance that count, mean over instances and steps.
    staleness_sum, staleness_max : over the gradients applied.
    refused : pushes the server refused, by reason.
    not_finite : gradients that were not sent because they were not finite.
    repeated : pushes sent again because no answer came.
    rebased : times another epoch of the server was met.
    version : newest policy version known.
    times : of the phases [s].
    """

    loss: float = float("nan")
    gradient_norm: float = float("nan")
    effective_sample_size: float = float("nan")
    staleness_sum: int = 0
    staleness_max: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    not_finite: int = 0
    repeated: int = 0
    rebased: int = 0
    version: PolicyVersion = field(default_factory=PolicyVersion)
    times: Mapping[str, Tally] = field(default_factory=lambda: {name: Tally() for name in PHASES})


class Trainer:
    """One global worker's loop, a step at a time.

    Parameters
    ----------
    memory : what to learn from.
    limiter : when a step may be taken.
    settings : of the gradients.
    exchange : the way to the server.
    rng : draws the mini-batches.
    log : called with one sentence for what the operator should know.
    """

    def __init__(
        self,
        memory: ReplayMemory,
        limiter: RateLimiter,
        settings: TrainerSettings,
        exchange: Exchange,
        rng: np.random.Generator,
        log: Callable[[str], None],
    ) -> None:
        self._memory = memory
        self._settings = settings
        self._exchange = exchange
        self._rng = rng
        self._log = log
        self._policy: GlobalPolicy | None = None
        self._heard = -np.inf  # of the newest policy
        self._told = -np.inf  # of the newest version, with its policy or without
        self._pending: Push | None = None
        self._sequence = 0
        self._sets = TrainingSets(memory, settings.weight_bound)
        self._data: TrainingSet | None = None
        self.limiter = limiter
        self.progress = Progress()

    def receive(self, optimized: OptimizedTrajectories, *, history: bool) -> int:
        """Remember trajectories; RefusedTrajectoriesError if they cannot be learned from.

        Parameters
        ----------
        optimized : samples and labels of one iteration on one instance.
        history : whether they were published before this worker started.

        Returns
        -------
        Number of rollouts that were new.
        """
        received = self._memory.add(optimized)
        if received.relabelled:
            self._data = None
        self.limiter.receive(
            optimized.condition, optimized.round, received.rollouts, history=history
        )
        return received.rollouts

    def advance(self) -> bool:
        """Take the next step, if there is one to take.

        Returns
        -------
        False if there is nothing to do until trajectories arrive or the server answers.
        """
        repeated = self._pending is not None
        push = self._pending or self._next_push()
        if push is None:
            return False
        self._pending = push
        self.progress.repeated += repeated
        began = time.monotonic()
        reply = self._exchange(push)
        if reply is None:
            return False
        kind = "push" if len(push.gradient) else "pull" if push.want_policy else "poll"
        self.progress.times[kind].add(time.monotonic() - began)
        self._pending = None
        self._take(push, reply)
        return push.want_policy or not self.limiter.waiting_for

    def _next_push(self) -> Push | None:
        if self._policy is None:
            return Push.fetch(PolicyVersion())
        if not self._memory.rollouts:
            return None
        if self.limiter.waiting_for:
            self._training_set(self._policy)  # in a step, the policy would grow old meanwhile
            return Push.poll(self._policy.version) if self._others_matter else None
        if time.monotonic() - self._heard > _FRESH_S:
            return Push.fetch(self._policy.version)  # others have gone on during the pause
        policy, settings = self._policy, self._settings
        data = self._training_set(policy)
        with self.progress.times["gradient"].timed():
            gradient = stochastic_gradient(
                policy.architecture,
                policy.values,
                data,
                settings.batch_size,
                self._rng,
                settings.max_gradient_norm,
            )
        if not gradient.finite:
            self.progress.not_finite += 1
            self._log(f"a gradient at version {policy.version} is not finite and was not sent")
            self._heard = -np.inf
            return None
        self._sequence += 1
        self.progress.loss = _average(self.progress.loss, gradient.loss)
        self.progress.gradient_norm = _average(self.progress.gradient_norm, gradient.norm)
        return Push(
            self._sequence, policy.version, gradient.values, gradient.samples, gradient.loss
        )

    @property
    def _others_matter(self) -> bool:
        """Whether to ask how far the others are: not more often than it steps itself."""
        return self.limiter.follows and time.monotonic() - self._told >= self.limiter.pace

    def _training_set(self, policy: GlobalPolicy) -> TrainingSet:
        """Rows of all instances; only those that can have changed are computed anew."""
        if self._data is None:
            with self.progress.times["data"].timed():
                self._data = self._sets.make(policy)
            self.progress.effective_sample_size = self._data.effective_sample_size
        return self._data

    def _take(self, push: Push, reply: Reply) -> None:
        """Count what became of a push, and go on from the newest policy."""
        progress = self.progress
        if reply.code in (ReplyCode.APPLIED, ReplyCode.DUPLICATE):
            self.limiter.step()  # a duplicate was applied too: its first answer was lost
            progress.staleness_sum += reply.staleness
            progress.staleness_max = max(progress.staleness_max, reply.staleness)
        elif reply.code is not ReplyCode.PULL_ONLY:
            progress.refused[reply.code.name.lower()] += 1
            self._log(f"push {push.sequence} was refused, {reply.code.name}: {reply.reason}")
        if self._memory.rollouts:  # a worker that has nothing to learn from falls behind nobody
            self.limiter.hear(reply.version.counter)
        self._told = time.monotonic()
        if reply.policy is None:
            return
        if self._policy is None or reply.version.epoch != self._policy.version.epoch:
            self._rebase(reply.policy)
        self._policy = reply.policy
        self._heard = self._told
        progress.version = reply.version

    def _rebase(self, policy: GlobalPolicy) -> None:
        """Meet an epoch of the server for the first time; ValueError if it serves another task."""
        self._memory.check_policy(policy.architecture)
        self._data = None
        self._sets.forget()  # observations may be scaled otherwise
        if self._policy is not None:
            before = self._policy.version
            self.progress.rebased += 1
            self._log(
                f"the server is in another epoch: going on from version {policy.version} "
                f"after {before}"
            )


def _average(before: float, value: float) -> float:
    """Update a moving average over about a hundred values."""
    return value if np.isnan(before) else before + 0.01 * (value - before)
