"""From curves of runs to the paper's figures 4 and 5: thresholds, speed-ups, their spread."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from adgps_bringup.experiments.scaling.curve import TestPoint
from adgps_bringup.experiments.scaling.measurements import Measurements
from adgps_bringup.experiments.scaling.plan import INSTANCES, ROLLOUT_S, GpsSteps
from adgps_core.tally import Tally
from adgps_core.typing import Array


@dataclass(frozen=True)
class Crossing:
    """When a run's policy first was as good as it has to be.

    Parameters
    ----------
    wall_clock_s : since practice began [s]; infinity if never.
    rollouts : learned from by then; infinity if never.
    """

    wall_clock_s: float
    rollouts: float

    @property
    def reached(self) -> bool:
        """Whether it ever was."""
        return math.isfinite(self.wall_clock_s)


def crossing(points: Sequence[TestPoint], threshold: float, hold: int) -> Crossing:
    """When the first policy was there that had learned: one lucky policy has not.

    Its cost is at most the threshold, and so is the mean cost of it and of those that were kept
    until `hold` further rollouts had been learned from. Nothing is interpolated: between two kept
    policies that of Algorithm 1 stays what it is.

    Parameters
    ----------
    points : of a run, in their order.
    threshold : cost that is wanted.
    hold : rollouts; those of one iteration of all instances, for variants that change their policy
        all the time and for those that do so once an iteration.
    """
    for i, point in enumerate(points):
        if point.cost > threshold:
            continue
        after = [each.cost for each in points[i:] if each.rollouts <= point.rollouts + hold]
        if np.mean(after) <= threshold:
            return Crossing(point.wall_clock_s, point.rollouts)
    return Crossing(math.inf, math.inf)


@dataclass(frozen=True)
class Estimate:
    """A number with the interval that its seeds leave open."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """Value and interval."""
        if not math.isfinite(self.value):
            return "not reached"
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


def ratio(
    numerators: Sequence[float],
    denominators: Sequence[float],
    seed: int = 0,
    draws: int = 4000,
) -> Estimate:
    """Ratio of two means with its 95 % interval, by drawing seeds anew (bootstrap).

    Parameters
    ----------
    numerators, denominators : of each seed; not paired, since asynchronous runs do not repeat.
    seed : of the draws.
    draws : how many.

    Raises
    ------
    ValueError
        If there are none.
    """
    if not (len(numerators) and len(denominators)):
        raise ValueError("a ratio needs at least one run of each kind")
    above, below = np.asarray(numerators, float), np.asarray(denominators, float)
    if not (np.isfinite(above).all() and np.isfinite(below).all() and (below > 0).all()):
        return Estimate(math.nan, math.nan, math.nan)
    rng = np.random.default_rng(seed)
    drawn = [rng.choice(each, (draws, len(each))).mean(axis=1) for each in (above, below)]
    low, high = np.percentile(drawn[0] / drawn[1], [2.5, 97.5])
    return Estimate(float(above.mean() / below.mean()), float(low), float(high))


def band(
    curves: Sequence[Sequence[TestPoint]],
    abscissa: Callable[[TestPoint], float],
    at: Array,
) -> tuple[Array, Array]:
    """Mean (n,) and standard deviation (n,) of several runs' costs at abscissae (n,).

    Each counts with the cost of its last policy until then, or of its first.
    """
    rows = []
    for curve in curves:
        last = np.searchsorted([abscissa(point) for point in curve], at, side="right") - 1
        rows.append(np.array([point.cost for point in curve])[np.maximum(last, 0)])
    spread = np.std(rows, axis=0, ddof=1) if len(rows) > 1 else np.zeros(len(at))
    return np.mean(rows, axis=0), spread


def robot_time(measured: Measurements, samples: int, improvements: int) -> float:
    """Time that a robot cannot do without in an iteration of all instances [s].

    Parameters
    ----------
    measured : times of the phases.
    samples : rollouts of a batch.
    improvements : steps of a local policy for each batch.
    """
    rollouts = samples * (_mean(measured, "reset") + _mean(measured, "rollout"))
    batch = rollouts / (1 - fmean(measured.lost.values())) + _mean(measured, "fit")
    return INSTANCES * (batch + improvements * _mean(measured, "improve"))


def synchronous_time(measured: Measurements, samples: int, gps: GpsSteps) -> float:
    """Time of an iteration of Algorithm 1 with one robot, all instances, from its phases [s]."""
    waiting = gps.alternations * _mean(measured, "wait")
    return robot_time(measured, samples, gps.alternations) + waiting


def ceiling(gps: Measurements, pair: Measurements, samples: int, steps: GpsSteps) -> float:
    """Speed-up that one asynchronous pair could have at most, by the times of the phases.

    It hides the SGD behind the rollouts, and improves each batch once: an iteration takes what its
    robot cannot do without.
    """
    return synchronous_time(gps, samples, steps) / robot_time(pair, samples, 1)


def in_real_time(
    points: Sequence[TestPoint], measured: Measurements, samples: int, gps: GpsSteps, reset_s: float
) -> list[TestPoint]:
    """Curve of a run of Algorithm 1 in lock-step, as long as it would have taken in real time.

    Parameters
    ----------
    points : of the run in lock-step.
    measured : its times; those of rollouts are replaced.
    samples : rollouts of a batch.
    gps : its steps.
    reset_s : how long a rollout takes beyond its own time [s].
    """
    computing = INSTANCES * (
        _mean(measured, "fit") + gps.alternations * _mean(measured, "improve")
    ) + gps.alternations * _mean(measured, "wait")
    batch = INSTANCES * samples
    per_rollout = ROLLOUT_S + reset_s + computing / batch
    return [
        TestPoint(point.rollouts * per_rollout, point.rollouts, point.cost, point.distance_m)
        for point in points
    ]


def _mean(measured: Measurements, phase: str) -> float:
    return measured.times.get(phase, Tally()).mean
