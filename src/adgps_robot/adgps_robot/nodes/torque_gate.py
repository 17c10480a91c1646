"""The torque gate's node: the only publisher on a real arm's command topic.

It is no lifecycle node: from its first moment to its last the arm is held, and whether anything
else reaches it is what arming is for.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, Float64MultiArray

from adgps_core.conversions.diagnostics import diagnostic_array
from adgps_msgs.msg import JointEffortCommand
from adgps_robot.gate import Gate, Output, Sending, report
from adgps_robot.nodes import gate_parameters
from adgps_robot.nodes.declaring import value
from adgps_robot.nodes.running import run
from adgps_robot.nodes.safety_services import SafetyServices
from adgps_robot.realtime import run_promptly

RELIABLE = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
NEWEST = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
DIAGNOSTICS_PERIOD = 1.0
ARMED_PERIOD = 0.1
PRINT_PERIOD = 1.0
SECOND_NS = 1_000_000_000


class TorqueGate(Node):
    """Lets sound commands pass while armed, and holds the arm else.

    Parameters
    ----------
    defaults : other defaults of parameters.

    Raises
    ------
    ValueError
        If the parameters do not fit each other.
    """

    def __init__(self, defaults: Mapping[str, Any] | None = None) -> None:
        super().__init__("torque_gate")
        gate_parameters.declare(self, defaults)
        self.gate = Gate(gate_parameters.settings(self))
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._sequence = 0
        self._was: Sending | None = None
        self._deliver = self._print if value(self, "dry_run") else self._publisher()
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        # The newest state is all that counts; a reader that is late must not go through old ones.
        self.create_subscription(JointState, "joint_states", self._on_joint_state, NEWEST)
        self.create_subscription(
            JointEffortCommand, "joint_effort_command", self._on_command, RELIABLE
        )
        self._safety = SafetyServices(self, self.gate)
        self.create_timer(1 / value(self, "rate"), self._on_timer, clock=self._steady)
        self._armed = self.create_publisher(Bool, "~/armed", RELIABLE)
        self.create_timer(ARMED_PERIOD, self._publish_armed, clock=self._steady)
        self.create_timer(DIAGNOSTICS_PERIOD, self._publish_diagnostics, clock=self._steady)
        warning = run_promptly(value(self, "realtime_priority"))
        if warning:
            self.get_logger().warning(warning)

    def let_go(self) -> None:
        """Send the last word before going away: the arm's controller may repeat it for ever."""
        self._send(self.gate.last_output())

    def _publisher(self) -> Callable[[Output], None]:
        """Make the publisher on the arm's command topic, and what sends with it."""
        topic = value(self, "output_topic")
        if value(self, "output_type") == gate_parameters.ARRAY:
            arrays = self.create_publisher(Float64MultiArray, topic, RELIABLE)
            numbers = Float64MultiArray()

            def send_array(output: Output) -> None:
                numbers.data = array("d", output.torques.tobytes())
                arrays.publish(numbers)

            return send_array
        commands = self.create_publisher(JointEffortCommand, topic, RELIABLE)
        command = JointEffortCommand(name=self.gate.settings.output_joint_names)

        def send_command(output: Output) -> None:
            self._sequence += 1
            command.sequence = self._sequence
            command.effort = array("d", output.torques.tobytes())
            stamp = command.header.stamp
            stamp.sec, stamp.nanosec = divmod(max(output.stamp_ns, 0), SECOND_NS)
            commands.publish(command)

        return send_command

    def _print(self, output: Output) -> None:
        """Say what would be sent."""
        names = self.gate.settings.output_joint_names
        numbers = np.round(output.torques, 2) + 0.0  # no minus zero
        torques = ", ".join(f"{n} {t:.2f}" for n, t in zip(names, numbers, strict=True))
        self.get_logger().info(
            f"dry run, {output.sending.value} [N*m]: {torques}",
            throttle_duration_sec=PRINT_PERIOD,
            throttle_time_source_type=self._steady,
        )

    def _send(self, output: Output) -> None:
        self._deliver(output)
        if output.sending is not self._was:
            verb = "would send" if value(self, "dry_run") else "sending"
            self.get_logger().info(f"{verb} {output.sending.value} ({self._why()})")
            self._was = output.sending

    def _why(self) -> str:
        """What there is to say about the present state."""
        obstacle = self.gate.safety.obstacle
        seen = "" if self.gate.states_fresh else "no fresh joint states"
        return ", ".join(filter(None, (obstacle or "armed", seen)))

    def _on_joint_state(self, message: JointState) -> None:
        stamp = message.header.stamp
        self.gate.on_joint_state(
            stamp.sec * SECOND_NS + stamp.nanosec, message.name, message.position, message.velocity
        )

    def _on_command(self, message: JointEffortCommand) -> None:
        stamp = message.header.stamp
        output = self.gate.on_command(
            stamp.sec * SECOND_NS + stamp.nanosec, message.sequence, message.name, message.effort
        )
        if output is not None:
            self._send(output)

    def _on_timer(self) -> None:
        self._send(self.gate.output())

    def _publish_armed(self) -> None:
        """Tell the controller whether what it sends arrives."""
        self._armed.publish(Bool(data=self.gate.safety.armed))

    def _publish_diagnostics(self) -> None:
        gate = self.gate
        level = DiagnosticStatus.OK if gate.safety.armed else DiagnosticStatus.WARN
        if gate.safety.trip_reason or not gate.states_fresh:
            level = DiagnosticStatus.ERROR
        stamp, name = self.get_clock().now().to_msg(), self.get_fully_qualified_name()
        text = f"{gate.sending.value} ({self._why()})"
        self._diagnostics.publish(diagnostic_array(stamp, name, text, report(gate), level))


def main() -> None:
    """Run the gate until it is told to stop; 2 with one line if it cannot start."""
    run("torque_gate", TorqueGate, TorqueGate.let_go)
