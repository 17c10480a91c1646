"""What a local worker practises, for how long, and in which rounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from adgps_core.phases import Phase, phase_at

Mode = Literal["async", "sync"]


@dataclass(frozen=True)
class Schedule:
    """What to practise.

    Parameters
    ----------
    phases : what is practised in turn.
    samples : rollouts N of an iteration, at least 2.
    seed : of exploration.
    mode : "async" or "sync".
    alternations : K of local and global optimisation for each batch of rollouts, under BADMM
        and synchronously only.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    phases: tuple[Phase, ...]
    samples: int = 5
    seed: int = 0
    mode: Mode = "async"
    alternations: int = 1

    def __post_init__(self) -> None:
        """Refuse what cannot be practised."""
        if not self.phases:
            raise ValueError("a schedule needs at least one phase")
        if self.alternations < 1:
            raise ValueError("alternations must be at least 1")
        if self.samples < 2:
            raise ValueError("samples must be at least 2: one rollout has no covariance")
        if self.mode not in ("async", "sync"):
            raise ValueError(f"unknown mode {self.mode!r}, expected async or sync")

    @property
    def iterations(self) -> int:
        """Iterations of each instance, over all phases."""
        return sum(phase.iterations for phase in self.phases)

    def rounds(self, iteration: int) -> range:
        """Rounds of synchronous training that iteration 1, 2, ... consists of."""

        def count(of: int) -> int:
            return self.alternations if phase_at(self.phases, of).method == "badmm" else 1

        first = sum(count(earlier) for earlier in range(1, iteration))
        return range(first, first + count(iteration))
