"""Runs the global policy on instances, over several robots at once."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from rclpy.action import ActionClient
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from adgps_bringup.evaluation import InstanceResult, measure
from adgps_core.conversions.messages import (
    global_policy_to_msg,
    instance_to_msg,
    trajectory_from_msg,
    version_to_msg,
)
from adgps_core.global_policy import GlobalPolicy, PolicyVersion
from adgps_core.tasks import Instance, Task
from adgps_msgs.action import ExecuteRollout
from adgps_msgs.msg import PolicyParameters
from adgps_msgs.srv import ResetInstance

ATTEMPTS = 4
"""Rollouts that are tried of one instance, on any robot, before the evaluation fails."""

RESET_TIMEOUT = 10.0
"""Longest wait for a reset that nobody has to help with [s]."""

_START_TIMEOUT = 60.0
_ANSWER_TIMEOUT = 10.0
_ROLLOUT_TIMEOUT = 60.0
_PAUSE = 2.0


class EvaluationError(RuntimeError):
    """An instance could not be evaluated; the message says which and why."""


class _AttemptError(Exception):
    """One attempt failed; another may do better."""


def publish_policy(node: Node, policy: GlobalPolicy) -> Publisher:
    """Publish a policy in the place of the parameter server; keep what is returned alive."""
    latched = QoSProfile(
        depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
    )
    publisher = node.create_publisher(PolicyParameters, "/param_server/policy_parameters", latched)
    publisher.publish(global_policy_to_msg(policy))
    return publisher


class Evaluator:
    """Evaluates one version of the global policy; to be closed when it is done.

    Parameters
    ----------
    node : spun by somebody else.
    task : the task.
    robots : their namespaces.
    reset_timeout : longest wait for a reset [s].
    """

    def __init__(
        self,
        node: Node,
        task: Task,
        robots: Sequence[str],
        reset_timeout: float = RESET_TIMEOUT,
    ) -> None:
        """Connect to the robots."""
        self._reset_timeout = reset_timeout
        self._node = node
        self._task = task
        self._clients = {
            robot: (
                node.create_client(ResetInstance, f"{robot}/reset_instance"),
                ActionClient(node, ExecuteRollout, f"{robot}/execute_rollout"),
            )
            for robot in robots
        }

    def close(self) -> None:
        """Let go of the node, which lives on otherwise: it does not own its action clients."""
        for _, execute in self._clients.values():
            execute.destroy()

    def run(
        self,
        instances: Sequence[Instance],
        version: PolicyVersion,
        tick: Callable[[], None],
    ) -> list[InstanceResult]:
        """Roll the policy's mean out once on every instance, robots in parallel.

        Parameters
        ----------
        instances : what to evaluate on.
        version : the policy must be at least this new.
        tick : called ten times a second; what it raises ends the evaluation.

        Raises
        ------
        EvaluationError
            If an instance failed on all attempts, or no robot is there.
        """
        work: queue.Queue[tuple[int, int]] = queue.Queue()
        for index in range(len(instances)):
            work.put((index, 1))
        results: dict[int, InstanceResult] = {}
        failures: list[str] = []
        stop = threading.Event()

        def practise(robot: str) -> None:
            while not stop.is_set():
                try:
                    index, attempt = work.get(timeout=0.1)
                except queue.Empty:
                    continue
                instance = instances[index]
                try:
                    results[index] = self._rollout(robot, instance, version, stop)
                except _AttemptError as error:
                    if attempt >= ATTEMPTS:
                        failures.append(f"{instance.id} on {robot}: {error}")
                        return
                    work.put((index, attempt + 1))
                    stop.wait(_PAUSE)  # so that another robot takes it, if there is one

        threads = [
            threading.Thread(target=practise, args=(robot,), name=f"evaluate {robot}", daemon=True)
            for robot in self._clients
        ]
        for thread in threads:
            thread.start()
        try:
            while len(results) < len(instances):
                tick()
                if failures:
                    raise EvaluationError(f"evaluation failed, {failures[0]}")
                time.sleep(0.1)
        finally:
            stop.set()
            for thread in threads:
                thread.join(timeout=0.5)
        return [results[index] for index in range(len(instances))]

    def _rollout(
        self, robot: str, instance: Instance, version: PolicyVersion, stop: threading.Event
    ) -> InstanceResult:
        """Reset a robot and roll the global policy out."""
        reset, execute = self._clients[robot]
        message = instance_to_msg(instance)
        _wait(lambda: reset.service_is_ready() and execute.server_is_ready(), stop)
        request = ResetInstance.Request(instance=message, seed=0, perturbation=0.0)
        answer = _result(reset.call_async(request), self._reset_timeout, stop)
        if answer.error_code != ResetInstance.Response.SUCCESS:
            raise _AttemptError(f"reset refused: {answer.error_msg}")
        goal = ExecuteRollout.Goal(
            instance=message,
            horizon=self._task.horizon,
            seed=0,
            noise_scale=0.0,
            use_global_policy=True,
            minimum_version=version_to_msg(version),
            start_after=answer.stamp,
            rollout_id=f"evaluation/{instance.id}",
        )
        handle = self._action(_ANSWER_TIMEOUT, stop, execute.send_goal_async, goal)
        if not handle.accepted:
            raise _AttemptError("the controller did not accept the rollout")
        result = self._action(_ROLLOUT_TIMEOUT, stop, handle.get_result_async).result
        # The arm left its limits: that is the policy's doing, and would only happen again.
        stopped = result.error_code == ExecuteRollout.Result.LIMIT_VIOLATION
        if result.error_code != ExecuteRollout.Result.SUCCESS and not stopped:
            raise _AttemptError(result.error_msg or f"error code {result.error_code}")
        try:
            return measure(self._task, instance, trajectory_from_msg(result.trajectory))
        except ValueError as error:
            raise _AttemptError(f"impossible trajectory: {error}") from error

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
            raise _AttemptError(f"the robot did not appear within {_START_TIMEOUT:g} s")


def _result(future: Any, timeout: float, stop: threading.Event) -> Any:
    """Result of a ROS future that an executor on another thread completes."""
    done = threading.Event()
    future.add_done_callback(lambda _: done.set())
    deadline = time.monotonic() + timeout
    while not done.wait(0.1):
        if stop.is_set() or time.monotonic() > deadline:
            raise _AttemptError(f"no answer within {timeout:g} s")
    return future.result()
