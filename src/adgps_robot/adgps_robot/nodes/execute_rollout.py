"""The action `execute_rollout`: goals to the controller, results back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from rclpy.action import ActionServer, CancelResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.node import Node

from adgps_core.conversions import messages
from adgps_msgs.action import ExecuteRollout
from adgps_robot.controller import Controller
from adgps_robot.execution import RolloutResult
from adgps_robot.goal import Goal
from adgps_robot.outcome import Outcome, RolloutError

FEEDBACK_PERIOD = 10  # ticks
RESULT_TIMEOUT = 60.0000015
"""How long a result can be fetched [s], on the ROS clock, which runs fast in lock-step.

No multiple of a control period: a result that is as old as this to the nanosecond has not expired
yet, and rcl's timer asks again and again until the clock goes on. A simulated one may stand there.
"""


def goal_from_msg(request: ExecuteRollout.Goal) -> Goal:
    """Goal of a message; ValueError with the reason if it cannot be one."""
    return Goal(
        instance=messages.instance_from_msg(request.instance),
        horizon=int(request.horizon),
        seed=int(request.seed),
        noise_scale=float(request.noise_scale),
        policy=None
        if request.use_global_policy
        else messages.local_policy_from_msg(request.policy),
        minimum_version=messages.version_from_msg(request.minimum_version),
        exact_version=bool(request.exact_version),
        start_after_ns=messages.ns_from_stamp(request.start_after),
        rollout_id=request.rollout_id,
    )


class RolloutAction:
    """Serves the action. Every goal is accepted; one that cannot run is aborted with its reason.

    The controller runs a rollout in the callbacks of states and timers. The action's own callback
    only begins it; that of its end, which rclpy runs as the goal's execution, answers with what
    became of it. A coroutine that awaited the end would be resumed by the executor again and again,
    without a pause by the one on events.

    Parameters
    ----------
    node : the node that serves it.
    controller : runs the rollouts.
    hear_policies : called before a rollout of a global policy.
    """

    def __init__(
        self, node: Node, controller: Controller, hear_policies: Callable[[], None]
    ) -> None:
        self._node = node
        self._controller = controller
        self._hear_policies = hear_policies
        self._running: ServerGoalHandle | None = None
        self._server = ActionServer(
            node,
            ExecuteRollout,
            "execute_rollout",
            execute_callback=_never,
            handle_accepted_callback=self._begin,
            cancel_callback=self._cancel,
            result_timeout=RESULT_TIMEOUT,
        )

    def destroy(self) -> None:
        """Stop serving."""
        self._server.destroy()

    def _cancel(self, handle: ServerGoalHandle) -> CancelResponse:
        """Let go of the arm before anything else happens."""
        if handle is self._running:
            self._controller.cancel()
        return CancelResponse.ACCEPT

    def _begin(self, handle: ServerGoalHandle) -> None:
        """Hand a goal to the controller."""
        feedback = ExecuteRollout.Feedback()

        def on_tick(ticks: int) -> None:
            if ticks and ticks % FEEDBACK_PERIOD == 0:
                feedback.step = ticks
                handle.publish_feedback(feedback)

        previous, self._running = self._running, handle
        try:
            goal = goal_from_msg(handle.request)
            if goal.policy is None:
                self._hear_policies()
            self._controller.start(goal, partial(self._end, handle), on_tick)
        except ValueError as error:
            self._running = previous
            self._end(handle, RolloutResult(Outcome.INVALID_GOAL, str(error), None, 0))
        except RolloutError as error:
            self._running = previous
            self._end(handle, RolloutResult(error.outcome, error.reason, None, 0))

    def _end(self, handle: ServerGoalHandle, result: RolloutResult) -> None:
        """Have the goal answered, whatever became of it."""
        if self._running is handle:
            self._running = None
        handle.execute(partial(self._answer, result))

    def _answer(self, result: RolloutResult, handle: ServerGoalHandle) -> ExecuteRollout.Result:
        """Turn what became of a goal into its state and its answer."""
        if result.outcome is Outcome.SUCCESS:
            handle.succeed()
        elif result.outcome is Outcome.CANCELED and handle.is_cancel_requested:
            handle.canceled()
        else:
            handle.abort()
            self._node.get_logger().warning(
                f"rollout {handle.request.rollout_id!r}: {result.outcome.name}: {result.reason}"
            )
        message = ExecuteRollout.Result(
            error_code=int(result.outcome), error_msg=result.reason, clipped=result.clipped
        )
        if result.trajectory is not None:
            message.trajectory = messages.trajectory_to_msg(result.trajectory)
        return message


def _never(handle: ServerGoalHandle) -> ExecuteRollout.Result:
    """Stand where rclpy wants a callback of its own to execute goals with."""
    raise AssertionError("a goal is executed by what became of it")
