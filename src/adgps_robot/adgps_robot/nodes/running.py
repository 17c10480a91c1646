"""Running a node in a process of its own, from its first moment to its last."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from adgps_core.signals import StopSignals

N = TypeVar("N", bound=Node)


def run(name: str, make: Callable[[], N], last: Callable[[N], None] = lambda _: None) -> None:
    """Run a node until the process is told to stop; exit 2 with one line if it cannot start.

    Parameters
    ----------
    name : what stands before that line.
    make : builds the node; raises ValueError, RuntimeError or ParameterException if it cannot be.
    last : called with the node before it goes.
    """
    stop = StopSignals()
    rclpy.init(args=sys.argv, signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = make()
    except (ValueError, RuntimeError, ParameterException) as error:
        rclpy.shutdown()
        print(f"{name}: {error}", file=sys.stderr)
        sys.exit(2)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        stop.repeat(executor.spin_once)
    finally:
        last(node)
        node.destroy_node()
        rclpy.shutdown()
