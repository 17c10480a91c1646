"""The parameter server: applies gradients in the order they arrive, each at most once.

A policy version is (epoch, counter): the counter rises with every update, the epoch whenever a
server starts. Gradients of another epoch refer to updates that a crash may have undone; they are
not applied, and their worker goes on from the policy parameters it gets back (paper, section IV).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adgps_core.global_policy import GlobalPolicy, PolicyVersion
from adgps_core.shared_block import SharedBlockError
from adgps_core.typing import Array32
from adgps_param_server.optimizers import FlatOptimizer, OptimizerConfiguration
from adgps_param_server.pushes import Outcome, Push, PushCode, Statistics

MAX_NORM = 1e18
"""Longest gradient taken: squares of longer ones overflow float32 inside the optimiser."""


@dataclass(frozen=True)
class ServerState:
    """Everything that a server needs to go on where another one stopped.

    Parameters
    ----------
    policy : policy parameters with version, architecture and scaling of observations.
    optimizer : which optimiser.
    optimizer_state : its arrays.
    average : (P,) float32 average of the policy parameters; None: the policy's own.
    sequences : highest sequence applied, by (worker, start_id).
    statistics : counters.
    """

    policy: GlobalPolicy
    optimizer: OptimizerConfiguration
    optimizer_state: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    average: Array32 | None = None
    sequences: Mapping[tuple[str, int], int] = field(default_factory=dict)
    statistics: Statistics = field(default_factory=Statistics)

    @property
    def averaged(self) -> GlobalPolicy:
        """The policy that robots run: with the average of the policy parameters."""
        if self.average is None:
            return self.policy
        return replace(self.policy, values=self.average)

    def in_epoch(self, epoch: int) -> ServerState:
        """Return the same state as the beginning of another epoch."""
        version = PolicyVersion(epoch, self.policy.version.counter)
        return replace(self, policy=replace(self.policy, version=version))


class ParameterServer:
    """Owner of the global policy's parameters.

    Parameters
    ----------
    state : what to begin with; its version's epoch is this server's epoch.
    max_staleness : gradients older than so many updates are refused; None: none is.
    averaging : updates over which the average reaches back, at least 1; 1 is no average.

    Raises
    ------
    ValueError
        If `averaging` is below 1.
    """

    def __init__(
        self, state: ServerState, max_staleness: int | None = None, averaging: float = 1.0
    ) -> None:
        if not averaging >= 1:
            raise ValueError(f"averaging is {averaging}, expected at least 1")
        self._policy = state.policy
        self._version = state.policy.version
        self._averaging = averaging
        average = state.policy.values if state.average is None else state.average
        self._average = None if averaging == 1 else np.array(average)
        self._first = state.policy.version
        self._configuration = state.optimizer
        self._optimizer = FlatOptimizer(state.optimizer, state.policy.values, state.optimizer_state)
        self._max_staleness = max_staleness
        self._sequences = dict(state.sequences)
        self.statistics = state.statistics.copy()
        self._lost_before = self.statistics.lost_updates

    @property
    def version(self) -> PolicyVersion:
        """Version of the newest global policy."""
        return self._version

    @property
    def template(self) -> GlobalPolicy:
        """A global policy of the same architecture and scaling, in some version."""
        return self._policy

    @property
    def values(self) -> Array32:
        """Read-only view of the newest policy parameters (P,), that the next push changes."""
        return self._optimizer.values

    @property
    def policy(self) -> GlobalPolicy:
        """The newest global policy; a copy that no push changes."""
        if self._policy.version != self._version:
            self._policy = replace(self._policy, values=self.values.copy(), version=self._version)
        return self._policy

    @property
    def averaged(self) -> GlobalPolicy:
        """The newest global policy, with the average of its policy parameters; a copy.

        The newest ones alone are those of one step of stochastic gradient descent: some drive
        the arm centimetres off where those before and after do not. Gradients are of the newest,
        robots run the average (Polyak & Juditsky, 1992).
        """
        if self._average is None:
            return self.policy
        return replace(self._policy, values=self._average, version=self._version)

    @property
    def workers(self) -> int:
        """Number of workers heard of."""
        return len({worker for worker, _ in self._sequences})

    def snapshot(self) -> ServerState:
        """Copy of everything, for a checkpoint."""
        return ServerState(
            policy=self.policy,
            optimizer=self._configuration,
            optimizer_state=self._optimizer.state,
            average=None if self._average is None else self._average.copy(),
            sequences=dict(self._sequences),
            statistics=self.statistics.copy(),
        )

    def push(self, push: Push) -> Outcome:
        """Apply one gradient, or say why not; nothing changes unless it is applied."""
        outcome = self._examine(push)
        if outcome.code is PushCode.APPLIED:
            outcome = self._apply(push, outcome)
        self.statistics.record(outcome, push.loss)
        return outcome

    def settle(self) -> None:
        """Take home the newest policy parameters from a worker's memory; called now and then."""
        self._optimizer.settle()

    def _apply(self, push: Push, outcome: Outcome) -> Outcome:
        """Apply a gradient, unless it changes meanwhile; what has become of it."""
        try:
            self._optimizer.step(push.gradient, push.check, push.room)
        except SharedBlockError as error:
            return Outcome(PushCode.SHARED_MEMORY, str(error))
        self._version = replace(self._version, counter=self._version.counter + 1)
        self._update_average()
        self._sequences[push.worker, push.start_id] = push.sequence
        return outcome

    def _update_average(self) -> None:
        """Exponential moving average; the plain one while there are fewer updates."""
        if self._average is not None:
            weight = np.float32(1 / min(self._averaging, self._version.counter))
            self._average += weight * (self.values - self._average)

    def _examine(self, push: Push) -> Outcome:
        """Decide what becomes of a push, the cheapest and most telling checks first."""
        size = self._policy.architecture.size
        if push.unreadable:
            return Outcome(PushCode.SHARED_MEMORY, push.unreadable)
        if not len(push.gradient):
            self._count_lost(push.version)
            return Outcome(PushCode.PULL_ONLY)
        if push.gradient.shape != (size,):
            reason = f"the gradient has {push.gradient.size} numbers, the policy has {size}"
            return Outcome(PushCode.WRONG_SIZE, reason)
        if not _fits(push.gradient):
            return Outcome(PushCode.NOT_FINITE, _not_finite(push))
        repeated = self._examine_sequence(push)
        if repeated is not None:
            return repeated
        return self._examine_version(push, self._version)

    def _examine_sequence(self, push: Push) -> Outcome | None:
        """Whether the worker's sequence has been here already."""
        applied = self._sequences.get((push.worker, push.start_id), -1)
        if push.sequence > applied:
            return None
        if push.sequence == applied:
            return Outcome(
                PushCode.DUPLICATE, f"push {push.sequence} of {push.worker} was applied before"
            )
        reason = f"push {push.sequence} of {push.worker} comes after its push {applied}"
        return Outcome(PushCode.OUT_OF_ORDER, reason)

    def _examine_version(self, push: Push, current: PolicyVersion) -> Outcome:
        """Whether the gradient's version allows it to be applied."""
        version = push.version
        if version > current:
            reason = f"the gradient is of version {version}, the newest is {current}"
            return Outcome(PushCode.FUTURE_VERSION, reason)
        if version < self._first:
            self._count_lost(version)
            reason = f"the gradient is of version {version}, this epoch began at {self._first}"
            return Outcome(PushCode.OTHER_EPOCH, reason)
        staleness = current.counter - version.counter
        if self._max_staleness is not None and staleness > self._max_staleness:
            reason = f"{staleness} updates were made since, at most {self._max_staleness} may be"
            return Outcome(PushCode.TOO_STALE, reason, staleness)
        return Outcome(PushCode.APPLIED, staleness=staleness)

    def _count_lost(self, version: PolicyVersion) -> None:
        """Learn from a version of an earlier epoch how far that epoch had come."""
        if version >= self._first:
            return
        lost = self._lost_before + version.counter - self._first.counter
        self.statistics.lost_updates = max(self.statistics.lost_updates, lost)


def _fits(gradient: Array32) -> bool:
    """Whether all numbers are finite, and few enough of them large."""
    with np.errstate(over="ignore", invalid="ignore"):
        if gradient @ gradient < 0.5 * MAX_NORM**2:  # the quick way to know, nearly always
            return True
    return bool(np.linalg.norm(gradient.astype(np.float64)) < MAX_NORM)


def _not_finite(push: Push) -> str:
    bad = int(np.count_nonzero(~np.isfinite(push.gradient)))
    if bad:
        return f"{bad} of the gradient's {push.gradient.size} numbers are not finite"
    return f"the gradient is longer than {MAX_NORM:g}"
