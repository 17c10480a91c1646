"""How far training is, from what its nodes say: points, sums, and what is still to come."""

import math

import pytest

from adgps_bringup.training_state import CurvePoint, TrainingState, version_key

ROBOTS = ("robot_1", "robot_2")
INSTANCES = ("training/0", "training/1")


def hear(state: TrainingState, robot: int, now: float, **values: object) -> None:
    """One status of a local worker; its instance is the one of its number."""
    if "cost" in values:
        values[f"cost/training/{robot - 1}"] = values["cost"]
    words = {"iterations": 4, "state": "sampling", **values}
    text = {key: str(value) for key, value in words.items()}
    state.update(f"/robot_{robot}/local_worker", text, now)


def test_the_curve_begins_when_all_instances_were_tried() -> None:
    state = TrainingState(ROBOTS, INSTANCES)
    hear(state, 1, 1.0, rollouts=2, cost=10.0, policy_version="1.5")
    assert state.curve == []
    hear(state, 2, 2.0, rollouts=3, cost=20.0, policy_version="1.20")
    hear(state, 2, 3.0, rollouts=3, cost=20.0)
    hear(state, 1, 4.0, rollouts=4, cost=6.0, policy_version="1.3")
    assert state.curve == [CurvePoint(5, 2.0, "1.20", 15.0), CurvePoint(7, 4.0, "1.3", 13.0)]


def test_a_worker_that_repeats_a_batch_never_takes_the_curve_back() -> None:
    """Its own count includes what it did before it was started again, but for that batch."""
    state = TrainingState(ROBOTS, INSTANCES)
    hear(state, 1, 1.0, rollouts=6, cost=10.0)
    hear(state, 2, 2.0, rollouts=6, cost=10.0)
    hear(state, 1, 3.0, rollouts=4, cost="nan")
    assert state.rollouts == 10
    hear(state, 2, 4.0, rollouts=7, cost=9.0)
    assert [point.rollouts for point in state.curve] == [12]
    hear(state, 1, 5.0, rollouts=6, cost=8.0)
    assert [point.rollouts for point in state.curve] == [12, 13]


def test_a_resumed_run_goes_on_where_its_curve_ends() -> None:
    state = TrainingState(ROBOTS, INSTANCES, [CurvePoint(8, 50.0, "1.9", 30.0)])
    hear(state, 1, 1.0, rollouts=5, cost=10.0)
    hear(state, 2, 2.0, rollouts=5, cost=20.0)
    assert state.curve[1:] == [CurvePoint(10, 52.0, "0.0", 15.0)]
    assert state.wall_clock_s(2.0) == 52.0


def test_who_is_missing_and_when_all_is_done() -> None:
    state = TrainingState(ROBOTS, INSTANCES)
    hear(state, 1, 1.0, finished="true")
    assert state.missing == ("robot_2",) and not state.finished
    hear(state, 2, 1.0, finished="false")
    assert state.missing == () and not state.finished
    hear(state, 2, 2.0, finished="true")
    assert state.finished


def test_the_time_to_come_is_extrapolated_from_what_this_part_has_done() -> None:
    state = TrainingState(ROBOTS, INSTANCES)
    assert math.isnan(state.eta_s("robot_1", 1.0))
    hear(state, 1, 10.0, iteration=1.0)
    assert math.isnan(state.eta_s("robot_1", 11.0))
    hear(state, 1, 20.0, iteration=2.0)
    assert state.eta_s("robot_1", 20.0) == pytest.approx(20.0)
    hear(state, 1, 30.0, iteration=4.0, finished="true")
    assert state.eta_s("robot_1", 31.0) == 0.0


def test_broken_and_foreign_words_change_nothing() -> None:
    state = TrainingState(ROBOTS, INSTANCES)
    hear(state, 1, 1.0, rollouts=3)
    hear(state, 1, 2.0, rollouts="many")
    hear(state, 3, 3.0, rollouts=5)
    assert state.rollouts == 3
    assert state.last_progress_s == state.last_rollout_s == 1.0


def test_versions_are_ordered_by_epoch_then_counter() -> None:
    ordered = ["", "x.1", "0.0", "1.2", "1.10", "2.1"]
    assert sorted(reversed(ordered), key=version_key)[2:] == ordered[2:]
    assert version_key("") == version_key("x.1") == (-1, -1)


def test_what_was_published_is_counted_over_robots_and_what_was_recorded_once() -> None:
    state = TrainingState(ROBOTS, INSTANCES)
    assert state.published == state.recorded == 0
    hear(state, 1, 1.0, published=3)
    hear(state, 2, 1.0, published=4)
    state.update("/recorder", {"trajectories": "5"}, 2.0)
    assert (state.published, state.recorded) == (7, 5)
    state.update("/recorder", {"trajectories": "many"}, 3.0)
    assert state.recorded == 0
