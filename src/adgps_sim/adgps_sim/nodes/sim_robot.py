"""A simulated robot: joint states out, torque commands in, resets on request."""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.clock import Clock, ClockType
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions

from adgps_core.conversions.diagnostics import diagnostic_array
from adgps_core.conversions.messages import instance_from_msg, stamp_from_ns
from adgps_core.signals import StopSignals
from adgps_core.tasks import TASKS, make_task, start_angles
from adgps_msgs.msg import JointEffortCommand
from adgps_msgs.srv import ResetInstance
from adgps_sim.nodes.beat import Beat
from adgps_sim.nodes.camera_publisher import camera_publisher, declare_camera
from adgps_sim.nodes.publishing import WorldPublisher
from adgps_sim.nodes.success_service import SuccessService
from adgps_sim.robot import LockStepRobot, RealTimeRobot, Robot
from adgps_sim.scene import scene_builder
from adgps_sim.variation import variation_of
from adgps_sim.world import World

DIAGNOSTICS_PERIOD = 1.0

_PARAMETERS: dict[str, tuple[Any, str, float, float]] = {
    "seed": (0, "Seed of initial perturbations, with the seed of each reset.", 0, 2**62),
    "real_time_factor": (0.0, "0: lock-step; else simulated seconds per second.", 0.0, 100.0),
    "physics_rate": (240.0, "Steps of the physics [Hz]; a multiple of state_rate.", 240.0, 1e5),
    "state_rate": (120.0, "Joint states per simulated second in real time [Hz].", 20.0, 1000.0),
    "joint_damping": (1.0, "Of every joint of the arm [N*m*s/rad].", 0.0, 100.0),
    "variation": (0.0, "How much the arm differs from others, by its seed; 0: not.", 0.0, 1.0),
}


def declare(node: Node) -> None:
    """Declare the node's parameters."""
    description = f"Task to practise; one of {', '.join(TASKS)}."
    task = ParameterDescriptor(description=description, read_only=True)
    node.declare_parameter("task", "reach", task)
    declare_camera(node)
    for name, (default, description, low, high) in _PARAMETERS.items():
        descriptor = ParameterDescriptor(description=description, read_only=True)
        if isinstance(default, int):
            descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(high))]
        else:
            descriptor.floating_point_range = [FloatingPointRange(from_value=low, to_value=high)]
        node.declare_parameter(name, default, descriptor)


class SimRobot(Node):
    """One simulated arm; see `doc/simulation.md` for the two modes."""

    def __init__(self) -> None:
        super().__init__("sim_robot")
        declare(self)
        self._task = make_task(self.get_parameter("task").value)
        self._instance_shape = self._task.instances("training")[0].parameters.shape
        self._seed = int(self.get_parameter("seed").value)
        self._world = World(
            self.get_parameter("physics_rate").value,
            self.get_parameter("joint_damping").value,
            scene_builder(self._task.name),
            variation=variation_of(self._seed, self.get_parameter("variation").value),
        )
        self._robot = self._build_robot()
        self._world_publisher = WorldPublisher(self, self._world)
        self._camera_publisher = camera_publisher(self, self._world)
        SuccessService(self, self._world, self._task.name)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        # In lock-step a stray command must not push the awaited one out of the queue; in real
        # time only the newest one counts.
        queue = QoSProfile(
            depth=10 if self.lock_step else 1, reliability=ReliabilityPolicy.RELIABLE
        )
        self.create_subscription(
            JointEffortCommand, "joint_effort_command", self._on_command, queue
        )
        self.create_service(ResetInstance, "reset_instance", self._on_reset)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(DIAGNOSTICS_PERIOD, self._publish_diagnostics, clock=steady)
        if not self.lock_step:
            period = 1 / self.get_parameter("state_rate").value / self._factor
            self._beat = Beat(self, period, self._on_beat)
        self._publish_state()

    @property
    def lock_step(self) -> bool:
        """Whether the arm waits for its commands."""
        return self._factor == 0.0

    @property
    def has_imu(self) -> bool:
        """Whether there is an IMU, whose readings it publishes with its states."""
        return self._world.imu is not None

    @property
    def _factor(self) -> float:
        return float(self.get_parameter("real_time_factor").value)

    def _build_robot(self) -> Robot:
        if self.lock_step:
            return LockStepRobot(self._world, self._task)
        rate = self.get_parameter("state_rate").value
        return RealTimeRobot(self._world, self._task, self._factor, rate)

    def destroy_node(self) -> None:
        """Free the physics too."""
        self._world.close()
        super().destroy_node()

    def _on_command(self, message: JointEffortCommand) -> None:
        stamp = message.header.stamp
        stamp_ns = stamp.sec * 1_000_000_000 + stamp.nanosec
        if self._robot.command(stamp_ns, message.sequence, message.name, message.effort):
            self._publish_state()

    def _on_beat(self, due: float) -> None:
        if self._robot.advance(due):
            self._publish_state()

    def _on_reset(
        self, request: ResetInstance.Request, response: ResetInstance.Response
    ) -> ResetInstance.Response:
        begin = time.monotonic()
        try:
            rng = np.random.default_rng((self._seed, request.seed))
            instance = instance_from_msg(request.instance)
            angles = start_angles(
                self._task, self._instance_shape, instance, request.perturbation, rng
            )
        except ValueError as error:
            self.get_logger().warning(f"refused a reset: {error}")
            response.error_code = ResetInstance.Response.INVALID_INSTANCE
            response.error_msg = str(error)
            return response
        self._robot.reset(angles, instance, rng)
        self._publish_state()
        response.stamp = stamp_from_ns(self._robot.stamp_ns)
        response.duration = time.monotonic() - begin
        return response

    def _publish_state(self) -> None:
        if self._camera_publisher is not None:
            self._camera_publisher.publish(self._robot.stamp_ns)
        self._world_publisher.publish(self._robot.stamp_ns)

    def _publish_diagnostics(self) -> None:
        robot = self._robot
        values: dict[str, object] = {
            "simulated_s": robot.stamp_ns / 1e9,
            "ticks": robot.ticks,
            "resets": robot.resets,
            "real_time_factor": self._factor,
            **{f"commands_refused_{name.value}": n for name, n in robot.refusals.items()},
        }
        if isinstance(robot, RealTimeRobot):
            values["periods_slipped"] = robot.slipped
            values["real_time_factor_kept"] = self._factor * robot.kept_pace
        message = "lock-step" if self.lock_step else "real time"
        stamp, name = stamp_from_ns(robot.stamp_ns), self.get_fully_qualified_name()
        self._diagnostics.publish(diagnostic_array(stamp, name, message, values))


def main() -> None:
    """Run the node until it is told to stop."""
    stop = StopSignals()
    rclpy.init(args=sys.argv, signal_handler_options=SignalHandlerOptions.NO)
    executor = SingleThreadedExecutor()
    node = SimRobot()
    executor.add_node(node)
    try:
        stop.repeat(executor.spin_once)
    finally:
        node.destroy_node()
        rclpy.shutdown()
