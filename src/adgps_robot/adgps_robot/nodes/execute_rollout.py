"""The action `execute_rollout`: goals to the controller, results back."""

from __future__ import annotations

from rclpy.action import ActionServer, CancelResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.node import Node
from rclpy.task import Future

from adgps_core.conversions import messages
from adgps_msgs.action import ExecuteRollout
from adgps_robot.controller import Controller
from adgps_robot.execution import RolloutResult
from adgps_robot.goal import Goal
from adgps_robot.outcome import Outcome, RolloutError

FEEDBACK_PERIOD = 10  # ticks
RESULT_TIMEOUT = 60  # [s] of the ROS clock, which runs fast in lock-step


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

    Parameters
    ----------
    node : the node that serves it.
    controller : runs the rollouts.
    """

    def __init__(self, node: Node, controller: Controller) -> None:
        self._node = node
        self._controller = controller
        self._running: ServerGoalHandle | None = None
        self._server = ActionServer(
            node,
            ExecuteRollout,
            "execute_rollout",
            execute_callback=self._execute,
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

    async def _execute(self, handle: ServerGoalHandle) -> ExecuteRollout.Result:
        """Await the controller, which works in the callbacks of states and timers."""
        result = await self._run(handle)
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

    async def _run(self, handle: ServerGoalHandle) -> RolloutResult:
        """Result of a goal, whatever becomes of it."""
        if handle.is_cancel_requested:
            return RolloutResult(Outcome.CANCELED, "canceled before it began", None, 0)
        finished: Future = Future()
        try:
            goal = goal_from_msg(handle.request)
        except ValueError as error:
            return RolloutResult(Outcome.INVALID_GOAL, str(error), None, 0)
        feedback = ExecuteRollout.Feedback()

        def on_tick(ticks: int) -> None:
            if ticks and ticks % FEEDBACK_PERIOD == 0:
                feedback.step = ticks
                handle.publish_feedback(feedback)

        previous, self._running = self._running, handle
        try:
            self._controller.start(goal, finished.set_result, on_tick)
        except RolloutError as error:
            self._running = previous
            return RolloutResult(error.outcome, error.reason, None, 0)
        result: RolloutResult = await finished
        if self._running is handle:
            self._running = None
        return result
