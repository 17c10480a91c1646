"""What a global worker and the parameter server say to each other, without ROS."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

import numpy as np

from adgps_core.global_policy import GlobalPolicy, PolicyVersion
from adgps_core.typing import Array32


class ReplyCode(IntEnum):
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


@dataclass(frozen=True)
class Push:
    """A gradient to send, or a wish for the newest policy parameters.

    Parameters
    ----------
    sequence : rises by one with every gradient of this process.
    version : policy version that the gradient was computed at.
    gradient : (P,) float32; empty to fetch only.
    samples : time steps in the mini-batch.
    loss : mean loss of the mini-batch.
    want_policy : False to hear the newest version only.
    """

    sequence: int
    version: PolicyVersion
    gradient: Array32 = field(repr=False)
    samples: int = 0
    loss: float = float("nan")
    want_policy: bool = True

    @staticmethod
    def fetch(known: PolicyVersion) -> Push:
        """Ask for the newest policy parameters, and tell the newest version known."""
        return Push(0, known, np.zeros(0, np.float32))

    @staticmethod
    def poll(known: PolicyVersion) -> Push:
        """Ask for the newest version only."""
        return Push(0, known, np.zeros(0, np.float32), want_policy=False)


@dataclass(frozen=True)
class Reply:
    """The server's answer.

    Parameters
    ----------
    code : what became of the push.
    reason : one sentence if it was refused.
    staleness : updates that others made since the gradient's version.
    version : of the newest global policy.
    policy : the newest global policy; None if it was not wanted. Its values hold
        until the answer after the next one.
    """

    code: ReplyCode
    reason: str
    staleness: int
    version: PolicyVersion
    policy: GlobalPolicy | None


class Exchange(Protocol):
    """The way to the server."""

    def __call__(self, push: Push) -> Reply | None:
        """Send a push and wait, bounded, for the answer; None if none came."""
