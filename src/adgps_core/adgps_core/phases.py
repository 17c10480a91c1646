"""The schedule of a training run: phases, each with one method and one local optimiser."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

METHODS = ("badmm", "mdgps")
"""How local and global policies are tied together (paper, sections III-A and III-B)."""
OPTIMIZERS = ("lqr", "pi2")
"""How a local policy is improved."""

_WRITTEN = re.compile(r"(\w+)\+(\w+):(\d+)")


@dataclass(frozen=True)
class Phase:
    """A part of training.

    Parameters
    ----------
    method : "badmm" practises the same instances all along, with local policies of their own;
        "mdgps" practises instances drawn anew in every iteration, with the global policy.
    optimizer : "lqr" fits a model to the rollouts, "pi2" weighs them by what they cost.
    iterations : of each instance.

    Raises
    ------
    ValueError
        If a name is unknown, or there is not one iteration.
    """

    method: str
    optimizer: str
    iterations: int

    def __post_init__(self) -> None:
        """Refuse what cannot be practised."""
        for name, known in (("method", METHODS), ("optimizer", OPTIMIZERS)):
            if getattr(self, name) not in known:
                raise ValueError(
                    f"unknown {name} {getattr(self, name)!r}, known: {', '.join(known)}"
                )
        if self.iterations < 1:
            raise ValueError(f"a phase needs at least one iteration, not {self.iterations}")

    def __str__(self) -> str:
        """Write as parameter files do: badmm+lqr:15."""
        return f"{self.method}+{self.optimizer}:{self.iterations}"

    @staticmethod
    def parse(text: str) -> Phase:
        """Read what `str` writes; ValueError if it is something else."""
        match = _WRITTEN.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is no phase, expected one like badmm+lqr:15")
        return Phase(match[1], match[2], int(match[3]))


def phase_at(phases: Sequence[Phase], iteration: int) -> Phase:
    """Phase that iteration 1, 2, ... belongs to; ValueError beyond the last."""
    remaining = iteration
    for phase in phases:
        if remaining <= phase.iterations:
            return phase
        remaining -= phase.iterations
    raise ValueError(f"iteration {iteration} is beyond the schedule's {iteration - remaining}")
