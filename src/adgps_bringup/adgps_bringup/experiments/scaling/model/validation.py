"""Whether the model reproduces what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from adgps_bringup.experiments.scaling.model.simulation import LoopResult

TOLERANCE = 0.15


@dataclass(frozen=True)
class Agreement:
    """One quantity, measured and modelled.

    Parameters
    ----------
    quantity : what it is, with its unit.
    measured, modelled : its values.
    """

    quantity: str
    measured: float
    modelled: float

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


def compare(measured: Mapping[str, float], modelled: LoopResult) -> tuple[Agreement, ...]:
    """Compare what a run and its simulation did.

    Parameters
    ----------
    measured : of the run: rollouts_per_s, updates_per_s, utilization, staleness.
    modelled : the simulation.
    """
    of_model = {
        "rollouts_per_s": modelled.throughput,
        "updates_per_s": modelled.update_rate,
        "utilization": modelled.utilization,
        "staleness": modelled.mean_staleness,
    }
    return tuple(
        Agreement(name, measured[name], value)
        for name, value in of_model.items()
        if name in measured
    )
