"""The model of the loop beside the runs: fed with their times, it has to do what they did."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np

from adgps_bringup.experiments.scaling.model.costs import GROWING, SizeCosts
from adgps_bringup.experiments.scaling.model.durations import Loop, PhaseTimes
from adgps_bringup.experiments.scaling.model.prediction import Prediction, predict, saturation
from adgps_bringup.experiments.scaling.model.simulation import simulate
from adgps_bringup.experiments.scaling.model.validation import Agreement, compare
from adgps_bringup.experiments.scaling.plan import AGPS, INSTANCES, NETWORKS, TASK, Plan
from adgps_bringup.experiments.scaling.results import RunResult
from adgps_core.global_policy import Architecture
from adgps_core.tasks import make_task

DRAWS = 20
"""How often the model runs in place of each run."""

LARGER = 4_000_000
"""Policy parameters of a size beyond those that were run."""


def policy_size(network: str) -> int:
    """Number of policy parameters of a network."""
    task = make_task(TASK)
    return Architecture(task.dim_o, task.dim_u, NETWORKS[network]).size


def loop_of(result: RunResult) -> Loop:
    """What the model runs in place of a run."""
    run, measured = result.run, result.measured
    least, most = run.steps_per_rollout
    return Loop(
        robots=run.robots,
        instances=INSTANCES // run.robots,
        samples=run.samples,
        synchronous=run.mode == "sync",
        iterations=run.iterations,
        min_steps_per_rollout=least,
        max_steps_per_rollout=most,
        steps_per_round=run.gps.steps,
        alternations=run.gps.alternations,
        failed=tuple(measured.lost.values()),
        starts=tuple(measured.starts.values()),
        listeners=measured.listeners,
    )


@dataclass(frozen=True)
class Comparison:
    """The runs of a variant, and the model with their times.

    Parameters
    ----------
    name : of network and variant.
    agreements : one for each quantity, means over the runs.
    """

    name: str
    agreements: tuple[Agreement, ...]


def validate(results: Sequence[RunResult], draws: int = DRAWS) -> list[Comparison]:
    """Compare each variant with the model that is fed with the times of its runs.

    In a draw the model runs as often as was measured, each time with the times of one run, so that
    its draws differ as much by chance as the measured means do.

    Parameters
    ----------
    results : of all runs.
    draws : of the model.
    """
    variants: dict[str, list[RunResult]] = {}
    for result in results:
        variants.setdefault(f"{result.run.network}, {result.run.variant}", []).append(result)
    return [
        Comparison(
            name,
            compare(
                [result.measured.quantities() for result in mine],
                [
                    _means(
                        [
                            simulate(loop_of(each), each.measured.phase_times(), seed).quantities()
                            for each in mine
                        ]
                    )
                    for seed in range(draws)
                ],
            ),
        )
        for name, mine in variants.items()
    ]


def _means(quantities: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean of each quantity."""
    return {name: fmean(each[name] for each in quantities) for name in quantities[0]}


def size_costs(results: Sequence[RunResult]) -> SizeCosts:
    """How times grow with the policy, from the runs of one pair with each network."""
    measured: dict[str, dict[int, float]] = {name: {} for name in GROWING}
    for network in {result.run.network for result in results}:
        mine = _pairs(results, network)
        for name in GROWING:
            means = [getattr(result.measured.phase_times(), name).mean for result in mine]
            if means and min(means) > 0:
                measured[name][policy_size(network)] = float(np.mean(means))
    return SizeCosts.fit({name: times for name, times in measured.items() if len(times) > 1})


def pair_times(results: Sequence[RunResult]) -> PhaseTimes:
    """Times of one pair with the small network, that of the first seed."""
    return _pairs(results, next(iter(NETWORKS)))[0].measured.phase_times()


def look_ahead(
    plan: Plan, results: Sequence[RunResult], say: Callable[[str], object]
) -> tuple[list[Prediction], dict[int, float]]:
    """Ask the model about many robots; its predictions, and the bound of the server by size."""
    costs, times = size_costs(results), pair_times(results)
    sizes = [policy_size(network) for network in plan.pairs]
    if costs.lines:
        sizes.append(LARGER)
    like = _pairs(results, next(iter(NETWORKS)))[0]
    loop = replace(loop_of(like), robots=1, instances=1, failed=(), starts=(), listeners=1.0)
    found = predict(
        loop,
        times,
        costs,
        plan.predicted,
        sizes,
        progress=lambda robots, size: say(f"model: {robots} robots, {size} policy parameters"),
    )
    return found, {size: saturation(found, size) for size in sizes}


def _pairs(results: Sequence[RunResult], network: str) -> list[RunResult]:
    """Runs of one asynchronous pair."""
    return [r for r in results if (r.run.variant, r.run.network) == (AGPS, network)]
