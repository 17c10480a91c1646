"""The controller's node over real DDS, with a robot of numbers in lock-step."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy")

from controller_bench import TASK, hold_policy  # noqa: E402
from controller_stage import LATCHED, Stage, trajectory_of  # noqa: E402

from adgps_core.conversions import messages  # noqa: E402
from adgps_core.global_policy import (  # noqa: E402
    Architecture,
    GlobalPolicy,
    PolicyVersion,
    initial_values,
)
from adgps_msgs.action import ExecuteRollout  # noqa: E402
from adgps_msgs.msg import PolicyParameters  # noqa: E402
from adgps_robot.outcome import Outcome  # noqa: E402

COUNT = itertools.count(1)
MakeStage = Callable[..., Stage]


@pytest.fixture
def make_stage() -> Iterator[MakeStage]:
    """Stages for one test, in a namespace that no test before it has used.

    Endpoints that are gone can linger for 20 s in the discovery of others.
    """
    rclpy.init(args=["--ros-args", "-r", f"__ns:=/robot_{next(COUNT)}"])
    stages: list[Stage] = []

    def make(**parameters: Any) -> Stage:
        stages.append(Stage(**parameters))
        return stages[-1]

    yield make
    for stage in stages:
        stage.close()
    rclpy.shutdown()


@pytest.fixture
def stage(make_stage: MakeStage) -> Stage:
    """A controller that is active and armed."""
    return make_stage()


def publish_policy(stage: Stage, version: PolicyVersion) -> None:
    """Publish a version of the global policy, as the parameter server does."""
    architecture = Architecture(TASK.dim_o, TASK.dim_u, (4,))
    values = initial_values(architecture, np.random.default_rng(0))
    policy = GlobalPolicy(architecture, *TASK.observation_scaling, values, version)
    publisher = stage.client.create_publisher(
        PolicyParameters, "/param_server/policy_parameters", LATCHED
    )
    publisher.publish(messages.global_policy_to_msg(policy))


def test_error_codes_are_the_actions() -> None:
    """Outcome is numbered as ExecuteRollout."""
    assert {outcome.name: int(outcome) for outcome in Outcome} == {
        name: value
        for name in dir(ExecuteRollout.Result)
        if name.isupper() and isinstance(value := getattr(ExecuteRollout.Result, name), int)
    }


def test_a_rollout_returns_what_was_measured(stage: Stage) -> None:
    """T+1 states, each but the last answered once; feedback on the way."""
    result = stage.rollout(25, seed=7, rollout_id="one")
    trajectory = trajectory_of(result)
    assert trajectory.states.shape == (26, TASK.dim_x)
    assert trajectory.robot == stage.controller.get_namespace()
    assert (trajectory.rollout_id, trajectory.seed) == ("one", 7)
    assert stage.robot.commands == [1_000_000_000 + t * 50_000_000 for t in range(25)]
    stage.until(lambda: stage.feedback == [10, 20], "feedback")
    again = trajectory_of(stage.rollout(25, seed=7))
    mean = hold_policy(25).mean
    np.testing.assert_allclose(
        again.actions_sampled - mean(again.states[:-1]),
        trajectory.actions_sampled - mean(trajectory.states[:-1]),
        atol=1e-12,
    )


def test_cancel_works_at_once(stage: Stage) -> None:
    """The ticks so far come back; the next rollout goes on from there."""
    handle = stage.send(10_000)
    stage.until(lambda: len(stage.robot.commands) >= 5, "five ticks")
    stage.result_of(handle.cancel_goal_async(), "the cancellation")
    stopped = len(stage.robot.commands)
    result = stage.finish(handle)
    assert result.error_code == ExecuteRollout.Result.CANCELED
    assert 4 <= messages.trajectory_from_msg(result.trajectory).horizon <= stopped
    assert trajectory_of(stage.rollout(5)).horizon == 5
    assert len(stage.robot.commands) <= stopped + 1 + 5  # one was on its way


def test_only_one_rollout_at_a_time(stage: Stage) -> None:
    """The second one is told so, the first one is not disturbed."""
    first = stage.send(300)
    stage.until(lambda: len(stage.robot.commands) >= 1, "the first tick")
    assert stage.rollout(5).error_code == ExecuteRollout.Result.BUSY
    assert trajectory_of(stage.finish(first)).horizon == 300


def test_impossible_goals_are_refused_with_their_reason(stage: Stage) -> None:
    """NaN, shapes, instances; nothing is sent to the arm."""
    policy = messages.local_policy_to_msg
    for fields, reason in (
        ({"noise_scale": float("nan")}, "noise_scale"),
        ({"horizon": 0}, "horizon"),
        ({"instance": messages.msg.Instance(task="juggle")}, "juggle"),
    ):
        result = stage.rollout(**{"horizon": 5, **fields})
        assert result.error_code == ExecuteRollout.Result.INVALID_GOAL
        assert reason in result.error_msg
    for spoil, reason in (
        (lambda message: message.feedforward.__setitem__(3, float("nan")), "not finite"),
        (lambda message: message.gain.pop(), "gain has"),
        (lambda message: message.covariance.__setitem__(0, -1.0), "not positive definite"),
    ):
        message = policy(hold_policy(5))
        spoil(message)
        result = stage.rollout(5, policy=message)
        assert result.error_code == ExecuteRollout.Result.INVALID_GOAL
        assert reason in result.error_msg
    assert not stage.robot.commands


def test_the_e_stop_is_latched(stage: Stage) -> None:
    """It ends a rollout, and stays until released, cleared and armed again."""
    handle = stage.send(10_000)
    stage.until(lambda: len(stage.robot.commands) >= 3, "three ticks")
    stage.press(True)
    result = stage.finish(handle)
    assert result.error_code == ExecuteRollout.Result.NOT_ARMED
    assert "e-stop" in result.error_msg
    assert not stage.call("clear").success
    stage.press(False)
    assert not stage.call("arm").success
    assert stage.rollout().error_code == ExecuteRollout.Result.NOT_ARMED
    assert stage.call("clear").success
    assert stage.rollout().error_code == ExecuteRollout.Result.NOT_ARMED
    assert stage.call("arm").success
    assert trajectory_of(stage.rollout()).horizon == 5


def test_a_trip_needs_clearing_and_arming(stage: Stage) -> None:
    """By service, for one robot."""
    assert stage.call("trip").success
    assert "~/trip" in stage.rollout().error_msg
    assert stage.call("clear").success
    assert stage.call("arm").success
    assert trajectory_of(stage.rollout()).horizon == 5


def test_a_restarted_controller_is_disarmed(make_stage: MakeStage) -> None:
    """Unless it was told to arm itself, as simulated robots are."""
    stage = make_stage(arm_on_activate=False)
    assert stage.rollout().error_code == ExecuteRollout.Result.NOT_ARMED
    assert stage.call("arm").success
    assert trajectory_of(stage.rollout()).horizon == 5
    controller = stage.controller
    for trigger in ("deactivate", "cleanup", "configure", "activate"):
        getattr(controller, f"trigger_{trigger}")()
    assert stage.rollout().error_code == ExecuteRollout.Result.NOT_ARMED
    assert stage.call("arm").success
    assert trajectory_of(stage.rollout()).horizon == 5


def test_an_inactive_controller_refuses(make_stage: MakeStage) -> None:
    """Goals, and arming; deactivating ends a rollout."""
    stage = make_stage()
    handle = stage.send(10_000)
    stage.until(lambda: len(stage.robot.commands) >= 3, "three ticks")
    stage.controller.trigger_deactivate()
    assert stage.finish(handle).error_code == ExecuteRollout.Result.NOT_ACTIVE
    assert stage.rollout().error_code == ExecuteRollout.Result.NOT_ACTIVE
    assert not stage.call("arm").success


def test_silence_of_the_robot_ends_a_rollout(stage: Stage) -> None:
    """Within the timeout, with the ticks so far."""
    stage.robot.silent_after = 4
    result = stage.rollout(10)
    assert result.error_code == ExecuteRollout.Result.STALE_STATE
    assert messages.trajectory_from_msg(result.trajectory).horizon == 3


def test_the_global_policy_is_waited_for(stage: Stage) -> None:
    """Bounded; and once it is there, it runs and is named in the trajectory."""
    assert not stage.controller.count_subscribers("/param_server/policy_parameters")
    wanted = messages.version_to_msg(PolicyVersion(1, 5))
    goal = {"use_global_policy": True, "minimum_version": wanted}
    publish_policy(stage, PolicyVersion(1, 4))
    result = stage.rollout(5, **goal)
    assert result.error_code == ExecuteRollout.Result.NO_POLICY
    assert "1.5" in result.error_msg
    handle = stage.send(5, **goal)
    publish_policy(stage, PolicyVersion(1, 6))
    assert trajectory_of(stage.finish(handle)).policy_version == PolicyVersion(1, 6)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("hold_damping", [2.0] * 6),
        ("hold_damping", [-2.0] * 7),
        ("hold_damping", [float("nan")] * 7),
        ("limits.effort", [87.0] * 8),
        ("limits.velocity", [0.0] * 7),
        ("joint_names", ["panda_joint1"]),
    ],
)
def test_arrays_that_do_not_fit_the_arm_are_one_clear_failure(
    make_stage: MakeStage, name: str, array: list[Any]
) -> None:
    """Before the arm moves, not when it is to be held."""
    with pytest.raises(RuntimeError, match="could not start"):
        make_stage(**{name: array})


def test_a_missing_urdf_is_one_clear_failure(make_stage: MakeStage) -> None:
    """The node does not come up half."""
    with pytest.raises(RuntimeError, match="could not start"):
        make_stage(urdf="/nowhere/arm.urdf")
