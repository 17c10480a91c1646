"""The rest of the collective, as practice sees it, and what a worker is told when it comes back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from adgps_core.global_policy import GlobalPolicy
from adgps_core.optimized import OptimizedTrajectories
from adgps_core.tasks.task import Instance
from adgps_core.trajectory import Trajectory
from adgps_local_worker.local_state import LocalState


class Peers(Protocol):
    """The rest of the collective."""

    def global_policy(self) -> GlobalPolicy:
        """Newest global policy."""

    def publish(self, optimized: OptimizedTrajectories, state: LocalState) -> None:
        """Hand samples and local policy to the replay memories, and remember the state."""

    def wait_for_training(self, rounds: int) -> None:
        """Wait, bounded, until training keeps up; synchronously, until rounds are complete."""


@dataclass(frozen=True)
class Memory:
    """What a worker that went away knew of an instance when it last published.

    Parameters
    ----------
    state : of the local optimisation.
    instance : that was practised.
    samples : that were published.
    round : in which they were published.
    """

    state: LocalState
    instance: Instance
    samples: tuple[Trajectory, ...]
    round: int
