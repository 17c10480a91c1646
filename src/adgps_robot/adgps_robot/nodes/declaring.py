"""Declaring and reading the parameters of a robot's nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node

from adgps_core.typing import Array, frozen

Table = Mapping[str, tuple[Any, str, tuple[float, float] | None]]
"""Default, description and range of each parameter, by name."""


def declare_all(node: Node, table: Table, defaults: Mapping[str, Any] | None = None) -> None:
    """Declare every parameter, read-only; `defaults` replaces some of the default values."""
    for name, (value, description, limits) in table.items():
        descriptor = ParameterDescriptor(description=description, read_only=True)
        if limits is not None:
            low, high = limits
            if isinstance(value, int):
                descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(high))]
            else:
                descriptor.floating_point_range = [
                    FloatingPointRange(from_value=low, to_value=high)
                ]
        node.declare_parameter(name, (defaults or {}).get(name, value), descriptor)


def value(node: Node, name: str) -> Any:
    """Value of a parameter."""
    return node.get_parameter(name).value


def number_array(node: Node, name: str, length: int) -> Array:
    """Read an array of so many numbers; ValueError if it is none, or out of range.

    rclpy itself checks the ranges of single numbers only.
    """
    array = frozen(value(node, name), (length,), name)
    (limits,) = node.describe_parameter(name).floating_point_range
    low, high = limits.from_value, limits.to_value
    if not ((low <= array) & (array <= high)).all():
        raise ValueError(f"{name} must be from {low:g} to {high:g}, got {array.tolist()}")
    return array


def joint_array(node: Node, name: str) -> Array:
    """Read an array with a number for each joint, (dU,); ValueError as number_array does."""
    return number_array(node, name, len(value(node, "joint_names")))
