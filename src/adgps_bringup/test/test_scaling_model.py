"""The model of the loop: what holds exactly for it must come out of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adgps_bringup.experiments.scaling.model.durations import Duration, Loop, PhaseTimes
from adgps_bringup.experiments.scaling.model.server import ModelServer
from adgps_bringup.experiments.scaling.model.simulation import simulate

TIMES = PhaseTimes(
    reset=Duration(0.1),
    rollout=Duration(5.0),
    fit=Duration(0.2),
    improve=Duration(0.1),
    gradient=Duration(0.004),
    transit=Duration(0.002),
    push=Duration(0.001),
    pull=Duration(0.0005),
    poll=Duration(0.0001),
)


def test_the_throughput_of_a_robot_that_waits_for_nobody_is_one_over_the_sum_of_its_phases() -> (
    None
):
    loop = Loop(1, instances=4, samples=5, iterations=3)
    result = simulate(loop, TIMES, seed=0)
    batch = 5 * (0.1 + 5.0) + 0.2 + 0.1
    assert result.duration_s == pytest.approx(12 * batch)
    assert result.throughput == pytest.approx(5 / batch)
    assert result.utilization == pytest.approx(25 / batch)
    assert result.spent.get("wait", 0.0) == 0.0


def test_robots_that_wait_for_nobody_add_up() -> None:
    one, eight = (
        simulate(Loop(n, samples=5, iterations=4), TIMES, seed=1).throughput for n in (1, 8)
    )
    assert eight == pytest.approx(8 * one)


def test_algorithm_1_takes_the_sum_of_all_its_phases() -> None:
    loop = Loop(
        1,
        instances=3,
        samples=2,
        synchronous=True,
        iterations=2,
        steps_per_round=50,
        alternations=4,
    )
    result = simulate(loop, TIMES, seed=0)
    sampling = 3 * (2 * 5.1 + 0.2)
    # Each round begins after a pause, hence with the newest policy parameters.
    round_ = 3 * 0.1 + (0.0005 + 0.002) + 50 * (0.004 + 0.002 + 0.001)
    assert result.duration_s == pytest.approx(2 * (sampling + 4 * round_))
    assert result.updates == 2 * 4 * 50
    assert result.mean_staleness == 0.0


def test_a_saturated_server_applies_one_gradient_a_service_time() -> None:
    times = PhaseTimes(
        rollout=Duration(1.0), gradient=Duration(0.001), transit=Duration(0.0), push=Duration(0.01)
    )
    loop = Loop(40, samples=2, min_steps_per_rollout=1e5, max_steps_per_rollout=1e5)
    result = simulate(loop, times, seed=0, until=30.0, warm_up=10.0)
    assert result.update_rate == pytest.approx(1 / 0.01, rel=1e-2)
    assert result.server_utilization == pytest.approx(1.0, rel=1e-2)
    assert result.mean_staleness == pytest.approx(39, rel=1e-2)  # all others are in the queue


def test_gradients_are_stale_by_the_workers_in_flight() -> None:
    times = PhaseTimes(
        rollout=Duration(1.0),
        gradient=Duration(0.02, 0.005),
        transit=Duration(0.001),
        push=Duration(1e-5),
    )
    for robots in (1, 2, 8):
        loop = Loop(robots, samples=2, min_steps_per_rollout=1e5, max_steps_per_rollout=1e5)
        result = simulate(loop, times, seed=2, until=20.0, warm_up=5.0)
        assert result.mean_staleness == pytest.approx(robots - 1, rel=0.02, abs=1e-9)


def test_staleness_is_the_rate_of_the_others_times_the_time_in_flight() -> None:
    """Little's law, where batches and steps come at unrelated times and nobody queues."""
    times = PhaseTimes(
        reset=Duration(1.0, 1.0),
        rollout=Duration(4.0, 1.0),
        gradient=Duration(0.02),
        transit=Duration(0.0),
        push=Duration(1e-5),
        pull=Duration(0.0),
        poll=Duration(0.0),
    )
    steps = {"min_steps_per_rollout": 0.0, "max_steps_per_rollout": 10.0}
    loop = Loop(8, samples=5, **steps, following=False)
    result = simulate(loop, times, seed=3, until=800.0, warm_up=200.0)
    in_flight = result.update_rate * 7 / 8 * 0.02
    assert result.mean_staleness == pytest.approx(in_flight, rel=0.1)
    # Nor do workers that keep pace with each other take their steps together.
    together = simulate(replace(loop, following=True), times, seed=3, until=800.0, warm_up=200.0)
    in_flight = together.update_rate * 7 / 8 * 0.02
    assert together.mean_staleness == pytest.approx(in_flight, rel=0.1)


def test_the_server_is_busy_for_what_it_serves() -> None:
    """The utilisation law: busy time is the sum of rate times service time."""
    times = PhaseTimes(
        rollout=Duration(1.0, 0.3), push=Duration(0.002, 0.001), poll=Duration(0), pull=Duration(0)
    )
    result = simulate(Loop(20, samples=2), times, seed=4, until=120.0, warm_up=20.0)
    assert result.server_utilization == pytest.approx(result.update_rate * 0.002, rel=0.03)


def test_nobody_takes_more_steps_than_rollouts_allow_and_everybody_takes_the_fewest() -> None:
    loop = Loop(4, samples=5, iterations=6, min_steps_per_rollout=6.0, max_steps_per_rollout=12.0)
    result = simulate(loop, TIMES, seed=5)
    assert result.updates <= 12 * result.rollouts
    assert result.updates >= 6 * (result.rollouts - 4 * 5)  # the last batch is waited for by nobody


def test_a_slow_gradient_makes_robots_wait_and_its_time_is_their_pace() -> None:
    times = PhaseTimes(rollout=Duration(1.0), gradient=Duration(1.0), push=Duration(1e-4))
    loop = Loop(1, samples=5, min_steps_per_rollout=6.0, max_steps_per_rollout=12.0)
    result = simulate(loop, times, seed=6, until=2000.0, warm_up=500.0)
    assert result.throughput == pytest.approx(1 / 6, rel=0.03)
    assert result.spent["wait"] == pytest.approx(5 / 6, abs=0.03)


def test_a_robots_time_is_whole() -> None:
    loop = Loop(3, samples=4, failed=(0.2,) * 3)
    result = simulate(loop, TIMES, seed=7, until=1500.0, warm_up=100.0)
    assert sum(result.spent.values()) == pytest.approx(1.0, abs=0.01)
    failed = result.spent["failed"]
    assert failed / (failed + result.spent["rollout"]) == pytest.approx(0.2, abs=0.05)


def test_the_same_seed_repeats_and_another_does_not() -> None:
    times = PhaseTimes(rollout=Duration(1.0, 0.2))
    loop = Loop(2, iterations=3)
    first, again, other = (simulate(loop, times, seed=seed).duration_s for seed in (0, 0, 1))
    assert first == again != other


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0, 1)), min_size=1, max_size=30))
def test_the_server_serves_one_at_a_time_in_the_order_of_arrival(
    requests: list[tuple[float, float]],
) -> None:
    server, free = ModelServer(), 0.0
    for arrival, service in sorted(requests):
        departure = server.departure(arrival, service)
        begin = departure - service
        assert begin >= arrival - 1e-9 and begin >= free - 1e-9
        assert begin == pytest.approx(max(arrival, free))  # never idle while somebody waits
        free = departure
    assert server.busy_s == pytest.approx(sum(service for _, service in requests))


def test_durations_have_the_mean_and_spread_that_were_measured() -> None:
    rng = np.random.default_rng(0)
    drawn = np.array([Duration(2.0, 0.5).draw(rng) for _ in range(4000)])
    assert drawn.min() > 0
    assert drawn.mean() == pytest.approx(2.0, rel=0.02)
    assert drawn.std() == pytest.approx(0.5, rel=0.05)


def test_times_go_there_and_back_through_json() -> None:
    assert PhaseTimes.from_json(TIMES.to_json()) == TIMES
    with pytest.raises(ValueError, match="unknown phases: dance"):
        PhaseTimes.from_json({"dance": {"mean": 1.0, "std": 0.0}})


@pytest.mark.parametrize(
    "make",
    [
        lambda: Duration(-1.0),
        lambda: Loop(0),
        lambda: Loop(1, failed=(1.0,)),
        lambda: Loop(2, failed=(0.1,)),
        lambda: Loop(2, starts=(0.0, 1.0, 2.0)),
        lambda: simulate(Loop(1), TIMES, seed=0),
        lambda: simulate(Loop(1), TIMES, seed=0, until=1.0, warm_up=2.0),
    ],
)
def test_what_cannot_be_is_refused(make) -> None:
    with pytest.raises(ValueError):
        make()
