"""In real time: ticks on the timer, damping between rollouts, nothing late, nothing stale."""

from dataclasses import replace

import numpy as np
import pytest
from controller_bench import PERIOD_NS, Bench, hold_goal

from adgps_robot.diagnostics import report
from adgps_robot.execution import Timing
from adgps_robot.outcome import Outcome

TIMING = Timing(lock_step=False, state_timeout=0.2, lateness_budget=0.02)


def period(bench: Bench) -> None:
    """One control period of a healthy robot: it follows the newest command, then the timer."""
    bench.move(bench.sent[-1][1] if bench.sent else np.zeros(7))
    bench.state()
    bench.controller.on_timer()


@pytest.fixture
def bench() -> Bench:
    """A controller in real time, in the middle of a rollout of 10 ticks after 4 timer ticks."""
    bench = Bench(TIMING).ready()
    bench.start(hold_goal(10))
    assert not bench.sent
    for _ in range(4):
        period(bench)
    _, hold = bench.sent.pop(0)  # the state before the timer found the arm still held
    assert (hold == 0.0).all()
    assert len(bench.sent) == 4
    return bench


def test_a_rollout_ticks_on_the_timer_and_ends_in_a_hold(bench: Bench) -> None:
    """Ten actions, then damping at the measured state, for as long as nothing else is asked."""
    for _ in range(7):
        period(bench)
    (result,) = bench.results
    assert result.outcome is Outcome.SUCCESS
    assert result.trajectory is not None
    assert (result.trajectory.lateness == 0.0).all()
    np.testing.assert_array_equal(
        result.trajectory.actions_applied, [torques for _, torques in bench.sent[:10]]
    )
    np.testing.assert_array_equal(bench.sent[10][1], -2.0 * bench.velocities)
    period(bench)
    np.testing.assert_array_equal(bench.sent[11][1], -2.0 * bench.velocities)


def test_states_between_ticks_change_nothing_but_the_newest_state(bench: Bench) -> None:
    """States come at their own rate; the newest is answered."""
    bench.clock_ns += PERIOD_NS // 3
    bench.state()
    bench.clock_ns += PERIOD_NS // 3
    bench.state()
    assert len(bench.sent) == 4
    bench.controller.on_timer()
    assert bench.sent[-1][0] == bench.clock_ns


def test_states_call_for_ticks_by_their_stamps() -> None:
    """Of three states a period the one that is a period after the first, with no timer at all."""
    bench = Bench(replace(TIMING, on_states=True)).ready()
    bench.start(hold_goal(4))
    for _ in range(14):
        bench.clock_ns += PERIOD_NS // 3 + 1
        bench.state()
    (result,) = bench.results
    assert result.outcome is Outcome.SUCCESS
    assert result.trajectory is not None
    np.testing.assert_allclose(np.diff(result.trajectory.stamps), PERIOD_NS / 1e9, atol=1e-6)


def test_a_tick_waits_for_its_state_and_says_how_late_it_was(bench: Bench) -> None:
    """The timer comes before the state."""
    bench.move(bench.sent[-1][1])
    bench.controller.on_timer()
    assert len(bench.sent) == 4
    bench.clock_ns += 5_000_000
    bench.state()
    assert len(bench.sent) == 5
    bench.clock_ns -= 5_000_000
    for _ in range(7):
        period(bench)
    trajectory = bench.results[0].trajectory
    assert trajectory is not None
    np.testing.assert_allclose(trajectory.lateness, np.eye(10)[4] * 0.005, atol=1e-9)


def test_how_regular_ticks_are_is_told() -> None:
    """By the steady clock, between the ticks of a rollout and not across two of them."""
    bench = Bench(TIMING).ready()
    for _ in range(2):
        bench.start(hold_goal(4))
        for late_s in (0.0, 0.0, 0.0035, 0.0, 0.0, 0.0):
            bench.now += late_s
            period(bench)
        bench.now += 1.0
    errors = bench.controller.period_errors.counts
    assert sum(errors.values()) == 2 * 4
    assert errors[4.0] == 2 and sum(n for edge, n in errors.items() if edge > 4.0) == 0
    assert report(bench.controller)["period_error_p99_ms"] == 4.0


def test_a_tick_later_than_the_budget_ends_the_rollout(bench: Bench) -> None:
    """With its own code, the ticks before it, and a hold."""
    bench.clock_ns += 25_000_000
    period(bench)
    (result,) = bench.results
    assert result.outcome is Outcome.JITTER
    assert result.trajectory is not None and result.trajectory.horizon == 3
    np.testing.assert_array_equal(bench.sent[-1][1], -2.0 * bench.velocities)


def test_cancel_lets_go_of_the_arm_at_once(bench: Bench) -> None:
    """Without waiting for the next tick or state."""
    bench.controller.cancel()
    assert bench.results[0].outcome is Outcome.CANCELED
    assert len(bench.sent) == 5
    assert bench.sent[-1][0] == bench.clock_ns
    np.testing.assert_array_equal(bench.sent[-1][1], -2.0 * bench.velocities)


def test_stale_states_mean_zero_torque(bench: Bench) -> None:
    """A velocity measured long ago must not push the arm, not even as damping."""
    bench.controller.on_timer()
    bench.now += 0.25
    bench.controller.watch()
    assert bench.results[0].outcome is Outcome.STALE_STATE
    assert (bench.sent[-1][1] == 0.0).all()
    bench.controller.on_timer()
    assert (bench.sent[-1][1] == 0.0).all()


def test_an_inactive_controller_is_silent() -> None:
    """Not even holds."""
    bench = Bench(TIMING)
    bench.state()
    bench.controller.on_timer()
    assert not bench.sent


def test_a_stale_state_begins_nothing() -> None:
    """The first state must be fresh."""
    bench = Bench(TIMING).ready()
    bench.now += 1.0
    bench.start(hold_goal(3))
    bench.controller.on_timer()
    assert not bench.sent
    bench.clock_ns += 1
    bench.state()
    assert len(bench.sent) == 1


def test_an_arm_that_waits_for_a_policy_is_held() -> None:
    """For as long as that takes."""
    bench = Bench(TIMING).ready()
    bench.velocities = np.full(7, 0.1)
    bench.start(hold_goal(3, policy=None))
    for _ in range(6):
        period(bench)
        assert bench.sent[-1][0] == bench.clock_ns
        np.testing.assert_array_equal(bench.sent[-1][1], -2.0 * bench.velocities)


def test_between_rollouts_states_are_answered_a_hundred_times_a_second() -> None:
    """However many come, and none twice: an arm that swings needs quick damping."""
    bench = Bench(TIMING).ready()
    for _ in range(100):
        bench.now += 0.002
        bench.clock_ns += 2_000_000
        bench.state()
    assert 18 <= len(bench.sent) <= 21
    bench.controller.on_timer()
    assert len({stamp for stamp, _ in bench.sent}) == len(bench.sent)
