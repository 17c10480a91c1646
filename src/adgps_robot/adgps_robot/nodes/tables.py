"""Tables of ROS parameters: name, default, description, range."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node

Table = Mapping[str, tuple[Any, str, tuple[float, float] | None]]
"""Default, description and, for numbers, least and greatest value of each parameter."""


def declare_table(node: Node, table: Table, defaults: Mapping[str, Any] | None = None) -> None:
    """Declare every parameter, read-only; `defaults` replaces some of the default values."""
    for name, (default, description, limits) in table.items():
        descriptor = ParameterDescriptor(description=description, read_only=True)
        if limits is not None:
            low, high = limits
            if isinstance(default, int):
                descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(high))]
            else:
                descriptor.floating_point_range = [
                    FloatingPointRange(from_value=low, to_value=high)
                ]
        node.declare_parameter(name, (defaults or {}).get(name, default), descriptor)


def value(node: Node, name: str) -> Any:
    """Value of a parameter."""
    return node.get_parameter(name).value
