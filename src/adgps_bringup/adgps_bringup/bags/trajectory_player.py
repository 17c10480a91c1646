"""Plays recorded trajectories to global workers, in the place of the robots that practised."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rcl_interfaces.msg import FloatingPointRange, ParameterDescriptor
from rclpy.clock import Clock, ClockType
from rclpy.exceptions import ParameterException
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions

from adgps_bringup.bags.dataset import Batch, batches, count_new, robot_of, survey
from adgps_bringup.bags.pace import Pace
from adgps_bringup.bags.reader import Bag
from adgps_core import scoring
from adgps_core.conversions.diagnostics import diagnostic_array
from adgps_core.optimized import OptimizedTrajectories
from adgps_core.signals import StopSignals
from adgps_core.tasks import make_task
from adgps_msgs.msg import OptimizedTrajectories as OptimizedTrajectoriesMsg
from adgps_msgs.msg import PolicyParameters, ReplayStatus

LOOK_PERIOD = 0.02
DIAGNOSTICS_PERIOD = 0.5
DEPTH = 20
"""Messages that each topic keeps for a global worker that is started again."""

_LATCHED = QoSProfile(
    depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)

_PARAMETERS: dict[str, tuple[Any, str, tuple[float, float] | None]] = {
    "task": ("reach", "Task that the trajectories must be of.", None),
    "bag": ("", "Bag to play.", None),
    "listeners": (
        [""],
        "For every topic of trajectories and every global worker that listens to it, both: "
        "the topic, a space, and the topic with the worker's status.",
        None,
    ),
    "steps_per_rollout": (20.0, "Gradient steps that they take for a rollout.", (1e-3, 1e9)),
}


def declare(node: Node) -> None:
    """Declare every parameter."""
    for name, (default, description, limits) in _PARAMETERS.items():
        descriptor = ParameterDescriptor(description=description, read_only=True)
        if limits is not None:
            low, high = limits
            descriptor.floating_point_range = [FloatingPointRange(from_value=low, to_value=high)]
        node.declare_parameter(name, default, descriptor)


class TrajectoryPlayer(Node):
    """See `doc/bags.md`."""

    def __init__(self) -> None:
        super().__init__("trajectory_player")
        declare(self)
        self._task = make_task(self.get_parameter("task").value)
        self._bag = Bag(Path(self.get_parameter("bag").value), self.get_logger().warning)
        self._survey = survey(self._bag)
        listeners = self._listeners()
        self._pace = Pace(listeners, self.get_parameter("steps_per_rollout").value)
        self._audience = {topic: len(names) for topic, names in listeners.items()}
        self._seen: set[tuple[str, str]] = set()
        self._played: Counter[str] = Counter()
        self._rollouts: Counter[str] = Counter()
        self._costs: dict[str, dict[str, float]] = {topic: {} for topic in self._survey.topics}
        self._policy = "0.0", time.monotonic()
        quality = QoSProfile(
            depth=DEPTH,
            reliability=ReliabilityPolicy.RELIABLE,
            durability=DurabilityPolicy.TRANSIENT_LOCAL,
        )
        self._publishers_of = {
            topic: self.create_publisher(OptimizedTrajectoriesMsg, topic, quality)
            for topic in self._survey.topics
        }
        for name in dict.fromkeys(name for names in listeners.values() for name in names):
            self.create_subscription(
                ReplayStatus,
                name,
                lambda status, name=name: self._pace.hear(name, status.rollouts, status.steps),
                _LATCHED,
            )
        self.create_subscription(
            PolicyParameters, "/param_server/policy_parameters", self._on_policy, _LATCHED
        )
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._batches = self._in_order()
        self._next: Batch | None = next(self._batches, None)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(LOOK_PERIOD, self._play, clock=steady)
        self.create_timer(DIAGNOSTICS_PERIOD, self._publish_diagnostics, clock=steady)

    def close(self) -> None:
        """Close the bag."""
        self._bag.close()

    def _listeners(self) -> dict[str, list[str]]:
        """Status topics of those who listen to each topic; ValueError if somebody is missing."""
        listeners: dict[str, list[str]] = {topic: [] for topic in self._survey.topics}
        for pair in self.get_parameter("listeners").value:
            topic, _, status = pair.partition(" ")
            if topic in listeners and status:
                listeners[topic].append(status)
        alone = [topic for topic, names in listeners.items() if not names]
        if alone:
            raise ValueError(f"nobody listens to {', '.join(alone)}")
        return listeners

    def _in_order(self) -> Iterator[Batch]:
        """Yield what can be played, in the order of recording."""
        for batch in batches(self._bag):
            if isinstance(batch, ValueError):
                self.get_logger().warning(f"not played: {batch}")
            else:
                yield batch

    def _play(self) -> None:
        """Play everything whose turn it is."""
        while self._next is not None and self._may_play(self._next.topic):
            batch = self._next
            self._publishers_of[batch.topic].publish(batch.data)
            rollouts = count_new(batch.optimized, self._seen)
            self._pace.played(batch.topic, rollouts)
            self._played[batch.topic] += 1
            self._rollouts[batch.topic] += rollouts
            self._costs[batch.topic][batch.optimized.condition] = self._cost(batch.optimized)
            self._next = next(self._batches, None)

    def _may_play(self, topic: str) -> bool:
        """Whether all who should listen do, and have trained on what came before."""
        there = self._publishers_of[topic].get_subscription_count() >= self._audience[topic]
        return there and self._pace.ready(topic)

    def _cost(self, optimized: OptimizedTrajectories) -> float:
        """Mean total cost of the samples; of a task that demonstrations define it is not known."""
        if self._task.measured:
            return float("nan")
        costs = [scoring.costs(self._task, sample).sum() for sample in optimized.samples]
        return float(np.mean(costs)) if costs else float("nan")

    def _on_policy(self, message: PolicyParameters) -> None:
        version = f"{message.version.epoch}.{message.version.counter}"
        self._policy = version, time.monotonic()

    def _publish_diagnostics(self) -> None:
        """Report for each robot what its local worker would."""
        message = DiagnosticArray()
        message.header.stamp = self.get_clock().now().to_msg()
        for topic in self._survey.topics:
            name = f"{robot_of(topic).rstrip('/')}/trajectory_player"
            values = self._values(topic)
            status = diagnostic_array(
                message.header.stamp, name, str(values["state"]), values, DiagnosticStatus.OK
            )
            message.status.extend(status.status)
        self._diagnostics.publish(message)

    def _values(self, topic: str) -> dict[str, object]:
        played, of = self._played[topic], self._survey.batches[topic]
        iterations = self._survey.iterations[topic]
        finished = self._next is None and self._pace.finished
        if finished:
            state = "finished"
        elif played:
            state = "playing" if played < of else "played, waiting for the last gradient steps"
        else:
            state = "waiting for the global workers to start"
        costs = self._costs[topic]
        version, since = self._policy
        return {
            "iteration": iterations * played / of,
            "iterations": iterations,
            "rollouts": self._rollouts[topic],
            "cost": float(np.mean(list(costs.values()))) if costs else float("nan"),
            "policy_version": version,
            "policy_age_s": time.monotonic() - since,
            "messages": f"{played} of {of}",
            "uncounted": self._pace.uncounted,
            "state": state,
            "finished": str(finished).lower(),
            **{f"cost/{condition}": cost for condition, cost in costs.items()},
        }


def main() -> None:
    """Play until asked to stop; exit 2 with one line if it cannot start."""
    stop = StopSignals()
    rclpy.init(args=sys.argv, signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = TrajectoryPlayer()
    except (ValueError, OSError, ParameterException) as error:
        rclpy.shutdown()
        print(f"trajectory_player: {error}", file=sys.stderr)
        sys.exit(2)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        stop.repeat(executor.spin_once)
    finally:
        node.close()
        node.destroy_node()
        rclpy.shutdown()


if __name__ == "__main__":
    main()
