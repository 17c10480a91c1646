"""The robot's answers become trajectories or errors, and waits for it end when they should."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import pytest
from local_worker_process import TASK, Stage, global_policy, roll_out
from worker_thread import WorkerThread

from adgps_core.policies import LinearGaussianPolicy
from adgps_local_worker.configuration import LocalConfiguration
from adgps_local_worker.local_state import initial_state
from adgps_local_worker.nodes import robot_client
from adgps_local_worker.nodes.futures import StoppedError
from adgps_local_worker.nodes.robot_client import RobotClient
from adgps_local_worker.sampling import PolicyGoneError, RobotNotReadyError, RolloutError
from adgps_msgs.action import ExecuteRollout
from adgps_msgs.srv import ResetInstance

GOAL = TASK.instances("training")[1]
POLICY = initial_state(TASK, LocalConfiguration()).policy
RESULT = ExecuteRollout.Result


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A robot that is not there yet."""
    made = Stage()
    yield made
    made.close()


@pytest.fixture
def thread() -> Iterator[WorkerThread]:
    """The worker's node."""
    made = WorkerThread()
    yield made
    made.close()


@pytest.fixture
def robot(thread: WorkerThread, monkeypatch: pytest.MonkeyPatch) -> Iterator[RobotClient]:
    """A client that hardly pauses, and waits for a rollout for 2 s."""
    monkeypatch.setattr(robot_client, "PAUSE", 0.01)
    monkeypatch.setattr(robot_client, "ANSWER_TIMEOUT", 3.0)
    made = RobotClient(thread.node, TASK, 2.0, 3.0, 0.02, thread.stop)
    yield made
    thread.leave()
    made.destroy()


@pytest.fixture
def ready(stage: Stage, thread: WorkerThread, robot: RobotClient) -> RobotClient:
    """The same, heard and answered by the robot: first answers can get lost."""
    stage.add_robot()
    for ask in (lambda: robot.reset(GOAL, 0), lambda: robot.rollout(GOAL, POLICY, 0)):
        while thread.call(ask).exception(20) is not None:
            pass
    stage.requests.clear()
    stage.goals.clear()
    return robot


def test_a_rollout_comes_back_as_it_was(
    stage: Stage, thread: WorkerThread, ready: RobotClient
) -> None:
    """Bit for bit, and the robot is told all that it has to know."""
    thread.call(lambda: ready.reset(GOAL, 2**63 + 5)).result(20)
    trajectory = thread.call(lambda: ready.rollout(GOAL, POLICY, 11)).result(20)
    (request,), (goal,) = stage.requests, stage.goals
    assert (request.instance.id, request.seed, request.perturbation) == (GOAL.id, 2**63 + 5, 0.02)
    assert (goal.instance.id, goal.seed, goal.horizon) == (GOAL.id, 11, TASK.horizon)
    assert goal.noise_scale == 1.0 and not goal.use_global_policy
    expected = roll_out(GOAL, POLICY, 11)
    np.testing.assert_array_equal(trajectory.states, expected.states)
    np.testing.assert_array_equal(trajectory.actions_applied, expected.actions_applied)


def test_no_two_rollouts_are_named_alike(
    stage: Stage, thread: WorkerThread, ready: RobotClient
) -> None:
    """Neither those of one worker, nor those of the worker that is started in its place."""
    successor = RobotClient(thread.node, TASK, 2.0, 3.0, 0.02, thread.stop)
    for client in (ready, successor):
        for seed in range(2):
            roll = partial(client.rollout, GOAL, POLICY, seed)
            while thread.call(roll).exception(20) is not None:
                pass  # first answers can get lost
    names = [goal.rollout_id for goal in stage.goals]
    assert len(names) >= 4 and len(set(names)) == len(names)
    thread.call(successor.destroy).result(20)


def test_the_global_policy_is_asked_for_by_its_version(
    stage: Stage, thread: WorkerThread, ready: RobotClient
) -> None:
    """That one and no newer; a robot that does not have it says so."""
    policy = global_policy(7)
    trajectory = thread.call(lambda: ready.rollout(GOAL, policy, 11)).result(20)
    (goal,) = stage.goals
    assert goal.use_global_policy and goal.exact_version and len(goal.policy.gain) == 0
    assert (goal.minimum_version.epoch, goal.minimum_version.counter) == (1, 7)
    np.testing.assert_array_equal(trajectory.states, roll_out(GOAL, policy, 11).states)
    stage.failures = [(RESULT.NO_POLICY, "the newest is 1.9")]
    error = thread.call(lambda: ready.rollout(GOAL, policy, 12)).exception(20)
    assert type(error) is PolicyGoneError and "1.9" in str(error)


def test_answers_tell_the_policy_s_faults_from_the_robot_s(
    stage: Stage, thread: WorkerThread, ready: RobotClient
) -> None:
    """A robot that is not ready is no reason to step back; a wrong request is none to repeat it."""

    def roll(policy: LinearGaussianPolicy = POLICY) -> BaseException | None:
        return thread.call(lambda: ready.rollout(GOAL, policy, 0)).exception(20)

    for code, kind in [
        (RESULT.NOT_ACTIVE, RobotNotReadyError),
        (RESULT.NOT_ARMED, RobotNotReadyError),
        (RESULT.STALE_STATE, RobotNotReadyError),
        (RESULT.BUSY, RobotNotReadyError),
        (RESULT.LIMIT_VIOLATION, RolloutError),
        (RESULT.JITTER, RobotNotReadyError),
        (RESULT.CANCELED, RolloutError),
        (RESULT.INVALID_GOAL, ValueError),
        (RESULT.SUCCESS, RolloutError),  # with an empty trajectory
    ]:
        stage.failures = [(code, "so it is")]
        error = roll()
        assert type(error) is kind, code
        assert code == RESULT.SUCCESS or "so it is" in str(error)
    for code, kind in [
        (ResetInstance.Response.NOT_READY, RobotNotReadyError),
        (ResetInstance.Response.INVALID_INSTANCE, ValueError),
    ]:
        stage.resets = [(code, "so it is")]
        assert type(thread.call(lambda: ready.reset(GOAL, 0)).exception(20)) is kind


def test_a_rollout_that_takes_too_long_is_given_up(
    stage: Stage, thread: WorkerThread, ready: RobotClient
) -> None:
    """An error that names who was waited for, and the next rollout is another one."""
    stage.delay = 3.0
    error = thread.call(lambda: ready.rollout(GOAL, POLICY, 1)).exception(20)
    assert type(error) is RolloutError and "execute_rollout within 2 s" in str(error)
    stage.delay = 0.0
    trajectory = thread.call(lambda: ready.rollout(GOAL, POLICY, 2)).result(20)
    np.testing.assert_array_equal(trajectory.states, roll_out(GOAL, POLICY, 2).states)


def test_waits_end_when_the_node_is_stopped(
    stage: Stage, thread: WorkerThread, robot: RobotClient
) -> None:
    """For a robot that is away, and for one that is at work."""
    away = thread.call(lambda: robot.reset(GOAL, 0))
    with pytest.raises(TimeoutError):
        away.result(0.3)
    thread.stop.set()
    assert type(away.exception(5)) is StoppedError

    thread.stop.clear()
    stage.add_robot()
    stage.delay = 3.0
    rolling = thread.call(lambda: robot.rollout(GOAL, POLICY, 0))
    assert stage.wait_until(lambda: len(stage.goals) == 1)
    thread.stop.set()
    assert type(rolling.exception(2)) is StoppedError
