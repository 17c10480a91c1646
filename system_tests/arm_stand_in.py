"""A real arm's driver, for tests: PyBullet's Panda behind the topics of ros2_control.

    python arm_stand_in.py --ros-args -r __ns:=/left_arm

It runs in real time, publishes `joint_states` at 500 Hz, with fingers, in an order of its own, and
takes std_msgs/Float64MultiArray on `effort_controller/commands` in that order (without fingers),
torques above its own gravity compensation. As an effort controller does, it repeats its last
command for ever. It knows nothing of who commands it.

What somebody in the lab would do by hand: `~/joint_states_on` (std_srvs/SetBool) pulls the plug of
the encoders, `~/push` (std_srvs/Trigger) moves the arm out of its pose.
"""

from __future__ import annotations

import sys
import time
from array import array

import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from std_srvs.srv import SetBool, Trigger

from adgps_core.signals import StopSignals
from adgps_sim.pacing import Pacer
from adgps_sim.world import FINGER_NAMES, FINGER_OPENING, JOINT_NAMES, World

RATE = 500.0
ORDER = tuple(reversed(range(7)))
"""The driver's joint number i is the Panda's joint ORDER[i] + 1."""
COMMAND_NAMES = tuple(JOINT_NAMES[index] for index in ORDER)
HOME = np.array([0.1, -0.6, -0.1, -2.2, 0.1, 1.4, 0.6])
PUSHED = np.array([-0.2, 0.2, 0.2, -0.2, 0.2, 0.2, 0.2])


class ArmStandIn(Node):
    """One arm and its driver."""

    def __init__(self) -> None:
        super().__init__("driver")
        self._world = World(RATE)
        self._world.reset(HOME)
        self._pacer = Pacer(1.0, 1 / RATE, time.monotonic())
        self._torques = np.zeros(len(ORDER))
        self._on = True
        self._state = JointState(name=[*FINGER_NAMES, *COMMAND_NAMES])
        self._states = self.create_publisher(JointState, "joint_states", qos_profile_sensor_data)
        self.create_subscription(
            Float64MultiArray, "effort_controller/commands", self._on_command, 1
        )
        self.create_service(SetBool, "~/joint_states_on", self._on_switch)
        self.create_service(Trigger, "~/push", self._on_push)
        self.create_timer(1 / RATE, self._advance)

    def close(self) -> None:
        self._world.close()
        self.destroy_node()

    def _advance(self) -> None:
        """Catch up with the wall clock."""
        due = self._pacer.due(time.monotonic())
        if not due:
            return
        for _ in range(due):
            self._world.step(self._torques, 1 / RATE)
        if self._on:
            self._publish()

    def _publish(self) -> None:
        arm, order, fingers = self._world.state, list(ORDER), [FINGER_OPENING] * 2
        self._state.header.stamp = self.get_clock().now().to_msg()
        self._state.position = array("d", [*fingers, *arm.positions[order]])
        self._state.velocity = array("d", [0.0, 0.0, *arm.velocities[order]])
        self._state.effort = array("d", [0.0, 0.0, *arm.efforts[order]])
        self._states.publish(self._state)

    def _on_command(self, message: Float64MultiArray) -> None:
        """Follow a command; a driver checks no more than the length."""
        if len(message.data) == len(ORDER):
            self._torques[list(ORDER)] = message.data

    def _on_switch(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        self._on, response.success = request.data, True
        return response

    def _on_push(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._world.reset(self._world.state.positions + PUSHED)
        response.success = True
        return response


def main() -> None:
    stop = StopSignals()
    rclpy.init(args=sys.argv, signal_handler_options=SignalHandlerOptions.NO)
    executor = SingleThreadedExecutor()
    node = ArmStandIn()
    executor.add_node(node)
    try:
        stop.repeat(executor.spin_once)
    finally:
        node.close()
        rclpy.shutdown()


if __name__ == "__main__":
    main()
