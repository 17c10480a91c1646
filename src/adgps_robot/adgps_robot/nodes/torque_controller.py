"""The torque controller's node: parameters, topics and services around `Controller`."""

from __future__ import annotations

import time
from array import array
from collections.abc import Mapping
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy, qos_profile_sensor_data
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool

from adgps_core.conversions import messages
from adgps_core.conversions.diagnostics import diagnostic_array
from adgps_core.global_policy import PolicyVersion
from adgps_core.measurements import GRIPPER
from adgps_core.tasks import make_task
from adgps_core.typing import Array
from adgps_msgs.msg import JointEffortCommand, PolicyParameters
from adgps_msgs.msg import PolicyVersion as PolicyVersionMsg
from adgps_robot.controller import Controller
from adgps_robot.diagnostics import report
from adgps_robot.gate_watch import GateWatch
from adgps_robot.kinematics import Kinematics
from adgps_robot.nodes import parameters
from adgps_robot.nodes.declaring import joint_array, value
from adgps_robot.nodes.execute_rollout import RolloutAction
from adgps_robot.nodes.move_joints import MoveService
from adgps_robot.nodes.running import run
from adgps_robot.nodes.safety_services import SafetyServices
from adgps_robot.nodes.sensor_inputs import listen_to_features, listen_to_imu
from adgps_robot.realtime import run_promptly

LATCHED = QoSProfile(
    depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)
RELIABLE = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
WATCH_PERIOD = 0.1
DIAGNOSTICS_PERIOD = 1.0


class TorqueController(LifecycleNode):
    """Runs rollouts on one robot; active and armed, or not at all.

    Parameters
    ----------
    defaults : other defaults of parameters, for whoever composes this node with a robot.
    """

    def __init__(self, defaults: Mapping[str, Any] | None = None) -> None:
        super().__init__("torque_controller")
        parameters.declare(self, defaults)
        self._sequence = 0
        if value(self, "autostart"):
            for trigger in (self.trigger_configure, self.trigger_activate):
                if trigger() != TransitionCallbackReturn.SUCCESS:
                    raise RuntimeError("the torque controller could not start; see its log")

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Build the controller; inactive, it listens but sends nothing."""
        joint_names = value(self, "joint_names")
        try:
            task = make_task(value(self, "task"))
            kinematics = Kinematics(
                value(self, "urdf"),
                joint_names,
                value(self, "end_effector_frame"),
            )
            timing = parameters.timing(self)
            limits = parameters.limits(self, kinematics)
            hold_damping = joint_array(self, "hold_damping")
            motion = parameters.motion(self)
            joins = parameters.joins(self, timing)
        except ValueError as error:
            self.get_logger().error(f"cannot configure: {error}")
            return TransitionCallbackReturn.FAILURE
        gate_timeout = value(self, "gate_timeout")
        self._command = JointEffortCommand(name=joint_names, effort=array("d", [0.0] * task.dim_u))
        self._commands = self.create_lifecycle_publisher(
            JointEffortCommand, "joint_effort_command", RELIABLE
        )
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._visions = self.create_publisher(PolicyVersionMsg, "vision_version", LATCHED)
        self.controller = Controller(
            task,
            kinematics,
            joint_names,
            limits,
            timing,
            hold_damping=hold_damping,
            send=self._send,
            connected=lambda: self._commands.get_subscription_count() > 0,
            robot=self.get_namespace(),
            clock_ns=lambda: self.get_clock().now().nanoseconds,
            ramp_time=value(self, "ramp_time"),
            motion=motion,
            gate=GateWatch(gate_timeout) if gate_timeout > 0 else None,
            joins=joins,
            gripper_joints=value(self, "gripper_joints") if GRIPPER in task.measured else (),
            see_with=self._see_with if value(self, "train_vision") else None,
        )
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        states = LATCHED if timing.lock_step else qos_profile_sensor_data
        self._listening = [
            self.create_subscription(JointState, "joint_states", self._on_joint_state, states)
        ]
        self._hears_policies = False
        if value(self, "train_vision"):
            self._hear_policies()
        if value(self, "imu"):
            self._listening.append(listen_to_imu(self, self.controller, states))
        if value(self, "features"):
            train_vision = value(self, "train_vision")
            self._listening.append(listen_to_features(self, self.controller, states, train_vision))
        if gate_timeout > 0:
            self._listening.append(
                self.create_subscription(Bool, "torque_gate/armed", self._on_gate, RELIABLE)
            )
        self._ticking = [
            self.create_timer(WATCH_PERIOD, self.controller.watch, clock=steady),
            self.create_timer(DIAGNOSTICS_PERIOD, self._publish_diagnostics, clock=steady),
        ]
        if not (timing.lock_step or timing.on_states):
            tick_group = MutuallyExclusiveCallbackGroup()
            self._ticking.append(
                self.create_timer(task.control_period, self.controller.on_timer, tick_group)
            )
        if not timing.lock_step:
            warning = run_promptly(value(self, "realtime_priority"))
            if warning:
                self.get_logger().warning(warning)
        self._action = RolloutAction(self, self.controller, self._hear_policies)
        self._moves = MoveService(self, self.controller)
        self._safety = SafetyServices(self, self.controller)
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Accept rollouts once armed."""
        self.controller.active = True
        if value(self, "arm_on_activate"):
            self._safety.arm()
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """End any rollout, let go of the arm, disarm."""
        self.controller.deactivate()
        return super().on_deactivate(state)

    def destroy_node(self) -> None:
        """Let go of the arm before going away."""
        if hasattr(self, "controller"):
            self.controller.deactivate()
        super().destroy_node()

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Take everything down that configuring built."""
        self._action.destroy()
        self._moves.destroy()
        self._safety.destroy()
        for subscription in self._listening:
            self.destroy_subscription(subscription)
        for timer in self._ticking:
            self.destroy_timer(timer)
        self.destroy_lifecycle_publisher(self._commands)
        self.destroy_publisher(self._diagnostics)
        self.destroy_publisher(self._visions)
        return TransitionCallbackReturn.SUCCESS

    def _on_joint_state(self, message: JointState) -> None:
        stamp = message.header.stamp
        self.controller.on_joint_state(
            stamp.sec * 1_000_000_000 + stamp.nanosec,
            message.name,
            message.position,
            message.velocity,
        )

    def _on_gate(self, message: Bool) -> None:
        assert self.controller.gate is not None
        self.controller.gate.hear(message.data, time.monotonic())

    def _send(self, stamp_ns: int, torques: Array) -> None:
        """Publish torques (dU,) that answer the state of a stamp, in one message used again."""
        self._sequence += 1
        stamp = self._command.header.stamp
        stamp.sec, stamp.nanosec = divmod(stamp_ns, 1_000_000_000)
        self._command.sequence = self._sequence
        self._command.effort[:] = array("d", torques.tobytes())
        self._commands.publish(self._command)

    def _hear_policies(self) -> None:
        """Hear of global policies from now on: they are large, and most controllers need none."""
        if not self._hears_policies:
            self._hears_policies = True
            topic = "/param_server/policy_parameters"
            self._listening.append(
                self.create_subscription(PolicyParameters, topic, self._on_policy, LATCHED)
            )

    def _on_policy(self, message: PolicyParameters) -> None:
        try:
            self.controller.on_policy(messages.global_policy_from_msg(message))
        except ValueError as error:
            self.get_logger().error(f"refused policy parameters: {error}")

    def _see_with(self, version: PolicyVersion) -> None:
        self._visions.publish(messages.version_to_msg(version))

    def _publish_diagnostics(self) -> None:
        values = report(self.controller)
        ready = self.controller.active and not self.controller.obstacle
        self._diagnostics.publish(
            diagnostic_array(
                self.get_clock().now().to_msg(),
                self.get_fully_qualified_name(),
                str(values["state"]),
                values,
                DiagnosticStatus.OK if ready else DiagnosticStatus.WARN,
            )
        )


def main() -> None:
    """Run the controller until it is told to stop; 2 with one line if it cannot start."""
    run("torque_controller", TorqueController)
