"""Versions of the global policy that are at hand for rollouts. No ROS."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from adgps_core.global_policy import GlobalPolicy

FEWEST = 32
MEMORY = 256 * 2**20
"""What versions may take while there are more than FEWEST [byte]: minutes of training, unless the
policy is very large."""


class PolicyVersions:
    """The newest versions, and the one that ran last: a batch may ask for it long after others.

    Resets, above all those that a person has to help with, may take longer than a server needs for
    all the versions that fit here.
    """

    def __init__(self) -> None:
        self._recent: deque[GlobalPolicy] = deque()
        self._ran: GlobalPolicy | None = None

    def __iter__(self) -> Iterator[GlobalPolicy]:
        """Those at hand, in the order of their arrival."""
        if self._ran is not None and all(policy is not self._ran for policy in self._recent):
            yield self._ran
        yield from self._recent

    @property
    def newest(self) -> GlobalPolicy | None:
        """The one that arrived last."""
        return self._recent[-1] if self._recent else None

    def add(self, policy: GlobalPolicy) -> None:
        """Take a version that has arrived; the oldest ones make room."""
        self._recent.append(policy)
        while len(self._recent) > max(FEWEST, MEMORY // policy.values.nbytes):
            self._recent.popleft()

    def note_run(self, policy: GlobalPolicy) -> None:
        """Keep a version that runs until another one does."""
        self._ran = policy
