"""One command per state, one result per goal, and no torque unless active and armed."""

from collections.abc import Callable

import numpy as np
import pytest
from controller_bench import INSTANCE, PERIOD_NS, TASK, Bench, hold_goal
from hypothesis import given, settings
from hypothesis import strategies as st

from adgps_core.global_policy import Architecture, GlobalPolicy, PolicyVersion, initial_values
from adgps_robot import policy_versions
from adgps_robot.diagnostics import report
from adgps_robot.execution import Timing
from adgps_robot.goal import Goal
from adgps_robot.outcome import Outcome, RolloutError
from adgps_robot.safety import SafetyError


def newest(version: PolicyVersion) -> GlobalPolicy:
    """A global policy of a version."""
    architecture = Architecture(TASK.dim_o, TASK.dim_u, (4,))
    values = initial_values(architecture, np.random.default_rng(0))
    return GlobalPolicy(architecture, *TASK.observation_scaling, values, version)


def refusal(bench: Bench, goal: Goal) -> Outcome:
    """Why a goal is refused."""
    with pytest.raises(RolloutError) as error:
        bench.start(goal)
    return error.value.outcome


@given(st.integers(1, 30), st.integers(0, 2**32))
@settings(deadline=None, max_examples=15)
def test_lock_step_answers_each_state_once_but_for_the_last(horizon: int, seed: int) -> None:
    """T commands, one a stamp, T+1 states; and the same again, bit for bit."""
    records = []
    for _ in range(2):
        bench = Bench().ready()
        bench.start(hold_goal(horizon, seed=seed))
        bench.run()
        stamps = [stamp for stamp, _ in bench.sent]
        assert stamps == [1_000_000_000 + t * PERIOD_NS for t in range(horizon)]
        (result,) = bench.results
        assert result.outcome is Outcome.SUCCESS
        assert result.trajectory is not None
        assert result.trajectory.states.shape == (horizon + 1, TASK.dim_x)
        np.testing.assert_array_equal(
            result.trajectory.actions_applied, [torques for _, torques in bench.sent]
        )
        records.append(result.trajectory)
    for name in ("states", "actions_sampled", "log_probabilities"):
        np.testing.assert_array_equal(*(getattr(record, name) for record in records))


EVENTS: dict[str, Callable[[Bench], object]] = {
    "state": lambda bench: bench.run(1),
    "states": lambda bench: bench.run(6),
    "again": lambda bench: bench.state(),
    "nan": lambda bench: bench.controller.on_joint_state(
        bench.clock_ns + 1, ["panda_joint1"] * 7, [np.nan] * 7, [0.0] * 7
    ),
    "start": lambda bench: bench.start(hold_goal(4)),
    "start_global": lambda bench: bench.start(Goal(INSTANCE, 4)),
    "policy": lambda bench: bench.controller.on_policy(newest(PolicyVersion(1, 1))),
    "cancel": lambda bench: bench.controller.cancel(),
    "trip": lambda bench: bench.controller.trip("test"),
    "press": lambda bench: bench.controller.on_e_stop(True),
    "release": lambda bench: bench.controller.on_e_stop(False),
    "clear": lambda bench: bench.controller.safety.clear(),
    "arm": lambda bench: bench.controller.safety.arm(),
    "deactivate": lambda bench: bench.controller.deactivate(),
    "activate": lambda bench: setattr(bench.controller, "active", True),
    "wait": lambda bench: setattr(bench, "now", bench.now + 3.0),
    "watch": lambda bench: bench.controller.watch(),
    "reset": lambda bench: setattr(bench, "clock_ns", bench.clock_ns + 20 * PERIOD_NS),
}


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from(sorted(EVENTS)), max_size=60))
def test_whatever_happens_in_lock_step(events: list[str]) -> None:
    """No stamp is answered twice, none without permission, and every goal ends exactly once."""
    bench = Bench().ready()
    controller = bench.controller
    started = 0
    for event in events:
        before = len(bench.sent)
        allowed = controller.active and not controller.safety.obstacle
        try:
            EVENTS[event](bench)
            started += event.startswith("start")
        except (RolloutError, SafetyError):
            pass
        assert allowed or len(bench.sent) == before
        assert len(bench.results) + controller.busy == started
        if not controller.active or controller.safety.obstacle:
            assert not controller.busy
    stamps = [stamp for stamp, _ in bench.sent]
    assert len(set(stamps)) == len(stamps)
    assert all(np.isfinite(torques).all() for _, torques in bench.sent)
    for result in bench.results:
        if result.outcome is Outcome.SUCCESS:
            assert result.trajectory is not None and result.trajectory.horizon == 4


def test_goals_are_refused_with_their_code() -> None:
    """Inactive, disarmed, busy, impossible."""
    bench = Bench()
    assert refusal(bench, hold_goal()) is Outcome.NOT_ACTIVE
    bench.controller.active = True
    assert refusal(bench, hold_goal()) is Outcome.NOT_ARMED
    bench.controller.safety.arm()
    bench.start(hold_goal())
    assert refusal(bench, hold_goal()) is Outcome.BUSY
    assert refusal(Bench().ready(), Goal(INSTANCE, 0)) is Outcome.INVALID_GOAL


def test_a_rollout_begins_no_earlier_than_it_may() -> None:
    """The state before a reset is not its first state."""
    bench = Bench().ready()
    bench.start(hold_goal(start_after_ns=bench.clock_ns + 1))
    assert not bench.sent
    bench.clock_ns += 20 * PERIOD_NS
    bench.state()
    assert [stamp for stamp, _ in bench.sent] == [bench.clock_ns]


def test_the_next_rollout_may_begin_where_the_last_one_ended() -> None:
    """The last state is unanswered, so it can be a first one."""
    bench = Bench().ready()
    for _ in range(3):
        bench.start(hold_goal(4))
        bench.run()
    assert [result.outcome for result in bench.results] == [Outcome.SUCCESS] * 3
    stamps = [stamp for stamp, _ in bench.sent]
    assert stamps == [1_000_000_000 + t * PERIOD_NS for t in range(12)]


def test_cancel_returns_the_ticks_so_far() -> None:
    """At once, without another command; and the arm can go on from there."""
    bench = Bench().ready()
    bench.start(hold_goal(10))
    bench.run(3)
    bench.controller.cancel()
    (result,) = bench.results
    assert result.outcome is Outcome.CANCELED
    assert result.trajectory is not None and result.trajectory.horizon == 3
    bench.run()
    assert len(bench.sent) == 4
    bench.start(hold_goal(4))
    bench.run()
    assert bench.results[-1].outcome is Outcome.SUCCESS


def test_a_reset_within_a_rollout_ends_it() -> None:
    """Ticks that were skipped are not learned from."""
    bench = Bench().ready()
    bench.start(hold_goal(10))
    bench.run(3)
    bench.clock_ns += 20 * PERIOD_NS
    bench.state()
    assert bench.results[0].outcome is Outcome.STALE_STATE


def test_waits_are_bounded_by_the_steady_clock() -> None:
    """For a policy, for a first state, for the next state."""
    bench = Bench(Timing(state_timeout=1.0, start_timeout=2.0, policy_timeout=3.0)).ready()
    bench.controller.on_policy(newest(PolicyVersion(1, 4)))
    waits = (
        (Goal(INSTANCE, 3, minimum_version=PolicyVersion(1, 5)), 3.0, Outcome.NO_POLICY),
        (hold_goal(start_after_ns=bench.clock_ns + 10**12), 2.0, Outcome.STALE_STATE),
        (hold_goal(), 1.0, Outcome.STALE_STATE),
    )
    for goal, timeout, outcome in waits:
        bench.start(goal)
        bench.now += timeout - 0.01
        bench.controller.watch()
        assert bench.controller.busy
        bench.now += 0.02
        bench.controller.watch()
        assert bench.results[-1].outcome is outcome
    assert "newest is 1.4" in bench.results[0].reason


def test_a_version_that_others_have_followed_is_not_waited_for() -> None:
    """It arrives no more; a version that is still to come is waited for."""
    bench = Bench(Timing(policy_timeout=3.0)).ready()
    bench.controller.on_policy(newest(PolicyVersion(1, 6)))
    for wanted, gone in ((7, False), (5, True)):
        bench.start(Goal(INSTANCE, 3, minimum_version=PolicyVersion(1, wanted), exact_version=True))
        bench.controller.watch()
        assert bench.controller.busy is not gone
        bench.controller.cancel()
    assert bench.results[-1].outcome is Outcome.NO_POLICY


def test_a_policy_that_comes_in_time_is_frozen_for_the_rollout() -> None:
    """Newer versions published meanwhile are for the next one."""
    bench = Bench().ready()
    bench.start(Goal(INSTANCE, 4, minimum_version=PolicyVersion(1, 5)))
    assert not bench.sent
    bench.controller.on_policy(newest(PolicyVersion(1, 5)))
    bench.controller.on_policy(newest(PolicyVersion(1, 9)))
    bench.run()
    trajectory = bench.results[0].trajectory
    assert trajectory is not None and trajectory.policy_version == PolicyVersion(1, 5)
    with pytest.raises(ValueError, match="maps 3 numbers"):
        architecture = Architecture(3, 7, ())
        bench.controller.on_policy(
            GlobalPolicy(
                architecture, np.zeros(3), np.ones(3), np.zeros(architecture.size, np.float32)
            )
        )


def test_the_rollouts_of_a_batch_run_one_version_however_long_they_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A hundred versions come between one rollout and the next."""
    monkeypatch.setattr(policy_versions, "MEMORY", 0)
    bench = Bench().ready()
    version = PolicyVersion(1, 5)
    for first in (5, 105, 205):
        for counter in range(first, first + 100):
            bench.controller.on_policy(newest(PolicyVersion(1, counter)))
            if counter == 5:
                bench.start(Goal(INSTANCE, 1, minimum_version=version, exact_version=True))
                bench.run()
        bench.start(Goal(INSTANCE, 1, minimum_version=version, exact_version=True))
        bench.run()
    assert [result.outcome for result in bench.results] == [Outcome.SUCCESS] * 4
    versions = {result.trajectory.policy_version for result in bench.results if result.trajectory}
    assert versions == {version}


def test_nothing_begins_before_the_robot_can_hear() -> None:
    """A command that nobody hears would be lost, and lock-step would stand still."""
    bench = Bench().ready()
    bench.connected = False
    bench.start(hold_goal())
    assert not bench.sent
    bench.connected = True
    bench.controller.watch()
    assert len(bench.sent) == 1


def test_a_robot_that_was_started_again_is_followed() -> None:
    """Its clock begins anew, even at a stamp that was answered before."""
    bench = Bench().ready()
    bench.start(hold_goal(3))
    bench.run()
    bench.clock_ns = 1_000_000_000
    bench.state()
    bench.start(hold_goal(3))
    bench.run()
    assert bench.results[-1].outcome is Outcome.SUCCESS


def test_the_report_counts_what_happened() -> None:
    """For /diagnostics."""
    bench = Bench()
    assert report(bench.controller)["state"] == "inactive"
    bench.ready()
    bench.start(hold_goal(4))
    assert report(bench.controller)["state"] == "in a rollout"
    bench.run()
    bench.controller.trip("test")
    values = report(bench.controller)
    assert values["ticks"] == 4
    assert values["rollouts_success"] == 1
    assert values["states_accepted"] == 5
    assert values["state"] == "tripped: test"
