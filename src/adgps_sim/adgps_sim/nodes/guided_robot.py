"""A simulated arm that is led by the hand: demonstrations for a recorder, then the end."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from enum import Enum, auto
from typing import Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.clock import Clock, ClockType
from rclpy.duration import Duration
from rclpy.exceptions import ParameterException
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from adgps_core.conversions.diagnostics import diagnostic_array
from adgps_core.conversions.messages import instance_to_msg, stamp_from_ns
from adgps_core.signals import StopSignals
from adgps_core.tasks import TASKS, make_task
from adgps_core.tasks.finding import find_instances
from adgps_msgs.msg import Instance as InstanceMessage
from adgps_sim.demonstrating import GuidedArm
from adgps_sim.nodes.beat import Beat
from adgps_sim.nodes.publishing import LATCHED, WorldPublisher
from adgps_sim.pacing import Pacer
from adgps_sim.scene import scene_builder
from adgps_sim.world import World

DEPTH = 200
"""States kept for a recorder that is slow for a moment."""

DIAGNOSTICS_PERIOD = 1.0

PAUSE = 0.25
"""Steady clock [s] before and after a demonstration is announced: the recorder has then written
what belongs to the one before, and what follows belongs to this one."""

ACKNOWLEDGED = Duration(seconds=5)

_PARAMETERS: dict[str, tuple[Any, str, tuple[float, float] | None]] = {
    "task": ("reach", f"Task to demonstrate; one of {', '.join(TASKS)}.", None),
    "instances": (["training/0"], "Ids of the instances to demonstrate, in this order.", None),
    "real_time_factor": (1.0, "Simulated seconds per second.", (0.01, 100.0)),
    "physics_rate": (240.0, "Steps of the physics [Hz]; a multiple of state_rate.", (240.0, 1e5)),
    "state_rate": (120.0, "Joint states per simulated second [Hz].", (20.0, 1000.0)),
    "joint_damping": (1.0, "Of every joint of the arm [N*m*s/rad].", (0.0, 100.0)),
    "perturbation": (0.0, "Standard deviation of the joint angles at the start [rad].", (0.0, 1.0)),
    "seed": (0, "Of the perturbations, and of the errors of sensors.", (0, 2**62)),
    "patience": (30.0, "Longest wait for a recorder, steady clock [s].", (0.1, 3600.0)),
}


def declare(node: Node) -> None:
    """Declare the node's parameters."""
    for name, (default, description, limits) in _PARAMETERS.items():
        descriptor = ParameterDescriptor(description=description, read_only=True)
        if limits is not None and isinstance(default, int):
            low, high = limits
            descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(high))]
        elif limits is not None:
            low, high = limits
            descriptor.floating_point_range = [FloatingPointRange(from_value=low, to_value=high)]
        node.declare_parameter(name, default, descriptor)


class Phase(Enum):
    """What the node waits for."""

    RECORDER = auto()
    ANNOUNCEMENT = auto()
    BEGIN = auto()
    END = auto()
    NOTHING = auto()


class GuidedRobot(Node):
    """Demonstrates instances one after the other; `done` when all of them are.

    Raises
    ------
    ValueError
        If a parameter cannot be.
    """

    def __init__(self) -> None:
        super().__init__("guided_robot")
        declare(self)
        task = make_task(self._value("task"))
        self._queue = deque(find_instances(task, self._value("instances")))
        if not self._queue:
            raise ValueError("instances is empty: nothing to demonstrate")
        self._world = World(
            self._value("physics_rate"), self._value("joint_damping"), scene_builder(task.name)
        )
        rng = np.random.default_rng(self._value("seed"))
        rate, perturbation = self._value("state_rate"), self._value("perturbation")
        self._arm = GuidedArm(self._world, task, rate, rng, perturbation)
        self._publisher = WorldPublisher(self, self._world, DEPTH)
        self._announcements = self.create_publisher(
            InstanceMessage, "demonstrated_instance", LATCHED
        )
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._phase = Phase.RECORDER
        self._shown: list[str] = []
        self._pacer: Pacer | None = None
        self.failure = ""
        period = 1 / (rate * self._value("real_time_factor"))
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._beat = Beat(self, period, self._on_beat)
        self._since = self._beat.now
        self.create_timer(DIAGNOSTICS_PERIOD, self._publish_diagnostics, clock=steady)

    @property
    def done(self) -> bool:
        """Nothing is left to demonstrate."""
        return self._phase is Phase.NOTHING

    def acknowledged(self) -> bool:
        """Wait, for a while, until all subscriptions have all of it; tell whether."""
        publishers = (*self._publisher.recorded, self._announcements)
        return all(each.wait_for_all_acked(ACKNOWLEDGED) for each in publishers)

    def destroy_node(self) -> None:
        """Free the physics too."""
        self._world.close()
        super().destroy_node()

    def _value(self, name: str) -> Any:
        return self.get_parameter(name).value

    def _on_beat(self, due: float) -> None:
        """Do what is due."""
        steps: dict[Phase, Callable[[float], None]] = {
            Phase.RECORDER: self._await_recorder,
            Phase.ANNOUNCEMENT: self._announce,
            Phase.BEGIN: self._begin,
            Phase.END: self._go_on,
        }
        if not self.done:
            steps[self._phase](due)

    def _await_recorder(self, now: float) -> None:
        publishers = (*self._publisher.recorded, self._announcements)
        missing = [each.topic_name for each in publishers if not each.get_subscription_count()]
        if not missing:
            self._turn_to(Phase.ANNOUNCEMENT, now)
        elif now - self._since > self._value("patience"):
            self.failure = f"nobody records {', '.join(missing)}"

    def _announce(self, now: float) -> None:
        if now - self._since > PAUSE:
            self._announcements.publish(instance_to_msg(self._queue[0]))
            self._turn_to(Phase.BEGIN, now)

    def _begin(self, now: float) -> None:
        if now - self._since > PAUSE:
            instance = self._queue.popleft()
            self._shown.append(instance.id)
            self._arm.begin(instance)
            self._publisher.publish(self._arm.stamp_ns)
            period = 1 / self._value("state_rate")
            self._pacer = Pacer(self._value("real_time_factor"), period)
            self._turn_to(Phase.END, now)
            self._publish_diagnostics()

    def _go_on(self, now: float) -> None:
        """Catch up with the wall clock; every state is published."""
        assert self._pacer is not None
        for _ in range(self._pacer.due(now)):
            if not self._arm.advance():
                self._turn_to(Phase.ANNOUNCEMENT if self._queue else Phase.NOTHING, now)
                return
            self._publisher.publish(self._arm.stamp_ns)

    def _publish_diagnostics(self) -> None:
        """Say what is being shown; also at the begin of each demonstration."""
        values: dict[str, object] = {
            "demonstrating": self._shown[-1] if self._shown else "",
            "begun": len(self._shown),
            "of": len(self._shown) + len(self._queue),
            "simulated_s": self._arm.stamp_ns / 1e9,
            "periods_slipped": self._pacer.slipped if self._pacer else 0,
        }
        stamp, name = stamp_from_ns(self._arm.stamp_ns), self.get_fully_qualified_name()
        message = self._phase.name.lower()
        self._diagnostics.publish(diagnostic_array(stamp, name, message, values))

    def _turn_to(self, phase: Phase, now: float) -> None:
        self._phase, self._since = phase, now


def main() -> None:
    """Demonstrate all instances; 2 with one line if it cannot start, 1 if nobody records it."""
    stop = StopSignals()
    rclpy.init(args=sys.argv, signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = GuidedRobot()
    except (ValueError, ParameterException) as error:
        rclpy.shutdown()
        print(f"guided_robot: {error}", file=sys.stderr)
        sys.exit(2)
    executor = SingleThreadedExecutor()
    executor.add_node(node)

    def step() -> None:
        executor.spin_once()
        if node.failure:
            node.get_logger().fatal(node.failure)
            sys.exit(1)
        if node.done:
            sys.exit(0 if node.acknowledged() else 1)

    try:
        stop.repeat(step)
    finally:
        node.destroy_node()
        rclpy.shutdown()
