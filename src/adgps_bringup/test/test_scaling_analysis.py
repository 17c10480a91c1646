"""Thresholds, ratios and times of the scaling experiment, where the answer is known."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scaling_samples import PLAN, diagnostics

from adgps_bringup.experiments.scaling.analysis import (
    band,
    ceiling,
    crossing,
    in_real_time,
    ratio,
    robot_time,
    synchronous_time,
)
from adgps_bringup.experiments.scaling.curve import TestPoint, thin_out
from adgps_bringup.experiments.scaling.measurements import Measurements, read_measurements
from adgps_bringup.experiments.scaling.plan import GpsSteps
from adgps_bringup.experiments.scaling.tuning import Candidate, best
from adgps_bringup.policy_history import KeptPolicy
from adgps_core.tally import Tally

PAIR, EIGHT = (next(r for r in PLAN.runs({}) if r.variant == v) for v in ("AGPS", "ADGPS-8"))


def points(*costs: float, rollouts: int = 10) -> list[TestPoint]:
    return [TestPoint(60.0 * i, rollouts * i, cost, 0.1) for i, cost in enumerate(costs)]


def measured(tmp_path: Path, run=PAIR, per_rollout_s: float = 5.25) -> Measurements:
    path = tmp_path / "diagnostics.json"
    path.write_text(json.dumps(diagnostics(run, per_rollout_s)))
    return read_measurements(tmp_path)


def test_learned_is_who_stays_good() -> None:
    curve = points(300, 90, 200, 95, 90, 80, 70)
    assert crossing(curve, 100, hold=20) == crossing(curve[3:], 100, hold=20)
    assert crossing(curve, 100, hold=20).wall_clock_s == 180.0
    assert crossing(curve, 100, hold=0).wall_clock_s == 60.0  # the lucky one
    never = crossing(points(300, 200, 101), 100, hold=10)
    assert not never.reached and never.rollouts == math.inf


def test_keeping_policies_more_often_does_not_change_when_one_has_learned() -> None:
    """Whatever is in between: no variant gains by changing its policy all the time."""
    rare = points(500, 300, 99, 80, 60, rollouts=32)
    often = [
        replace(each, wall_clock_s=each.wall_clock_s + late, rollouts=each.rollouts + late // 2)
        for each in rare
        for late in (0, 10, 20)
    ]
    assert crossing(often, 100, 32) == crossing(rare, 100, 32)


def test_a_ratio_has_the_spread_of_its_seeds() -> None:
    exact = ratio([8.0, 8.0, 8.0], [2.0, 2.0])
    assert (exact.value, exact.low, exact.high) == (4.0, 4.0, 4.0)
    spread = ratio([6.0, 8.0, 10.0], [2.0, 2.0, 2.0])
    assert spread.value == 4.0 and 3.0 <= spread.low < 4.0 < spread.high <= 5.0
    assert math.isnan(ratio([math.inf, 1.0], [1.0]).value)
    assert math.isnan(ratio([1.0], [0.0]).value)
    assert str(ratio([math.inf], [1.0])) == "not reached"
    with pytest.raises(ValueError, match="at least one"):
        ratio([], [1.0])


def test_a_policy_stays_what_it_is_until_the_next() -> None:
    curves = [points(100, 50), points(300, 150)]
    at = np.array([0.0, 59.0, 60.0, 1e4])
    mean, spread = band(curves, lambda point: point.wall_clock_s, at)
    np.testing.assert_allclose(mean, [200, 200, 100, 100])
    np.testing.assert_allclose(
        spread, np.std([[100, 300], [50, 150]], axis=1, ddof=1)[[0, 0, 1, 1]]
    )


def test_where_the_time_went_adds_up(tmp_path: Path) -> None:
    found = measured(tmp_path, EIGHT)
    assert found.robots == 8 and found.rollouts == EIGHT.rollouts and found.failed_rollouts == 8
    assert sum(found.spent.values()) == pytest.approx(1.0)
    assert found.spent["rollout"] == pytest.approx(5 / 5.25)
    assert found.times["rollout"].count == EIGHT.rollouts
    assert found.mean_staleness == pytest.approx(0.1)
    assert found.period_error_p99_ms == 2.0
    assert set(found.real_time_factor.values()) == {0.999} and len(found.real_time_factor) == 8


def test_times_for_the_model_leave_the_servers_time_out_of_the_way_to_it(tmp_path: Path) -> None:
    times = measured(tmp_path, EIGHT).phase_times()
    assert times.push.mean == pytest.approx(0.0004)
    assert times.transit.mean == pytest.approx(0.001)
    assert times.publication.mean == pytest.approx(0.001 / 16)
    assert times.rollout.mean == 5.0 and times.gradient.std == pytest.approx(0.001, rel=0.01)


def test_a_publication_is_as_long_as_it_has_subscribers(tmp_path: Path) -> None:
    said = json.loads(json.dumps(diagnostics(EIGHT)))
    said["nodes"]["param_server"]["policies_sent"] = str(20 * 8)
    (tmp_path / "diagnostics.json").write_text(json.dumps(said))
    found = read_measurements(tmp_path)
    assert found.listeners == 1.0
    assert found.phase_times().publication.mean == pytest.approx(0.001 / 8)


def test_nobody_said_anything(tmp_path: Path) -> None:
    (tmp_path / "diagnostics.json").write_text(json.dumps({"nodes": {}}))
    with pytest.raises(ValueError, match="no local worker"):
        read_measurements(tmp_path)


def test_the_ceiling_is_what_waiting_costs(tmp_path: Path) -> None:
    """A robot that waits as long as it works could be twice as fast."""
    steps = GpsSteps(1, 100)
    pair = measured(tmp_path)
    own = robot_time(pair, 4, 1)
    assert own == pytest.approx(8 * (4 * 5.01 / (1 - pair.lost["robot_1"]) + 0.15))
    wait = Tally(count=10, mean=own)
    gps = replace(pair, times={**pair.times, "wait": wait})
    assert synchronous_time(gps, 4, steps) == pytest.approx(2 * own)
    assert ceiling(gps, pair, 4, steps) == pytest.approx(2.0)


def test_lock_step_is_stretched_to_real_time(tmp_path: Path) -> None:
    (point,) = in_real_time(
        [TestPoint(3.0, 32, 90.0, 0.1)], measured(tmp_path), 4, GpsSteps(2, 9), 0
    )
    assert point.wall_clock_s == pytest.approx(32 * 5 + 8 * (0.05 + 2 * 0.1))
    assert (point.rollouts, point.cost) == (32, 90.0)


def test_the_soonest_candidate_is_best_and_all_survive_json() -> None:
    good = Candidate.of("small", GpsSteps(1, 100), points(300, 90, 80), 100, 10)
    slow = Candidate.of("small", GpsSteps(4, 100), points(300, 200, 80), 100, 10)
    never = Candidate("small", GpsSteps(2, 5), math.inf, 150.0)
    assert best([never, slow, good]) is good
    assert best([never, replace(never, final_cost=120.0)]).final_cost == 120.0
    content = {"network": "small", "gps": {"alternations": 2, "steps": 5}, "final_cost": 150.0}
    assert Candidate.from_json({**content, "wall_clock_s": None}) == never


def test_policies_are_thinned_out_evenly() -> None:
    kept = [KeptPolicy(f"{i}", f"1.{i}", float(i), i) for i in range(101)]
    assert [k.rollouts for k in thin_out(kept, 5)] == [0, 25, 50, 75, 100]
    assert thin_out(kept, 200) == tuple(kept)
