"""Publishes what a bag holds, in the original timing, but for what could move an arm."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import rclpy
from rcl_interfaces.msg import FloatingPointRange, ParameterDescriptor
from rclpy.context import Context
from rclpy.exceptions import ParameterException
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.publisher import Publisher
from rclpy.signals import SignalHandlerOptions
from std_srvs.srv import SetBool

from adgps_bringup.bags.definitions import define
from adgps_bringup.bags.playhead import Playhead
from adgps_bringup.bags.qos import to_offer
from adgps_bringup.bags.reader import Bag
from adgps_bringup.bags.selection import compile_topics, is_command
from adgps_bringup.bags.storage import Message
from adgps_bringup.bags.topic import BagError, Topic
from adgps_core.signals import StopSignals

DEPTH = 100
"""Messages that a topic keeps for latecomers, where it was recorded from one that did."""
LONGEST_WAIT = 0.05

_PARAMETERS: dict[str, tuple[Any, str, tuple[float, float] | None]] = {
    "bag": ("", "Bag to play.", None),
    "topics": (".*", "Regular expression that whole names of topics have to match.", None),
    "rate": (1.0, "Seconds of the bag per second.", (1e-3, 1e3)),
    "loop": (False, "Begin again at the end.", None),
    "paused": (False, "Wait for the service ~/pause, or a key, before the first message.", None),
    "allow_commands": (False, "Play commands to arms and the e-stop too.", None),
}


def declare(node: Node) -> None:
    """Declare every parameter."""
    for name, (default, description, limits) in _PARAMETERS.items():
        descriptor = ParameterDescriptor(description=description, read_only=True)
        if limits is not None:
            low, high = limits
            descriptor.floating_point_range = [FloatingPointRange(from_value=low, to_value=high)]
        node.declare_parameter(name, default, descriptor)


class BagPlayer(Node):
    """See `doc/bags.md`. Somebody calls `step` again and again, and spins it in between."""

    def __init__(self, context: Context | None = None, overrides: Sequence[Parameter] = ()) -> None:
        super().__init__("bag_player", context=context, parameter_overrides=list(overrides))
        declare(self)
        self._say = self.get_logger().warning
        self._bag = Bag(Path(self.get_parameter("bag").value), self._say)
        self._loop = bool(self.get_parameter("loop").value)
        self.withheld: list[str] = []
        """Topics that are not played because they could move an arm."""
        self._publishers_of = self._open_publishers(self.get_parameter("topics").value)
        if not self._publishers_of:
            raise BagError(f"{self._bag.path} holds nothing to play")
        self.playhead = Playhead(
            self.get_parameter("rate").value, paused=self.get_parameter("paused").value
        )
        self.create_service(SetBool, "~/pause", self._on_pause)
        self.played = 0
        self._messages = self._begin()
        self._next = next(self._messages, None)

    @property
    def topics(self) -> int:
        """Number of topics that are played."""
        return len(self._publishers_of)

    @property
    def duration_s(self) -> float:
        """Duration of the bag [s]."""
        return self._bag.duration_s

    @property
    def finished(self) -> bool:
        """Whether everything was played."""
        return self._next is None

    def close(self) -> None:
        """Close the bag."""
        self._bag.close()

    def step(self) -> float:
        """Publish what is due; the time for which nothing more will be [s]."""
        while self._next is not None:
            wait = self.playhead.wait_for((self._next.stamp_ns - self._bag.start_ns) / 1e9)
            if wait > 0.0:
                return min(wait, LONGEST_WAIT)
            self._publishers_of[self._next.topic.name].publish(self._next.data)
            self.played += 1
            self._next = next(self._messages, None)
            if self._next is None and self._loop:
                self._messages = self._begin()
                self._next = next(self._messages, None)
                self.playhead.rewind()
                return 0.0
        return LONGEST_WAIT

    def _begin(self) -> Iterator[Message]:
        return self._bag.messages(self._publishers_of)

    def _open_publishers(self, expression: str) -> dict[str, Publisher]:
        """Publishers for all that is played."""
        wanted = compile_topics(expression)
        allow = self.get_parameter("allow_commands").value
        publishers: dict[str, Publisher] = {}
        for name, topic in self._bag.topics.items():
            if not wanted.fullmatch(name):
                continue
            if is_command(name, topic.type) and not allow:
                self.withheld.append(name)
                continue
            try:
                publishers[name] = self._open_publisher(topic)
            except (BagError, ImportError, AttributeError) as error:
                self._say(f"{name} is not played: {error}")
        return publishers

    def _open_publisher(self, topic: Topic) -> Publisher:
        """Publisher of one topic; BagError if the messages of today are others."""
        if topic.type_hash not in ("", define(topic.type).type_hash):
            raise BagError(f"it was recorded with another definition of {topic.type}")
        package, _, message = topic.type.split("/")
        type_class = getattr(import_module(f"{package}.msg"), message)
        return self.create_publisher(type_class, topic.name, to_offer(topic.qos, DEPTH))

    def _on_pause(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        self.playhead.pause(request.data)
        what = "paused at" if request.data else "playing from"
        response.success, response.message = True, f"{what} {self.playhead.position:.3f} s"
        return response


def play(node: BagPlayer, also: Callable[[], object] = lambda: None) -> Callable[[], object]:
    """Step of a loop that plays; calls also once in every step."""
    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)

    def step() -> None:
        also()
        executor.spin_once(timeout_sec=node.step())

    return step


def main() -> None:
    """Play until the end or until asked to stop; exit 2 with one line if it cannot start."""
    stop = StopSignals()
    rclpy.init(args=sys.argv, signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = BagPlayer()
    except (ValueError, OSError, ParameterException) as error:
        rclpy.shutdown()
        print(f"bag_player: {error}", file=sys.stderr)
        sys.exit(2)
    if node.withheld:
        node.get_logger().warning(
            f"not played, for they could move an arm: {', '.join(node.withheld)}; "
            "the parameter allow_commands plays them"
        )
    turn = play(node)

    def step() -> None:
        turn()
        if node.finished:
            node.get_logger().info(f"played {node.played} messages")
            sys.exit(0)

    try:
        stop.repeat(step)
    finally:
        node.close()
        node.destroy_node()
        rclpy.shutdown()


if __name__ == "__main__":
    main()
