"""Records topics into a bag, as they come: a node of the stack that nobody depends on."""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Callable, Sequence
from hashlib import blake2b
from importlib import import_module
from pathlib import Path
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.clock import Clock, ClockType
from rclpy.exceptions import ParameterException
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.signals import SignalHandlerOptions
from rosbags.interfaces import QosDurability

from adgps_bringup.bags.definitions import define
from adgps_bringup.bags.folder import storage_files
from adgps_bringup.bags.qos import recorded, to_hear_all
from adgps_bringup.bags.reader import Bag
from adgps_bringup.bags.selection import DEFAULT_TOPICS, TRAJECTORIES, compile_topics
from adgps_bringup.bags.storage import Message
from adgps_bringup.bags.topic import NoBagError, Topic
from adgps_bringup.bags.writer import BagWriter
from adgps_core.conversions.diagnostics import diagnostic_array
from adgps_core.signals import StopSignals

LOOK_PERIOD = 0.2
FLUSH_PERIOD = 1.0
DIAGNOSTICS_PERIOD = 1.0
DEPTH = 100
"""Messages of a topic that may wait while the disk is busy."""

_PARAMETERS: dict[str, tuple[str | list[str], str]] = {
    "bag": ("", "Folder of the bag; one that is there is gone on with, in a new file."),
    "storage": ("mcap", "Kind of storage files, mcap or sqlite3."),
    "topics": (DEFAULT_TOPICS, "Regular expression that whole names of topics have to match."),
    "renamed": ([""], "FROM:=TO for topics that the bag shall know by another name."),
}


def declare(node: Node) -> None:
    """Declare every parameter."""
    for name, (default, description) in _PARAMETERS.items():
        descriptor = ParameterDescriptor(description=description, read_only=True)
        node.declare_parameter(name, default, descriptor)


class Recorder(Node):
    """See `doc/bags.md`.

    A publisher that keeps messages for latecomers sends them to a recorder that was started again
    too: they are recorded once.
    """

    def __init__(self) -> None:
        super().__init__("recorder")
        declare(self)
        self._began_ns = time.time_ns()
        folder = Path(self.get_parameter("bag").value)
        if not folder.name:
            raise ValueError("the parameter bag must name a folder")
        self._wanted = compile_topics(self.get_parameter("topics").value)
        self._names = _renamed(self.get_parameter("renamed").value)
        self._history = _recorded_before(folder, self.get_logger().warning)
        self._writer = BagWriter(folder, self.get_parameter("storage").value)
        self._heard: dict[str, Topic] = {}
        self._ignored: dict[str, str] = {}
        self._bytes = self._repeated = 0
        self.failure = ""
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        for period, callback in (
            (LOOK_PERIOD, self._look_for_topics),
            (FLUSH_PERIOD, self._flush),
            (DIAGNOSTICS_PERIOD, self._publish_diagnostics),
        ):
            self.create_timer(period, callback, clock=steady)
        self._look_for_topics()
        self.get_logger().info(f"recording into {folder}")

    def close(self) -> None:
        """Complete the bag."""
        self._writer.close()

    def _look_for_topics(self) -> None:
        """Subscribe to topics that are new and wanted."""
        for name, types in self.get_topic_names_and_types():
            if name in self._heard or name in self._ignored:
                continue
            if not self._wanted.fullmatch(self._names.get(name, name)):
                continue
            offers = [end.qos_profile for end in self.get_publishers_info_by_topic(name)]
            if offers:
                try:
                    self._subscribe(name, types, offers)
                except (ValueError, ImportError, AttributeError) as error:
                    self._ignored[name] = str(error)
                    self.get_logger().warning(f"{name} is not recorded: {error}")

    def _subscribe(self, name: str, types: list[str], offers: list[QoSProfile]) -> None:
        """Record a topic from now on."""
        if len(types) != 1:
            raise ValueError(f"it has several types, {', '.join(types)}")
        (kind,) = types
        profiles = tuple(dict.fromkeys(recorded(offer) for offer in offers))
        definition = define(kind)
        topic = Topic(
            self._names.get(name, name), kind, definition.text, definition.type_hash, profiles
        )
        quality = to_hear_all(offers, DEPTH)
        package, _, message = kind.split("/")

        def on_message(data: bytes, info: dict[str, Any]) -> None:
            self._record(topic, data, info["source_timestamp"])

        with_info: Any = on_message  # rclpy's signature knows one argument only
        type_class = getattr(import_module(f"{package}.msg"), message)
        self.create_subscription(type_class, name, with_info, quality, raw=True)
        self._heard[name] = topic

    def _record(self, topic: Topic, data: bytes, published_ns: int) -> None:
        """Write one message; one with trajectories is safe at once, and never comes twice.

        Local workers publish again what they published last when they are started again.
        """
        digest, precious = _digest(topic.name, data), topic.name.endswith(TRAJECTORIES)
        if digest in self._history and (precious or published_ns < self._began_ns):
            self._repeated += 1
            return
        if precious:
            self._history[digest] = topic.name
        message = Message(topic, time.time_ns(), data, published_ns)
        self._safely(lambda: self._writer.write(message, flush=precious))
        self._bytes += len(data)

    def _flush(self) -> None:
        self._safely(self._writer.flush)

    def _safely(self, write: Callable[[], None]) -> None:
        """Note why nothing can be written any more, a full disk for example."""
        try:
            write()
        except (OSError, ValueError, sqlite3.Error) as error:
            self.failure = self.failure or str(error)

    def _publish_diagnostics(self) -> None:
        values: dict[str, object] = {
            "messages": self._writer.messages,
            "trajectories": sum(name.endswith(TRAJECTORIES) for name in self._history.values()),
            "topics": self._writer.topics,
            "bytes": self._bytes,
            "repeated": self._repeated,
            "topics_ignored": ", ".join(self._ignored),
        }
        level = DiagnosticStatus.WARN if self._ignored else DiagnosticStatus.OK
        stamp = self.get_clock().now().to_msg()
        name = self.get_fully_qualified_name()
        self._diagnostics.publish(diagnostic_array(stamp, name, "recording", values, level))


def _renamed(pairs: Sequence[str]) -> dict[str, str]:
    """Names in the bag by names of topics; ValueError if a pair is none."""
    names = {}
    for pair in filter(None, pairs):
        source, arrow, target = pair.partition(":=")
        if not (arrow and source.startswith("/") and target.startswith("/")):
            raise ValueError(f"renamed: {pair!r} is not /FROM:=/TO")
        names[source] = target
    return names


def _digest(topic: str, data: bytes) -> bytes:
    """Tell messages apart."""
    return blake2b(data, digest_size=16, key=topic.encode()[-64:]).digest()


def _recorded_before(folder: Path, say: Callable[[str], object]) -> dict[bytes, str]:
    """Digests of messages in a bag that is there already, of topics that keep theirs; to topics."""
    if not folder.is_dir() or not storage_files(folder):
        return {}
    try:
        with Bag(folder, say) as bag:
            kept = [
                topic.name
                for topic in bag.topics.values()
                if any(p.durability == QosDurability.TRANSIENT_LOCAL for p in topic.qos)
            ]
            return {
                _digest(message.topic.name, message.data): message.topic.name
                for message in bag.messages(kept)
            }
    except NoBagError:
        return {}  # what was there held nothing


def main() -> None:
    """Record until asked to stop; exit 2 with one line if it cannot start, 1 if it cannot go on."""
    stop = StopSignals()
    rclpy.init(args=sys.argv, signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = Recorder()
    except (ValueError, OSError, ParameterException) as error:
        rclpy.shutdown()
        print(f"recorder: {error}", file=sys.stderr)
        sys.exit(2)
    executor = SingleThreadedExecutor()
    executor.add_node(node)

    def step() -> None:
        executor.spin_once()
        if node.failure:
            node.get_logger().fatal(f"recording stopped: {node.failure}")
            sys.exit(1)

    try:
        stop.repeat(step)
    finally:
        try:
            node.close()
        except (OSError, sqlite3.Error) as error:
            print(f"recorder: the bag was not completed: {error}", file=sys.stderr)
        node.destroy_node()
        rclpy.shutdown()


if __name__ == "__main__":
    main()
