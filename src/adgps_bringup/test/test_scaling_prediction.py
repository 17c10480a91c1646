"""Predictions: lines through sizes, the bound that the server sets, and agreement."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from adgps_bringup.experiments.scaling.model.costs import SizeCosts, fit_line
from adgps_bringup.experiments.scaling.model.durations import Duration, Loop, PhaseTimes
from adgps_bringup.experiments.scaling.model.prediction import largest_with, predict, saturation
from adgps_bringup.experiments.scaling.model.simulation import simulate
from adgps_bringup.experiments.scaling.model.validation import compare

TIMES = PhaseTimes(
    rollout=Duration(1.0, 0.1),
    gradient=Duration(0.002),
    transit=Duration(0.001),
    push=Duration(0.01),
    pull=Duration(0.005),
    poll=Duration(0.0001),
)
LOOP = Loop(1, samples=4, min_steps_per_rollout=2.0, max_steps_per_rollout=4.0)


def test_a_line_is_found_again() -> None:
    sizes = [1_000, 10_000, 1_000_000]
    line = fit_line(sizes, [1e-3 + 2e-9 * size for size in sizes])
    assert line.base == pytest.approx(1e-3)
    assert line.slope == pytest.approx(2e-9)
    assert fit_line([1, 2], [2.0, 1.0]).slope >= 0  # noise makes no time negative
    with pytest.raises(ValueError, match="two sizes"):
        fit_line([5], [1.0])


def test_spreads_grow_with_the_means() -> None:
    costs = SizeCosts.fit({"push": {1000: 0.001, 2000: 0.002}})
    times = costs.apply(PhaseTimes(push=Duration(0.001, 0.0005)), 4000)
    assert times.push.mean == pytest.approx(0.004)
    assert times.push.std == pytest.approx(0.002)
    assert times.gradient == PhaseTimes().gradient


def test_the_server_saturates_where_the_utilisation_law_says() -> None:
    """Half as many robots lose nothing; with twice as many the server can do no more."""
    few = predict(LOOP, TIMES, SizeCosts({}), robots=(1, 4), sizes=(1,), batches=20)
    bound = saturation(few, 1)
    half, twice = (
        simulate(replace(LOOP, robots=n), TIMES, seed=0, until=80.0, warm_up=20.0)
        for n in (math.floor(bound / 2), math.ceil(2 * bound))
    )
    assert half.utilization > 0.95 * few[0].result.utilization
    assert half.server_utilization == pytest.approx(0.5, abs=0.12)
    assert twice.server_utilization > 0.95
    crowd = [
        replace(few[0], robots=robots, result=replace(few[0].result, server_utilization=load))
        for robots, load in ((1, 0.1), (2, 0.3), (32, 1.0), (1024, 0.2))  # held up, it asks little
    ]
    assert saturation(crowd, 1) == pytest.approx(2 / 0.3)
    assert math.isnan(saturation(few, 2))
    idle = PhaseTimes(push=Duration(0), pull=Duration(0), poll=Duration(0))
    free = predict(LOOP, idle, SizeCosts({}), robots=(2,), sizes=(1,), batches=1)
    assert saturation(free, 1) == math.inf


def test_larger_policies_carry_fewer_robots() -> None:
    slow = {name: {1000: 1e-4, 1_000_000: 0.1} for name in ("push", "pull")}
    said = []
    found = predict(
        LOOP,
        TIMES,
        SizeCosts.fit(slow),
        robots=(1, 8, 32),
        sizes=(1000, 1_000_000),
        batches=2,
        progress=lambda robots, size: said.append((robots, size)),
    )
    assert said == [(p.robots, p.size) for p in found]
    assert largest_with(found, 1000) == 32
    assert largest_with(found, 1_000_000) < 32
    assert largest_with(found, 5) is None


def test_agreement_is_relative_and_draws_have_a_range() -> None:
    loop = replace(LOOP, robots=4)
    drawn = [simulate(loop, TIMES, seed, until=20.0).quantities() for seed in range(8)]
    mean = {name: float(np.mean([draw[name] for draw in drawn])) for name in drawn[0]}
    measured = {
        "utilization": mean["utilization"] / 1.1,
        "rollouts_per_s": mean["rollouts_per_s"] / 1.2,
        "staleness": mean["staleness"],
    }
    by_name = {agreement.quantity: agreement for agreement in compare([measured], drawn)}
    assert by_name.keys() == measured.keys()
    assert by_name["utilization"].error == pytest.approx(0.1)
    assert by_name["utilization"].agrees and not by_name["rollouts_per_s"].agrees
    assert by_name["staleness"].low < mean["staleness"] < by_name["staleness"].high
    assert np.isinf(compare([{"staleness": 0.0}], drawn)[0].error)


def test_runs_that_differ_leave_the_measured_mean_open() -> None:
    runs = [{"staleness": value} for value in (0.1, 0.2, 0.3)]
    (found,) = compare(runs, [{"staleness": 0.2}])
    assert found.measured == pytest.approx(0.2) and found.agrees
    assert found.standard_error == pytest.approx(0.1 / np.sqrt(3))
