"""Resets on a real arm: it drives back to its start, then a person sets the scene and confirms.

The torque controller moves the arm, as it alone sends commands; the time that all of this takes
counts against utilisation.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Mapping
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.task import Future
from std_srvs.srv import Trigger

from adgps_core.conversions.diagnostics import diagnostic_array
from adgps_core.conversions.messages import instance_from_msg
from adgps_core.tasks import make_task, start_angles
from adgps_msgs.srv import MoveJoints, ResetInstance
from adgps_robot.nodes import reset_parameters
from adgps_robot.nodes.declaring import value
from adgps_robot.nodes.running import run
from adgps_robot.nodes.waiting import Waits

DIAGNOSTICS_PERIOD = 1.0
REMINDER_PERIOD = 30.0
READY = "ready"


class ResetServer(Node):
    """Serves `reset_instance`, one request at a time.

    Parameters
    ----------
    defaults : other defaults of parameters.
    """

    def __init__(self, defaults: Mapping[str, Any] | None = None) -> None:
        super().__init__("reset_server")
        reset_parameters.declare(self, defaults)
        self._task = make_task(value(self, "task"))
        self._shape = self._task.instances("training")[0].parameters.shape
        self._names = list(value(self, "joint_names"))
        self._state = READY
        self._confirmed: Future | None = None
        self._resets = self._failed = 0
        self._waits = Waits(self)
        # Both may wait for minutes, and others must be served meanwhile.
        group = ReentrantCallbackGroup()
        self._move = self.create_client(
            MoveJoints, "torque_controller/move_joints", callback_group=group
        )
        self.create_service(ResetInstance, "reset_instance", self._on_reset, callback_group=group)
        self.create_service(Trigger, "~/confirm", self._on_confirm)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self.create_timer(DIAGNOSTICS_PERIOD, self._publish_diagnostics, clock=steady)
        self.create_timer(REMINDER_PERIOD, self._remind, clock=steady)

    async def _on_reset(
        self, request: ResetInstance.Request, response: ResetInstance.Response
    ) -> ResetInstance.Response:
        begin = time.monotonic()
        try:
            angles = self._start_angles(request)
        except ValueError as error:
            self.get_logger().warning(f"refused a reset: {error}")
            response.error_code = ResetInstance.Response.INVALID_INSTANCE
            response.error_msg = str(error)
            return response
        if self._state != READY:
            response.error_code = ResetInstance.Response.NOT_READY
            response.error_msg = f"another reset is under way: {self._state}"
            return response
        try:
            problem = await self._reset(request, angles, response)
        finally:
            self._state, self._confirmed = READY, None
        self._resets += not problem
        self._failed += bool(problem)
        if problem:
            response.error_code = ResetInstance.Response.NOT_READY
            response.error_msg = problem
        response.duration = time.monotonic() - begin
        return response

    def _start_angles(self, request: ResetInstance.Request) -> np.ndarray[Any, Any]:
        """Where the arm has to go; ValueError if the request cannot be met by any robot."""
        rng = np.random.default_rng((value(self, "seed"), request.seed))
        instance = instance_from_msg(request.instance)
        return start_angles(self._task, self._shape, instance, request.perturbation, rng)

    async def _reset(
        self,
        request: ResetInstance.Request,
        angles: np.ndarray[Any, Any],
        response: ResetInstance.Response,
    ) -> str:
        """Move, then wait for people; why it failed, "" if it did not."""
        if not self._move.service_is_ready():
            return "the torque controller is away"
        self._state = f"moving to the start of {request.instance.id}"
        motion = MoveJoints.Request(name=self._names, position=array("d", angles.tobytes()))
        timeout = value(self, "move_timeout")
        moved = await self._waits.result(self._move.call_async(motion), timeout)
        if moved is None:
            return f"the arm was not at its start within {timeout:g} s"
        if moved.error_code != MoveJoints.Response.SUCCESS:
            return str(moved.error_msg)
        response.stamp = moved.stamp
        if value(self, "confirm"):
            self._state = f"waiting for ~/confirm of {request.instance.id}"
            self._confirmed = Future()
            numbers = ", ".join(f"{number:.3f}" for number in request.instance.parameters)
            self.get_logger().info(f"{request.instance.id} is to be set up: {numbers}")
            self._remind()
            timeout = value(self, "confirm_timeout")
            if await self._waits.result(self._confirmed, timeout) is None:
                return f"nobody confirmed {request.instance.id} within {timeout:g} s"
        return ""

    def _on_confirm(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        waiting = self._confirmed is not None and not self._confirmed.done()
        if waiting and self._confirmed is not None:
            self._confirmed.set_result(True)
        response.success = waiting
        response.message = "" if waiting else f"nothing to confirm: {self._state}"
        return response

    def _remind(self) -> None:
        """Say who is waited for."""
        if self._confirmed is not None and not self._confirmed.done():
            name = self.get_fully_qualified_name()
            self.get_logger().warning(f"waiting for {name}/confirm: is the scene as it should be?")

    def _publish_diagnostics(self) -> None:
        values = {"state": self._state, "resets": self._resets, "resets_failed": self._failed}
        waiting = self._confirmed is not None
        level = DiagnosticStatus.WARN if waiting else DiagnosticStatus.OK
        stamp, name = self.get_clock().now().to_msg(), self.get_fully_qualified_name()
        self._diagnostics.publish(diagnostic_array(stamp, name, self._state, values, level))


def main() -> None:
    """Run the node until it is told to stop; 2 with one line if it cannot start."""
    run("reset_server", ResetServer)
