"""Progress averages over instances and never divides by nothing."""

import math

import pytest

from adgps_core.tally import Tally
from adgps_local_worker.progress import Progress


def test_nothing_done_yet() -> None:
    """No cost is not a cost of zero, and utilisation is defined."""
    progress = Progress()
    assert math.isnan(progress.cost) and math.isnan(progress.distance)
    assert progress.utilization == 0.0


def test_means_are_over_instances() -> None:
    """Of the newest value of each."""
    progress = Progress(costs={"a": 1.0, "b": 4.0}, distances={"a": 0.1, "b": 0.3})
    assert progress.cost == 2.5 and progress.distance == pytest.approx(0.2)


def test_utilisation_no_longer_falls_once_practice_has_ended() -> None:
    """It is the practised share of the time from start to end."""
    rollouts = Tally()
    for seconds in (1.0, 2.0):
        rollouts.add(seconds)
    assert Progress(times={"rollout": rollouts}, started=100.0, ended=112.0).utilization == 0.25
