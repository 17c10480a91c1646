"""The service `~/move_joints`: motions between rollouts."""

from __future__ import annotations

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.task import Future

from adgps_core.conversions.messages import stamp_from_ns
from adgps_msgs.srv import MoveJoints
from adgps_robot.controller import Controller
from adgps_robot.holding import MotionError


class MoveService:
    """Serves it; the answer comes when the motion has ended.

    Parameters
    ----------
    node : the node that serves it.
    controller : moves the arm.
    """

    def __init__(self, node: Node, controller: Controller) -> None:
        self._node = node
        self._controller = controller
        # A group of its own: whoever waits for its answer must not keep the states from coming.
        self._service = node.create_service(
            MoveJoints, "~/move_joints", self._move, callback_group=ReentrantCallbackGroup()
        )

    def destroy(self) -> None:
        """Stop serving."""
        self._node.destroy_service(self._service)

    async def _move(
        self, request: MoveJoints.Request, response: MoveJoints.Response
    ) -> MoveJoints.Response:
        moved: Future = Future()
        try:
            self._controller.move(
                request.name,
                request.position,
                lambda reason, stamp_ns: moved.set_result((reason, stamp_ns)),
            )
        except MotionError as error:
            response.error_code, response.error_msg = MoveJoints.Response.REFUSED, str(error)
            return response
        reason, stamp_ns = await moved
        response.stamp = stamp_from_ns(max(stamp_ns, 0))
        if reason:
            self._node.get_logger().warning(f"motion ended: {reason}")
            response.error_code, response.error_msg = MoveJoints.Response.FAILED, reason
        return response
