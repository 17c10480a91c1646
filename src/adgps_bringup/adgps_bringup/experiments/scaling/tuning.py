"""Which steps of SGD let GPS come to the threshold soonest, by its own wall clock."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adgps_bringup.experiments.scaling.analysis import crossing
from adgps_bringup.experiments.scaling.curve import TestPoint
from adgps_bringup.experiments.scaling.plan import GpsSteps


@dataclass(frozen=True)
class Candidate:
    """Steps of Algorithm 1, and what came of them.

    Parameters
    ----------
    network : a key of NETWORKS.
    gps : the steps.
    wall_clock_s : to the threshold, in real time [s]; infinity if it was not reached.
    final_cost : of the test instances.
    """

    network: str
    gps: GpsSteps
    wall_clock_s: float
    final_cost: float

    @staticmethod
    def of(
        network: str, gps: GpsSteps, curve: Sequence[TestPoint], threshold: float, hold: int
    ) -> Candidate:
        """Judge steps by a curve over their wall clock; see `crossing`."""
        soonest = crossing(curve, threshold, hold).wall_clock_s
        return Candidate(network, gps, soonest, float(curve[-1].cost))

    @staticmethod
    def from_json(content: Mapping[str, Any]) -> Candidate:
        """Read one as it was written; JSON has no infinity."""
        wall_clock = content["wall_clock_s"]
        return Candidate(
            content["network"],
            GpsSteps(**content["gps"]),
            math.inf if wall_clock is None else float(wall_clock),
            float(content["final_cost"]),
        )


def best(candidates: Sequence[Candidate]) -> Candidate:
    """Choose the one that is soonest; of those that never come there, the one that ends best."""
    return min(candidates, key=lambda candidate: (candidate.wall_clock_s, candidate.final_cost))
