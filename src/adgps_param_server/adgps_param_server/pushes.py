"""What a worker asks of the server, what becomes of it, and what is counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import IntEnum

import numpy as np

from adgps_core.global_policy import PolicyVersion
from adgps_core.typing import Array32


class PushCode(IntEnum):
    """What became of a push; the numbers are those of PushGradient.srv."""

    APPLIED = 0
    DUPLICATE = 1
    PULL_ONLY = 2
    WRONG_SIZE = 3
    NOT_FINITE = 4
    FUTURE_VERSION = 5
    OTHER_EPOCH = 6
    TOO_STALE = 7
    OUT_OF_ORDER = 8
    SHARED_MEMORY = 9

    @property
    def refused(self) -> bool:
        """Whether a gradient was turned away."""
        return self not in (PushCode.APPLIED, PushCode.DUPLICATE, PushCode.PULL_ONLY)


@dataclass(frozen=True)
class Push:
    """One gradient on its way to the server.

    Parameters
    ----------
    worker : name of the global worker.
    start_id : drawn anew whenever the worker's process starts.
    sequence : rises by one with every new gradient.
    version : policy version that the gradient was computed at.
    gradient : (P,) float32; empty to fetch the newest policy parameters only.
    loss : mean loss of the mini-batch.
    unreadable : why the gradient could not be read from shared memory; empty if there is none.
    check : raises SharedBlockError if the gradient, in shared memory, is another one by now; None
        if nobody else can change it.
    room : gives memory (P,) in which the new policy parameters may be computed, so that the worker
        has them at once; None if there is none.
    """

    worker: str
    start_id: int
    sequence: int
    version: PolicyVersion
    gradient: Array32 = field(repr=False)
    loss: float = float("nan")
    unreadable: str = ""
    check: Callable[[], None] | None = field(default=None, repr=False, compare=False)
    room: Callable[[], Array32] | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Outcome:
    """What became of a push.

    Parameters
    ----------
    code : applied, or why not.
    reason : one sentence with the figures; empty if applied.
    staleness : updates that others made since the gradient's version.
    """

    code: PushCode
    reason: str = ""
    staleness: int = 0


@dataclass
class Statistics:
    """What the server has seen; kept in checkpoints.

    Parameters
    ----------
    counts : pushes by what became of them.
    staleness_sum, staleness_max : over the gradients applied.
    loss : moving average over about the last hundred gradients applied.
    lost_updates : updates known to be lost in crashes of the server.
    """

    counts: dict[PushCode, int] = field(default_factory=lambda: dict.fromkeys(PushCode, 0))
    staleness_sum: int = 0
    staleness_max: int = 0
    loss: float = float("nan")
    lost_updates: int = 0

    def record(self, outcome: Outcome, loss: float) -> None:
        """Count a push; staleness and loss of applied ones only."""
        self.counts[outcome.code] += 1
        if outcome.code is PushCode.APPLIED:
            self.staleness_sum += outcome.staleness
            self.staleness_max = max(self.staleness_max, outcome.staleness)
            if np.isfinite(loss):
                before = self.loss if np.isfinite(self.loss) else loss
                self.loss = before + 0.01 * (loss - before)

    def copy(self) -> Statistics:
        """Copy that later pushes do not change."""
        return replace(self, counts=dict(self.counts))

    @property
    def applied(self) -> int:
        """Gradients applied."""
        return self.counts[PushCode.APPLIED]

    @property
    def mean_staleness(self) -> float:
        """Mean staleness of the gradients applied; 0 before the first."""
        return self.staleness_sum / max(self.applied, 1)
