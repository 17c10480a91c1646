"""What the drivers' nodes share: a device read on a thread, and what is said about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from adgps_core.conversions.diagnostics import diagnostic_array
from adgps_robot.devices import Backoff, Device, DeviceReader
from adgps_robot.nodes.declaring import Table, value

T = TypeVar("T")

DIAGNOSTICS_PERIOD = 1.0

PARAMETERS: Table = {
    "silence_timeout": (
        2.0,
        "A device from which nothing came for so long is opened anew [s].",
        (0.1, 3600.0),
    ),
    "retry_period": (
        2.0,
        "Longest wait between two attempts to open a device that is gone [s].",
        (0.1, 3600.0),
    ),
}


class Driver(Node, Generic[T]):
    """A node that publishes what a device gives.

    A driver makes its publishers, and then calls `read`. What it publishes comes from the reader's
    thread; the executor has only the diagnostics to do.

    Parameters
    ----------
    name : of the node.
    declare : declares its parameters, those above among them.
    """

    def __init__(self, name: str, declare: Callable[[Node], None]) -> None:
        super().__init__(name)
        declare(self)
        self._reader: DeviceReader[T] | None = None
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)

    def read(self, name: str, open_device: Callable[[], Device[T]]) -> None:
        """Read a device from now on; see `DeviceReader`."""
        self._reader = DeviceReader(
            name,
            open_device,
            self.deliver,
            on_loss=lambda sentence: self.get_logger().warning(sentence),
            on_return=lambda sentence: self.get_logger().info(sentence),
            silence=self.value("silence_timeout"),
            backoff=Backoff(longest=self.value("retry_period")),
        )
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(DIAGNOSTICS_PERIOD, self._publish_diagnostics, clock=steady)
        self._reader.start()

    def deliver(self, item: T) -> None:
        """Publish an item, on the reader's thread."""
        raise NotImplementedError

    def describe(self) -> tuple[str, dict[str, object]]:
        """Something that is wrong though the device is there, or "", and more for /diagnostics."""
        return "", {}

    def value(self, name: str) -> Any:
        """Value of a parameter."""
        return value(self, name)

    def now_ns(self) -> int:
        """Time of the node's clock [ns]."""
        return int(self.get_clock().now().nanoseconds)

    def destroy_node(self) -> None:
        """Let go of the device before the publishers go."""
        if self._reader is not None:
            self._reader.stop()
        super().destroy_node()

    def _publish_diagnostics(self) -> None:
        assert self._reader is not None
        self._reader.check()
        problem, values = self._reader.report()
        objection, more = self.describe()
        level = DiagnosticStatus.OK
        if problem or objection:
            level = DiagnosticStatus.ERROR if problem else DiagnosticStatus.WARN
        self._diagnostics.publish(
            diagnostic_array(
                self.get_clock().now().to_msg(),
                self.get_fully_qualified_name(),
                problem or objection or "connected",
                {**values, **more},
                level,
            )
        )
