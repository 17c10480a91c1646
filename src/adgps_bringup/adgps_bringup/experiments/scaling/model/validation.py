"""Whether the model reproduces what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

TOLERANCE = 0.15


@dataclass(frozen=True)
class Agreement:
    """One quantity, measured and modelled.

    Parameters
    ----------
    quantity : what it is, with its unit.
    measured : its value, mean of the runs.
    standard_error : of that mean, by how much the runs differ; 0 of a single run.
    modelled : mean of the model's draws.
    low, high : 95 % of the draws lie between these.
    """

    quantity: str
    measured: float
    standard_error: float
    modelled: float
    low: float
    high: float

    @property
    def error(self) -> float:
        """Relative error of the model; 0 where both are zero."""
        if self.measured == self.modelled:
            return 0.0
        if self.measured == 0:
            return float("inf")
        return self.modelled / self.measured - 1

    @property
    def agrees(self) -> bool:
        """Whether the model is within the tolerance."""
        return abs(self.error) <= TOLERANCE


def compare(
    runs: Sequence[Mapping[str, float]], draws: Sequence[Mapping[str, float]]
) -> tuple[Agreement, ...]:
    """Compare what was measured with what the model drew.

    Parameters
    ----------
    runs : values by quantity, of each run.
    draws : their means of the model, drawn again and again.
    """
    agreements = []
    for name in runs[0]:
        measured = np.array([run[name] for run in runs])
        error = measured.std(ddof=1) / np.sqrt(len(runs)) if len(runs) > 1 else 0.0
        drawn = [draw[name] for draw in draws]
        low, high = (float(edge) for edge in np.percentile(drawn, [2.5, 97.5]))
        agreements.append(
            Agreement(name, float(measured.mean()), float(error), float(np.mean(drawn)), low, high)
        )
    return tuple(agreements)
