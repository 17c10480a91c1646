"""One robot behind its services: reset an instance, run a local policy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from builtin_interfaces.msg import Time
from rclpy.action import ActionClient
from rclpy.node import Node

from adgps_core.conversions.messages import (
    instance_to_msg,
    local_policy_to_msg,
    trajectory_from_msg,
)
from adgps_core.policies import LinearGaussianPolicy
from adgps_core.tasks.task import Instance
from adgps_core.trajectory import Trajectory
from adgps_local_worker.nodes.futures import NoAnswerError, ask
from adgps_local_worker.practice import RolloutError
from adgps_msgs.action import ExecuteRollout
from adgps_msgs.srv import ResetInstance

ANSWER_TIMEOUT = 10.0
"""For an answer to a short request [s]."""


class RobotClient:
    """Implements `practice.Robot` over `reset_instance` and `execute_rollout`.

    Its methods block and belong in a thread other than the executor's.

    Parameters
    ----------
    node : whose namespace is the robot's.
    rollout_timeout : for one rollout, from goal to result [s].
    perturbation : standard deviation of the initial joint angles [rad].
    """

    def __init__(self, node: Node, rollout_timeout: float, perturbation: float) -> None:
        self._node = node
        self._timeout = rollout_timeout
        self._perturbation = perturbation
        self._start = Time()
        self._count = 0
        self._reset = node.create_client(ResetInstance, "reset_instance")
        self._rollout = ActionClient(node, ExecuteRollout, "execute_rollout")

    def reset(self, instance: Instance, seed: int) -> None:
        """Bring the robot to the start of an instance; repeats, with a word, while it is away."""
        while not self._reset.wait_for_service(timeout_sec=ANSWER_TIMEOUT):
            self._node.get_logger().warning("waiting for the robot: no reset_instance service")
        request = ResetInstance.Request(
            instance=instance_to_msg(instance),
            seed=seed,
            perturbation=self._perturbation,
        )
        answer = self._ask(lambda: self._reset.call_async(request), "reset_instance")
        if answer.error_code != ResetInstance.Response.SUCCESS:
            raise RolloutError(f"reset refused: {answer.error_msg}")
        self._start = answer.stamp

    def rollout(self, instance: Instance, policy: LinearGaussianPolicy, seed: int) -> Trajectory:
        """Run a local policy from the state that `reset` left behind."""
        self._count += 1
        goal = ExecuteRollout.Goal(
            instance=instance_to_msg(instance),
            horizon=policy.horizon,
            seed=seed,
            noise_scale=1.0,
            use_global_policy=False,
            policy=local_policy_to_msg(policy),
            start_after=self._start,
            rollout_id=f"{self._node.get_namespace()}/{self._count}",
        )
        while not self._rollout.wait_for_server(timeout_sec=ANSWER_TIMEOUT):
            self._node.get_logger().warning("waiting for the robot: no execute_rollout action")
        handle = self._ask(lambda: self._rollout.send_goal_async(goal), "execute_rollout")
        if not handle.accepted:
            raise RolloutError("the controller did not accept the rollout")
        try:
            outcome = ask(self._node, handle.get_result_async, self._timeout, "execute_rollout")
        except NoAnswerError as error:
            assert self._node.executor is not None
            self._node.executor.create_task(handle.cancel_goal_async)
            raise RolloutError(str(error)) from error
        if outcome.result.error_code != ExecuteRollout.Result.SUCCESS:
            raise RolloutError(outcome.result.error_msg)
        try:
            return trajectory_from_msg(outcome.result.trajectory)
        except ValueError as error:
            raise RolloutError(f"impossible trajectory: {error}") from error

    def _ask(self, request: Callable[[], Any], peer: str) -> Any:
        try:
            return ask(self._node, request, ANSWER_TIMEOUT, peer)
        except NoAnswerError as error:
            raise RolloutError(str(error)) from error
