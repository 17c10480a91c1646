"""What the server and the network need for policy parameters of a size, from a few sizes measured.

Copying and sending P numbers takes a + b P: a line through the sizes measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from adgps_bringup.experiments.scaling.model.durations import Duration, PhaseTimes

GROWING = ("gradient", "transit", "push", "pull", "publication")
"""Phases that take longer the more policy parameters there are."""


@dataclass(frozen=True)
class Line:
    """A time that grows with the number of policy parameters.

    Parameters
    ----------
    base : without any [s].
    slope : for each [s].
    """

    base: float
    slope: float

    def at(self, size: int) -> float:
        """Time for policy parameters of a size [s]."""
        return self.base + self.slope * size


def fit_line(sizes: Sequence[int], seconds: Sequence[float]) -> Line:
    """Line through times measured, neither of whose coefficients is negative.

    Relative errors are made small, so that the times of small sizes count as much as those of
    large ones.

    Parameters
    ----------
    sizes : policy parameters.
    seconds : time measured for each size [s], positive.

    Raises
    ------
    ValueError
        If fewer than two sizes were measured.
    """
    if len(set(sizes)) < 2 or len(sizes) != len(seconds):
        raise ValueError("a line needs the times of at least two sizes")
    # Imported late: it takes a while.
    from scipy.optimize import nnls

    measured = np.asarray(seconds, dtype=float)
    design = np.column_stack([np.ones(len(sizes)), np.asarray(sizes, dtype=float)])
    (base, slope), _ = nnls(design / measured[:, None], np.ones(len(sizes)))
    return Line(float(base), float(slope))


@dataclass(frozen=True)
class SizeCosts:
    """Times of the phases that depend on the size of the policy, as lines.

    Parameters
    ----------
    lines : by the phase's name; see GROWING.
    """

    lines: Mapping[str, Line]

    @staticmethod
    def fit(measured: Mapping[str, Mapping[int, float]]) -> SizeCosts:
        """Lines through times [s] measured of phases, by size."""
        return SizeCosts(
            {
                name: fit_line(list(times), list(times.values()))
                for name, times in measured.items()
                if name in GROWING
            }
        )

    def apply(self, times: PhaseTimes, size: int) -> PhaseTimes:
        """Times for policy parameters of another size; spreads grow in proportion."""
        changes: dict[str, Any] = {}
        for name, line in self.lines.items():
            known: Duration = getattr(times, name)
            mean = line.at(size)
            spread = known.std / known.mean if known.mean > 0 else 0.0
            changes[name] = Duration(mean, mean * spread)
        return replace(times, **changes)
