"""One robot behind its services: reset an instance, run a local policy."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from typing import Any

from builtin_interfaces.msg import Time
from rclpy.action import ActionClient
from rclpy.node import Node

from adgps_core.conversions.messages import (
    instance_to_msg,
    local_policy_to_msg,
    trajectory_from_msg,
    version_to_msg,
)
from adgps_core.global_policy import GlobalPolicy
from adgps_core.tasks.task import Instance, Task
from adgps_core.trajectory import Trajectory
from adgps_local_worker.nodes.futures import LOOK_PERIOD, NoAnswerError, StoppedError, ask
from adgps_local_worker.sampling import (
    PolicyGoneError,
    RobotNotReadyError,
    RolloutError,
    RunnablePolicy,
)
from adgps_msgs.action import ExecuteRollout
from adgps_msgs.srv import ResetInstance

ANSWER_TIMEOUT = 10.0
"""For an answer to a short request, and between two words about a robot that is away [s].

Resets have a limit of their own: people may have to do something on the way."""
PAUSE = 1.0
"""Before a robot that was not ready is asked again [s]."""
NOT_READY = (
    ExecuteRollout.Result.NOT_ACTIVE,
    ExecuteRollout.Result.NOT_ARMED,
    ExecuteRollout.Result.STALE_STATE,
    ExecuteRollout.Result.BUSY,
    ExecuteRollout.Result.JITTER,
)
"""Codes that say something of the robot and nothing of the policy that it was to run."""


class RobotClient:
    """Implements `practice.Robot` over `reset_instance` and `execute_rollout`.

    Its methods block and belong in a thread other than the executor's; StoppedError ends them.

    Parameters
    ----------
    node : whose namespace is the robot's.
    task : whose rollouts it runs.
    rollout_timeout : for one rollout, from goal to result [s].
    reset_timeout : for one reset [s].
    perturbation : standard deviation of the initial joint angles [rad].
    stop : set when the node is being stopped.
    """

    def __init__(
        self,
        node: Node,
        task: Task,
        rollout_timeout: float,
        reset_timeout: float,
        perturbation: float,
        stop: threading.Event,
    ) -> None:
        self._node = node
        self._horizon, self._dim_x = task.horizon, task.dim_x
        self._timeout = rollout_timeout
        self._reset_timeout = reset_timeout
        self._perturbation = perturbation
        self._stop = stop
        self._start = Time()
        # Replay memories know rollouts by their ids, also those of a worker that was here before.
        self._prefix = f"{node.get_namespace()}/{secrets.token_hex(4)}"
        self._count = 0
        self._reset = node.create_client(ResetInstance, "reset_instance")
        self._rollout = ActionClient(node, ExecuteRollout, "execute_rollout")

    def destroy(self) -> None:
        """Leave the graph, before the node does: it would not take the action with it."""
        self._rollout.destroy()

    def reset(self, instance: Instance, seed: int) -> None:
        """Bring the robot to the start of an instance; waits, with a word, while it is away."""
        self._wait_until(self._reset.service_is_ready, "reset_instance service")
        request = ResetInstance.Request(
            instance=instance_to_msg(instance),
            seed=seed,
            perturbation=self._perturbation,
        )
        answer = self._ask(
            lambda: self._reset.call_async(request), "reset_instance", self._reset_timeout
        )
        if answer.error_code == ResetInstance.Response.INVALID_INSTANCE:
            raise ValueError(f"the robot refuses {instance.id}: {answer.error_msg}")
        if answer.error_code != ResetInstance.Response.SUCCESS:
            raise self._not_ready(f"reset refused: {answer.error_msg}")
        self._start = answer.stamp

    def rollout(self, instance: Instance, policy: RunnablePolicy, seed: int) -> Trajectory:
        """Run a policy from the state that `reset` left behind."""
        self._count += 1
        goal = ExecuteRollout.Goal(
            instance=instance_to_msg(instance),
            horizon=self._horizon,
            seed=seed,
            noise_scale=1.0,
            start_after=self._start,
            rollout_id=f"{self._prefix}/{self._count}",
        )
        if isinstance(policy, GlobalPolicy):
            goal.use_global_policy = goal.exact_version = True
            goal.minimum_version = version_to_msg(policy.version)
        else:
            goal.policy = local_policy_to_msg(policy)
        self._wait_until(self._rollout.server_is_ready, "execute_rollout action")
        handle = self._ask(lambda: self._rollout.send_goal_async(goal), "execute_rollout")
        if not handle.accepted:
            raise self._not_ready("the controller did not accept the rollout")
        try:
            outcome = ask(
                self._node,
                handle.get_result_async,
                self._timeout,
                "execute_rollout",
                self._stop,
            )
        except NoAnswerError as error:
            assert self._node.executor is not None
            self._node.executor.create_task(handle.cancel_goal_async)
            raise RolloutError(str(error)) from error
        return self._trajectory(outcome.result, instance)

    def _trajectory(self, result: ExecuteRollout.Result, instance: Instance) -> Trajectory:
        """Trajectory of a result, if it is one to learn from."""
        if result.error_code == ExecuteRollout.Result.INVALID_GOAL:
            raise ValueError(f"the controller refuses {instance.id}: {result.error_msg}")
        if result.error_code in NOT_READY:
            raise self._not_ready(result.error_msg)
        if result.error_code == ExecuteRollout.Result.NO_POLICY:
            raise PolicyGoneError(result.error_msg)
        if result.error_code != ExecuteRollout.Result.SUCCESS:
            raise RolloutError(result.error_msg)
        try:
            trajectory = trajectory_from_msg(result.trajectory)
        except ValueError as error:
            raise RolloutError(f"impossible trajectory: {error}") from error
        shape = (self._horizon + 1, self._dim_x)
        if trajectory.states.shape != shape:
            raise RolloutError(f"states {trajectory.states.shape} instead of {shape}")
        return trajectory

    def _wait_until(self, ready: Callable[[], bool], what: str) -> None:
        """Wait, with a word now and then, until somebody offers what."""
        word = time.monotonic() + ANSWER_TIMEOUT
        while not ready():
            if self._stop.wait(LOOK_PERIOD):
                raise StoppedError
            if time.monotonic() > word:
                self._node.get_logger().warning(f"waiting for the robot: no {what}")
                word += ANSWER_TIMEOUT

    def _ask(self, request: Callable[[], Any], peer: str, timeout: float | None = None) -> Any:
        try:
            return ask(self._node, request, timeout or ANSWER_TIMEOUT, peer, self._stop)
        except NoAnswerError as error:
            raise self._not_ready(str(error)) from error

    def _not_ready(self, reason: str) -> Exception:
        """Error to raise, after a pause: whoever catches it asks again at once."""
        return StoppedError() if self._stop.wait(PAUSE) else RobotNotReadyError(reason)
