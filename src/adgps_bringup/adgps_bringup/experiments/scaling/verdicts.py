"""Variants against GPS, and whether what was wanted has come of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from adgps_bringup.experiments.scaling.analysis import (
    Crossing,
    Estimate,
    ceiling,
    crossing,
    ratio,
)
from adgps_bringup.experiments.scaling.modelling import policy_size
from adgps_bringup.experiments.scaling.plan import AGPS, GPS, Plan
from adgps_bringup.experiments.scaling.results import RunResult
from adgps_core.tally import Tally, quantile

SPEED_UPS = {"ADGPS-4": 3.3, "ADGPS-8": 6.0}
OF_CEILING, SAMPLE_FACTOR, UTILIZATION = 0.9, 1.3, 0.9
REAL_TIME_FACTOR, PERIOD_ERROR_MS = 0.99, 5.0
CROWDED = "ADGPS-8"


@dataclass(frozen=True)
class Comparisons:
    """All runs of one network.

    Parameters
    ----------
    plan : that they are of.
    network : a key of NETWORKS.
    results : the runs.
    """

    plan: Plan
    network: str
    results: tuple[RunResult, ...]

    @property
    def size(self) -> int:
        """Number of policy parameters."""
        return policy_size(self.network)

    @cached_property
    def by_variant(self) -> dict[str, list[RunResult]]:
        """Runs by variant, GPS first, then by the number of robots."""
        ordered = sorted(self.results, key=lambda r: (r.run.mode != "sync", r.run.robots))
        found: dict[str, list[RunResult]] = {}
        for result in ordered:
            found.setdefault(result.run.variant, []).append(result)
        return found

    def to(self, threshold: float) -> Comparisons:
        """Compare the same runs by when they came to another cost."""
        return replace(self, plan=replace(self.plan, threshold=threshold))

    @cached_property
    def crossings(self) -> dict[str, list[Crossing]]:
        """When each run had learned."""
        return {
            variant: [
                crossing(result.curve, self.plan.threshold, self.plan.hold) for result in results
            ]
            for variant, results in self.by_variant.items()
        }

    @cached_property
    def speed_ups(self) -> dict[str, Estimate]:
        """Wall clock of GPS to the threshold over that of each variant."""
        times = {v: [c.wall_clock_s for c in found] for v, found in self.crossings.items()}
        return {variant: ratio(times[GPS], mine) for variant, mine in times.items()}

    @cached_property
    def sample_factors(self) -> dict[str, Estimate]:
        """Rollouts of each variant to the threshold over those of GPS."""
        counts = {v: [c.rollouts for c in found] for v, found in self.crossings.items()}
        return {variant: ratio(mine, counts[GPS]) for variant, mine in counts.items()}

    @cached_property
    def spent(self) -> dict[str, dict[str, float]]:
        """A robot's time by what was done with it, means over the runs of each variant."""
        return {
            variant: {
                name: float(np.mean([result.measured.spent[name] for result in results]))
                for name in results[0].measured.spent
            }
            for variant, results in self.by_variant.items()
        }

    @cached_property
    def staleness(self) -> dict[str, Counter[float]]:
        """Gradients applied by their staleness, over all runs of each variant."""
        found: dict[str, Counter[float]] = {}
        for variant, results in self.by_variant.items():
            found[variant] = Counter()
            for result in results:
                found[variant].update(result.measured.staleness)
        return found

    @property
    def ceiling(self) -> float:
        """Speed-up that AGPS could have at most, by the times of the phases; mean over seeds."""
        found = [
            ceiling(gps.measured, pair.measured, gps.run.samples, gps.run.gps)
            for gps, pair in zip(self.by_variant[GPS], self.by_variant[AGPS], strict=True)
        ]
        return float(np.mean(found))

    def lowest_utilization(self, variant: str) -> float:
        """Of any robot in any run."""
        return min(
            part
            for result in self.by_variant[variant]
            for part in result.measured.utilization.values()
        )

    def row(self, variant: str) -> list[str]:
        """Cells of the table of variants."""
        minutes = [crossed.wall_clock_s / 60 for crossed in self.crossings[variant]]
        results = self.by_variant[variant]
        stale = [result.measured.mean_staleness for result in results]
        costs = [result.curve[-1].cost for result in results]
        return [
            ", ".join(f"{each:.1f}" if math.isfinite(each) else "never" for each in minutes),
            str(self.speed_ups[variant]),
            str(self.sample_factors[variant]),
            f"{self.lowest_utilization(variant):.0%}",
            f"{np.mean(stale):.2f}",
            f"{np.mean(costs):.1f}",
        ]

    def real_time_factor(self, variant: str) -> float:
        """Lowest of any robot in any run; NaN in lock-step."""
        found = [
            factor
            for result in self.by_variant[variant]
            for factor in result.measured.real_time_factor.values()
        ]
        return min(found, default=math.nan)

    def period_error_ms(self, variant: str) -> float:
        """Upper edge of the bin of the 99th percentile, all runs together; NaN in lock-step."""
        if self.plan.factor == 0:
            return math.nan
        errors: Counter[float] = Counter()
        for result in self.by_variant[variant]:
            errors.update(result.measured.period_errors_ms)
        return quantile(errors, 0.99)

    def pace(self, variant: str) -> tuple[str, str]:
        """Real-time factor and period error as text."""
        factor, error = self.real_time_factor(variant), self.period_error_ms(variant)
        return (
            "lock-step" if math.isnan(factor) else f"{factor:.4f}",
            "lock-step" if math.isnan(error) else f"{error:g}",
        )

    def phase_table(self) -> dict[str, dict[str, str]]:
        """Times of the phases as text, by variant and phase."""
        merged: dict[str, dict[str, Tally]] = {}
        for variant, results in self.by_variant.items():
            merged[variant] = {}
            for result in results:
                for phase, tally in result.measured.times.items():
                    merged[variant][phase] = merged[variant].get(phase, Tally()) + tally
        phases = dict.fromkeys(phase for tallies in merged.values() for phase in tallies)
        return {
            variant: {phase: _milliseconds(tallies.get(phase, Tally())) for phase in phases}
            for variant, tallies in merged.items()
        }


def finite(estimates: Mapping[str, Estimate]) -> dict[str, Estimate]:
    """Those that are numbers."""
    return {name: each for name, each in estimates.items() if math.isfinite(each.value)}


@dataclass(frozen=True)
class Verdict:
    """Something that was wanted.

    Parameters
    ----------
    wanted, measured : as text.
    outcome : "met", "missed by ..." or "not measured".
    """

    wanted: str
    measured: str
    outcome: str


def judge(comparisons: Comparisons) -> list[Verdict]:
    """Compare what was measured with what was wanted."""
    c, verdicts = comparisons, []
    variants = c.by_variant
    if GPS in variants and AGPS in variants:
        wanted = OF_CEILING * c.ceiling
        text = f"AGPS at least {OF_CEILING:.0%} of its ceiling of {c.ceiling:.2f}"
        verdicts.append(_at_least(text, c.speed_ups[AGPS].value, wanted))
    for variant, least in SPEED_UPS.items():
        if variant in variants:
            speed_up = c.speed_ups[variant].value
            verdicts.append(_at_least(f"{variant} at least {least:g} times GPS", speed_up, least))
    if CROWDED in variants:
        factor = c.sample_factors[CROWDED].value
        text = f"{CROWDED} needs at most {SAMPLE_FACTOR:g} times the rollouts of GPS"
        verdicts.append(_at_most(text, factor, SAMPLE_FACTOR))
    for variant in variants:
        if variant != GPS:
            text = f"utilisation of each robot of {variant} at least {UTILIZATION:.0%}"
            verdicts.append(_at_least(text, c.lowest_utilization(variant), UTILIZATION))
    if CROWDED in variants:
        text = f"real-time factor at least {REAL_TIME_FACTOR:g} in {CROWDED}"
        verdicts.append(_at_least(text, c.real_time_factor(CROWDED), REAL_TIME_FACTOR, 4))
        text = f"p99 period error at most {PERIOD_ERROR_MS:g} ms in {CROWDED}"
        verdicts.append(_at_most(text, c.period_error_ms(CROWDED), PERIOD_ERROR_MS))
    return verdicts


def _at_least(wanted: str, value: float, least: float, digits: int = 2) -> Verdict:
    return _verdict(wanted, value, value >= least, least - value, digits)


def _at_most(wanted: str, value: float, most: float, digits: int = 2) -> Verdict:
    return _verdict(wanted, value, value <= most, value - most, digits)


def _verdict(wanted: str, value: float, met: bool, short: float, digits: int) -> Verdict:
    if math.isnan(value):
        return Verdict(wanted, "", "not measured")
    outcome = "met" if met else f"**missed by {short:.{digits}f}**"
    return Verdict(wanted, f"{value:.{digits}f}", outcome)


def _milliseconds(tally: Tally) -> str:
    return f"{1e3 * tally.mean:.2f} ± {1e3 * tally.std:.2f}" if tally.count else ""
