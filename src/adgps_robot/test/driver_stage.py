"""A driver's node and a listener in one executor, spun while the test waits."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data

PATIENCE = 20.0


class Stage:
    """What a driver publishes, and last said of itself; made by `staged`."""

    def __init__(self) -> None:
        self.executor = SingleThreadedExecutor()
        self.listener = Node("listener")
        self.states: list[DiagnosticStatus] = []
        self.nodes: list[Node] = [self.listener]
        self.executor.add_node(self.listener)
        self.listener.create_subscription(DiagnosticArray, "/diagnostics", self._on_state, 10)

    def listen(self, kind: type, topic: str) -> list[Any]:
        """Keep all messages of a topic from now on."""
        heard: list[Any] = []
        self.listener.create_subscription(kind, topic, heard.append, qos_profile_sensor_data)
        return heard

    def add(self, node: Node) -> None:
        """Spin a node too."""
        self.nodes.append(node)
        self.executor.add_node(node)

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Spin until a condition holds."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, f"waited in vain for {what}"
            self.executor.spin_once(timeout_sec=0.02)

    def state(self, level: bytes, **values: str) -> dict[str, str]:
        """Spin until the driver says that it is at a level, with these values; all its values."""
        seen = len(self.states)

        def said() -> bool:
            return any(
                status.level == level and values.items() <= values_of(status).items()
                for status in self.states[seen:]
            )

        self.until(said, f"diagnostics at level {level!r} with {values}")
        return values_of(self.states[-1])

    def close(self) -> None:
        """Take everything down."""
        self.executor.shutdown()
        for node in self.nodes:
            node.destroy_node()

    def _on_state(self, message: DiagnosticArray) -> None:
        namespace = self.listener.get_namespace()
        self.states += [one for one in message.status if one.name.startswith(namespace)]


def values_of(status: DiagnosticStatus) -> dict[str, str]:
    """Key-value pairs of a status, with its message as "message"."""
    return {item.key: item.value for item in status.values} | {"message": status.message}


def run_main(main: Callable[[], None], parameters: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run a node's main, which finds parameters that are wrong, in this process; its status."""
    arguments = [x for one in parameters.split() for x in ("-p", one)]
    monkeypatch.setattr(sys, "argv", ["driver", "--ros-args", *arguments])
    handlers = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        with pytest.raises(SystemExit) as ended:
            main()
    finally:
        for number, handler in handlers:
            signal.signal(number, handler)
    return int(ended.value.code or 0)


@contextmanager
def staged(namespace: str, **parameters: Any) -> Iterator[Stage]:
    """Initialise ROS with a namespace and parameters for the node that the test makes."""
    assignments = [x for item in parameters.items() for x in ("-p", "{}:={}".format(*item))]
    rclpy.init(args=["--ros-args", "-r", f"__ns:={namespace}", *assignments])
    stage = Stage()
    try:
        yield stage
    finally:
        stage.close()
        rclpy.shutdown()
