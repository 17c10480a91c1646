"""Has one robot try the global policy once: reset, roll out, ask whether it succeeded."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from rclpy.action import ActionClient
from rclpy.node import Node
from std_srvs.srv import Trigger

from adgps_bringup.evaluation import InstanceResult, measure
from adgps_bringup.trials.plan import Trial
from adgps_core.conversions.messages import (
    instance_to_msg,
    ns_from_stamp,
    trajectory_from_msg,
    version_to_msg,
)
from adgps_core.global_policy import PolicyVersion
from adgps_core.tasks import Task
from adgps_msgs.action import ExecuteRollout
from adgps_msgs.srv import ResetInstance

RESET_TIMEOUT = 10.0
"""Longest wait for a reset that nobody has to help with [s]."""

_START_TIMEOUT = 60.0
_ANSWER_TIMEOUT = 10.0
_ROLLOUT_TIMEOUT = 120.0  # robots that see take their time on a busy machine
_SECOND_NS = 1_000_000_000


class AttemptError(Exception):
    """One attempt failed; another may do better."""


@dataclass(frozen=True)
class Tried:
    """One rollout, and when it was.

    Parameters
    ----------
    result : what came of it.
    begin_ns, end_ns : stamps of its first and of its last state, by the robot's clock [ns].
    """

    result: InstanceResult
    begin_ns: int
    end_ns: int


class RobotClient:
    """Clients of one robot's services; used by one thread, on a node spun by another.

    Parameters
    ----------
    node : whose clients they are.
    task : the task.
    robot : the robot's namespace.
    reset_timeout : longest wait for a reset [s].
    simulated : whether there is a simulator, to be asked for the truth.
    """

    def __init__(
        self, node: Node, task: Task, robot: str, reset_timeout: float, simulated: bool
    ) -> None:
        self._node = node
        self._task = task
        self._reset_timeout = reset_timeout
        self._reset = node.create_client(ResetInstance, f"{robot}/reset_instance")
        self._execute = ActionClient(node, ExecuteRollout, f"{robot}/execute_rollout")
        self._truth = None
        if simulated and task.success_known:
            self._truth = node.create_client(Trigger, f"{robot}/sim_robot/succeeded")

    def close(self) -> None:
        """Let go of the node, which lives on otherwise: it does not own its action clients."""
        self._execute.destroy()

    @property
    def _ready(self) -> bool:
        """Whether the robot is there."""
        truth_is_ready = self._truth is None or self._truth.service_is_ready()
        ready = self._reset.service_is_ready() and self._execute.server_is_ready()
        return bool(ready and truth_is_ready)

    def attempt(self, trial: Trial, version: PolicyVersion, stop: threading.Event) -> Tried:
        """Reset the robot, roll the global policy out, ask what came of it.

        Raises
        ------
        AttemptError
            If the robot is away, refuses, or fails.
        """
        message = instance_to_msg(trial.instance)
        _wait(lambda: self._ready, stop)
        request = ResetInstance.Request(
            instance=message, seed=trial.seed, perturbation=trial.perturbation
        )
        answer = _result(self._reset.call_async(request), self._reset_timeout, stop)
        if answer.error_code != ResetInstance.Response.SUCCESS:
            raise AttemptError(f"reset refused: {answer.error_msg}")
        goal = ExecuteRollout.Goal(
            instance=message,
            horizon=self._task.horizon,
            seed=trial.seed,
            noise_scale=0.0,
            use_global_policy=True,
            minimum_version=version_to_msg(version),
            start_after=answer.stamp,
            rollout_id=f"evaluation/{trial.instance.id}",
        )
        handle = self._action(_ANSWER_TIMEOUT, stop, self._execute.send_goal_async, goal)
        if not handle.accepted:
            raise AttemptError("the controller did not accept the rollout")
        outcome = self._action(_ROLLOUT_TIMEOUT, stop, handle.get_result_async).result
        # The arm left its limits: that is the policy's doing, and would only happen again.
        stopped = outcome.error_code == ExecuteRollout.Result.LIMIT_VIOLATION
        if outcome.error_code != ExecuteRollout.Result.SUCCESS and not stopped:
            raise AttemptError(outcome.error_msg or f"error code {outcome.error_code}")
        try:
            trajectory = trajectory_from_msg(outcome.trajectory)
            result = measure(self._task, trial.instance, trajectory)
        except ValueError as error:
            raise AttemptError(f"impossible trajectory: {error}") from error
        begin_ns = ns_from_stamp(answer.stamp)
        end_ns = begin_ns + round(float(trajectory.stamps[-1]) * _SECOND_NS)
        return Tried(self._with_truth(result, stop), begin_ns, end_ns)

    def _with_truth(self, result: InstanceResult, stop: threading.Event) -> InstanceResult:
        """Ask the simulator, which stands still until the next reset."""
        if self._truth is None:
            return result
        answer = _result(self._truth.call_async(Trigger.Request()), _ANSWER_TIMEOUT, stop)
        return replace(result, succeeded=bool(answer.success), truth=str(answer.message))

    def _action(
        self, timeout: float, stop: threading.Event, call: Callable[..., Any], *arguments: object
    ) -> Any:
        """Call a method of an action client on the executor's thread, and wait for the answer.

        Action clients of rclpy note a request after they have sent it and without a lock, so that
        from another thread the answer may come before anybody waits for it, and is lost.
        """
        executor = self._node.executor
        assert executor is not None
        request = _result(executor.create_task(call, *arguments), timeout, stop)
        return _result(request, timeout, stop)


def _wait(ready: Callable[[], bool], stop: threading.Event) -> None:
    """Wait until a robot is there."""
    deadline = time.monotonic() + _START_TIMEOUT
    while not ready():
        if stop.wait(0.05) or time.monotonic() > deadline:
            raise AttemptError(f"the robot did not appear within {_START_TIMEOUT:g} s")


def _result(future: Any, timeout: float, stop: threading.Event) -> Any:
    """Result of a ROS future that an executor on another thread completes."""
    done = threading.Event()
    future.add_done_callback(lambda _: done.set())
    deadline = time.monotonic() + timeout
    while not done.wait(0.1):
        if stop.is_set() or time.monotonic() > deadline:
            raise AttemptError(f"no answer within {timeout:g} s")
    return future.result()
