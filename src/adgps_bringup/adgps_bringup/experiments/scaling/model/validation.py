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
    measured : its value.
    modelled : mean of the model's draws.
    low, high : 95 % of the draws lie between these.
    """

    quantity: str
    measured: float
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
    measured: Mapping[str, float], draws: Sequence[Mapping[str, float]]
) -> tuple[Agreement, ...]:
    """Compare what was measured with what the model drew.

    Parameters
    ----------
    measured : values by quantity.
    draws : the same of the model, drawn again and again.
    """
    agreements = []
    for name, value in measured.items():
        drawn = [draw[name] for draw in draws]
        low, high = (float(edge) for edge in np.percentile(drawn, [2.5, 97.5]))
        agreements.append(Agreement(name, value, float(np.mean(drawn)), low, high))
    return tuple(agreements)
